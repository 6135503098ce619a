"""The picture of an image that was explained, as it is drawn on: as the model saw its colours."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastcam.images.bands import picture
from fastcam.images.photos import Photo
from fastcam.results import Explanation


def picture_of(
    image: Photo, explanation: Explanation | ArrayLike, bands: Sequence[int] | None = None
) -> NDArray[np.uint8]:
    """Return the RGB picture (H, W, 3) uint8 of an image; of bands a choice of three.

    Parameters
    ----------
    image
        The image, as `Classifier.explain` takes it.
    explanation
        Its explanation, whose preprocessing says how values become colours; or activation maps.
    bands
        See `fastcam.images.bands.picture`.

    Raises
    ------
    InputError
        The image can't be read, or there is no such band.
    """
    if not isinstance(explanation, Explanation):
        return picture(image, bands=bands)
    levels, background, channels = explanation.levels, explanation.background, explanation.channels
    return picture(image, levels=levels, background=background, channels=channels, bands=bands)
