"""Localisation error by the rule of ILSVRC, with the classes that the model predicts, or with the true class known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastcam.arrays.scalars import is_whole
from fastcam.errors import InputError
from fastcam.evaluate.metrics.baselines import GAUSSIAN
from fastcam.evaluate.metrics.group import BEST, BOXES
from fastcam.evaluate.metrics.iou import (
    Truth,
    best_iou,
    checked_boxes,
    checked_corners,
    checked_delta,
    checked_truth,
)
from fastcam.evaluate.metrics.metric import ClassFigure, Figure
from fastcam.evaluate.metrics.sample import TIGHT, Sample
from fastcam.evaluate.metrics.summed import UNIT, SummedMetric, in_units
from fastcam.evaluate.metrics.terms import TOP, Terms


@dataclass(frozen=True, slots=True)
class TopFigures:
    """Errors as fractions of images, in [0, 1]: of the `top` predictions, and of the first alone."""

    images: int
    top: int
    localization_error: float
    classification_error: float
    top1_localization_error: float
    top1_classification_error: float


class TopLocalization(SummedMetric[TopFigures]):
    """ILSVRC: one of the five best (class, box) has the class and IoU ≥ 0.5 with one of its boxes.

    Russakovsky et al. 2015, "ImageNet Large Scale Visual Recognition Challenge", section 4: of the first five
    predictions, pairs of a class and a box, one has to have the image's class and a box whose IoU with any true box of
    that class is 0.5 or more. With true boxes of several classes, any of them will do. `summary` has the top-1 and
    top-5 localisation and classification error.

    Parameters
    ----------
    top
        How many predictions count.
    delta
        The IoU, in (0, 1], from which on a box is right.
    corners
        What corners mean; see `fastcam.evaluate.iou`.

    Examples
    --------
    >>> from fastcam.evaluate import truth_of
    >>> error = TopLocalization(top=2)
    >>> truth = truth_of([[[0, 0, 9, 9]]], [7])
    >>> _ = error.update([[3, 7]], [[[0, 0, 9, 9], [0, 0, 8, 9]]], truth)
    >>> error.summary()
    TopFigures(images=1, top=2, localization_error=0.0, classification_error=0.0, top1_localization_error=1.0,
    top1_classification_error=1.0)
    """

    name = "localization"
    title = "ILSVRC localisation"
    group = BEST
    figures = (
        Figure("top1_localization_error", "top-1 localisation error", -1, column="top-1 loc. error"),
        Figure("localization_error", "top-{top} localisation error", -1, column="top-{top} loc. error"),
        Figure("top1_classification_error", "top-1 classification error", -1, column="top-1 cls. error"),
        Figure("classification_error", "top-{top} classification error", -1, column="top-{top} cls. error"),
    )

    def __init__(self, *, top: int = TOP, delta: float = 0.5, corners: str = "half-open") -> None:
        if not is_whole(top) or top < 1:
            raise InputError(f"top: expected a number of predictions, 1 or more; got {top!r}")
        super().__init__(4, top=int(top), delta=checked_delta(delta), corners=checked_corners(corners))

    @classmethod
    def under(cls, terms: Terms) -> Self:
        return cls(top=terms.top, corners=terms.corners)

    def score(self, sample: Sample) -> NDArray[np.int64]:
        index, boxes, truth = sample.guesses
        return self.update(index, boxes[:, :, 0], truth)

    def update(self, class_index: ArrayLike, boxes: ArrayLike, truth: Truth) -> NDArray[np.int64]:
        """Count images.

        Parameters
        ----------
        class_index
            (N, M) whole numbers, the predicted classes, best first; M is `top` or more, of which the first count.
        boxes
            (N, M, 4), the box of each; all zero where there is none.
        truth
            Of the same N images.

        Returns
        -------
        (N, 4) int64
            Tallies: 1 where an image is localised, classified, and both by the first prediction alone.

        Raises
        ------
        InputError
            Shapes that don't fit one another, fewer than `top` predictions, or boxes that are inverted.
        """
        top = self.settings["top"]
        index, found = np.asarray(class_index), checked_boxes("boxes", boxes)
        if index.ndim != 2 or index.dtype.kind not in "iu" or index.shape[1] < top:
            expected = f"(N, M) whole numbers, M at least {top}"
            raise InputError(f"class_index: expected {expected}; got {index.shape} {index.dtype}.")
        if found.shape != (*index.shape, 4) or len(checked_truth(truth)) != len(index):
            expected = f"{(*index.shape, 4)} and truth of {len(index)} images"
            raise InputError(f"boxes: expected {expected}; got {found.shape} and {len(truth)}")
        index, found = index[:, :top], found[:, :top]
        image = np.repeat(np.arange(len(index)), top)
        overlaps = best_iou(found.reshape(-1, 4), image, truth, index.ravel(), self.settings["corners"])
        right = (overlaps >= self.settings["delta"]).reshape(index.shape) & found.any(axis=2)
        named = _named(index, truth)
        tallies = np.stack([right.any(1), named.any(1), right[:, 0], named[:, 0]], axis=1)
        return self.count(tallies.astype(np.int64))

    def summarize(self, sums: NDArray[np.int64], images: int) -> TopFigures:
        """Return `1 - right / images` of each sum."""
        errors = [float(images - right) / images for right in sums.tolist()]
        return TopFigures(images, self.settings["top"], *errors)


def _named(index: NDArray[np.int64], truth: Truth) -> NDArray[np.bool_]:
    """Return where the predicted classes (N, M) are one of their image's."""
    owner = np.repeat(np.arange(len(truth)), np.diff(truth.offsets))
    found = np.zeros(index.shape, np.bool_)
    np.logical_or.at(found, owner, index[owner] == truth.class_index[:, None])
    return found


def heuristics(
    class_index: ArrayLike, tight: ArrayLike, loose: ArrayLike
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return five predictions out of three classes, as the CAM paper submitted them to ILSVRC.

    Zhou et al. 2016, "Learning Deep Features for Discriminative Localization", section 3.2: a tight and a loose box of
    the first and of the second class, and a loose box of the third. The loose one comes first, which is that of the
    paper's own threshold of 20 %, so that the top-1 error stays what it is.

    Parameters
    ----------
    class_index
        (N, M) classes, best first, M at least 3.
    tight, loose
        (N, M, 4), boxes at a high and a low threshold.

    Returns
    -------
    class_index
        (N, 5) int64.
    boxes
        (N, 5, 4).

    Raises
    ------
    InputError
        Fewer than three classes, or other shapes.

    Examples
    --------
    >>> index, boxes = heuristics([[4, 2, 9]], np.ones((1, 3, 4)), np.zeros((1, 3, 4)))
    >>> index[0], boxes[0, :, 0]
    (array([4, 4, 2, 2, 9]), array([0., 1., 0., 1., 0.]))
    """
    index = np.asarray(class_index)
    small, large = checked_boxes("tight", tight), checked_boxes("loose", loose)
    if index.ndim != 2 or index.shape[1] < 3 or not small.shape == large.shape == (*index.shape, 4):
        got = f"{index.shape}, {small.shape} and {large.shape}"
        raise InputError(f"heuristics: expected classes (N, M), M at least 3, and boxes (N, M, 4) twice; got {got}")
    boxes = np.stack([large[:, 0], small[:, 0], large[:, 1], small[:, 1], large[:, 2]], axis=1)
    return index[:, [0, 0, 1, 1, 2]].astype(np.int64), boxes


class Heuristics(TopLocalization):
    """ILSVRC, of five boxes of three classes, as in the CAM paper.

    `TopLocalization` of what `heuristics` makes of a tight and a loose box of the best classes: those at a threshold of
    100/255, and at the protocol's own, which has to be below it.
    """

    name = "heuristics"
    title = "ILSVRC, five boxes of three classes (heuristics)"
    # A second box of a class changes neither its other errors nor those of the first prediction.
    figures = (Figure("localization_error", "top-{top} localisation error", -1, column="heuristics"),)

    @classmethod
    def fits(cls, terms: Terms) -> bool:
        return terms.convention != "cam-release" and terms.top >= 3 and terms.rule.threshold < TIGHT

    @classmethod
    def under(cls, terms: Terms) -> Self:
        return cls(corners=terms.corners)

    def score(self, sample: Sample) -> NDArray[np.int64]:
        index, boxes, truth = sample.guesses
        return self.update(*heuristics(index, boxes[:, :, 1], boxes[:, :, 0]), truth)


@dataclass(frozen=True, slots=True)
class KnownFigures:
    """The fraction in [0, 1] of images whose box is right, and the mean IoU of their boxes."""

    images: int
    accuracy: float
    mean_iou: float


class KnownLocalization(SummedMetric[KnownFigures]):
    """GT-known localisation: the box of the true class has IoU ≥ 0.5, whatever the model predicts; and its mean IoU.

    Parameters
    ----------
    delta
        The IoU, in (0, 1], from which on a box is right.
    corners
        What corners mean; see `fastcam.evaluate.iou`.

    Examples
    --------
    >>> from fastcam.evaluate import truth_of
    >>> known = KnownLocalization()
    >>> _ = known.update([[0, 0, 6, 9], [0, 0, 3, 9]], truth_of([[[0, 0, 9, 9]]] * 2))
    >>> known.summary()
    KnownFigures(images=2, accuracy=0.5, mean_iou=0.5)
    """

    name = "known"
    title = "GT-known localisation"
    group = BOXES
    figures = (
        Figure("accuracy", "accuracy", 1, column="GT-known"),
        Figure("mean_iou", "mean IoU", 1, column="mean box IoU"),
    )
    of_classes = (
        ClassFigure("accuracy", "accuracy", "GT-known accuracy"),
        ClassFigure("mean_iou", "mean_iou", "GT-known mean IoU"),
    )
    baselines = (GAUSSIAN,)

    def __init__(self, *, delta: float = 0.5, corners: str = "half-open") -> None:
        super().__init__(2, delta=checked_delta(delta), corners=checked_corners(corners))

    @classmethod
    def under(cls, terms: Terms) -> Self:
        return cls(corners=terms.corners)

    def score(self, sample: Sample) -> NDArray[np.int64]:
        return self.update(sample.boxes, sample.truth)

    def update(self, boxes: ArrayLike, truth: Truth) -> NDArray[np.int64]:
        """Count images.

        Parameters
        ----------
        boxes
            (N, 4), of the true class of each image; all zero where there is none.
        truth
            Of that class.

        Returns
        -------
        (N, 2) int64
            Tallies: 1 where the box is right, and the highest IoU in units of 2 ** -32.

        Raises
        ------
        InputError
            Another number of boxes than of images, or boxes that are inverted.
        """
        found = checked_boxes("boxes", boxes)
        if found.shape != (len(checked_truth(truth)), 4):
            raise InputError(f"boxes: expected ({len(truth)}, 4), one an image; got {found.shape}")
        overlaps = best_iou(found, np.arange(len(found)), truth, None, self.settings["corners"])
        overlaps[~found.any(axis=1)] = 0
        right = (overlaps >= self.settings["delta"]).astype(np.int64)
        return self.count(np.stack([right, in_units(overlaps)], axis=1))

    def summarize(self, sums: NDArray[np.int64], images: int) -> KnownFigures:
        """Return the means of both."""
        return KnownFigures(images, float(sums[0]) / images, float(sums[1]) / UNIT / images)
