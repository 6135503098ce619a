"""PxAP: the area under the precision-recall curve of the pixels of score maps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastcam.arrays.maps import heatmaps
from fastcam.errors import InputError
from fastcam.evaluate.metrics.baselines import GAUSSIAN
from fastcam.evaluate.metrics.group import MASKS
from fastcam.evaluate.metrics.maps import nearest, score_map
from fastcam.evaluate.metrics.max_box_acc import checked_thresholds
from fastcam.evaluate.metrics.metric import Figure
from fastcam.evaluate.metrics.sample import SIDE, Sample
from fastcam.evaluate.metrics.summed import SummedMetric
from fastcam.evaluate.metrics.terms import Terms
from fastcam.images.regions import placed

IGNORED = 255  # in a mask: nobody knows


@dataclass(frozen=True, slots=True)
class PixelFigures:
    """Precision and recall of pixels, of images with that many pixels of objects and of background.

    Attributes
    ----------
    average_precision
        In [0, 1]; NaN where there is no pixel of an object.
    precision, recall
        At each threshold; precision is NaN where no pixel is at or above it.
    """

    images: int
    object_pixels: int
    background_pixels: int
    average_precision: float
    precision: tuple[float, ...]
    recall: tuple[float, ...]


class PxAP(SummedMetric[PixelFigures]):
    """Pixel average precision: the area under precision and recall of pixels, without those that masks ignore.

    Choe et al. 2020, "Evaluating Weakly Supervised Object Localization Methods Right", section 3.3: precision and
    recall of the pixels of all images together, at each threshold, and `sum_t precision(t) * (recall(t) - recall(t'))`
    where t' is the next higher threshold.

    Parameters
    ----------
    thresholds
        T fractions in [0, 1), ascending, the first 0. The source has 0, 0.001, ..., 0.999.

    Examples
    --------
    >>> pixels = PxAP([0.0, 0.5])
    >>> _ = pixels.update([[[0.1, 0.9, 0.6, 0.7]]], [[[0, 1, 0, 255]]])
    >>> pixels.summary()
    PixelFigures(images=1, object_pixels=1, background_pixels=2, average_precision=0.5,
    precision=(0.3333333333333333, 0.5), recall=(1.0, 1.0))
    """

    name = "px_ap"
    title = "PxAP"
    group = MASKS
    figures = (Figure("average_precision", "average precision", 1, column="PxAP"),)
    baselines = (GAUSSIAN,)

    def __init__(self, thresholds: Iterable[float]) -> None:
        levels = checked_thresholds(thresholds)
        if levels[0]:
            raise InputError(f"thresholds: expected the first to be 0, so that every pixel counts; got {levels[0]}")
        # Values of 1 are by themselves, as in the source.
        super().__init__(2 * (len(levels) + 1), thresholds=levels)

    @classmethod
    def under(cls, terms: Terms) -> Self:
        return cls(terms.fractions.tolist())

    def score(self, sample: Sample) -> NDArray[np.int64]:
        """Return the rows of heatmaps between their own extrema, at the photo's size; by "wsol" as its source has them.

        These are of 224×224, bicubic, and masks by the nearest pixel.
        """
        if sample.terms.convention == "wsol":
            sides = (SIDE, SIDE)
            return self.update(
                [score_map(one, sides) for one in sample.masked], [nearest(mask, sides) for mask in sample.masks]
            )
        part, size = sample.part, sample.subject.size
        maps = heatmaps(sample.masked, part.sides, window=part.window)
        return self.update([placed(one, part, size) for one in maps], sample.masks)

    def update(
        self, maps: Sequence[ArrayLike] | NDArray[Any], masks: Sequence[Any] | NDArray[Any]
    ) -> NDArray[np.int64]:
        """Count images.

        Parameters
        ----------
        maps
            N score maps (H, W) of values in [0, 1], of any sizes.
        masks
            N masks (H, W): 1 or True where the object is, 0 where it isn't, 255 where nobody knows.

        Returns
        -------
        (N, 2 * (T + 1)) int64
            Tallies: how many pixels of the object, then of the background, lie between thresholds.

        Raises
        ------
        InputError
            Values out of range or not finite, another size or number of masks, or other values in them.
        """
        edges = np.array([*self.settings["thresholds"], 1.0])
        if len(maps) != len(masks):
            raise InputError(f"masks: expected {len(maps)}, one for each map; got {len(masks)}")
        tallies = np.empty((len(maps), len(self.sums)), np.int64)
        for n, (one, other) in enumerate(zip(maps, masks, strict=True)):
            values, mask = np.asarray(one), _checked_mask(n, other, np.shape(one))
            if values.dtype.kind not in "iuf" or not ((values >= 0) & (values <= 1)).all():
                raise InputError(f"maps: expected values in [0, 1]; got others in map {n} ({values.dtype})")
            for row, wanted in enumerate((1, 0)):
                level = np.searchsorted(edges, values[mask == wanted], side="right") - 1
                tallies[n].reshape(2, -1)[row] = np.bincount(level, minlength=len(edges))
        return self.count(tallies)

    def summarize(self, sums: NDArray[np.int64], images: int) -> PixelFigures:
        """Return figures by sums from the highest threshold down."""
        found, false = sums.reshape(2, -1)[:, ::-1].cumsum(axis=1).astype(np.float64)
        predicted, objects = found + false, found[-1]
        precision = np.divide(found, predicted, out=np.full_like(found, np.nan), where=predicted > 0)
        recall = np.divide(found, objects, out=np.full_like(found, np.nan), where=objects > 0)
        steps = np.nan_to_num(precision) * np.diff(recall, prepend=0)
        area = float(steps[predicted > 0].sum()) if objects else float("nan")
        # Values of 1 are at or above the highest threshold as well.
        curves = [tuple(curve[:0:-1].tolist()) for curve in (precision, recall)]
        return PixelFigures(images, int(objects), int(false[-1]), area, *curves)


def _checked_mask(n: int, mask: Any, shape: tuple[int, ...]) -> NDArray[Any]:
    found = np.asarray(mask)
    if found.ndim != 2 or found.shape != shape:
        raise InputError(f"masks: expected the size of map {n}, (H, W); got {found.shape} for {shape}")
    if not np.isin(found, (0, 1, IGNORED)).all():
        raise InputError(f"masks: expected 0, 1 and {IGNORED}; got other values in mask {n}")
    return found
