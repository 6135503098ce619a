"""Values that are made on first use, once, from any thread."""

from __future__ import annotations

import threading
from collections.abc import Callable
from copy import copy
from typing import Generic, TypeVar

from fastcam.errors import FastcamError, GradientError, InputError

K = TypeVar("K")
T = TypeVar("T")
LASTING = (GradientError, InputError)  # others may pass: a file that can't be read, a limit of time


class Once(Generic[T]):
    """The value of `make`, called once: later calls get the same value, or an error like the first, if that lasts.

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
        """Return the value, made by the first call; an error that the first call raised is raised again."""
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


class Recent(Generic[K, T]):
    """Values of `make` for the keys that were used last, up to a number. `make` is called under a lock.

    Examples
    --------
    >>> recent = Recent(str, 2)
    >>> recent(1) is recent(1)
    True
    """

    def __init__(self, make: Callable[[K], T], most: int) -> None:
        self._make, self._most = make, most
        self._lock = threading.Lock()
        self._kept: dict[K, T] = {}

    def __call__(self, key: K) -> T:
        """Return the value of a key, made if it isn't among the last ones."""
        with self._lock:
            found = self._kept.pop(key) if key in self._kept else self._make(key)
            self._kept[key] = found  # now the last to go
            if len(self._kept) > self._most:
                del self._kept[next(iter(self._kept))]
            return found
