"""Frames of a camera of this machine, read by OpenCV: PyAV's wheels have no camera drivers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from fractions import Fraction
from importlib import import_module

import numpy as np

from fastcam.errors import BackendError, InputError
from fastcam.video.source import FrameSource, Timed


class Camera(FrameSource):
    """Frames of a camera, with the seconds since the first one. Made by `read`."""

    is_live = True

    def __init__(self, device: str) -> None:
        try:
            cv2 = import_module("cv2")
        except ImportError as error:
            raise BackendError(
                f"{device}: cameras need OpenCV ({error}): pip install opencv-python-headless; "
                "or give format='v4l2', if your FFmpeg has that"
            ) from error
        self.name = device
        self._capture = cv2.VideoCapture(int(device) if device.isdigit() else device)
        if not self._capture.isOpened():
            raise InputError(f"{device}: expected a camera; OpenCV can't open it")
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        self.rate = Fraction(rate).limit_denominator(1001) if 0 < rate < 1000 else None
        super().__init__()

    def _read(self) -> Iterator[Timed]:
        began, number = None, 0
        while True:
            is_there, bgr = self._capture.read()
            if not is_there:
                raise InputError(f"{self.name}: frame {number}: expected more of a camera; none came. Is it unplugged?")
            now = time.perf_counter()
            began = now if began is None else began
            yield np.ascontiguousarray(bgr[..., ::-1]), now - began
            number += 1

    def _release(self) -> None:
        self._capture.release()
