"""A frame to a network input by bilinear interpolation between four pixels, to the bit that of OpenCV.

Its arithmetic is integer: weights of 11 bits, columns first, four bits dropped, then rows.
"""

import numpy as np
from numba import int16, int32, int64, uint8, uint32, uint64

from fastcam.kernels.cpu.jit import helper, kernel, readable, writable
from fastcam.kernels.cpu.pixels import turn, write_row

ONE, TWO, THREE, FOUR = np.uintp(1), np.uintp(2), np.uintp(3), np.uintp(4)
BYTE, TWO_BYTES, LOW, FOUR_BYTES = np.uint32(8), np.uint32(16), np.uint32(255), np.uint64(32)
DROPPED = np.int32(4)


@helper
def _four_bytes(frame, at):
    low = np.uint32(frame[at]) | np.uint32(np.uint32(frame[at + ONE]) << BYTE)
    high = np.uint32(frame[at + TWO]) | np.uint32(np.uint32(frame[at + THREE]) << BYTE)
    return np.uint32(low | np.uint32(high << TWO_BYTES))


@helper
def _mixed(left, right, left_weight, right_weight, constant):
    left, right = np.int32(left * np.int32(left_weight)), np.int32(right * np.int32(right_weight))
    return np.int16(np.int32(np.int32(left + right) + constant) >> DROPPED)


@helper
def _mix_loaded(frame, first, pixel_stride, weights, constants, pairs, pixels, line):
    """As `_mix`, for pixels of three or four neighbouring bytes at constants[1]: loaded by two, mixed by many."""
    bits, side = np.uint64(8 * abs(pixel_stride)), 0 if pixel_stride > 0 else 1
    width = np.uintp(pairs.shape[0])
    for x in range(width):  # LLVM makes a single load of this
        i = np.uintp(first + constants[1, x])
        pairs[x] = np.uint64(_four_bytes(frame, i)) | np.uint64(np.uint64(_four_bytes(frame, i + FOUR)) << FOUR_BYTES)
    for x in range(width):
        pixels[side, x], pixels[1 - side, x] = np.uint32(pairs[x]), np.uint32(pairs[x] >> bits)
    for x in range(width):
        a, b, wa, wb, c = pixels[0, x], pixels[1, x], weights[0, x], weights[1, x], constants[0, x]
        line[0, x] = _mixed(np.int32(a & LOW), np.int32(b & LOW), wa, wb, c)
        a, b = np.uint32(a >> BYTE), np.uint32(b >> BYTE)
        line[1, x] = _mixed(np.int32(a & LOW), np.int32(b & LOW), wa, wb, c)
        a, b = np.uint32(a >> BYTE), np.uint32(b >> BYTE)
        line[2, x] = _mixed(np.int32(a & LOW), np.int32(b & LOW), wa, wb, c)


@helper
def _mix(frame, at, pixel_stride, channel_stride, columns, weights, constants, line):
    """line (3, width) = a row of the frame at the columns wanted."""
    for channel in range(3):
        for x in range(np.uintp(columns.shape[0])):
            place = at + columns[x] * pixel_stride
            left, right = np.int32(frame[np.uintp(place)]), np.int32(0)
            if weights[1, x]:  # else there may be no such column
                right = np.int32(frame[np.uintp(place + pixel_stride)])
            line[channel, x] = _mixed(left, right, weights[0, x], weights[1, x], constants[0, x])
        at += channel_stride


@helper
def _mix_row(frame, at, pixel_stride, channel_stride, columns, span, weights, constants, pairs, pixels, line):
    """The way that fits. span: where the bytes of the first pair and the last one begin, from `at`."""
    usual = channel_stride == 1 and 3 <= abs(pixel_stride) <= 4
    first = at + span[0]
    # More than a pair is loaded, which only that with the highest address of the frame may not have behind it.
    if usual and first >= 0 and first - span[0] + span[1] + 8 <= frame.shape[0]:
        _mix_loaded(frame, first, pixel_stride, weights, constants, pairs, pixels, line)
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


@helper
def _prepare(pixel_stride, columns, weights, border, fill, constants, line):
    """What the border adds to each column, the line of a row outside the frame, and where pairs begin, from the first.

    Returns where the first pair in memory and the last one begin.
    """
    lowest = highest = columns[0] * pixel_stride
    for x in range(columns.shape[0]):
        place = columns[x] * pixel_stride
        lowest, highest = min(lowest, place), max(highest, place)
        constants[0, x] = border[x] * fill
        line[:, x] = (constants[0, x] + fill * (np.int32(weights[0, x]) + np.int32(weights[1, x]))) >> 4
    for x in range(columns.shape[0]):
        constants[1, x] = columns[x] * pixel_stride - lowest
    before = min(0, pixel_stride)
    return lowest + before, highest + before


@kernel(
    *(int64, readable(uint8, 1), int64, int64, int64, int64),
    *(readable(int32, 2), readable(int16, 2), readable(int32, 1), readable(int16, 2), readable(int32, 1)),
    *(int64, readable(uint8, 2), int64, int64, int64),
    *(writable(uint64, 1), writable(uint32, 2), writable(int32, 2), writable(int16, 3), writable(uint8, 2)),
    writable(uint8, 1),
)
def preprocess(
    frame, origin, row_stride, pixel_stride, channel_stride,
    rows, row_weights, columns, column_weights, column_border, fill, table, channels_last, first, stop,
    pairs, pixels, constants, lines, levels, out,
):  # fmt: skip
    """Rows [first, stop) of a network input out of a frame: resized, normalised and laid out in one pass.

    frame: all bytes from the lowest to the highest of it; channel c of pixel (x, y) is at origin + y * row_stride + x *
    pixel_stride + c * channel_stride. rows (height, 2): the two rows of each row wanted, -1 for one outside the frame,
    in 11-bit row_weights (height, 2). columns (width,): the left one of two inside, in column_weights (2, width); the
    right one may be missing where it has no weight; column_border (width,): the weight of what is outside, where there
    is nothing but `fill`. table, channels_last and out: see `write_row`. Workspace: pairs (width,), pixels and
    constants (2, width), lines (3, 3, width), levels (3, width).
    """
    span = _prepare(pixel_stride, columns, column_weights, column_border, fill, constants, lines[2])
    turned = channel_stride < 0
    if turned:  # then lines have the channels as they lie in memory
        origin, channel_stride = origin + 2 * channel_stride, -channel_stride
    held = np.full(3, -2)  # which rows the lines are of
    held[2] = -1
    for y in range(first, stop):
        for side in range(2):
            row = rows[y, side]
            slot = _slot(row)
            if held[slot] != row:
                at, line = origin + row * row_stride, lines[slot]
                _mix_row(
                    frame, at, pixel_stride, channel_stride, columns, span, column_weights, constants,
                    pairs, pixels, line,
                )  # fmt: skip
                held[slot] = row
        above, below = lines[_slot(rows[y, 0])], lines[_slot(rows[y, 1])]
        _mix_rows(above, below, np.int32(row_weights[y, 0]), np.int32(row_weights[y, 1]), levels)
        if turned:
            turn(levels)
        write_row(levels, table, y, rows.shape[0], channels_last, out)
    return stop
