"""Checks of single numbers: whole, real, finite, in range."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any, TypeGuard

import numpy as np

from fastcam.errors import InputError


def is_whole(value: Any) -> TypeGuard[int]:
    """Return whether a value is a whole number of Python or NumPy; True and False aren't."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def is_number(value: Any) -> bool:
    """Return whether a value is a real number of Python or NumPy; True and False aren't."""
    return is_whole(value) or isinstance(value, float | np.floating)


def finite_seconds(where: str, value: Any, hint: str = "") -> float:
    """Return a time as a finite float64.

    Raises
    ------
    InputError
        The value isn't a real number, isn't finite, or is larger than any float64.
    """
    is_real = is_number(value) or isinstance(value, Fraction)
    try:
        seconds = float(value) if is_real else math.nan
        told = repr(value)
    except (OverflowError, ValueError):  # ValueError: of numbers of thousands of digits, which Python doesn't write
        seconds, told = math.nan, "a larger one than float64 has"
    if not math.isfinite(seconds):
        raise InputError(f"{where}: expected seconds, a finite number; got {told}{hint}")
    return seconds


def check_index(name: str, value: Any, length: int) -> int:
    """Return an index from 0 to `length` - 1 as an int, or raise `InputError`."""
    if not is_whole(value) or not 0 <= value < length:
        raise InputError(f"{name}: expected 0 to {length - 1}; got {value!r}")
    return int(value)
