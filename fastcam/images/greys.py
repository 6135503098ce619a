"""Conversion of greys with more than 8 bits a pixel to 8 bits."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcam.errors import InputError

FILLED = 1 << 15  # 16-bit values are taken to fill their range if the largest reaches this
Levels = tuple[float, float]
WHOLE: Levels = (0, 65535)  # of values that fill 16 bits


def eight_bits(values: NDArray[Any], name: str, levels: Levels | None) -> NDArray[np.uint8]:
    """Return values of any depth and shape as uint8, linear between the levels that become black and white.

    Without levels, the range is 0 to 65535 if the largest value is 32768 or more. Otherwise, 12 bits in a 16-bit file
    would become almost black.

    Raises
    ------
    InputError
        Values without levels whose range isn't known or that leave 16 bits unfilled; or NaN.

    Examples
    --------
    >>> eight_bits(np.array([[0, 1000, 4095, 9000]], np.uint16), "scan.png", (0, 4095))
    array([[  0,  62, 255, 255]], dtype=uint8)
    """
    if not np.isfinite(values).all():
        raise InputError(f"{name}: expected finite values; got NaN or infinity")
    if levels is None:
        check_filled(values, name)
    low, high = levels or WHOLE
    share = (np.clip(values.astype(np.float64), low, high) - low) / (high - low)
    return np.rint(255 * share).astype(np.uint8)


def check_colors(largest: int, name: str) -> None:
    """Raise `InputError` for 16-bit colours, of which Pillow keeps the upper 8 bits, that don't fill their range."""
    if largest < FILLED >> 8:
        raise InputError(
            f"{name}: expected 8 bits a channel, or 16 that are filled; got colours below {(largest + 1) << 8}, which "
            "leave 16 bits unfilled. Scale them to 8 bits"
        )


def check_filled(values: NDArray[Any], name: str) -> None:
    """Check that values fill 16 bits, so that their range is known without levels, or raise `InputError`."""
    least, largest = values.min(), values.max()
    if values.dtype.kind == "f":
        got, low, high = f"floating point, {least:g} to {largest:g}", least, largest
    elif least < 0 or largest > 65535:
        got, low, high = f"{values.dtype.name} values {least} to {largest}, whose range isn't known", least, largest
    elif largest < FILLED:
        bits = max(8, int(largest).bit_length())
        got = f"values {least} to {largest}, which leave 16 bits unfilled: those of {bits} bits, or dark"
        got, low, high = f"{got}, whose range isn't known" if bits == 8 else got, 0, 2**bits - 1
    else:
        return
    raise InputError(
        f"{name}: expected 8 or 16 bits a pixel; got {got}. Give levels=(low, high) in preprocess, the values that "
        f"become black and white, such as {{'levels': ({low:g}, {high:g})}} or --preprocess levels={low:g}/{high:g}; "
        "of whole 16 bits, levels=0/65535"
    )
