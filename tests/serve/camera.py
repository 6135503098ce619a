"""A camera that tests control."""

import threading
from contextlib import contextmanager

import numpy as np

from fastcam.serve import Server


def frame(k=0):
    """Return (40, 60, 3) uint8, another for each k."""
    return np.random.default_rng(k).integers(0, 256, (40, 60, 3)).astype(np.uint8)


class Camera:
    """A source that yields a frame, ends or fails on demand."""

    def __init__(self):
        self._told = threading.Semaphore(0)
        self._end: BaseException | bool | None = None
        self.given = 0

    def __iter__(self):
        while self._told.acquire() and self._end is None:
            self.given += 1
            yield frame(self.given - 1), 0.1 * (self.given - 1)
        if isinstance(self._end, BaseException):
            raise self._end

    def shoot(self, count=1):
        self._told.release(count)

    def end(self, error: BaseException | bool = True):
        self._end = error
        self._told.release()


@contextmanager
def filming(model):
    camera = Camera()
    with Server(model, camera) as server:
        try:
            yield camera, server
        finally:
            camera.end()
