"""The base class of all sources of frames."""

# pyright: reportUnnecessaryIsInstance=false
# Arguments are checked at run time, since callers may not check types.
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


class FrameSource(Iterator[Timed]):
    """An iterator over pairs of a frame, (H, W, 3) uint8 RGB, upright, C-contiguous, writable, and its time in seconds.

    For `Classifier.stream`; a context manager. One thread reads; another may close the source meanwhile: the frame that
    is being read is finished first.

    Attributes
    ----------
    name
        Path or address.
    rate
        Frames a second, on average; None: unknown.
    count
        The approximate number of frames; None: unknown.
    is_live
        Whether frames come at their own time, as those of a camera or a network stream, and don't wait for the reader.
    has_ended
        Whether the last frame was read, without a close or an interrupt before it.
    broken
        The number of packets of a live source that couldn't be decoded and were left out.
    time_base
        Seconds, of which all times are multiples; None: times are arbitrary.
    pixel_aspect
        Width of a pixel divided by its height, of the upright frame; None: square, or unknown.
    colors
        FFmpeg's numbers of the colour space, primaries and transfer of the source; None: unknown.
    """

    name = "frames"
    rate: Fraction | None = None
    count: int | None = None
    is_live = False
    has_ended = False
    broken = 0
    time_base: Fraction | None = None
    pixel_aspect: Fraction | None = None
    colors: tuple[int, int, int] | None = None

    def __init__(self) -> None:
        self._frames = self._read()
        self._reading = threading.Lock()
        self._is_closed = False

    def _read(self) -> Iterator[Timed]:
        raise NotImplementedError

    def _release(self) -> None:
        """Close the file; may be called more than once."""

    def open_audio(self) -> tuple[InputContainer, Fraction] | None:
        """Open the file again for its audio, and return it with the time of the frames' 0; None without audio."""
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
        """End reading, and close the file."""
        self._is_closed = True
        if self._reading.acquire(blocking=False):  # else the thread that reads closes the file
            try:
                self._release()
            finally:
                self._reading.release()

    def __enter__(self) -> FrameSource:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def checked_rate(rate: float | Fraction) -> Fraction:
    """Return frames a second as a fraction, 29.97 as 30000/1001, or raise InputError."""
    if isinstance(rate, bool) or not isinstance(rate, int | float | Fraction) or not 0 < rate <= 100_000:
        raise InputError(f"rate: expected frames a second, above 0; got {rate!r}")
    exact = Fraction(rate)
    broadcast = Fraction(round(exact * 1001 / 1000) * 1000, 1001)
    is_rounded = exact.denominator != 1 and abs(broadcast - exact) < Fraction(1, 200)
    return broadcast if is_rounded else exact.limit_denominator(1_000_000)
