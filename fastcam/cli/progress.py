"""One line on a terminal that tells how far a long run is; nothing in a pipe."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

INTERVAL = 0.2  # seconds between two states of the line


class Progress:
    """Counts frames, or other steps; a context manager that takes its line away at the end.

    Parameters
    ----------
    stream
        Where the line goes, if that is a terminal.
    total
        How many are to come, about; None if nobody knows.
    what
        Is counted.
    """

    def __init__(self, stream: TextIO, total: int | None, what: str = "frame") -> None:
        self.count = self.dropped = 0
        self._stream, self._total, self._what = stream, total, what
        self._began = self._told = time.perf_counter()
        self._text = ""
        self._is_shown = stream.isatty()

    @property
    def rate(self) -> float:
        """So many a second so far."""
        return self.count / max(time.perf_counter() - self._began, 1e-9)

    def step(self, dropped: int = 0) -> None:
        """One more; `dropped` were left out so far."""
        self.dropped = dropped
        self.reach(self.count + 1, self._total)

    def reach(self, count: int, total: int | None) -> None:
        """So many of so many."""
        self.count, self._total = count, total
        now = time.perf_counter()
        if self._is_shown and now - self._told >= INTERVAL:
            self._told = now
            self._show(line(count, total, self.rate, self._what))

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Take the line away while something else is written to the terminal, and put it back."""
        text = self._text
        self._hide()
        yield
        if text:
            self._show(text)

    def _show(self, text: str) -> None:
        self._stream.write(f"\r{text:<{len(self._text)}}")
        self._stream.flush()
        self._text = text

    def _hide(self) -> None:
        if self._text:
            self._stream.write(f"\r{' ' * len(self._text)}\r")
            self._stream.flush()
            self._text = ""

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        self._hide()


def line(count: int, total: int | None, rate: float, what: str = "frame") -> str:
    """The line's text.

    Examples
    --------
    >>> line(120, 300, 24.0)
    'frame 120 of 300, 24.0 frames/s, 0:08 left'
    >>> line(120, None, 24.0, "photo")
    'photo 120, 24.0 photos/s'
    """
    if total is None or total < count:
        return f"{what} {count}, {rate:.1f} {what}s/s"
    left = round((total - count) / rate)
    hours, minutes = divmod(left // 60, 60)
    clock = f"{hours}:{minutes:02}:{left % 60:02}" if hours else f"{minutes}:{left % 60:02}"
    return f"{what} {count} of {total}, {rate:.1f} {what}s/s, {clock} left"
