"""A frame to a network input by bilinear interpolation between four pixels, to the bit that of OpenCV.

Its arithmetic is integer: weights of 11 bits, columns first, four bits dropped, then rows.
"""

import numpy as np
from numba import int16, int32, int64, uint8, uint32

from fastcam.kernels.cpu.jit import helper, kernel, readable, writable
from fastcam.kernels.cpu.pixels import write_row

# built on a04e73a4a8c36d30

ONE, TWO, THREE = np.uintp(1), np.uintp(2), np.uintp(3)
BYTE, TWO_BYTES, THREE_BYTES, LOW = np.uint32(8), np.uint32(16), np.uint32(24), np.uint32(255)
DROPPED = np.int32(4)


@helper
def _four_bytes(frame, at):
    """LLVM makes a single load of this."""
    low = np.uint32(frame[at]) | np.uint32(np.uint32(frame[at + ONE]) << BYTE)
    high = np.uint32(frame[at + TWO]) | np.uint32(np.uint32(frame[at + THREE]) << BYTE)
    return np.uint32(low | np.uint32(high << TWO_BYTES))


@helper
def _mix_loaded(frame, at, pixel_stride, swapped, columns, weights, constants, pixels, line):
    """As `_mix`, for pixels whose three bytes are neighbours: gathered whole, then mixed many at a time."""
    for x in range(np.uintp(columns.shape[0])):
        pixels[0, x] = _four_bytes(frame, np.uintp(at + columns[x, 0] * pixel_stride))
        pixels[1, x] = _four_bytes(frame, np.uintp(at + columns[x, 1] * pixel_stride))
    for channel in range(3):
        shift = np.uint32(8 * channel)
        row = line[2 - channel if swapped else channel]
        for x in range(np.uintp(columns.shape[0])):
            left = np.int32(np.uint32(pixels[0, x] >> shift) & LOW)
            right = np.int32(np.uint32(pixels[1, x] >> shift) & LOW)
            mixed = np.int32(left * np.int32(weights[0, x])) + np.int32(right * np.int32(weights[1, x]))
            row[x] = np.int16(np.int32(np.int32(mixed) + constants[x]) >> DROPPED)


@helper
def _mix(frame, at, pixel_stride, channel_stride, columns, weights, constants, line):
    """line (3, width) = a row of the frame at the columns wanted."""
    for channel in range(3):
        for x in range(columns.shape[0]):
            left = np.int32(frame[np.uintp(at + columns[x, 0] * pixel_stride)])
            right = np.int32(frame[np.uintp(at + columns[x, 1] * pixel_stride)])
            mixed = np.int32(left * np.int32(weights[0, x])) + np.int32(right * np.int32(weights[1, x]))
            line[channel, x] = np.int16(np.int32(np.int32(mixed) + constants[x]) >> DROPPED)
        at += channel_stride


@helper
def _mix_row(frame, at, pixel_stride, channel_stride, columns, last, weights, constants, pixels, line):
    """The way that fits. last: the column whose bytes lie highest in memory; of it, one byte more would be read."""
    low = at + min(0, 2 * channel_stride)
    if abs(channel_stride) == 1 and low + last * pixel_stride + 4 <= frame.shape[0]:
        _mix_loaded(frame, low, pixel_stride, channel_stride < 0, columns, weights, constants, pixels, line)
    else:
        _mix(frame, at, pixel_stride, channel_stride, columns, weights, constants, line)


@helper
def _mix_rows(above, below, weight, weight_below, levels):
    """levels = the two lines mixed; each product loses 16 bits by itself, as OpenCV's do."""
    for channel in range(3):
        for x in range(np.uintp(levels.shape[1])):
            upper = np.int32(np.int32(np.int32(above[channel, x]) * weight) >> np.int32(16))
            lower = np.int32(np.int32(np.int32(below[channel, x]) * weight_below) >> np.int32(16))
            levels[channel, x] = np.uint8(np.int32(upper + lower + np.int32(2)) >> np.int32(2))


@helper
def _slot(row):
    """The line for a row: of neighbours, one is even and one is odd; what is outside the frame has the third."""
    return row & 1 if row >= 0 else 2


@kernel(
    *(int64, readable(uint8, 1), int64, int64, int64, int64),
    *(readable(int32, 2), readable(int16, 2), readable(int32, 2), readable(int16, 2), readable(int32, 1)),
    *(int64, readable(uint8, 2), int64, int64, int64),
    *(writable(uint32, 2), writable(int32, 1), writable(int16, 3), writable(uint8, 2), writable(uint8, 1)),
)
def preprocess(
    frame, origin, row_stride, pixel_stride, channel_stride,
    rows, row_weights, columns, column_weights, column_border, fill, table, channels_last, first, stop,
    pixels, constants, lines, levels, out,
):  # fmt: skip
    """Rows [first, stop) of a network input out of a frame: resized, normalised and laid out in one pass.

    frame: all bytes from the lowest to the highest of it; channel c of pixel (x, y) is at origin + y * row_stride + x *
    pixel_stride + c * channel_stride. rows (height, 2): the two rows of each row wanted, -1 for one outside the frame,
    in 11-bit row_weights (height, 2); columns (width, 2), all inside, in column_weights (2, width), and column_border
    (width,), the weight of what is outside, where there is nothing but `fill`. table, channels_last and out: see
    `write_row`. Workspace: pixels (2, width), constants (width,), lines (3, 3, width), levels (3, width).
    """
    height, width = rows.shape[0], columns.shape[0]
    last = columns[0, 0]
    for x in range(width):
        constants[x] = column_border[x] * fill
        border = constants[x] + fill * (np.int32(column_weights[0, x]) + np.int32(column_weights[1, x]))
        lines[2, 0, x] = lines[2, 1, x] = lines[2, 2, x] = border >> 4
        for side in range(2):
            last = max(last, columns[x, side]) if pixel_stride > 0 else min(last, columns[x, side])
    held = np.full(3, -2)  # which rows the lines are of
    held[2] = -1
    for y in range(first, stop):
        for side in range(2):
            row = rows[y, side]
            slot = _slot(row)
            if held[slot] != row:
                at, line = origin + row * row_stride, lines[slot]
                _mix_row(
                    frame, at, pixel_stride, channel_stride, columns, last, column_weights, constants, pixels, line
                )
                held[slot] = row
        above, below = lines[_slot(rows[y, 0])], lines[_slot(rows[y, 1])]
        _mix_rows(above, below, np.int32(row_weights[y, 0]), np.int32(row_weights[y, 1]), levels)
        write_row(levels, table, y, height, channels_last, out)
    return stop
