"""What is made when it is first asked for, once, from whichever thread; what stood in its way stands there for good."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from fastcam.errors import FastcamError

T = TypeVar("T")


class Once(Generic[T]):
    """Calls `make` on the first call; later ones get the same value, or the same error.

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
            if self._make is not None:
                try:
                    self._made = self._make()
                except FastcamError as error:
                    self._error = error
                self._make = None  # and what it holds
            if self._error is not None:
                raise self._error
            return self._made
