"""A line of progress on a terminal; nothing in a pipe."""

from __future__ import annotations

import os
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import TextIO

INTERVAL = 0.2  # seconds between two states of the line
WIDTH = 20  # letters of the bar


class Progress:
    """A counter of frames or other steps; a context manager that removes its line at the end.

    Parameters
    ----------
    stream
        The stream of the line, if it is a terminal.
    total
        The approximate number of steps; None: unknown.
    what
        The name of a step.
    is_quiet
        Whether nothing is shown on a terminal either.
    """

    def __init__(self, stream: TextIO, total: int | None, what: str = "frame", *, is_quiet: bool = False) -> None:
        self.count = self.dropped = 0
        self._stream, self._total, self._what = stream, total, what
        self._began = self._shown = time.perf_counter()
        self._text = ""
        self._is_shown = stream.isatty() and not is_quiet and os.environ.get("TERM") != "dumb"

    @property
    def rate(self) -> float:
        """Steps a second so far."""
        return self.count / max(time.perf_counter() - self._began, 1e-9)

    def step(self, dropped: int = 0) -> None:
        """Count one more step; `dropped` were left out so far."""
        self.dropped = dropped
        self.reach(self.count + 1, self._total)

    def reach(self, count: int, total: int | None) -> None:
        """Set the count and the total, and show the line if it is time."""
        self.count, self._total = count, total
        now = time.perf_counter()
        if self._is_shown and now - self._shown >= INTERVAL:
            self._shown = now
            text = line(count, total, self.rate, self._what)
            self._show(f"{bar(count, total)}{text}")

    @contextmanager
    def aside(self) -> Generator[None]:
        """Remove the line while something else is written to the terminal, then show it again."""
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


def bar(count: int, total: int | None) -> str:
    """Return a bar of letters that every terminal has; nothing where the total isn't known.

    Examples
    --------
    >>> bar(120, 300)
    '[########------------] '
    """
    if total is None or total < count:
        return ""
    done = WIDTH * count // total
    return f"[{'#' * done}{'-' * (WIDTH - done)}] "


def line(count: int, total: int | None, rate: float, what: str = "frame") -> str:
    """Return the text of the line.

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
