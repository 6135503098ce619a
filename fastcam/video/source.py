"""What all sources of frames have in common."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fastcam.errors import InputError

if TYPE_CHECKING:
    from av.container import InputContainer

Timed = tuple[NDArray[np.uint8], float]


class Source(Iterator[Timed]):
    """Pairs of a frame, (H, W, 3) uint8 RGB, upright, C-contiguous and writable, and its time in seconds.

    An iterator for `Classifier.stream`, and a context manager. One thread reads it; another may close it meanwhile:
    what is being read is finished first.

    Attributes
    ----------
    name
        Path or address.
    rate
        Frames a second, on average; None: nobody knows.
    count
        About how many frames there are; None: nobody knows.
    is_live
        Whether frames come by themselves and don't wait, as those of a camera or a network stream.
    has_ended
        Whether its last frame was read, and it wasn't closed or interrupted before that.
    broken
        How many packets of a live source couldn't be decoded, and were left out.
    time_base
        Seconds, of which all times are multiples; None: any times.
    pixel_aspect
        Width of a pixel by its height, of the upright frame; None: they are square, or nobody knows.
    colours
        FFmpeg's numbers of the colour space, primaries and transfer that frames were converted from; None: from none.
    """

    name = "frames"
    rate: Fraction | None = None
    count: int | None = None
    is_live = False
    has_ended = False
    broken = 0
    time_base: Fraction | None = None
    pixel_aspect: Fraction | None = None
    colours: tuple[int, int, int] | None = None

    def __init__(self) -> None:
        self._frames = self._read()
        self._reading = threading.Lock()
        self._is_closed = False

    def _read(self) -> Iterator[Timed]:
        raise NotImplementedError

    def _release(self) -> None:
        """Let go of the file; may be called more than once."""

    def open_audio(self) -> tuple[InputContainer, Fraction] | None:
        """The file once more, for its audio, and what time there is the frames' 0; None where there is no audio."""
        return None

    def __next__(self) -> Timed:
        with self._reading:
            try:
                if not self._is_closed:
                    return next(self._frames)
            except BaseException as error:
                self.has_ended, self._is_closed = isinstance(error, StopIteration), True
                raise
            finally:
                if self._is_closed:
                    self._release()
        raise StopIteration

    def close(self) -> None:
        """Read no more."""
        self._is_closed = True
        if self._reading.acquire(blocking=False):  # else whoever reads lets go of the file
            try:
                self._release()
            finally:
                self._reading.release()

    def __enter__(self) -> Source:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def checked_rate(rate: float | Fraction) -> Fraction:
    """Frames a second as a fraction: 29.97 is 30000/1001."""
    if isinstance(rate, bool) or not isinstance(rate, int | float | Fraction) or not 0 < rate <= 100_000:
        raise InputError(f"rate: expected frames a second, above 0; got {rate!r}")
    exact = Fraction(rate)
    broadcast = Fraction(round(exact * 1001 / 1000) * 1000, 1001)
    is_rounded = exact.denominator != 1 and abs(broadcast - exact) < Fraction(1, 200)
    return broadcast if is_rounded else exact.limit_denominator(1_000_000)
