"""Images that a caller hands in to be explained, one by one: photos, or network inputs; and constants with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from fastcam.classifier.preparation import Prepared
from fastcam.classifier.vision import SeenPhoto, Vision
from fastcam.errors import InputError
from fastcam.images.photos import Photo, each_photo
from fastcam.images.tensors import GIVEN, Placed, check_finite, network_inputs, placed, sides_of
from fastcam.images.volumes import each_array
from fastcam.methods.options import Options
from fastcam.model.run import constants as further
from fastcam.model.run.constants import AS_LOADED, Constants
from fastcam.results import Failure

T = TypeVar("T")


class Given(NamedTuple):
    """Images to be explained.

    Attributes
    ----------
    images
        Photos, or network inputs (1, ...).
    places
        Of network inputs, each one's place in its photo; None: these are photos.
    constants
        Of each image, values of further inputs, other than at loading; empty: none.
    keep_images
        Whether to keep the pixels of photos; of images alone.
    """

    images: Sequence[Photo] | NDArray[np.uint8] | Sequence[NDArray[Any]]
    places: Sequence[Placed] | None = None
    constants: Sequence[Constants] = ()
    keep_images: bool = False

    @classmethod
    def of(
        cls,
        vision: Vision,
        images: Any,
        tensors: Any = None,
        region: Any = None,
        constants: Any = None,
        keep_images: Any = False,
    ) -> Given:
        """Return the images of a call; see `Classifier.explain`.

        Raises
        ------
        InputError
            Both photos and tensors, or neither; or they, their region or the constants don't fit the model.
        """
        if (images is None) == (tensors is None):
            raise InputError(f"images, tensors: expected one of them; got {'none' if images is None else 'both'}")
        if not isinstance(keep_images, bool | np.bool_):
            raise InputError(f"keep_images: expected True or False; got {keep_images!r}")
        if tensors is None:
            if region is not None:
                raise InputError("region: expected with tensors alone, as photos have the preprocessing's; got one")
            rank = vision.session.input.rank
            if keep_images and rank != 2:
                raise InputError(
                    "keep_images: expected with images alone, as signals, volumes and clips have no pixels to draw on; "
                    "got True"
                )
            each = each_photo(images) if rank == 2 else each_array(images, rank)
            found = cls(each, keep_images=bool(keep_images))
        elif keep_images:
            raise InputError("keep_images: expected with images alone, as tensors have no pixels; got True")
        else:
            session = vision.session
            taken = network_inputs(tensors, session.input, session.device, session.provider)
            found = cls(taken, placed(region, sides_of(taken[0], session.input), len(taken)))
        if constants is None:
            return found
        count = len(found.images)
        each = further.of_each(constants, vision.session.constants, vision.session.input.batch, count)
        return found._replace(constants=each)

    @property
    def preprocess(self) -> str:
        """Text in place of the description of the preprocessing; empty for photos."""
        return GIVEN if self.places is not None else ""

    def look(
        self,
        vision: Vision,
        n: int,
        image: Any,
        options: Options | None = None,
        classes: NDArray[np.int64] | None = None,
    ) -> SeenPhoto:
        """Return image n as the network sees it.

        Parameters
        ----------
        n, image
            Its number, and that image.
        options, classes
            As in `Vision.look`.

        Raises
        ------
        InputError
            A photo that can't be read, NaN or infinity in a tensor, or logits that aren't finite.
        ModelError
            ONNX Runtime failed while running.
        """
        if self.places is None:
            prepared = vision.prepare(image, keep_pixels=self.keep_images)
        else:
            check_finite(image)
            prepared = Prepared(image, self.places[n].size, self.places[n].region)
        return vision.look(prepared, options, classes, self.constants[n] if self.constants else AS_LOADED)


def of_each(
    images: Sequence[Any] | NDArray[Any], work: Callable[[int, Any], T], failures: list[Failure] | None = None
) -> list[T]:
    """Call `work` with the number of each image and the image; errors name the image if there are several.

    Parameters
    ----------
    failures
        Filled with those of images that are left out; None: an error of one is the caller's.

    Raises
    ------
    InputError
        As `work`; or all images are left out.
    """
    found: list[T] = []
    for n, image in enumerate(images):
        try:
            found.append(work(n, image))
        except InputError as error:
            if failures is not None:
                failures.append(Failure(n, copy(error)))  # without the traceback, which holds all that was at hand
            elif len(images) == 1:
                raise
            else:
                raise InputError(f"image {n} of {len(images)}: {error}") from error
    if failures and not found:
        raise InputError(f"expected an image that can be explained; none of {len(images)} can: {failures[0].error}")
    return found
