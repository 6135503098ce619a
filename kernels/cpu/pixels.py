"""What both ways to resize a frame share: pixels out of memory of any strides, and rows of results into any layout."""

import numpy as np

from fastcam.kernels.cpu.jit import helper

RED, GREEN, BLUE, HALF = np.uint32(19595), np.uint32(38470), np.uint32(7471), np.uint32(1 << 15)
LUMA_BITS = np.uint32(16)


@helper
def is_packed(pixel_stride, channel_stride):
    """Whether pixels lie so close that a row is best read with whatever else is between its bytes."""
    return 0 < abs(pixel_stride) <= 4 and abs(channel_stride) <= 2


@helper
def grey(levels):
    """levels[0] = luma of the three rows (ITU-R 601, as Pillow rounds it)."""
    for x in range(levels.shape[1]):
        red, green, blue = np.uint32(levels[0, x]), np.uint32(levels[1, x]), np.uint32(levels[2, x])
        total = np.uint32(np.uint32(red * RED) + np.uint32(green * GREEN) + np.uint32(blue * BLUE) + HALF)
        levels[0, x] = np.uint8(np.uint32(total >> LUMA_BITS))


@helper
def turn(levels):
    """Exchange the first and the last channel."""
    for x in range(levels.shape[1]):
        levels[0, x], levels[2, x] = levels[2, x], levels[0, x]


@helper
def _write_planes(levels, table, y, height, out):
    width = np.uintp(levels.shape[1])
    for channel in range(table.shape[0]):
        start = np.uintp(channel * height + y) * width
        for x in range(width):
            out[start + x] = table[channel, levels[channel, x]]


@helper
def _write_pixels(levels, table, y, out):
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
def _write(levels, table, y, height, channels_last, out):
    if channels_last:
        _write_pixels(levels, table, y, out)
    else:
        _write_planes(levels, table, y, height, out)


@helper
def write_row(levels, table, y, height, channels_last, out):
    """Row y of the network input: what the table holds for the levels (3, width).

    table (channels, 256 * item) and out (all of it) are the bytes of items of 1, 2, 4 or 8 bytes, which are copied as
    they are: normalised, rounded and converted when the table was made, once for each level and channel. One channel:
    of the luma.
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
