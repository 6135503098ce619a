"""Faithfulness of maps to the model: its scores on network inputs that the maps have changed.

All these metrics have one shape: each map makes a few changed network inputs, and of each of these the score of the
map's class is kept. Inputs are changed after preprocessing, where the network reads them: a map covers just the input
(`Explanation.regions`), and zero is the mean colour where preprocessing subtracts one ("imagenet", "caffe-bgr"),
mid-grey for "inception", black for "unit" and "raw".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcam.arrays.maps import heatmaps
from fastcam.classifier.classifier import Classifier
from fastcam.evaluate.metrics.group import SEEN
from fastcam.evaluate.metrics.kept import KeptMetric
from fastcam.evaluate.metrics.sample import Sample
from fastcam.images.photos import each_photo
from fastcam.methods.options import Seen
from fastcam.model.head.head import OWN
from fastcam.model.head.scores import scores_of
from fastcam.model.run.batches import Forwards, Progress, check_asking
from fastcam.results import Explanation

Floats = NDArray[np.float32]


@dataclass(eq=False, kw_only=True)
class Faithfulness(KeptMetric):
    """A metric by changed network inputs.

    All scores are kept, one row a map (4 bytes a score).

    Parameters
    ----------
    batch_size
        Network inputs at once, as in `Classifier.explain`; None: as many as take some 256 MB. The scores are the same,
        but for rounding: a model that mixes the items of a batch (as int8 models do that find their ranges while
        running) is run on one after another.
    """

    group = SEEN

    batch_size: int | None = None

    def __post_init__(self) -> None:
        check_asking(self.batch_size, None)

    # ---- what each metric defines -----------------------------------------------------------------------------------

    @property
    def points(self) -> int:
        """The number of changed network inputs of each map."""
        raise NotImplementedError

    def changed(self, image: Floats, relevance: Floats) -> Iterator[Floats]:
        """Yield `points` changed copies (C, H, W) of a network input, by a raw map (H, W) at its size."""
        raise NotImplementedError

    # ---- what they share --------------------------------------------------------------------------------------------

    @property
    def scores(self) -> Floats:
        """Scores (maps, 1 + points) float32 in [0, 1] of the network input itself, then of the changed ones."""
        return np.concatenate([np.empty((0, 1 + self.points), np.float32), *self._rows])

    @property
    def rows(self) -> Floats:
        return self.scores

    def score(self, sample: Sample) -> Floats:
        best, network = sample.best, sample.network
        assert best, "baselines have no best classes, and no metric that asks for them"
        assert network, "a network is given where a metric asks again"
        return self._measured(network.model, lambda: [network.seen], best.maps[None, :1], best.class_index[None, :1])

    def update(
        self, model: Classifier, images: Any, explanation: Explanation, *, progress: Progress | None = None
    ) -> None:
        """Count the maps of some images. After an error, none of them is counted.

        Parameters
        ----------
        model
            The model that is explained.
        images
            The images that were explained, as `Classifier.explain` takes them.
        explanation
            Of these images, by any method. For maps from elsewhere:
            `dataclasses.replace(explanation, activation_maps=maps, method="...")`.
        progress
            Called with (done, total), in changed network inputs, after each batch; from the first on again where a
            model turns out to mix the items of a batch.

        Raises
        ------
        InputError
            The explanation isn't of as many images or classes, or of another method than before; an image that can't be
            read; batches that take too much memory; NaN or infinity.
        ModelError
            ONNX Runtime failed while running.
        """
        photos = each_photo(images)
        self._check(model, len(photos), explanation)
        maps, index = explanation.activation_maps, explanation.class_index
        rows = self._measured(model, lambda: map(model.vision.see, photos), maps, index, progress)
        self.method = explanation.method
        self._rows.append(rows)

    def _measured(
        self,
        model: Classifier,
        see: Callable[[], Iterable[Seen]],
        maps: Floats,
        class_index: NDArray[np.int64],
        progress: Progress | None = None,
    ) -> Floats:
        """Return the scores (N * M, 1 + points) of N photos by their maps (N, M, h, w) of the classes (N, M).

        `see` returns what the model made of each photo; it is called again where all begins anew.
        """
        count = math.prod(class_index.shape)
        total, originals = count * self.points, np.empty(count, np.float32)
        wanted, work = class_index.reshape(-1), iter(())

        def make(items: NDArray[np.intp]) -> NDArray[Any]:
            nonlocal work
            if items[0] == 0:
                work = chain.from_iterable(self._changed(model, see(), maps, class_index, originals))
            return np.stack(list(islice(work, len(items))))

        def keep(items: NDArray[np.intp], logits: Floats) -> Floats:
            scores = _scores(model, logits)
            return scores[np.arange(len(items)), wanted[items // self.points]][:, None]

        def done(items: int) -> None:
            if progress is not None:
                progress(items, total)

        shape = model.input.batch_shape(model.vision.target)[1:]
        found = _forwards(model).ask(total, make, shape, keep, self.batch_size, done)
        return np.column_stack([originals, found.reshape(count, self.points)])

    def _changed(
        self,
        model: Classifier,
        photos: Iterable[Seen],
        maps: Floats,
        class_index: NDArray[np.int64],
        originals: Floats,
    ) -> Iterator[Iterator[NDArray[Any]]]:
        """Yield the changed network inputs of each map, in the model's layout and dtype.

        The scores of the unchanged inputs are written into `originals`.
        """
        rows = iter(range(len(originals)))
        for seen, own, index in zip(photos, maps, class_index, strict=True):
            image = channels_first(model, seen.network_input[0])
            for relevance, wanted in zip(heatmaps(own, image.shape[1:], normalize=False), index.tolist(), strict=True):
                originals[next(rows)] = seen.scores[wanted]
                yield (as_input(model, one) for one in self.changed(image, relevance))


def channels_first(model: Classifier, image: NDArray[Any]) -> Floats:
    """Return one network input as (C, H, W) float32."""
    return np.asarray(image if model.input.layout == "NCHW" else image.transpose(2, 0, 1), np.float32)


def as_input(model: Classifier, image: Floats) -> NDArray[Any]:
    """Return (C, H, W) in the model's layout and dtype; whole numbers for models that take pixels."""
    if model.input.dtype == np.uint8:
        image = np.clip(np.rint(image), 0, 255)
    return np.asarray(image if model.input.layout == "NCHW" else image.transpose(1, 2, 0), model.input.dtype)


def _forwards(model: Classifier) -> Forwards:
    """Return forwards to what scores are made of.

    They are new for each update, so that no photo's scores depend on those before it.
    """
    head = model.head
    tensor = head.output if model.activation in OWN else head.logits
    return Forwards.of_model(model.vision.session, tensor, head.classes)


def _scores(model: Classifier, logits: Floats) -> Floats:
    """Return scores (n, K) as `Explanation.scores` has them; NaN where logits aren't finite."""
    sound = np.isfinite(logits).all(axis=1)
    scores = np.full_like(logits, np.nan)
    scores[sound] = scores_of(logits[sound], model.activation)
    return scores
