"""Metrics of whole numbers, of which only the sums are kept; confidence intervals, and figures of single classes.

Such a metric turns an image into a row of whole numbers, its tally, and adds the rows up; `summary` is a function of
the sums alone. So shards may be merged in any order and grouping with the very same result, figures of classes are
computed from some of the rows (`by_class`), and intervals from rows that are drawn anew (`bootstrap`).
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields
from typing import Any, ClassVar, NamedTuple, Self, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastcam.arrays.scalars import is_number, is_whole
from fastcam.errors import InputError
from fastcam.evaluate.metrics.metric import Metric, Summary, plain_number

Tally = TypeVar("Tally", bound=np.integer)
TOGETHER = 64  # resamples
PART = 1 << 21  # numbers of tallies, in float64 16 MB
UNIT = 1 << 32  # fractions are summed in whole multiples of 1 / UNIT, so that no order of summation changes a bit


class SummedMetric(Metric[Summary]):
    """A metric of whole numbers, of which only the sums are kept.

    Attributes
    ----------
    settings
        The options that it was made with. Only metrics of the same settings can be merged.
    images
        How many images were counted.
    sums
        (S,) int64, the sums of the tallies of all images.
    """

    kinds: ClassVar[dict[str, type[SummedMetric[Any]]]] = {}

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        SummedMetric.kinds[cls.__name__] = cls

    def __init__(self, length: int, **settings: Any) -> None:
        self.settings = settings
        self.images = 0
        self.sums = np.zeros(length, np.int64)

    def __repr__(self) -> str:
        settings = ", ".join(f"{name}={value!r}" for name, value in self.settings.items())
        return f"<{type(self).__name__} of {self.images} images: {settings}>"

    @abstractmethod
    def summarize(self, sums: NDArray[np.int64], images: int) -> Summary:
        """Return the figures that follow from the sums of the tallies of that many images."""

    def summary(self) -> Summary:
        """Return the figures of all images so far.

        Raises
        ------
        InputError
            No image was counted.
        """
        if not self.images:
            raise InputError(f"{type(self).__name__}: expected at least one image before its summary; got none")
        return self.summarize(self.sums, self.images)

    def merge(self, other: Self) -> Self:
        """Return a metric that has counted the images of both, which stay as they are.

        Raises
        ------
        InputError
            The other metric is of another kind, or was made with other settings.
        """
        if type(other) is not type(self) or other.settings != self.settings:
            raise InputError(f"merge: expected the kind and settings of {self!r}; got {other!r}")
        merged = type(self)(**self.settings)
        merged.images, merged.sums = self.images + other.images, self.sums + other.sums
        return merged

    def state(self) -> dict[str, Any]:
        """Return the metric as plain values for JSON, of which `restored` makes it again."""
        settings = {name: list(v) if isinstance(v, tuple) else v for name, v in self.settings.items()}
        return {
            "metric": type(self).__name__,
            "settings": settings,
            "images": self.images,
            "sums": self.sums.tolist(),
        }

    def of_rows(self, rows: NDArray[Any]) -> Summary:
        return self.summarize(rows.sum(axis=0, dtype=np.int64), len(rows))

    def intervals(self, rows: NDArray[Any], *, resamples: int, seed: int) -> Mapping[str, tuple[float, float]]:
        return bootstrap(self, rows, resamples=resamples, seed=seed)

    def plain(self, summary: Summary) -> dict[str, Any]:
        found = asdict(summary)  # pyright: ignore[reportArgumentType]  # a dataclass
        return {name: plain_number(value) for name, value in found.items() if isinstance(value, int | float)}

    def count(self, tallies: NDArray[Tally]) -> NDArray[Tally]:
        """Count images, a row of `tallies` (N, S) each, and return these rows."""
        self.images += len(tallies)
        self.sums += tallies.sum(axis=0, dtype=np.int64)
        return tallies


def restored(state: Mapping[str, Any]) -> SummedMetric[Any]:
    """Return the metric whose `state` is given.

    Parameters
    ----------
    state
        As `SummedMetric.state` returns it.

    Returns
    -------
    SummedMetric
        Of the same kind and settings, with the same images and sums.

    Raises
    ------
    InputError
        It isn't the state of a metric, or not all of it.

    Examples
    --------
    >>> from fastcam.evaluate import PointingGame
    >>> restored(PointingGame(tolerance=15).state())
    <PointingGame of 0 images: tolerance=15>
    """
    try:
        made = SummedMetric.kinds[state["metric"]](**state["settings"])
        images, sums = state["images"], list(state["sums"])
    except (KeyError, TypeError) as error:
        raise InputError(f"state: expected what Metric.state made; got {str(state)[:80]!r}") from error
    whole = all(is_whole(value) and value >= 0 for value in (images, *sums))
    if not whole or len(sums) != len(made.sums):
        raise InputError(f"state: expected images and {len(made.sums)} sums, whole numbers from 0; got {len(sums)}")
    made.images, made.sums = images, np.array(sums, np.int64)
    return made


def by_class(metric: SummedMetric[Summary], tallies: ArrayLike, class_index: ArrayLike) -> dict[int, Summary]:
    """Return the figures of each class by itself.

    Parameters
    ----------
    metric
        The metric that made the tallies.
    tallies
        (N, S), as `update` returned them.
    class_index
        (N,), the class of each image.

    Returns
    -------
    dict
        Figures by class index, in ascending order.

    Raises
    ------
    InputError
        Tallies of another length, or another number of classes than of images.

    Examples
    --------
    >>> from fastcam.evaluate import PointingGame, truth_of
    >>> game = PointingGame()
    >>> tallies = game.update([[1, 1], [9, 9]], truth_of([[[0, 0, 4, 4]], [[0, 0, 4, 4]]]))
    >>> {index: one.accuracy for index, one in by_class(game, tallies, [3, 8]).items()}
    {3: 1.0, 8: 0.0}
    """
    rows, index = checked_tallies(metric, tallies), np.asarray(class_index)
    if index.shape != (len(rows),):
        raise InputError(f"class_index: expected ({len(rows)},), one an image; got {index.shape}")
    return {one: metric.of_rows(rows[index == one]) for one in np.unique(index).tolist()}


class Interval(NamedTuple):
    """The values between which a figure lies, at some level of confidence."""

    low: float
    high: float


NOWHERE = Interval(float("nan"), float("nan"))


def bootstrap(
    metric: SummedMetric[Any], tallies: ArrayLike, *, resamples: int = 1000, confidence: float = 0.95, seed: int = 0
) -> dict[str, Interval]:
    """Return confidence intervals of each figure, by drawing images anew with replacement.

    The percentile method of Efron 1979, "Bootstrap Methods: Another Look at the Jackknife". The same seed gives the
    same intervals. Where a metric chooses its best threshold, so does every resample.

    Parameters
    ----------
    metric
        The metric that made the tallies.
    tallies
        (N, S), as `update` returned them, those of all batches in one array.
    resamples
        How often N images are drawn.
    confidence
        In (0, 1).
    seed
        Of the draws, 0 or more.

    Returns
    -------
    dict
        An `Interval` for each figure that is a fraction, by its name; NaN where no resample has the figure.

    Raises
    ------
    InputError
        No image, tallies of another length, or an option out of range.

    Examples
    --------
    >>> from fastcam.evaluate import PointingGame, truth_of
    >>> game = PointingGame()
    >>> tallies = game.update([[1, 1], [9, 9]] * 50, truth_of([[[0, 0, 4, 4]]] * 100))
    >>> interval = bootstrap(game, tallies)["accuracy"]
    >>> print(f"{interval.low:.2f} to {interval.high:.2f}")
    0.40 to 0.60
    """
    rows = checked_tallies(metric, tallies)
    if not len(rows) or not is_whole(resamples) or resamples < 1:
        raise InputError(f"bootstrap: expected images and resamples >= 1; got {len(rows)} and {resamples!r}")
    if not is_number(confidence) or not 0 < confidence < 1:
        raise InputError(f"confidence: expected a fraction in (0, 1); got {confidence!r}")
    if not is_whole(seed) or seed < 0:
        raise InputError(f"seed: expected a whole number from 0; got {seed!r}")
    found = [metric.summarize(sums, len(rows)) for sums in _resampled(rows, resamples, seed)]
    tail = (1 - confidence) / 2
    intervals = {}
    for name in (field.name for field in fields(found[0]) if field.type in (float, "float")):
        values = np.array([getattr(one, name) for one in found])
        known = values[~np.isnan(values)]
        intervals[name] = Interval(*np.quantile(known, (tail, 1 - tail)).tolist()) if len(known) else NOWHERE
    return intervals


def _resampled(rows: NDArray[np.integer], resamples: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """Yield the sums of the rows of each resample."""
    rng, part = np.random.default_rng(seed), max(1, PART // rows.shape[1])
    for first in range(0, resamples, TOGETHER):
        draws = [rng.integers(len(rows), size=len(rows)) for _ in range(min(TOGETHER, resamples - first))]
        times = np.stack([np.bincount(one, minlength=len(rows)) for one in draws]).astype(np.float64)
        # In float64, which multiplies matrices by BLAS; sums below 2 ** 53 are exact. A part of the rows at a time, as
        # tallies of bytes become eight times as large.
        sums = sum(times[:, n : n + part] @ rows[n : n + part].astype(np.float64) for n in range(0, len(rows), part))
        yield from np.rint(sums).astype(np.int64)


def in_units(fractions: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return fractions in [0, 1] rounded to whole multiples of 1 / UNIT, to be summed."""
    return np.rint(fractions * UNIT).astype(np.int64)


def checked_tallies(metric: SummedMetric[Any], tallies: ArrayLike) -> NDArray[np.integer]:
    """Return the tallies (N, S) of a metric, or raise `InputError`."""
    rows = np.asarray(tallies)
    if rows.ndim != 2 or rows.shape[1] != len(metric.sums) or rows.dtype.kind not in "iu":
        expected = f"(N, {len(metric.sums)}) whole numbers, as {type(metric).__name__}.update returns them"
        raise InputError(f"tallies: expected {expected}; got {rows.shape} {rows.dtype}")
    return rows
