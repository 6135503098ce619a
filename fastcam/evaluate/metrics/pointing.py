"""The pointing game, and how much of a map's energy lies in the object."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastcam.checks import is_whole
from fastcam.errors import InputError
from fastcam.evaluate.metrics.iou import Truth
from fastcam.evaluate.metrics.metric import UNIT, Metric, in_units

Regions = Truth | Sequence[NDArray[np.bool_]]


@dataclass(frozen=True, slots=True)
class PointingFigures:
    """How many of so many images were hit, and which fraction in [0, 1] that is."""

    images: int
    hits: int
    accuracy: float


class PointingGame(Metric[PointingFigures]):
    """Whether the highest point of a map lies in the object.

    Zhang et al. 2016, "Top-down Neural Attention by Excitation Backprop", section 4.1: a hit is a point in a region of
    the class, or at most 15 pixels from one; accuracy is hits / (hits + misses), for each class, and then their mean,
    which is that of `by_class`.

    Parameters
    ----------
    tolerance
        Whole pixels of the photo, 0 or more: how far from the nearest pixel of the object a hit may be. The source's
        own is 15.

    Examples
    --------
    >>> from fastcam.evaluate import truth_of
    >>> game = PointingGame()
    >>> _ = game.update([[3, 3], [4, 3]], truth_of([[[0, 0, 4, 4]]] * 2))
    >>> game.summary()
    PointingFigures(images=2, hits=1, accuracy=0.5)
    """

    def __init__(self, *, tolerance: int = 0) -> None:
        if not is_whole(tolerance) or tolerance < 0:
            raise InputError(f"tolerance: expected whole pixels, 0 or more; got {tolerance!r}")
        super().__init__(1, tolerance=int(tolerance))

    def update(self, points: ArrayLike, regions: Regions) -> NDArray[np.int64]:
        """Count images.

        Parameters
        ----------
        points
            (N, 2) whole numbers, x and y of a pixel of each photo: see `peak_points`.
        regions
            The `Truth` of the N images, half-open in their pixels; or N masks (H, W). Only of the class in question. A
            pixel is in a box if its centre is.

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
        return self._add(hits.astype(np.int64).reshape(-1, 1))

    def summarize(self, sums: NDArray[np.int64], images: int) -> PointingFigures:
        """Hits by images."""
        return PointingFigures(images, int(sums[0]), int(sums[0]) / images)


@dataclass(frozen=True, slots=True)
class EnergyFigures:
    """The mean fraction in [0, 1] of the energy that lies in the object, and of how many images there was none."""

    images: int
    energy: float
    empty: int


class EnergyInBox(Metric[EnergyFigures]):
    """Which part of a map's energy lies in the object: the energy-based pointing game.

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

    def __init__(self) -> None:
        super().__init__(2)

    def update(self, maps: Sequence[ArrayLike] | NDArray[Any], regions: Regions) -> NDArray[np.int64]:
        """Count images, by N maps (H, W) at the size of their photos, and regions as in `PointingGame.update`.

        Returns the tallies (N, 2): the part in the regions in units of 2 ** -32, and 1 where the map has no energy.

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
        return self._add(np.stack([in_units(np.minimum(parts, 1)), empty], axis=1))

    def summarize(self, sums: NDArray[np.int64], images: int) -> EnergyFigures:
        """The mean of the parts."""
        return EnergyFigures(images, float(sums[0]) / UNIT / images, int(sums[1]))


def _pixels(boxes: NDArray[np.float64]) -> NDArray[np.int64]:
    """Half-open boxes of whole pixels: of those whose centre is inside."""
    return np.ceil(boxes - 0.5).astype(np.int64)


def _from_boxes(points: NDArray[np.int64], truth: Truth) -> NDArray[np.int64]:
    """(N,): the squared distance of each point from the nearest pixel of any box of its image."""
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
    """The squared distance of a point from the nearest pixel of a mask, no farther away than `reach` in x and in y."""
    inside, (x, y) = np.asarray(mask), point
    if inside.ndim != 2 or inside.dtype != np.bool_ or not (0 <= x < inside.shape[1] and 0 <= y < inside.shape[0]):
        raise InputError(f"regions: expected a bool mask (H, W) around ({x}, {y}); got {inside.shape} {inside.dtype}")
    left, top = max(0, x - reach), max(0, y - reach)
    rows, columns = np.nonzero(inside[top : y + reach + 1, left : x + reach + 1])
    squared = (columns + left - x) ** 2 + (rows + top - y) ** 2
    return int(squared.min()) if len(squared) else np.iinfo(np.int64).max


def _mask_of(n: int, regions: Regions, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """The pixels of image n's regions."""
    if not isinstance(regions, Truth):
        inside = np.asarray(regions[n])
        if inside.shape != shape or inside.dtype != np.bool_:
            raise InputError(f"regions: expected bool masks, mask {n} {shape}; got {inside.shape} {inside.dtype}")
        return inside
    inside = np.zeros(shape, np.bool_)
    for x0, y0, x1, y1 in np.maximum(_pixels(regions.of(n)), 0).tolist():
        inside[y0:y1, x0:x1] = True
    return inside
