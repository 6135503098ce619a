"""The protocol of an evaluation: metrics, convention, thresholds and seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from fastcam.errors import InputError
from fastcam.evaluate.metrics.baselines import BASELINES
from fastcam.evaluate.metrics.max_box_acc import MaxBoxAcc
from fastcam.evaluate.metrics.metric import Metric
from fastcam.evaluate.metrics.table import METRICS
from fastcam.evaluate.metrics.terms import Terms, checked_whole


@dataclass(frozen=True)
class Protocol(Terms):
    """The way from maps to figures.

    Parameters
    ----------
    convention
        The rule of boxes: "paper", "gradcam", "minmax"; or "wsol", on maps of 224×224 as its source has them, for
        models that see whole photos (fit=stretch); or "cam-release", which pools its own thresholds.
    threshold
        Of all figures that choose none, in (0, 1); None: the convention's own (0.2 with "wsol").
    thresholds
        T: MaxBoxAcc and PxAP look at 0, 1/T, ..., (T - 1)/T. None: 100, or 1000 with "wsol", as in its source.
    top
        The number of best classes that count for localisation.
    metrics
        Names in `fastcam.evaluate.metrics.METRICS`, whose classes describe them; docs/evaluation.md has a table. None:
        all that the convention has, but for those of faithfulness, which run the model again. Each is counted of:

        - each photo with boxes, by the best classes: "localization", "heuristics";
        - each photo and class that it has boxes of: "known", "max_box_acc", "max_box_acc_v2", "pointing",
          "pointing_15", "energy";
        - each photo and class that it has masks of: "px_ap", "mean_iou";
        - each photo and its best class: "average_drop", "deletion", "insertion", "road".
    seed
        Of the bootstrap.

    Raises
    ------
    InputError
        An option out of range, or a metric that the convention doesn't have.

    Examples
    --------
    >>> Protocol(metrics=("pointing", "energy")).metrics
    ('pointing', 'energy')
    >>> Protocol(convention="cam-release").metrics
    ('localization', 'known', 'pointing', 'pointing_15', 'energy', 'px_ap')
    """

    metrics: tuple[str, ...] | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "seed", checked_whole("seed", self.seed, 0))
        object.__setattr__(self, "metrics", self._checked_metrics())

    def _checked_metrics(self) -> tuple[str, ...]:
        """Return the metrics in the order of `METRICS`, or raise `InputError`."""
        if self.metrics is not None and (isinstance(self.metrics, str) or not isinstance(self.metrics, Sequence)):
            raise InputError(f"metrics: expected a tuple of names, or None for all; got {self.metrics!r}")
        has = [name for name, metric in METRICS.items() if metric.fits(self)]
        usual = [name for name in has if not METRICS[name].group.asks_again]
        asked = usual if self.metrics is None else list(self.metrics)
        if unknown := [name for name in asked if name not in METRICS]:
            raise InputError(f"metrics: expected some of {', '.join(METRICS)}; got {', '.join(map(str, unknown))}")
        if absent := [name for name in asked if name not in has]:
            raise InputError(
                f"metrics: expected some of {', '.join(has)}, which {self.convention!r} has with top={self.top} and "
                f"threshold={self.rule.threshold:g}; "
                f"got {', '.join(absent)}"
            )
        if not asked:
            raise InputError("metrics: expected at least one; got none")
        return tuple(name for name in has if name in asked)

    @property
    def asked(self) -> tuple[str, ...]:
        """The metrics, never None."""
        return self.metrics or ()

    @property
    def kinds(self) -> dict[str, type[Metric[Any]]]:
        """The class of each of the metrics, by name."""
        return {name: METRICS[name] for name in self.asked}

    @property
    def baselines(self) -> list[str]:
        """The baselines that have any of the metrics."""
        return [name for name in BASELINES if any(name in kind.baselines for kind in self.kinds.values())]

    def with_faithfulness(self) -> Protocol:
        """Return the protocol with all metrics of faithfulness as well.

        Examples
        --------
        >>> Protocol(metrics=("energy",)).with_faithfulness().metrics
        ('energy', 'average_drop', 'deletion', 'insertion', 'road')
        """
        asking = [name for name, metric in METRICS.items() if metric.group.asks_again]
        return replace(self, metrics=(*self.asked, *asking))

    def record(self) -> dict[str, Any]:
        """Return the options as plain values, the threshold as it is used."""
        return {
            "convention": self.convention,
            "threshold": None if self.convention == "cam-release" else self.rule.threshold,
            "thresholds": self.thresholds,
            "top": self.top,
            "metrics": list(self.asked),
            "seed": self.seed,
        }

    def metric(self, name: str) -> Metric[Any]:
        """Return a new metric on these terms, which has counted nothing."""
        return METRICS[name].under(self)

    def describe(self) -> str:
        """Return the convention in words.

        Examples
        --------
        >>> Protocol().describe()
        "convention 'paper', threshold 0.2, the best of 100 for MaxBoxAcc"
        """
        if self.convention == "cam-release":
            return "convention 'cam-release', thresholds 20, 100 and 110 of 255"
        best = f", the best of {self.thresholds} for MaxBoxAcc"
        is_chosen = any(issubclass(kind, MaxBoxAcc) for kind in self.kinds.values())
        return f"convention {self.convention!r}, threshold {self.rule.threshold:g}{best if is_chosen else ''}"


def protocol_of(record: Mapping[str, Any]) -> Protocol:
    """Return the protocol whose `Protocol.record` is given, maybe among other values."""
    given = {name: record[name] for name in ("convention", "threshold", "thresholds", "top", "seed")}
    return Protocol(**given, metrics=tuple(record["metrics"]))
