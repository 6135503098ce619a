"""How faithful maps are to the model: its scores on network inputs that the maps have changed.

All measures have one shape: of each map come a few changed network inputs, and of each of these the score of the map's
class. Inputs are changed after preprocessing, where the network reads them: a map covers just the network input
(`Explanation.regions`), and zero is the mean colour where preprocessing subtracts one ("imagenet", "caffe-bgr"),
mid-grey for "inception", black for "unit" and "raw".
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcam import engines
from fastcam.checks import is_whole
from fastcam.classifier import Classifier
from fastcam.errors import InputError
from fastcam.evaluate.measure import Measure, Progress
from fastcam.images import each_photo
from fastcam.ops import heatmaps
from fastcam.results import Explanation

BUDGET = 16 << 20  # bytes of network inputs, feature maps and logits at once; what the network holds comes on top
Floats = NDArray[np.float32]


@dataclass(eq=False, kw_only=True)
class Faithfulness(Measure):
    """What measures by changed network inputs have in common.

    All scores are kept, one row a map (4 bytes a score).

    Parameters
    ----------
    batch_size
        Network inputs at once; it changes no score by more than the model's own rounding. None: as many as fit into
        16 MB with the feature maps and logits that come of them.
    """

    batch_size: int | None = None

    def __post_init__(self) -> None:
        size = self.batch_size
        if size is not None and (not is_whole(size) or size < 1):
            raise InputError(f"batch_size: expected a whole number from 1, or None; got {size!r}")

    # ---- what each measure says -------------------------------------------------------------------------------------

    @property
    def points(self) -> int:
        """Changed network inputs of each map."""
        raise NotImplementedError

    def changed(self, image: Floats, relevance: Floats) -> Iterator[Floats]:
        """So many changed copies (C, H, W) of a network input, by a raw map (H, W) at its size."""
        raise NotImplementedError

    # ---- what they share --------------------------------------------------------------------------------------------

    @property
    def scores(self) -> Floats:
        """(maps, 1 + points) float32 in [0, 1]: of the network input itself, then of the changed ones."""
        return np.concatenate([np.empty((0, 1 + self.points), np.float32), *self._rows])

    def count(self, scores: Floats) -> None:
        """Count in maps by their `scores`, as a measure of the same options had them."""
        self._rows.append(scores)

    def update(
        self, model: Classifier, images: Any, explanation: Explanation, *, progress: Progress | None = None
    ) -> None:
        """Count in the maps of some images. After an error, nothing of them is counted.

        Parameters
        ----------
        model
            The model that is explained.
        images
            Those that were explained, as `Classifier.explain` takes them.
        explanation
            Of these images, by any method. For maps from elsewhere,
            `dataclasses.replace(explanation, activation_maps=maps, method="...")`.
        progress
            Called with (done, total), in changed network inputs, after each batch.

        Raises
        ------
        InputError
            The explanation isn't of as many images or classes, or of another method than before; an image that can't be
            read; NaN or infinity.
        ModelError
            ONNX Runtime failed while running.
        """
        photos = each_photo(images)
        self._check(model, len(photos), explanation)
        maps = math.prod(explanation.class_index.shape)
        total, done = maps * self.points, 0
        found, originals = np.empty(total, np.float32), np.empty(maps, np.float32)
        work = chain.from_iterable(self._changed(model, photos, explanation, originals))
        size = self.batch_size or default_batch_size(model)
        while batch := list(islice(work, size)):
            inputs, classes = zip(*batch, strict=True)
            found[done : done + len(batch)] = _scores(model, np.stack(inputs))[np.arange(len(batch)), list(classes)]
            done += len(batch)
            if progress is not None:
                progress(done, total)
        self.method = explanation.method
        self._rows.append(np.column_stack([originals, found.reshape(maps, self.points)]))

    def _changed(
        self, model: Classifier, photos: Any, explanation: Explanation, originals: Floats
    ) -> Iterator[Iterator[tuple[NDArray[Any], int]]]:
        """The work of each map: network inputs in the model's layout and dtype, and the class whose score is wanted.

        On the way, the scores of the unchanged inputs are written down.
        """
        rows = iter(range(len(originals)))
        for photo, maps, index in zip(photos, explanation.activation_maps, explanation.class_index, strict=True):
            seen = model._explainer.see(photo, engines.named("cpu"))
            image = channels_first(model, seen.network_input[0])
            for relevance, wanted in zip(heatmaps(maps, image.shape[1:], normalise=False), index.tolist(), strict=True):
                originals[next(rows)] = seen.scores[wanted]
                yield ((as_input(model, one), wanted) for one in self.changed(image, relevance))


def default_batch_size(model: Classifier) -> int:
    """How many network inputs fit into `BUDGET` with what comes of them, at least one."""
    inputs = math.prod(model.input.batch_shape(model._explainer.target)[1:])
    return max(1, BUDGET // (4 * (inputs + math.prod(model.head.feature_shape or ()) + model.head.classes)))


def channels_first(model: Classifier, image: NDArray[Any]) -> Floats:
    """(C, H, W) float32 of one network input."""
    return np.asarray(image if model.input.layout == "NCHW" else image.transpose(2, 0, 1), np.float32)


def as_input(model: Classifier, image: Floats) -> NDArray[Any]:
    """The way back; whole numbers for models that take pixels."""
    if model.input.dtype == np.uint8:
        image = np.clip(np.rint(image), 0, 255)
    return np.asarray(image if model.input.layout == "NCHW" else image.transpose(1, 2, 0), model.input.dtype)


def _scores(model: Classifier, inputs: NDArray[Any]) -> Floats:
    """(N, K), as `Explanation.scores` has them."""
    _, _, scores = model._explainer.run(inputs, engines.named("cpu"))
    if not np.isfinite(scores).all():
        raise InputError("expected finite scores of the changed images; got NaN or infinity")
    return scores
