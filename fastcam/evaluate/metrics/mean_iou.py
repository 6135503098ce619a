"""Mean intersection over union of masks, by the rule of PASCAL VOC."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from fastcam.arrays.components import label_images
from fastcam.arrays.conventions import CONVENTIONS
from fastcam.arrays.scalars import is_whole
from fastcam.errors import InputError
from fastcam.evaluate.metrics.baselines import GAUSSIAN
from fastcam.evaluate.metrics.group import MASKS
from fastcam.evaluate.metrics.metric import Figure
from fastcam.evaluate.metrics.px_ap import IGNORED
from fastcam.evaluate.metrics.sample import Sample
from fastcam.evaluate.metrics.summed import SummedMetric
from fastcam.evaluate.metrics.terms import Terms
from fastcam.images.regions import placed


@dataclass(frozen=True, slots=True)
class MaskFigures:
    """Intersections over unions of classes, of that many images and pixels.

    Attributes
    ----------
    mean_iou
        The mean over all classes that there are, in truth or prediction.
    pixel_accuracy
        The fraction of pixels that have their class.
    iou
        Of each class; NaN where there is none.
    """

    images: int
    pixels: int
    mean_iou: float
    pixel_accuracy: float
    iou: tuple[float, ...]


class MeanIoU(SummedMetric[MaskFigures]):
    """Mean IoU of label images, such as those of object and background, from the pixels of all images together.

    Everingham et al. 2015, "The PASCAL Visual Object Classes Challenge: A Retrospective", section 4.3: for each class
    true positives / (true positives + false positives + false negatives), counted over all images, and their mean,
    background included.

    Parameters
    ----------
    class_count
        The number of classes, with the background, which is class 0.

    Examples
    --------
    >>> masks = MeanIoU(2)
    >>> _ = masks.update([[[0, 1, 1, 1]]], [[[0, 0, 1, 255]]])
    >>> masks.summary()
    MaskFigures(images=1, pixels=3, mean_iou=0.5, pixel_accuracy=0.6666666666666666, iou=(0.5, 0.5))
    """

    name = "mean_iou"
    title = "Masks"
    group = MASKS
    figures = (
        Figure("mean_iou", "mean IoU", 1, column="mean mask IoU"),
        Figure("pixel_accuracy", "pixel accuracy", 1),
    )
    baselines = (GAUSSIAN,)

    def __init__(self, class_count: int) -> None:
        if not is_whole(class_count) or not 2 <= class_count <= IGNORED:
            raise InputError(f"class_count: expected 2 to {IGNORED}, with the background; got {class_count!r}")
        super().__init__(int(class_count) ** 2, class_count=int(class_count))

    @classmethod
    def fits(cls, terms: Terms) -> bool:
        return terms.convention in CONVENTIONS

    @classmethod
    def under(cls, terms: Terms) -> Self:
        return cls(2)

    def score(self, sample: Sample) -> NDArray[np.int64]:
        """Return the rows of objects that are all pixels above the threshold, and background."""
        rule, part, size = sample.terms.rule, sample.part, sample.subject.size
        labels = label_images(
            sample.masked, part.sides, convention=rule.name, threshold=rule.threshold, window=part.window
        )  # fmt: skip
        return self.update([placed(one > 0, part, size) for one in labels], sample.masks)

    def update(self, predicted: Sequence[Any] | NDArray[Any], truth: Sequence[Any] | NDArray[Any]) -> NDArray[np.int64]:
        """Count images.

        Parameters
        ----------
        predicted, truth
            N label images (H, W) each, of class numbers; True counts as 1. 255 in the truth is ignored.

        Returns
        -------
        (N, K * K) int64
            Tallies: row by row of true classes, how many pixels were predicted as each.

        Raises
        ------
        InputError
            Another number or size of images, or labels that aren't classes.
        """
        classes = self.settings["class_count"]
        if len(predicted) != len(truth):
            raise InputError(
                f"predicted: expected {len(truth)} label images, as many as true ones; got {len(predicted)}"
            )
        tallies = np.empty((len(truth), classes * classes), np.int64)
        for n, (one, other) in enumerate(zip(predicted, truth, strict=True)):
            found, right = np.asarray(one), np.asarray(other)
            if found.ndim != 2 or found.shape != right.shape:
                raise InputError(f"predicted: expected (H, W) as in truth {n}, {right.shape}; got {found.shape}")
            known = right != IGNORED
            for name, labels in (("predicted", found), ("truth", right[known])):
                if labels.dtype.kind not in "biu" or (labels.size and not 0 <= labels.min() <= labels.max() < classes):
                    raise InputError(f"{name}: expected classes 0 to {classes - 1}; got others in image {n}")
            pairs = right[known].astype(np.int64) * classes + found[known]
            tallies[n] = np.bincount(pairs, minlength=classes * classes)
        return self.count(tallies)

    def summarize(self, sums: NDArray[np.int64], images: int) -> MaskFigures:
        """Return figures by the diagonal, the rows and the columns of the confusion matrix."""
        confusion = sums.reshape(self.settings["class_count"], -1)
        right, pixels = np.diag(confusion), int(confusion.sum())
        union = confusion.sum(axis=0) + confusion.sum(axis=1) - right
        found = np.divide(right, union, out=np.full(len(right), np.nan), where=union > 0)
        mean = float(np.nanmean(found)) if pixels else float("nan")
        accuracy = int(right.sum()) / pixels if pixels else float("nan")
        return MaskFigures(images, pixels, mean, accuracy, tuple(found.tolist()))
