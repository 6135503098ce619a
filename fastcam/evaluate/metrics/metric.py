"""What all metrics have in common: whole numbers of each image, whose sums say everything.

A metric turns an image into a row of whole numbers, its tally, and adds the rows up; `summary` is a function of the
sums alone. So shards may be merged in any order and grouping with the very same result, classes are looked at one by
one (`by_class`), and images are drawn anew (`bootstrap`), from tallies that `update` hands back.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any, ClassVar, Generic, NamedTuple, Self, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastcam.checks import is_number, is_whole
from fastcam.errors import InputError

Summary = TypeVar("Summary")
Tally = TypeVar("Tally", bound=np.integer)
TOGETHER = 64  # resamples
PART = 1 << 21  # numbers of tallies, in float64 16 MB
UNIT = 1 << 32  # fractions are summed in whole multiples of 1 / UNIT, so that no order of summation changes a bit


class Metric(ABC, Generic[Summary]):
    """Sums of tallies. Not to be updated by several threads at once: give each its own, and merge them.

    Attributes
    ----------
    settings
        What it was made with. Only metrics of the same settings can be merged.
    images
        How many were counted.
    sums
        (S,) int64, of the tallies of all images.
    """

    kinds: ClassVar[dict[str, type[Metric[Any]]]] = {}

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        Metric.kinds[cls.__name__] = cls

    def __init__(self, length: int, **settings: Any) -> None:
        self.settings = settings
        self.images = 0
        self.sums = np.zeros(length, np.int64)

    def __repr__(self) -> str:
        settings = ", ".join(f"{name}={value!r}" for name, value in self.settings.items())
        return f"<{type(self).__name__} of {self.images} images: {settings}>"

    @abstractmethod
    def summarize(self, sums: NDArray[np.int64], images: int) -> Summary:
        """The figures that follow from the sums of the tallies of so many images."""

    def summary(self) -> Summary:
        """The figures of all images so far.

        Raises
        ------
        InputError
            There was none.
        """
        if not self.images:
            raise InputError(f"{type(self).__name__}: expected at least one image before its summary; got none")
        return self.summarize(self.sums, self.images)

    def merge(self, other: Self) -> Self:
        """One that has counted the images of both, which stay as they are.

        Raises
        ------
        InputError
            The other is of another kind, or was made with other settings.
        """
        if type(other) is not type(self) or other.settings != self.settings:
            raise InputError(f"merge: expected the kind and settings of {self!r}; got {other!r}")
        merged = type(self)(**self.settings)
        merged.images, merged.sums = self.images + other.images, self.sums + other.sums
        return merged

    def state(self) -> dict[str, Any]:
        """All of it as plain values for JSON; `restored` brings it back."""
        settings = {name: list(v) if isinstance(v, tuple) else v for name, v in self.settings.items()}
        return {
            "metric": type(self).__name__,
            "settings": settings,
            "images": self.images,
            "sums": self.sums.tolist(),
        }

    def _add(self, tallies: NDArray[Tally]) -> NDArray[Tally]:
        """Count images, a row of `tallies` (N, S) each, which come back for `bootstrap` and `by_class`."""
        self.images += len(tallies)
        self.sums += tallies.sum(axis=0, dtype=np.int64)
        return tallies


def restored(state: Mapping[str, Any]) -> Metric[Any]:
    """The metric whose `state` that is.

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
        made = Metric.kinds[state["metric"]](**state["settings"])
        images, sums = state["images"], list(state["sums"])
    except (KeyError, TypeError) as error:
        raise InputError(f"state: expected what Metric.state made; got {str(state)[:80]!r}") from error
    whole = all(is_whole(value) and value >= 0 for value in (images, *sums))
    if not whole or len(sums) != len(made.sums):
        raise InputError(f"state: expected images and {len(made.sums)} sums, whole numbers from 0; got {len(sums)}")
    made.images, made.sums = images, np.array(sums, np.int64)
    return made


def by_class(metric: Metric[Summary], tallies: ArrayLike, class_index: ArrayLike) -> dict[int, Summary]:
    """The figures of each class by itself, in ascending order.

    Parameters
    ----------
    metric
        The one that made the tallies.
    tallies
        (N, S), as `update` returned them.
    class_index
        (N,), the class of each image.

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
    found = {}
    for one in np.unique(index).tolist():
        chosen = rows[index == one]
        found[one] = metric.summarize(chosen.sum(axis=0, dtype=np.int64), len(chosen))
    return found


class Interval(NamedTuple):
    """Between which values a figure lies, at the level of confidence that was asked for."""

    low: float
    high: float


NOWHERE = Interval(float("nan"), float("nan"))


def bootstrap(
    metric: Metric[Any], tallies: ArrayLike, *, resamples: int = 1000, confidence: float = 0.95, seed: int = 0
) -> dict[str, Interval]:
    """Confidence intervals of each figure of a summary, by drawing images anew with replacement.

    The percentile method of Efron 1979, "Bootstrap Methods: Another Look at the Jackknife". The same seed gives the
    same intervals. Where a metric chooses its best threshold, so does every resample.

    Parameters
    ----------
    metric
        The one that made the tallies.
    tallies
        (N, S), as `update` returned them, those of all batches in one array.
    resamples
        How often N images are drawn.
    confidence
        In (0, 1).

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
    for name in (field.name for field in fields(found[0]) if field.type == "float"):
        values = np.array([getattr(one, name) for one in found])
        known = values[~np.isnan(values)]
        intervals[name] = Interval(*np.quantile(known, (tail, 1 - tail)).tolist()) if len(known) else NOWHERE
    return intervals


def _resampled(rows: NDArray[np.integer], resamples: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """The sums of as many rows as there are, drawn with replacement, so many times."""
    rng, part = np.random.default_rng(seed), max(1, PART // rows.shape[1])
    for first in range(0, resamples, TOGETHER):
        draws = [rng.integers(len(rows), size=len(rows)) for _ in range(min(TOGETHER, resamples - first))]
        times = np.stack([np.bincount(one, minlength=len(rows)) for one in draws]).astype(np.float64)
        # In float64, which multiplies matrices by BLAS; sums below 2 ** 53 are exact. A part of the rows at a time, as
        # tallies of bytes become eight times as large.
        sums = sum(times[:, n : n + part] @ rows[n : n + part].astype(np.float64) for n in range(0, len(rows), part))
        yield from np.rint(sums).astype(np.int64)


def in_units(fractions: NDArray[np.float64]) -> NDArray[np.int64]:
    """Fractions in [0, 1], to be summed: rounded to whole multiples of 1 / UNIT."""
    return np.rint(fractions * UNIT).astype(np.int64)


def checked_tallies(metric: Metric[Any], tallies: ArrayLike) -> NDArray[np.integer]:
    """(N, S) of that metric, or `InputError`."""
    rows = np.asarray(tallies)
    if rows.ndim != 2 or rows.shape[1] != len(metric.sums) or rows.dtype.kind not in "iu":
        expected = f"(N, {len(metric.sums)}) whole numbers, as {type(metric).__name__}.update returns them"
        raise InputError(f"tallies: expected {expected}; got {rows.shape} {rows.dtype}")
    return rows
