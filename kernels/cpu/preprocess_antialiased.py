"""A frame to a network input, each pixel the weighted mean of the pixels that it covers, as Pillow's BILINEAR.

Rows are summed first, over neighbouring bytes, many at a time; in integers, whose sums are the same in all engines.
"""

from typing import Annotated

import numpy as np

from fastcam.kernels.contract import Averages, Bytes, Frame, Ints, Out, Shorts, Target, Totals
from fastcam.kernels.cpu.jit import helper, kernel
from fastcam.kernels.cpu.pixels import is_packed, turn, write_row

ONE, TWO, THREE = np.uintp(1), np.uintp(2), np.uintp(3)


@helper
def _add_four(frame: Bytes, at: int, row_stride: int, weights: Shorts, k: int, line: Ints) -> None:
    """Add four rows at a time: the sums are read and written a quarter as often."""
    n = line.shape[0]
    a, b = frame[at : at + n], frame[at + row_stride : at + row_stride + n]
    at += 2 * row_stride
    c, d = frame[at : at + n], frame[at + row_stride : at + row_stride + n]
    # Factors that are known to have 16 bits each take two machine instructions less than any of 32 bits.
    wa, wb = np.int32(weights[k]), np.int32(weights[k + 1])
    wc, wd = np.int32(weights[k + 2]), np.int32(weights[k + 3])
    for i in range(n):
        upper = np.int32(np.int32(np.int32(a[i]) * wa) + np.int32(np.int32(b[i]) * wb))
        lower = np.int32(np.int32(np.int32(c[i]) * wc) + np.int32(np.int32(d[i]) * wd))
        line[i] = np.int32(line[i] + np.int32(upper + lower))


@helper
def _add_one(frame: Bytes, at: int, step: int, weight: np.int32, line: Ints) -> None:
    if step == 1:
        row = frame[at : at + line.shape[0]]
        for i in range(line.shape[0]):
            line[i] = np.int32(line[i] + np.int32(np.int32(row[i]) * weight))
    else:
        for i in range(line.shape[0]):
            line[i] = np.int32(line[i] + np.int32(np.int32(frame[at + i * step]) * weight))


@helper
def _sum_rows(frame: Bytes, at: int, row_stride: int, step: int, count: int, weights: Shorts, line: Ints) -> None:
    """line[i] += the sum over `count` rows of their weight times the byte at + i * step."""
    k = 0
    while step == 1 and k + 4 <= count:
        _add_four(frame, at, row_stride, weights, k, line)
        at += 4 * row_stride
        k += 4
    while k < count:
        _add_one(frame, at, step, np.int32(weights[k]), line)
        at += row_stride
        k += 1


@helper
def _sum_pixels(
    short: Shorts,
    at: int,
    pixel: int,
    channel: int,
    left: int,
    columns: Ints,
    weights: Shorts,
    border: Ints,
    base: np.int32,
    fill: int,
    shift: int,
    levels: Bytes,
) -> None:
    """levels[c, x] = the sum of short[at + (column - left) * pixel + c * channel] over its columns, rounded."""
    second, third = np.uintp(channel), np.uintp(2 * channel)
    for x in range(levels.shape[1]):
        red = green = blue = np.int32(base + border[x] * fill)
        i = np.uintp(at + (columns[x, 0] - left) * pixel)
        for k in range(np.uintp(columns[x, 1])):
            weight = np.int32(weights[x, k])
            red = np.int32(red + np.int32(np.int32(short[i]) * weight))
            green = np.int32(green + np.int32(np.int32(short[i + second]) * weight))
            blue = np.int32(blue + np.int32(np.int32(short[i + third]) * weight))
            i += np.uintp(pixel)
        levels[0, x], levels[1, x], levels[2, x] = red >> shift, green >> shift, blue >> shift


@helper
def _sum_columns(
    short: Shorts,
    at: int,
    pixel: int,
    channel: int,
    left: int,
    columns: Ints,
    weights: Shorts,
    border: Ints,
    base: np.int32,
    fill: int,
    shift: int,
    levels: Bytes,
) -> None:
    """Do as `_sum_pixels`, which is compiled once more for each of the usual strides: three times as fast."""
    if channel == 1 and pixel == 3:
        _sum_pixels(short, at, 3, 1, left, columns, weights, border, base, fill, shift, levels)
    elif channel == 1 and pixel == 4:
        _sum_pixels(short, at, 4, 1, left, columns, weights, border, base, fill, shift, levels)
    elif channel == 1 and pixel == -3:
        _sum_pixels(short, at, -3, 1, left, columns, weights, border, base, fill, shift, levels)
    elif channel == 1 and pixel == -4:
        _sum_pixels(short, at, -4, 1, left, columns, weights, border, base, fill, shift, levels)
    else:
        _sum_pixels(short, at, pixel, channel, left, columns, weights, border, base, fill, shift, levels)


@kernel
def preprocess_antialiased(
    frame: Frame,
    axes: Averages,
    target: Target,
    workspace: Totals,
    out: Annotated[Bytes, Out("all bytes")],
) -> int:
    """Write rows of a network input from a frame: resized, normalised and laid out in one pass. Returns target.stop."""
    data, origin, row_stride, pixel_stride, channel_stride = frame
    rows, row_weights, row_border, row_shift = axes[:4]
    columns, column_weights, column_border, column_shift, extra_bits, fill = axes[4:]
    table, channels_last, first, stop = target
    sums, lines, levels = workspace
    left, right = columns[0, 0], columns[0, 0]
    for x in range(columns.shape[0]):
        left, right = min(left, columns[x, 0]), max(right, columns[x, 0] + columns[x, 1])
    covered = max(right - left, 1)
    packed = is_packed(pixel_stride, channel_stride)
    # A packed row is one part of neighbouring bytes; any other is three parts, one for each channel.
    if packed:
        parts, step = 1, 1
        length = (covered - 1) * abs(pixel_stride) + 2 * abs(channel_stride) + 1
        pixel, channel = pixel_stride, abs(channel_stride)
        at = max(0, -pixel_stride) * (covered - 1)
        origin += min(0, 2 * channel_stride)
    else:
        parts, step, length, pixel, channel, at = 3, pixel_stride, covered, 1, covered, 0
    row_half, half, fine_fill = np.int32((1 << row_shift) >> 1), np.int32((1 << column_shift) >> 1), fill << extra_bits
    short = lines[: parts * length]
    for y in range(first, stop):
        start = origin + rows[y, 0] * row_stride + left * pixel_stride - at
        base = np.int32(row_half + row_border[y] * fill)
        for part in range(parts):
            line = sums[part * length : (part + 1) * length]
            line[:] = base
            _sum_rows(data, start + part * channel_stride, row_stride, step, rows[y, 1], row_weights[y], line)
        for i in range(parts * length):
            short[i] = np.int16(np.int32(sums[i] >> np.int32(row_shift)))
        _sum_columns(
            short, at, pixel, channel, left, columns, column_weights, column_border,
            half, fine_fill, column_shift, levels,
        )  # fmt: skip
        if packed and channel_stride < 0:
            turn(levels)
        write_row(levels, table, y, rows.shape[0], channels_last, out)
    return stop
