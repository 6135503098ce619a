"""Deletion and insertion: the score as the most relevant pixels are deleted from an image, or inserted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fastcam.arrays.scalars import is_whole
from fastcam.errors import InputError
from fastcam.evaluate.metrics.faithfulness import Faithfulness, Floats
from fastcam.evaluate.metrics.metric import Figure

SIGMA = 5 / 224  # of the blur, by the shorter side


def most_relevant_first(relevance: Floats) -> NDArray[np.int64]:
    """Return the places (H·W,) of a map (H, W), most relevant first; of equal values, the first in raster order."""
    return np.argsort(-relevance.reshape(-1), kind="stable")


def _zero(image: Floats) -> Floats:
    return np.zeros_like(image)


def _mean(image: Floats) -> Floats:
    return np.broadcast_to(image.mean(axis=(1, 2), keepdims=True, dtype=np.float64).astype(np.float32), image.shape)


def _blurred(image: Floats) -> Floats:
    from scipy.ndimage import gaussian_filter

    sigma = SIGMA * min(image.shape[1:])
    return np.asarray(gaussian_filter(image, (0, sigma, sigma), mode="nearest"), np.float32)


BASELINES: Mapping[str, Callable[[Floats], Floats]] = {"zero": _zero, "mean": _mean, "blur": _blurred}


@dataclass(eq=False, kw_only=True)
class _Curve(Faithfulness):
    """The scores of images between two, the most relevant pixels of the last one first."""

    steps: int = 100
    baseline: str = "zero"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not is_whole(self.steps) or self.steps < 1:
            raise InputError(f"steps: expected a whole number from 1; got {self.steps!r}")
        if self.baseline not in BASELINES:
            raise InputError(f"baseline: expected one of {', '.join(BASELINES)}; got {self.baseline!r}")

    @property
    def points(self) -> int:
        return self.steps

    @property
    def curves(self) -> Floats:
        """The scores (maps, steps + 1) when 0, 1/steps, ..., all of the pixels were changed."""
        return self._curves(self.scores)

    def _curves(self, rows: Floats) -> Floats:
        """Return the curves of these rows of scores."""
        raise NotImplementedError

    def _areas(self, rows: Floats) -> NDArray[np.float64]:
        curves = self._curves(rows).astype(np.float64)
        return np.asarray(np.trapezoid(curves, dx=1 / self.steps, axis=1))

    def _between(self, first: Floats, last: Floats, relevance: Floats, done: range) -> Iterator[Floats]:
        """Yield images after some steps: the most relevant pixels are of the last one, the others of the first."""
        order = most_relevant_first(relevance)
        image, step, target = first.reshape(len(first), -1).copy(), 0, last.reshape(len(last), -1)
        for k in done:
            end = round(k * len(order) / self.steps)
            image[:, order[step:end]] = target[:, order[step:end]]
            step = end
            yield image.reshape(first.shape).copy()


@dataclass(eq=False, kw_only=True)
class Deletion(_Curve):
    """The area under the score as pixels are deleted, the most relevant first.

    Less is better. Petsiuk et al. 2018, "RISE: Randomized Input Sampling for Explanation of Black-box Models",
    section 4.2: in steps of equal size (to a pixel) pixels of the network input become those of the baseline;
    `deletion_auc` in [0, 1] is the area of the trapezoids over the share of pixels deleted. Cost: a forward for each
    step.

    Parameters
    ----------
    steps
        Their number. The paper has one for each row of pixels, 224.
    baseline
        "zero", as in the paper (see `fastcam.evaluate.metrics.faithfulness` for its colour); "mean" of each channel of
        the image; or "blur", by a Gaussian of standard deviation 5/224 of the shorter side.
    batch_size
        As in `Faithfulness`.

    Examples
    --------
    >>> Deletion(steps=20, baseline="mean").points
    20
    """

    name = "deletion"
    title = "Deletion"
    figures = (Figure("deletion_auc", "deletion AUC", -1, column="deletion"),)

    def _curves(self, rows: Floats) -> Floats:
        return rows

    def changed(self, image: Floats, relevance: Floats) -> Iterator[Floats]:
        return self._between(image, BASELINES[self.baseline](image), relevance, range(1, self.steps + 1))

    def values_of(self, rows: Floats) -> dict[str, NDArray[np.float64]]:
        return {"deletion_auc": self._areas(rows)}


@dataclass(eq=False, kw_only=True)
class Insertion(_Curve):
    """The area under the score as pixels of the image are inserted, the most relevant first.

    More is better. `insertion_auc` in [0, 1]. Petsiuk et al. 2018, as `Deletion`, the other way round: from the
    baseline to the image.

    Parameters
    ----------
    steps, baseline, batch_size
        As in `Deletion`; the baseline is the blurred image, as the paper's, which has fewer false edges.

    Examples
    --------
    >>> Insertion()
    Insertion(method=None, batch_size=None, steps=100, baseline='blur')
    """

    name = "insertion"
    title = "Insertion"
    figures = (Figure("insertion_auc", "insertion AUC", 1, column="insertion"),)

    baseline: str = "blur"

    def _curves(self, rows: Floats) -> Floats:
        return np.roll(rows, -1, axis=1)  # the whole image comes last

    def changed(self, image: Floats, relevance: Floats) -> Iterator[Floats]:
        return self._between(BASELINES[self.baseline](image), image, relevance, range(self.steps))

    def values_of(self, rows: Floats) -> dict[str, NDArray[np.float64]]:
        return {"insertion_auc": self._areas(rows)}
