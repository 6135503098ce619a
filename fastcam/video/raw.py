"""Frames without a file format, from a pipe, read by NumPy alone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np

from fastcam.errors import InputError
from fastcam.video.source import FrameSource, Timed


class RawReader(FrameSource):
    """Frames of bytes R, G, B, row by row, one after the other. Made by `read_raw`."""

    def __init__(self, file: Any, size: tuple[int, int], rate: Fraction | None) -> None:
        self._file, self._size = file, size
        self.name = str(getattr(file, "name", "raw frames"))
        self.rate = rate
        super().__init__()

    def _read(self) -> Iterator[Timed]:
        height, width = self._size
        began, number = time.perf_counter(), 0
        while True:
            frame = np.empty((height, width, 3), np.uint8)
            got = self._fill(frame.data.cast("B"))
            if got == 0 and number:
                return
            if got < frame.size:
                raise InputError(
                    f"{self.name}: frame {number}: expected {frame.size} bytes of {width}×{height} rgb24; got {got}. "
                    "Is that the size of the frames, and are they rgb24?"
                )
            yield frame, time.perf_counter() - began if self.rate is None else float(number / self.rate)
            number += 1

    def _fill(self, room: memoryview) -> int:
        """Read into all of `room`, or up to the end of the file, and return the count of bytes."""
        got = 0
        while got < len(room):
            try:
                count = self._file.readinto(room[got:])
            except (OSError, ValueError) as error:
                raise InputError(f"{self.name}: can't be read ({error})") from error
            if not count:
                break
            got += count
        return got
