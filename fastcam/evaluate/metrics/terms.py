"""The terms on which maps are scored: whose rule makes boxes, its thresholds, and how many classes count."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fastcam.arrays import conventions
from fastcam.arrays.scalars import is_whole
from fastcam.errors import InputError

TOP = 5  # best classes that count, as in ILSVRC


@dataclass(frozen=True)
class Terms:
    """Options that metrics are made with; `fastcam.evaluate.Protocol` adds which metrics these are, and describes them.

    Attributes
    ----------
    rule
        The threshold's rule. Of "wsol" and "cam-release", which make their boxes elsewhere, that of "paper".

    Raises
    ------
    InputError
        An option out of range.
    """

    convention: str = "paper"
    threshold: float | None = None
    thresholds: int | None = None
    top: int = TOP
    rule: conventions.Convention = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.thresholds is None:
            object.__setattr__(self, "thresholds", 1000 if self.convention == "wsol" else 100)
        for name in ("thresholds", "top"):
            object.__setattr__(self, name, checked_whole(name, getattr(self, name), 1))
        every = (*conventions.CONVENTIONS, *conventions.DENSE)
        if self.convention not in every:
            raise InputError(f"convention: expected one of {', '.join(every)}; got {self.convention!r}")
        if self.convention == "cam-release" and self.threshold is not None:
            raise InputError(f"threshold: 'cam-release' pools thresholds of its own; got {self.threshold!r}")
        name = "paper" if self.convention in conventions.DENSE else self.convention
        object.__setattr__(self, "rule", conventions.named(name, self.threshold))

    @property
    def corners(self) -> str:
        """The meaning of boxes' corners, "inclusive" or "half-open"."""
        return "inclusive" if self.convention in conventions.DENSE else "half-open"

    @property
    def fractions(self) -> NDArray[np.float64]:
        """The thresholds from which the best is chosen, (T,) in [0, 1)."""
        count = self.thresholds or 1  # never None
        return np.arange(count, dtype=np.float64) * (1 / count)


def checked_whole(name: str, value: object, least: int) -> int:
    """Return a whole number that is large enough, or raise `InputError`."""
    if not is_whole(value) or value < least:
        raise InputError(f"{name}: expected a whole number from {least}; got {value!r}")
    return int(value)
