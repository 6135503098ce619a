"""MaxBoxAcc and MaxBoxAccV2: how often a box is right at the best of many thresholds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastcam.errors import InputError
from fastcam.evaluate.metrics.baselines import GAUSSIAN
from fastcam.evaluate.metrics.group import BOXES
from fastcam.evaluate.metrics.iou import (
    Truth,
    best_iou,
    checked_boxes,
    checked_corners,
    checked_delta,
    checked_truth,
)
from fastcam.evaluate.metrics.metric import Figure
from fastcam.evaluate.metrics.sample import Sample
from fastcam.evaluate.metrics.summed import SummedMetric
from fastcam.evaluate.metrics.terms import Terms


def checked_thresholds(thresholds: Iterable[float]) -> tuple[float, ...]:
    """Return fractions in [0, 1), ascending, or raise `InputError`."""
    try:
        found = np.array([float(value) for value in thresholds])
    except (TypeError, ValueError):
        raise InputError(f"thresholds: expected numbers; got {thresholds!r}") from None
    if not len(found) or not (np.diff(found) > 0).all() or not (found[0] >= 0 and found[-1] < 1):
        raise InputError(f"thresholds: expected at least one, ascending, in [0, 1); got {str(found.tolist())[:80]}")
    return tuple(found.tolist())


@dataclass(frozen=True, slots=True)
class BoxFigures:
    """Accuracies of boxes, fractions in [0, 1] of images.

    Attributes
    ----------
    accuracy
        The mean of `best` over all deltas.
    deltas, best, best_threshold
        For each IoU from which on a box is right, the highest accuracy of all thresholds, and the first threshold that
        has it.
    curves
        For each delta the accuracy at each threshold.
    """

    images: int
    accuracy: float
    deltas: tuple[float, ...]
    best: tuple[float, ...]
    best_threshold: tuple[float, ...]
    curves: tuple[tuple[float, ...], ...]


class MaxBoxAcc(SummedMetric[BoxFigures]):
    """The accuracy of the boxes of largest components, at the best threshold of all images together.

    Choe et al. 2020, "Evaluating Weakly Supervised Object Localization Methods Right", section 3.2: the fraction of
    images with a box whose IoU with any true box is `delta` or more, its maximum over the thresholds of the score map.
    The threshold is chosen on the very images that are evaluated, by design.

    Parameters
    ----------
    thresholds
        T fractions in [0, 1), ascending, to which the boxes belong.
    deltas
        IoU, each in (0, 1].
    corners
        What corners mean; see `fastcam.evaluate.iou`. The source's own boxes are "inclusive".

    Examples
    --------
    >>> from fastcam.evaluate import truth_of
    >>> accuracy = MaxBoxAcc([0.2, 0.5])
    >>> _ = accuracy.update([[[0, 0, 9, 9], [0, 0, 4, 4]]], truth_of([[[0, 0, 5, 4]]]))
    >>> accuracy.summary().best, accuracy.summary().best_threshold
    ((1.0,), (0.5,))
    """

    name = "max_box_acc"
    title = "MaxBoxAcc"
    group = BOXES
    figures = (Figure("accuracy", "accuracy", 1, column="MaxBoxAcc"),)
    baselines = (GAUSSIAN,)

    def __init__(
        self, thresholds: Iterable[float], *, deltas: Iterable[float] = (0.5,), corners: str = "half-open"
    ) -> None:
        levels, overlaps = checked_thresholds(thresholds), tuple(checked_delta(delta) for delta in deltas)
        if not overlaps:
            raise InputError("deltas: expected at least one; got none")
        super().__init__(
            len(levels) * len(overlaps), thresholds=levels, deltas=overlaps, corners=checked_corners(corners)
        )

    @classmethod
    def fits(cls, terms: Terms) -> bool:
        return terms.convention != "cam-release"

    @classmethod
    def under(cls, terms: Terms) -> Self:
        return cls(terms.fractions.tolist(), corners=terms.corners)

    def score(self, sample: Sample) -> NDArray[np.uint8]:
        return self.update(sample.cutter.largest(sample.boxed, sample.terms.fractions), sample.truth)

    def update(self, boxes: ArrayLike, truth: Truth, *, offsets: ArrayLike | None = None) -> NDArray[np.uint8]:
        """Count images.

        Parameters
        ----------
        boxes
            (N, T, 4), one box for each image and threshold, all zero where there is none; or, with `offsets`, any
            number of them, (P, 4).
        truth
            Of the N images, only of the class whose map it is.
        offsets
            (N * T + 1,): image n has at threshold t the boxes `offsets[n * T + t]` to `offsets[n * T + t + 1]`.

        Returns
        -------
        (N, D * T) uint8
            Tallies: 1 where a box of the image is right, for each delta and threshold.

        Raises
        ------
        InputError
            Shapes that don't fit one another, or boxes that are inverted.
        """
        levels, deltas = len(self.settings["thresholds"]), self.settings["deltas"]
        found, count = checked_boxes("boxes", boxes), len(checked_truth(truth)) * levels
        if offsets is None:
            if found.shape != (len(truth), levels, 4):
                raise InputError(f"boxes: expected ({len(truth)}, {levels}, 4); got {found.shape}")
            starts = np.arange(count + 1)
        else:
            starts = _checked_offsets(offsets, count, found)
        found = found.reshape(-1, 4)
        cell = np.repeat(np.arange(count), np.diff(starts))
        # Of inclusive corners, all zero is a pixel, and what the source has where there is no box.
        overlaps = best_iou(found, cell // levels, truth, None, self.settings["corners"])
        best = np.zeros(count)
        np.maximum.at(best, cell, overlaps)
        right = best.reshape(-1, 1, levels) >= np.array(deltas)[:, None]
        return self.count(right.reshape(len(truth), -1).astype(np.uint8))

    def summarize(self, sums: NDArray[np.int64], images: int) -> BoxFigures:
        """Return the best of the curves."""
        thresholds, deltas = self.settings["thresholds"], self.settings["deltas"]
        right = sums.reshape(len(deltas), len(thresholds))
        curves = right / images
        best = curves.max(axis=1).tolist()
        return BoxFigures(
            images=images,
            accuracy=float(np.mean(best)),
            deltas=deltas,
            best=tuple(best),
            best_threshold=tuple(thresholds[t] for t in right.argmax(axis=1).tolist()),
            curves=tuple(tuple(curve) for curve in curves.tolist()),
        )

    def plain(self, summary: BoxFigures) -> dict[str, Any]:
        found = super().plain(summary)
        for name, values in (("best", summary.best), ("best_threshold", summary.best_threshold)):
            found |= {f"{name}_{delta:g}": value for delta, value in zip(summary.deltas, values, strict=True)}
        return found

    def curves_of(self, summary: BoxFigures) -> dict[str, Any]:
        return {
            "thresholds": list(self.settings["thresholds"]),
            "deltas": list(summary.deltas),
            "accuracy": [list(curve) for curve in summary.curves],
        }


class MaxBoxAccV2(MaxBoxAcc):
    """MaxBoxAcc of the boxes of all components: its mean over IoU 0.3, 0.5 and 0.7.

    Choe et al. 2020, "Evaluation for Weakly Supervised Object Localization: Protocol, Metrics, and Datasets". `update`
    takes these boxes with `offsets`.
    """

    name = "max_box_acc_v2"
    title = "MaxBoxAccV2"
    figures = (Figure("accuracy", "accuracy", 1, column="MaxBoxAccV2"),)

    def __init__(
        self, thresholds: Iterable[float], *, deltas: Iterable[float] = (0.3, 0.5, 0.7), corners: str = "half-open"
    ) -> None:
        super().__init__(thresholds, deltas=deltas, corners=corners)

    def score(self, sample: Sample) -> NDArray[np.uint8]:
        boxes, offsets = sample.cutter.all(sample.boxed, sample.terms.fractions)
        return self.update(boxes, sample.truth, offsets=offsets)


def _checked_offsets(offsets: ArrayLike, count: int, boxes: NDArray[np.float64]) -> NDArray[np.int64]:
    starts = np.asarray(offsets)
    if boxes.ndim != 2 or starts.shape != (count + 1,) or starts.dtype.kind not in "iu":
        got = f"{starts.shape} {starts.dtype} with boxes {boxes.shape}"
        raise InputError(f"offsets: expected ({count + 1},) whole numbers with boxes (P, 4); got {got}")
    if starts[0] != 0 or starts[-1] != len(boxes) or (np.diff(starts) < 0).any():
        raise InputError(f"offsets: expected 0 to {len(boxes)}, ascending; got {starts[0]} to {starts[-1]}")
    return starts.astype(np.int64)
