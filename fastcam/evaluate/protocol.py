"""By what maps are judged: metrics, convention and thresholds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcam import conventions
from fastcam.checks import is_whole
from fastcam.errors import InputError
from fastcam.evaluate.metrics.average_drop import AverageDrop
from fastcam.evaluate.metrics.deletion import Deletion, Insertion
from fastcam.evaluate.metrics.faithfulness import Faithfulness
from fastcam.evaluate.metrics.localization import KnownLocalization, TopLocalization
from fastcam.evaluate.metrics.max_box_acc import MaxBoxAcc, MaxBoxAccV2
from fastcam.evaluate.metrics.mean_iou import MeanIoU
from fastcam.evaluate.metrics.metric import Metric
from fastcam.evaluate.metrics.pointing import EnergyInBox, PointingGame
from fastcam.evaluate.metrics.px_ap import PxAP
from fastcam.evaluate.metrics.road import Road

OF_BEST = ("localisation", "heuristics")
OF_BOXES = ("known", "max_box_acc", "max_box_acc_v2", "pointing", "pointing_15", "energy")
OF_MASKS = ("px_ap", "mean_iou")
FAITHFULNESS: Mapping[str, Callable[[], Faithfulness]] = {
    "average_drop": AverageDrop,
    "deletion": Deletion,
    "insertion": Insertion,
    "road": Road,
}
METRICS = (*OF_BEST, *OF_BOXES, *OF_MASKS, *FAITHFULNESS)
RELEASE = ("heuristics", "max_box_acc", "max_box_acc_v2")  # ask for one threshold after the other
TIGHT = 100 / 255  # of the heuristics: the threshold after 20 in the code that came with Zhou et al. 2016
TOP = 5  # best classes that count, as in ILSVRC
USUAL = 0.2  # of "wsol", which has none of its own: that of Zhou et al. 2016


@dataclass(frozen=True, slots=True)
class Protocol:
    """How maps become figures.

    Parameters
    ----------
    convention
        Whose rule makes boxes: "paper", "gradcam", "minmax"; or "wsol", on maps of 224×224 as its source has them, for
        models that see whole photos (fit=stretch); or "cam-release", which pools its own thresholds.
    threshold
        Of all figures that choose none, in (0, 1); None: the convention's own (0.2 with "wsol").
    thresholds
        T: MaxBoxAcc and PxAP look at 0, 1/T, ..., (T - 1)/T. None: 100, or 1000 with "wsol", as in its source.
    top
        How many classes count for localisation.
    metrics
        Some of `METRICS`. None: all that the convention has, but for those of faithfulness, which ask the model again.

        - Of each photo with boxes, and the best classes: "localisation" (`TopLocalization`); "heuristics", the same of
          five predictions of three classes (`fastcam.evaluate.heuristics`, tight boxes at 100/255, so that the
          threshold is below it, and top at least 3).
        - Of each photo and class that it has boxes of: "known" (`KnownLocalization`), "max_box_acc" by the largest
          components, "max_box_acc_v2" by all; "pointing", "pointing_15" (within 15 pixels) and "energy".
        - Of each photo and class that it has masks of: "px_ap", on heatmaps between their own extrema, at the photo's
          size, or with "wsol" at 224×224, bicubic, and masks by the nearest pixel; "mean_iou" of background and object,
          which is all pixels above the threshold.
        - Of each photo and its best class: "average_drop", "deletion", "insertion", "road".
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
    ('localisation', 'known', 'pointing', 'pointing_15', 'energy', 'px_ap')
    """

    convention: str = "paper"
    threshold: float | None = None
    thresholds: int | None = None
    top: int = TOP
    metrics: tuple[str, ...] | None = None
    seed: int = 0
    rule: conventions.Convention = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.thresholds is None:
            object.__setattr__(self, "thresholds", 1000 if self.convention == "wsol" else 100)
        for name, least in (("thresholds", 1), ("top", 1), ("seed", 0)):
            value = getattr(self, name)
            if not is_whole(value) or value < least:
                raise InputError(f"{name}: expected a whole number from {least}; got {value!r}")
            object.__setattr__(self, name, int(value))
        every = (*conventions.CONVENTIONS, *conventions.DENSE)
        if self.convention not in every:
            raise InputError(f"convention: expected one of {', '.join(every)}; got {self.convention!r}")
        if self.convention == "cam-release" and self.threshold is not None:
            raise InputError(f"threshold: 'cam-release' pools thresholds of its own; got {self.threshold!r}")
        # The dense ones make their boxes elsewhere; here is where the threshold is checked.
        is_dense = self.convention in conventions.DENSE
        rule = conventions.named("paper" if is_dense else self.convention, self.threshold)
        object.__setattr__(self, "rule", rule)
        object.__setattr__(self, "metrics", self._checked_metrics())

    def _checked_metrics(self) -> tuple[str, ...]:
        """In the order of `METRICS`."""
        if self.metrics is not None and (isinstance(self.metrics, str) or not isinstance(self.metrics, Sequence)):
            raise InputError(f"metrics: expected a tuple of names, or None for all; got {self.metrics!r}")
        has = [name for name in METRICS if self._has(name)]
        asked = [name for name in has if name not in FAITHFULNESS] if self.metrics is None else list(self.metrics)
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

    def _has(self, name: str) -> bool:
        if name == "mean_iou":
            return self.convention in conventions.CONVENTIONS
        if name == "heuristics" and (self.top < 3 or self.rule.threshold >= TIGHT):
            return False
        return name not in RELEASE or self.convention != "cam-release"

    @property
    def asked(self) -> tuple[str, ...]:
        """The metrics, never None."""
        return self.metrics or ()

    @property
    def corners(self) -> str:
        """What corners of boxes mean."""
        return "inclusive" if self.convention in conventions.DENSE else "half-open"

    @property
    def fractions(self) -> NDArray[np.float64]:
        """(T,), the thresholds from which the best is chosen."""
        count = self.thresholds or 1  # never None
        return np.arange(count, dtype=np.float64) * (1 / count)

    def with_faithfulness(self) -> Protocol:
        """The same with all metrics of faithfulness as well.

        Examples
        --------
        >>> Protocol(metrics=("energy",)).with_faithfulness().metrics
        ('energy', 'average_drop', 'deletion', 'insertion', 'road')
        """
        return replace(self, metrics=(*self.asked, *FAITHFULNESS))

    def record(self) -> dict[str, Any]:
        """Its options as plain values, the threshold as it is used."""
        return {
            "convention": self.convention,
            "threshold": None if self.convention == "cam-release" else self.rule.threshold,
            "thresholds": self.thresholds,
            "top": self.top,
            "metrics": list(self.asked),
            "seed": self.seed,
        }

    def metric(self, name: str) -> Metric[Any]:
        """A new one, that has counted nothing; of all but faithfulness."""
        corners, fractions = self.corners, self.fractions.tolist()
        make: dict[str, Callable[[], Metric[Any]]] = {
            "localisation": lambda: TopLocalization(top=self.top, corners=corners),
            "heuristics": lambda: TopLocalization(top=5, corners=corners),
            "known": lambda: KnownLocalization(corners=corners),
            "max_box_acc": lambda: MaxBoxAcc(fractions, corners=corners),
            "max_box_acc_v2": lambda: MaxBoxAccV2(fractions, corners=corners),
            "pointing": PointingGame,
            "pointing_15": lambda: PointingGame(tolerance=15),
            "energy": EnergyInBox,
            "px_ap": lambda: PxAP(fractions),
            "mean_iou": lambda: MeanIoU(2),
        }
        return make[name]()

    def describe(self) -> str:
        """The convention in words.

        Examples
        --------
        >>> Protocol().describe()
        "convention 'paper', threshold 0.2, the best of 100 for MaxBoxAcc"
        """
        if self.convention == "cam-release":
            return "convention 'cam-release', thresholds 20, 100 and 110 of 255"
        best = f", the best of {self.thresholds} for MaxBoxAcc"
        is_chosen = {"max_box_acc", "max_box_acc_v2"} & set(self.asked)
        return f"convention {self.convention!r}, threshold {self.rule.threshold:g}{best if is_chosen else ''}"
