"""Metrics: what one counts, its names and titles, and what all of them can do."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Generic, NamedTuple, Self, TypeVar

from numpy.typing import NDArray

from fastcam.evaluate.metrics.group import Group
from fastcam.evaluate.metrics.sample import Sample
from fastcam.evaluate.metrics.terms import Terms

Summary = TypeVar("Summary")


class Figure(NamedTuple):
    """A figure of a metric, as tables and the page show it.

    Attributes
    ----------
    name
        As in `results.json`.
    title
        On the page, below the metric's own title. "{top}" becomes how many best classes count.
    better
        1 where more is better, -1 where less is.
    column
        Its title in tables of Markdown; None: it has no column there. Columns of "{top}" classes are left out where
        only the best class counts.
    """

    name: str
    title: str
    better: int
    column: str | None = None


class ClassFigure(NamedTuple):
    """A figure of each class by itself: its name among those of a class, the metric's figure, and the page's title."""

    name: str
    figure: str
    title: str


class Metric(ABC, Generic[Summary]):
    """A metric: numbers that are counted of each map, and figures that follow from them.

    `update` counts images and returns a row of numbers for each; `summary` has the figures of all images; `merge` adds
    shards up, in any order with the very same result. Not to be updated by several threads at once: give each its own.

    A metric of `fastcam eval` also has a name, and what follows here; `fastcam.evaluate.metrics.METRICS` lists it.
    Protocols, tables and the page are made of these.

    Attributes
    ----------
    name
        In protocols, in results, and on the command line.
    title
        On the page.
    group
        What a row is counted of: `BEST`, `BOXES`, `MASKS` or `SEEN`.
    figures
        In the order of columns.
    of_classes
        Figures of each class by itself; only of the group `BOXES`.
    averaged
        The figure of which the mean over classes is a figure, too, called "mean_of_classes"; None: of none.
    baselines
        Which of `fastcam.evaluate.metrics.BASELINES` it is computed for.
    """

    name: ClassVar[str] = ""
    title: ClassVar[str] = ""
    group: ClassVar[Group]
    figures: ClassVar[tuple[Figure, ...]] = ()
    of_classes: ClassVar[tuple[ClassFigure, ...]] = ()
    averaged: ClassVar[str | None] = None
    baselines: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def fits(cls, terms: Terms) -> bool:
        """Return whether the metric can be had on these terms."""
        return True

    @classmethod
    def under(cls, terms: Terms) -> Self:
        """Return a new metric on these terms, which has counted nothing."""
        return cls()

    def score(self, sample: Sample) -> NDArray[Any]:
        """Return the rows (n, S) of one photo's maps, n of the metric's group."""
        raise NotImplementedError

    @abstractmethod
    def of_rows(self, rows: NDArray[Any]) -> Summary:
        """Return the figures that follow from these rows alone."""

    @abstractmethod
    def intervals(self, rows: NDArray[Any], *, resamples: int, seed: int) -> Mapping[str, tuple[float, float]]:
        """Return the 95 % confidence interval of each figure of these rows, by bootstrap."""

    @abstractmethod
    def summary(self) -> Summary:
        """Return the figures of all images so far."""

    @abstractmethod
    def merge(self, other: Any) -> Self:
        """Return a metric that has counted the images of both, which stay as they are."""

    @abstractmethod
    def plain(self, summary: Summary) -> dict[str, Any]:
        """Return figures by name as plain values for JSON."""

    def curves_of(self, summary: Summary) -> dict[str, Any] | None:
        """Return "thresholds", "deltas" and "accuracy", a list for each delta; None where there are no curves."""
        return None


def plain_number(value: float) -> float | None:
    """Return the number, or None for NaN, which JSON doesn't have."""
    return None if math.isnan(value) else value
