"""A frame to a network input by bilinear interpolation between four pixels, with the bits of OpenCV.

The arithmetic is that of integers: weights of 11 bits; columns first, without the last four bits; then rows.
"""

from typing import Annotated

import numpy as np

from fastcam.kernels.contract import Bytes, Frame, Ints, Linear, LongWords, Out, Pairs, Shorts, Target, Words
from fastcam.kernels.cpu.jit import helper, kernel
from fastcam.kernels.cpu.pixels import turn, write_row

ONE, TWO, THREE, FOUR = np.uintp(1), np.uintp(2), np.uintp(3), np.uintp(4)
BYTE, TWO_BYTES, LOW, FOUR_BYTES = np.uint32(8), np.uint32(16), np.uint32(255), np.uint64(32)
DROPPED = np.int32(4)


@helper
def _four_bytes(frame: Bytes, at: int) -> np.uint32:
    low = np.uint32(frame[at]) | np.uint32(np.uint32(frame[at + ONE]) << BYTE)
    high = np.uint32(frame[at + TWO]) | np.uint32(np.uint32(frame[at + THREE]) << BYTE)
    return np.uint32(low | np.uint32(high << TWO_BYTES))


@helper
def _mixed(
    left: np.int32, right: np.int32, left_weight: np.int16, right_weight: np.int16, constant: np.int32
) -> np.int16:
    left, right = np.int32(left * np.int32(left_weight)), np.int32(right * np.int32(right_weight))
    return np.int16(np.int32(np.int32(left + right) + constant) >> DROPPED)


@helper
def _mix_loaded(
    frame: Bytes,
    first: int,
    pixel_stride: int,
    weights: Shorts,
    constants: Ints,
    pairs: LongWords,
    pixels: Words,
    line: Shorts,
) -> None:
    """Do as `_mix` for pixels of three or four neighbouring bytes at constants[1]: two at a load, mixed by many."""
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
def _mix(
    frame: Bytes,
    at: int,
    pixel_stride: int,
    channel_stride: int,
    columns: Ints,
    weights: Shorts,
    constants: Ints,
    line: Shorts,
) -> None:
    """line (3, width) = a row of the frame, which begins at `at`, interpolated at the columns of the network input."""
    for channel in range(3):
        for x in range(np.uintp(columns.shape[0])):
            place = at + columns[x] * pixel_stride
            left, right = np.int32(frame[np.uintp(place)]), np.int32(0)
            if weights[1, x]:  # else there may be no such column
                right = np.int32(frame[np.uintp(place + pixel_stride)])
            line[channel, x] = _mixed(left, right, weights[0, x], weights[1, x], constants[0, x])
        at += channel_stride


@helper
def _mix_row(
    frame: Bytes,
    at: int,
    pixel_stride: int,
    channel_stride: int,
    columns: Ints,
    span: tuple[int, int],
    weights: Shorts,
    constants: Ints,
    pairs: LongWords,
    pixels: Words,
    line: Shorts,
) -> None:
    """Mix a row in the fastest way that the strides allow. span: the first bytes of the first and last pair."""
    usual = channel_stride == 1 and 3 <= abs(pixel_stride) <= 4
    first = at + span[0]
    # A load reads more than a pair; after the highest pair in memory there may be no more bytes of the frame.
    if usual and first >= 0 and first - span[0] + span[1] + 8 <= frame.shape[0]:
        _mix_loaded(frame, first, pixel_stride, weights, constants, pairs, pixels, line)
    else:
        _mix(frame, at, pixel_stride, channel_stride, columns, weights, constants, line)


@helper
def _mix_rows(above: Shorts, below: Shorts, weight: np.int32, weight_below: np.int32, levels: Bytes) -> None:
    """levels (3, width) = the two lines mixed; each product loses 16 bits by itself, as in OpenCV."""
    for channel in range(3):
        for x in range(np.uintp(levels.shape[1])):
            upper = np.int32(np.int32(np.int32(above[channel, x]) * weight) >> np.int32(16))
            lower = np.int32(np.int32(np.int32(below[channel, x]) * weight_below) >> np.int32(16))
            levels[channel, x] = np.uint8(np.int32(upper + lower + np.int32(2)) >> np.int32(2))


@helper
def _slot(row: int) -> int:
    """Return the number of the line for a row: even rows, odd rows, and all rows outside the frame."""
    return row & 1 if row >= 0 else 2


@helper
def _prepare(
    pixel_stride: int, columns: Ints, weights: Shorts, border: Ints, fill: int, constants: Ints, line: Shorts
) -> tuple[int, int]:
    """Write what is the same for all rows; return the first byte of the lowest pair in memory and of the highest one.

    constants[0] = what the border adds to each column, constants[1] = the first byte of each pair, from the lowest;
    line = a row outside the frame.
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


@kernel
def preprocess(
    frame: Frame,
    axes: Linear,
    target: Target,
    workspace: Pairs,
    out: Annotated[Bytes, Out("all bytes")],
) -> int:
    """Write rows of a network input from a frame: resized, normalised and laid out in one pass. Returns target.stop."""
    data, origin, row_stride, pixel_stride, channel_stride = frame
    rows, row_weights, columns, column_weights, column_border, fill = axes
    table, channels_last, first, stop = target
    pairs, pixels, constants, lines, levels = workspace
    span = _prepare(pixel_stride, columns, column_weights, column_border, fill, constants, lines[2])
    turned = channel_stride < 0
    if turned:  # then lines have the channels in the order of memory
        origin, channel_stride = origin + 2 * channel_stride, -channel_stride
    loaded = np.full(3, -2)  # the row of the frame in each line
    loaded[2] = -1
    for y in range(first, stop):
        for side in range(2):
            row = rows[y, side]
            slot = _slot(row)
            if loaded[slot] != row:
                at, line = origin + row * row_stride, lines[slot]
                _mix_row(
                    data, at, pixel_stride, channel_stride, columns, span, column_weights, constants,
                    pairs, pixels, line,
                )  # fmt: skip
                loaded[slot] = row
        above, below = lines[_slot(rows[y, 0])], lines[_slot(rows[y, 1])]
        _mix_rows(above, below, np.int32(row_weights[y, 0]), np.int32(row_weights[y, 1]), levels)
        if turned:
            turn(levels)
        write_row(levels, table, y, rows.shape[0], channels_last, out)
    return stop
