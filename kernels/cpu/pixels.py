"""Parts of both ways to resize a frame: pixels from memory with any strides, rows of results into any layout."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcam.kernels.contract import Bytes
from fastcam.kernels.cpu.jit import helper

RED, GREEN, BLUE, HALF = np.uint32(19595), np.uint32(38470), np.uint32(7471), np.uint32(1 << 15)
LUMA_BITS = np.uint32(16)


@helper
def is_packed(pixel_stride: int, channel_stride: int) -> bool:
    """Return whether pixels are so close that a row is read fastest as a whole, with all bytes in between."""
    return 0 < abs(pixel_stride) <= 4 and abs(channel_stride) <= 2


@helper
def grey(levels: Bytes) -> None:
    """levels[0] = luma of the three rows of levels (3, width) (ITU-R 601, as Pillow rounds it)."""
    for x in range(levels.shape[1]):
        red, green, blue = np.uint32(levels[0, x]), np.uint32(levels[1, x]), np.uint32(levels[2, x])
        total = np.uint32(np.uint32(red * RED) + np.uint32(green * GREEN) + np.uint32(blue * BLUE) + HALF)
        levels[0, x] = np.uint8(np.uint32(total >> LUMA_BITS))


@helper
def turn(levels: Bytes) -> None:
    """Exchange the first and the last channel of levels (3, width)."""
    for x in range(levels.shape[1]):
        levels[0, x], levels[2, x] = levels[2, x], levels[0, x]


@helper
def _write_planes(levels: Bytes, table: NDArray[Any], y: int, height: int, out: NDArray[Any]) -> None:
    width = np.uintp(levels.shape[1])
    for channel in range(table.shape[0]):
        start = np.uintp(channel * height + y) * width
        for x in range(width):
            out[start + x] = table[channel, levels[channel, x]]


@helper
def _write_pixels(levels: Bytes, table: NDArray[Any], y: int, out: NDArray[Any]) -> None:
    width, channels = np.uintp(levels.shape[1]), np.uintp(table.shape[0])
    row = out[y * width * channels : (y + 1) * width * channels]
    if channels == 3:
        for x in range(width):
            i = np.uintp(3) * x
            row[i] = table[0, levels[0, x]]
            row[i + np.uintp(1)] = table[1, levels[1, x]]
            row[i + np.uintp(2)] = table[2, levels[2, x]]
    else:
        for x in range(width):
            row[x] = table[0, levels[0, x]]


@helper
def _write(levels: Bytes, table: NDArray[Any], y: int, height: int, channels_last: bool, out: NDArray[Any]) -> None:
    if channels_last:
        _write_pixels(levels, table, y, out)
    else:
        _write_planes(levels, table, y, height, out)


@helper
def write_row(levels: Bytes, table: Bytes, y: int, height: int, channels_last: bool, out: Bytes) -> None:
    """Write row y of the network input: the values that the table has for the levels (3, width).

    table and channels_last as in `contract.Target`; out: all bytes of the network input. Items have 1, 2, 4 or 8 bytes
    and are copied as they are: normalised, rounded and converted when the table was made, once for each level and
    channel.
    """
    item = table.shape[1] // 256
    if table.shape[0] == 1:
        grey(levels)
    if item == 1:
        _write(levels, table, y, height, channels_last, out)
    elif item == 2:
        _write(levels, table.view(np.uint16), y, height, channels_last, out.view(np.uint16))
    elif item == 4:
        _write(levels, table.view(np.uint32), y, height, channels_last, out.view(np.uint32))
    else:
        _write(levels, table.view(np.uint64), y, height, channels_last, out.view(np.uint64))
