"""What a value is that callers give, for messages of what was expected."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any, TypeGuard

import numpy as np

from fastcam.errors import InputError


def is_whole(value: Any) -> TypeGuard[int]:
    """Whether it is a whole number, of Python or NumPy; True and False are none."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def is_number(value: Any) -> bool:
    """Whether it is a real number, of Python or NumPy; True and False are none."""
    return is_whole(value) or isinstance(value, float | np.floating)


def finite_seconds(where: str, value: Any, hint: str = "") -> float:
    """A time as a finite float64.

    Raises
    ------
    InputError
        It isn't a real number, isn't finite, or is larger than any float64.
    """
    is_real = is_number(value) or isinstance(value, Fraction)
    try:
        seconds = float(value) if is_real else math.nan
        told = repr(value)
    except (OverflowError, ValueError):  # the latter of numbers of thousands of digits, which Python doesn't write
        seconds, told = math.nan, "a larger one than float64 has"
    if not math.isfinite(seconds):
        raise InputError(f"{where}: expected seconds, a finite number; got {told}{hint}")
    return seconds


def check_index(name: str, value: Any, length: int) -> int:
    """An index into so many, as an int, or `InputError`."""
    if not is_whole(value) or not 0 <= value < length:
        raise InputError(f"{name}: expected 0 to {length - 1}; got {value!r}")
    return int(value)
