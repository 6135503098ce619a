"""The pointing game, and how much of a map's energy lies in the object."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastcam.arrays.scalars import is_whole
from fastcam.errors import InputError
from fastcam.evaluate.metrics.baselines import CENTER, GAUSSIAN
from fastcam.evaluate.metrics.group import BOXES
from fastcam.evaluate.metrics.iou import Truth, truth_of
from fastcam.evaluate.metrics.metric import ClassFigure, Figure
from fastcam.evaluate.metrics.sample import Sample
from fastcam.evaluate.metrics.summed import UNIT, SummedMetric, in_units
from fastcam.images.regions import placed

Regions = Truth | Sequence[NDArray[np.bool_]]


@dataclass(frozen=True, slots=True)
class PointingFigures:
    """The number of images that were hit, and the fraction in [0, 1] of all that they are."""

    images: int
    hits: int
    accuracy: float


class PointingGame(SummedMetric[PointingFigures]):
    """The pointing game: the highest point of the map is in a box. The mean over classes, and over all pairs.

    Zhang et al. 2016, "Top-down Neural Attention by Excitation Backprop", section 4.1: a hit is a point in a region of
    the class, or at most 15 pixels from one; accuracy is hits / (hits + misses), for each class, and then their mean,
    which is that of `by_class`.

    Parameters
    ----------
    tolerance
        The distance from the nearest pixel of the object that a hit may have, in whole pixels of the photo, 0 or more.
        The source's own is 15.

    Examples
    --------
    >>> from fastcam.evaluate import truth_of
    >>> game = PointingGame()
    >>> _ = game.update([[3, 3], [4, 3]], truth_of([[[0, 0, 4, 4]]] * 2))
    >>> game.summary()
    PointingFigures(images=2, hits=1, accuracy=0.5)
    """

    name = "pointing"
    title = "Pointing game"
    group = BOXES
    figures = (
        Figure("mean_of_classes", "mean accuracy of classes", 1, column="pointing game"),
        Figure("accuracy", "accuracy of all pairs", 1, column="pointing, all pairs"),
    )
    of_classes = (ClassFigure("pointing", "accuracy", "Pointing game, accuracy"),)
    averaged = "accuracy"
    baselines = (CENTER, GAUSSIAN)

    def __init__(self, *, tolerance: int = 0) -> None:
        if not is_whole(tolerance) or tolerance < 0:
            raise InputError(f"tolerance: expected whole pixels, 0 or more; got {tolerance!r}")
        super().__init__(1, tolerance=int(tolerance))

    def score(self, sample: Sample) -> NDArray[np.int64]:
        return self.update(sample.peaks, sample.subject.truth)

    def update(self, points: ArrayLike, regions: Regions) -> NDArray[np.int64]:
        """Count images.

        Parameters
        ----------
        points
            (N, 2) whole numbers, x and y of a pixel of each photo: see `peak_points`.
        regions
            The `Truth` of the N images, half-open in their pixels; or N masks (H, W). Only of the class whose map it
            is. A pixel is in a box if its centre is.

        Returns
        -------
        (N, 1) int64
            Tallies: 1 for a hit.

        Raises
        ------
        InputError
            Points of another shape, another number of regions, or a point outside of its mask.
        """
        found = np.asarray(points)
        if found.shape != (len(regions), 2) or found.dtype.kind not in "iu":
            raise InputError(f"points: expected ({len(regions)}, 2) whole numbers; got {found.shape} {found.dtype}")
        if isinstance(regions, Truth):
            distances = _from_boxes(found.astype(np.int64), regions)
        else:
            reach = self.settings["tolerance"]
            distances = np.array([_from_mask(p, m, reach) for p, m in zip(found.tolist(), regions, strict=True)])
        hits = distances <= self.settings["tolerance"] ** 2
        return self.count(hits.astype(np.int64).reshape(-1, 1))

    def summarize(self, sums: NDArray[np.int64], images: int) -> PointingFigures:
        """Return hits by images."""
        return PointingFigures(images, int(sums[0]), int(sums[0]) / images)


class PointingGame15(PointingGame):
    """The pointing game within 15 pixels of a box, as in its source.

    Examples
    --------
    >>> PointingGame15()
    <PointingGame15 of 0 images: tolerance=15>
    """

    name = "pointing_15"
    title = "Pointing game, 15 pixels"
    figures = (
        Figure("mean_of_classes", "mean accuracy of classes", 1, column="within 15 pixels"),
        Figure("accuracy", "accuracy of all pairs", 1, column="15 pixels, all pairs"),
    )
    of_classes = (ClassFigure("pointing_15", "accuracy", "Pointing game, 15 pixels, accuracy"),)

    def __init__(self, *, tolerance: int = 15) -> None:
        super().__init__(tolerance=tolerance)


@dataclass(frozen=True, slots=True)
class EnergyFigures:
    """The mean fraction in [0, 1] of the energy that is in the object, and the number of images without energy."""

    images: int
    energy: float
    empty: int


class EnergyInBox(SummedMetric[EnergyFigures]):
    """The part of the map's energy that is in the boxes: the energy-based pointing game.

    Wang et al. 2020, "Score-CAM: Score-Weighted Visual Explanations for Convolutional Neural Networks", section 4.3:
    `sum of L in the box / sum of L`, its mean over images. Negative values count as none. Of several boxes it is the
    pixels in any. An image whose map has no positive value counts with 0.

    Examples
    --------
    >>> from fastcam.evaluate import truth_of
    >>> energy = EnergyInBox()
    >>> _ = energy.update([[[1.0, 2.0, 1.0, -5.0]]], truth_of([[[0, 0, 2, 1]]]))
    >>> energy.summary()
    EnergyFigures(images=1, energy=0.75, empty=0)
    """

    name = "energy"
    title = "Energy in boxes"
    group = BOXES
    figures = (Figure("energy", "energy", 1, column="energy in boxes"),)
    baselines = (CENTER, GAUSSIAN)

    def __init__(self) -> None:
        super().__init__(2)

    def score(self, sample: Sample) -> NDArray[np.int64]:
        truth, part, size = sample.subject.truth, sample.part, sample.subject.size
        # One map at a time at the size of the photo.
        rows = [
            self.update([placed(seen, part, size)], truth_of([truth.of(p)])) for p, seen in enumerate(sample.pixels())
        ]
        return np.concatenate(rows)

    def update(self, maps: Sequence[ArrayLike] | NDArray[Any], regions: Regions) -> NDArray[np.int64]:
        """Count images.

        Parameters
        ----------
        maps
            N maps (H, W) at the size of their photos.
        regions
            As in `PointingGame.update`.

        Returns
        -------
        (N, 2) int64
            Tallies: the part in the regions in units of 2 ** -32, and 1 where the map has no energy.

        Raises
        ------
        InputError
            A map that isn't (H, W) of finite numbers, or regions of another number or size.
        """
        if len(maps) != len(regions):
            raise InputError(f"regions: expected {len(maps)}, one for each map; got {len(regions)}")
        parts, empty = np.zeros(len(maps)), np.zeros(len(maps), np.int64)
        for n, one in enumerate(maps):
            values = np.asarray(one)
            if values.ndim != 2 or values.dtype.kind not in "iuf" or not np.isfinite(values).all():
                raise InputError(f"maps: expected (H, W) of finite numbers; got {values.shape} as map {n}")
            energy = np.maximum(values.astype(np.float64), 0)
            inside = _mask_of(n, regions, values.shape)
            total = energy.sum()
            parts[n], empty[n] = (energy[inside].sum() / total, 0) if total else (0, 1)
        return self.count(np.stack([in_units(np.minimum(parts, 1)), empty], axis=1))

    def summarize(self, sums: NDArray[np.int64], images: int) -> EnergyFigures:
        """Return the mean of the parts."""
        return EnergyFigures(images, float(sums[0]) / UNIT / images, int(sums[1]))


def _pixels(boxes: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return half-open boxes of the whole pixels whose centre is inside."""
    return np.ceil(boxes - 0.5).astype(np.int64)


def _from_boxes(points: NDArray[np.int64], truth: Truth) -> NDArray[np.int64]:
    """Return the squared distance (N,) of each point from the nearest pixel of any box of its image."""
    image = np.repeat(np.arange(len(truth)), np.diff(truth.offsets))
    boxes, near = _pixels(truth.boxes), points[image]
    away = np.maximum(0, np.maximum(boxes[:, :2] - near, near - (boxes[:, 2:] - 1)))
    squared = (away**2).sum(axis=1)
    far = np.iinfo(np.int64).max
    squared[(boxes[:, 2:] <= boxes[:, :2]).any(axis=1)] = far
    nearest = np.full(len(points), far)
    np.minimum.at(nearest, image, squared)
    return nearest


def _from_mask(point: list[int], mask: Any, reach: int) -> int:
    """Return the squared distance of a point from the nearest pixel of a mask, if that is within `reach` in x and y."""
    inside, (x, y) = np.asarray(mask), point
    if inside.ndim != 2 or inside.dtype != np.bool_ or not (0 <= x < inside.shape[1] and 0 <= y < inside.shape[0]):
        raise InputError(f"regions: expected a bool mask (H, W) around ({x}, {y}); got {inside.shape} {inside.dtype}")
    left, top = max(0, x - reach), max(0, y - reach)
    rows, columns = np.nonzero(inside[top : y + reach + 1, left : x + reach + 1])
    squared = (columns + left - x) ** 2 + (rows + top - y) ** 2
    return int(squared.min()) if len(squared) else np.iinfo(np.int64).max


def _mask_of(n: int, regions: Regions, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return the pixels of image n's regions, (H, W) bool."""
    if not isinstance(regions, Truth):
        inside = np.asarray(regions[n])
        if inside.shape != shape or inside.dtype != np.bool_:
            raise InputError(f"regions: expected bool masks, mask {n} {shape}; got {inside.shape} {inside.dtype}")
        return inside
    inside = np.zeros(shape, np.bool_)
    for x0, y0, x1, y1 in np.maximum(_pixels(regions.of(n)), 0).tolist():
        inside[y0:y1, x0:x1] = True
    return inside
