"""Maps and classes of a stream that don't flicker: smoothed over time, kept against close rivals, on one scale."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastcam.arrays.scalars import is_number
from fastcam.errors import InputError

if TYPE_CHECKING:
    from fastcam.classifier.vision import SeenPhoto

Limits = tuple[float, float]

SHORTEST = 1e-3  # seconds between two frames, whose times may be the same by the clock


@dataclass(frozen=True, slots=True)
class Steady:
    """Ways to keep what is shown of a stream from flickering; an option of `Classifier.stream`.

    Feature maps and scores become their exponential moving averages, `a_t = w a_(t-1) + (1 - w) x_t` with
    `w = 2 ** (-dt / half_life)`, dt being the time between two frames: so frames that are left out don't matter, and
    since activation maps are sums of feature maps, those of all classes are smoothed alike, also of one that was not
    shown before. Frames count as a millisecond apart at least. A new size of the frames, or time that goes back, begins
    anew.

    Attributes
    ----------
    half_life
        Seconds after which a frame counts half as much. 0: nothing is smoothed.
    margin
        Lead, 0 to 1, that the smoothed score of another class needs to take the place of one that is shown.
    scale
        Raw values that overlays colour (`Explanation.limits`). "running": from the lowest to the highest raw value of
        the maps shown, which widens at once and shrinks with the half-life, instead of each frame's own; (low, high):
        always these raw values.

    Raises
    ------
    InputError
        A value of the wrong kind or range.

    Examples
    --------
    >>> Steady(half_life=0.5).describe()
    'half-life 0.5 s, margin 0.1, scale running'
    """

    half_life: float = 0.25
    margin: float = 0.1
    scale: Literal["running"] | Limits = "running"

    def __post_init__(self) -> None:
        for name, most in (("half_life", 1e6), ("margin", 1.0)):
            value = getattr(self, name)
            if not is_number(value) or not 0 <= value <= most:
                raise InputError(f"steady: {name}: expected a number from 0 to {most:g}; got {value!r}")
        if isinstance(self.scale, str) and self.scale == "running":
            return
        ends = tuple(self.scale) if isinstance(self.scale, tuple | list) else ()
        sound = len(ends) == 2 and all(is_number(end) and abs(end) < 2.0**126 for end in ends)
        if not sound or not (np.diff(np.asarray(ends, np.float32)) > 0).all():
            raise InputError(f"steady: scale: expected 'running' or (low, high), low < high; got {self.scale!r}")

    def describe(self) -> str:
        """Return all values, in words."""
        scale = self.scale if isinstance(self.scale, str) else f"{self.scale[0]:g} to {self.scale[1]:g}"
        return f"half-life {self.half_life:g} s, margin {self.margin:g}, scale {scale}"


class Moment(NamedTuple):
    """Place of a frame in time: the weight of the past, and the number of the beginning that it comes after."""

    past: float
    beginning: int


class Smoother:
    """The past of a stream.

    `smooth` and `best` take frames in order, one at a time, and so does `limits`, which may lag behind them.
    """

    def __init__(self, steady: Steady) -> None:
        self.steady = steady
        self.moment = Moment(0.0, 0)  # of the last frame that was smoothed
        self._seen: SeenPhoto | None = None  # smoothed
        self._time = 0.0
        self._shown: NDArray[np.int64] | None = None
        self._limits: Limits | None = None
        self._measured = self.moment  # the last frame that limits were computed for

    def smooth(self, seen: SeenPhoto, timestamp: float) -> SeenPhoto:
        """Return the frame with feature maps and scores that are smoothed."""
        before, elapsed = self._seen, timestamp - self._time
        if before is None or before.size != seen.size or not elapsed >= 0:
            self._shown, self.moment = None, Moment(0.0, self.moment.beginning + 1)
        else:
            elapsed = max(elapsed, SHORTEST)
            past = math.exp2(-elapsed / self.steady.half_life) if self.steady.half_life else 0.0
            self.moment = self.moment._replace(past=past)
        if before is not None and self.moment.past:
            share = np.float32(1 - self.moment.past)
            maps = before.feature_maps + share * (seen.feature_maps - before.feature_maps)
            scores = before.scores + share * (seen.scores - before.scores)
            seen = replace(seen, feature_maps=maps, scores=scores)
        self._seen, self._time = seen, timestamp
        return seen

    def best(self, scores: NDArray[np.float32], finer: NDArray[np.float32], count: int) -> NDArray[np.int64]:
        """Return classes (count,), best first by scores (K,), where these are equal by finer values.

        Each place keeps its class until another one that has no better place is ahead by the margin.
        """
        order = np.lexsort((-finer, -scores.astype(np.float64))).tolist()
        held = [] if self._shown is None else self._shown.tolist()
        chosen: list[int] = []
        for place in range(count):
            challenger = next(index for index in order if index not in chosen)
            holder = held[place] if place < len(held) and held[place] not in chosen else challenger
            stays = scores[challenger] <= scores[holder] + self.steady.margin and self.steady.margin > 0
            chosen.append(holder if stays else challenger)
        self._shown = np.array(chosen, np.int64)
        return self._shown

    def limits(self, maps: NDArray[np.float32], moment: Moment) -> Limits:
        """Return the raw values that colours begin and end with, for maps (M, h, w) of a frame at a moment."""
        if not isinstance(self.steady.scale, str):
            return self.steady.scale
        low, high = float(maps.min()), float(maps.max())
        if self._limits is not None and self._measured.beginning == moment.beginning:
            share = 1 - moment.past
            low = min(low, self._limits[0] + share * (low - self._limits[0]))
            high = max(high, self._limits[1] + share * (high - self._limits[1]))
        self._limits, self._measured = (low, high), moment
        return self._limits
