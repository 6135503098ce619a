"""Metrics of measured numbers, of which all rows are kept."""

from __future__ import annotations

import math
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from fastcam.classifier.classifier import Classifier
from fastcam.errors import InputError
from fastcam.evaluate.metrics.metric import Metric, plain_number
from fastcam.results import Explanation


@dataclass(eq=False, kw_only=True)
class KeptMetric(Metric[dict[str, Any]]):
    """A metric of measured numbers: `update` with images, `merge` with other shards, then `summary`.

    The row of each map is kept, and means are rounded once: a sum over shards is the same in whatever order, to the
    bit. May be pickled; for one thread.

    Attributes
    ----------
    method
        Of the maps, as `Explanation.method`; None before the first update.
    """

    ALIKE: ClassVar = ("method",)  # attributes that the first update sets, and all others share

    method: str | None = field(default=None, init=False)
    _rows: list[NDArray[np.float32]] = field(default_factory=list, init=False, repr=False)

    def values_of(self, rows: NDArray[np.float32]) -> dict[str, NDArray[np.float64]]:
        """Return the figures of each map, (maps,) or (maps, ...) by name, from its row."""
        raise NotImplementedError

    def values(self) -> dict[str, NDArray[np.float64]]:
        """Return the figures of each map, (maps,) or (maps, ...) by name, in the order of updates."""
        return self.values_of(self.rows)

    @property
    def rows(self) -> NDArray[np.float32]:
        """The rows of all maps so far, in the order of updates."""
        return np.concatenate(self._rows)

    def merge(self, other: Self) -> Self:
        """Return a metric that has counted the maps of both, of the same options, which stay as they are.

        Raises
        ------
        InputError
            Another metric, other options, or maps of another method.
        """
        if type(other) is not type(self) or self._options() != other._options():
            raise InputError(f"merge: expected another {self!r}; got {other!r}")
        known = {name: (getattr(self, name), getattr(other, name)) for name in self.ALIKE}
        for name, (ours, theirs) in known.items():
            if ours and theirs and ours != theirs:
                raise InputError(f"merge: expected maps of the {name} {ours!r}, as here; got {theirs!r}")
        merged = copy(self)
        for name, (ours, theirs) in known.items():
            setattr(merged, name, ours or theirs)
        merged._rows = [*self._rows, *other._rows]
        return merged

    def summary(self) -> dict[str, Any]:
        """Return the means over all maps, by name; `maps`, their number; and their `method`.

        Raises
        ------
        InputError
            No map was counted.
        """
        maps = sum(len(rows) for rows in self._rows)
        if not maps:
            raise InputError("summary: expected at least one map; call update first")
        return {"method": self.method, "maps": maps, **{name: _mean(one) for name, one in self.values().items()}}

    def of_rows(self, rows: NDArray[Any]) -> dict[str, Any]:
        return {"images": len(rows), **{name: _mean(one) for name, one in self.values_of(rows).items()}}

    def intervals(self, rows: NDArray[Any], *, resamples: int, seed: int) -> Mapping[str, tuple[float, float]]:
        values, count, rng = self.values_of(rows), len(rows), np.random.default_rng(seed)
        table = np.stack(list(values.values()))
        drawn = np.stack([table[:, rng.integers(count, size=count)].mean(axis=1) for _ in range(resamples)])
        return dict(zip(values, map(tuple, np.quantile(drawn, (0.025, 0.975), axis=0).T.tolist()), strict=True))

    def plain(self, summary: dict[str, Any]) -> dict[str, Any]:
        return {name: plain_number(value) for name, value in summary.items()}

    def _options(self) -> dict[str, Any]:
        return {one.name: getattr(self, one.name) for one in fields(self) if one.init and one.name != "batch_size"}

    def _check(self, model: Classifier, photos: int, explanation: Explanation) -> None:
        """Check that an explanation is one of these photos by this model, and of the method that was counted before."""
        n, classes = explanation.logits.shape
        maps, index = explanation.activation_maps, explanation.class_index
        if n != photos or classes != model.head.classes:
            raise InputError(
                f"explanation: expected one of these {photos} images and {model.head.classes} classes; "
                f"got one of {n} images and {classes} classes"
            )
        if maps.ndim != 4 or maps.shape[:2] != index.shape:
            raise InputError(f"explanation: expected activation_maps {(*index.shape, 'h', 'w')}; got {maps.shape}")
        if self.method not in (None, explanation.method):
            raise InputError(f"explanation: expected the method {self.method!r}, as before; got {explanation.method!r}")


def _mean(values: NDArray[np.float64]) -> Any:
    """Return the mean over the first axis, rounded once."""
    return math.fsum(values) / len(values) if values.ndim == 1 else [_mean(column) for column in values.T]
