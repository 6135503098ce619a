"""What is made when it is first asked for, once, from whichever thread."""

from __future__ import annotations

import threading
from collections.abc import Callable
from copy import copy
from typing import Generic, TypeVar

from fastcam.errors import FastcamError, GradientError, InputError

T = TypeVar("T")
LASTING = (GradientError, InputError)  # others may pass: a file that can't be read, a limit of time


class Once(Generic[T]):
    """Calls `make` on the first call; later ones get the same value, or an error like the first one, if that lasts.

    Examples
    --------
    >>> value = Once(list)
    >>> value() is value()
    True
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make: Callable[[], T] | None = make
        self._lock = threading.Lock()
        self._made: T
        self._error: FastcamError | None = None

    def __call__(self) -> T:
        with self._lock:
            if self._error is not None:
                raise copy(self._error)
            if self._make is not None:
                try:
                    self._made = self._make()
                except LASTING as error:
                    self._error = copy(error)  # without the traceback, which holds all that was at hand
                    self._make = None
                    raise
                self._make = None  # and what it holds
            return self._made
