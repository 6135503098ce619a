"""The weighted channel sum of one image, for any number of classes in one pass over its feature maps."""

import numpy as np
from numpy.typing import NDArray

from fastcam.kernels.contract import Bytes, Floats, Longs, Sums
from fastcam.kernels.cpu.jit import helper
from fastcam.kernels.cpu.multiply_add import LANES, tile

FLOAT32, FLOAT16, INT8, UINT8 = range(4)
CHANNELS_LAST = 4  # added to a dtype for (h, w, C), else (C, h, w)

CHANNELS = 64  # summed at a time, for all classes: with 7×7 positions they fill a third of a first-level cache
FEW, MANY = (1, 8), (4, 2)  # classes × panels of a tile: eight sums each, so that additions needn't wait for another
WIDTH = 64  # positions of the widest tile; rows of sums are made of whole tiles
_few, _many = tile(*FEW), tile(*MANY)


@helper
def weighted_sums(
    data: Bytes,
    form: int,
    zero_point: float,
    scale: float,
    positions: int,
    weights: Floats,
    class_index: Longs,
    workspace: Sums,
) -> None:
    """sums[m, p] = sum over c of weights[class_index[m], c] * f(c, p), in channel order, each step in float32.

    data: the bytes of f, of one image, C-contiguous; form, zero_point and scale as in `contract.Features`; weights
    (K, C), class_index (M,). WIDTH and CHANNELS are the 64 in the shapes of `contract.Sums`.
    """
    channels, size = weights.shape[1], CHANNELS * positions
    scratch, sums = workspace
    block, turned = scratch[0, :size].reshape(CHANNELS, positions), scratch[1, :size].reshape(positions, CHANNELS)
    for m in range(class_index.shape[0]):
        for p in range(min(sums.shape[1], positions + WIDTH)):
            sums[m, p] = 0
    direct = form == FLOAT32
    step = CHANNELS
    if direct and class_index.shape[0] < MANY[0]:  # values are read once: fewer starts of the inner loop
        step = max(CHANNELS, 65536 // positions)
    values = data.view(np.float32).reshape(channels, positions) if direct else block
    for channel in range(0, channels, step):
        count = min(step, channels - channel)
        if not direct:
            _widen(data, form, np.float32(zero_point), np.float32(scale), channel, count, channels, turned, block)
        _add_block(values, channel if direct else 0, weights, class_index, channel, count, sums)
    if positions >= LANES:
        # The last panel began LANES before the end, not at a multiple of LANES.
        whole = positions - positions % LANES
        for m in range(class_index.shape[0]):
            for p in range(whole, positions):
                sums[m, p] = sums[m, p + LANES - positions % LANES]


@helper
def _add_block(
    values: Floats, row: int, weights: Floats, class_index: Longs, channel: int, count: int, sums: Floats
) -> None:
    """Add `count` channels to the sums: rows of values (·, positions) from `row` on, weights from `channel` on."""
    classes, positions = class_index.shape[0], values.shape[1]
    if positions < LANES:
        for m in range(classes):
            for i in range(count):
                weight = weights[class_index[m], channel + i]
                for p in range(positions):
                    sums[m, p] += weight * values[row + i, p]
        return
    m = 0
    while m < classes:
        if classes - m >= 4:
            for p in range(0, positions, 16):
                _many(values, row, weights, class_index, m, channel, count, p, sums)
            m += 4
        else:
            for p in range(0, positions, 64):
                _few(values, row, weights, class_index, m, channel, count, p, sums)
            m += 1


@helper
def _widen(
    data: Bytes,
    form: int,
    zero_point: np.float32,
    scale: np.float32,
    channel: int,
    count: int,
    channels: int,
    turned: Floats,
    block: Floats,
) -> None:
    """block[i, p] = float32 of f(channel + i, p), for i < count, read in the order of memory."""
    positions = block.shape[1]
    if form < CHANNELS_LAST:
        _read(data, (channels, positions), form, zero_point, scale, channel, 0, block[:count])
    else:
        _read(data, (positions, channels), form - CHANNELS_LAST, zero_point, scale, 0, channel, turned)
        for p in range(positions):
            for i in range(count):
                block[i, p] = turned[p, i]


@helper
def _read(
    data: Bytes,
    shape: tuple[int, int],
    dtype: int,
    zero_point: np.float32,
    scale: np.float32,
    row: int,
    column: int,
    out: Floats,
) -> None:
    """out = float32 of the part of data, reshaped, that begins at row and column (cut off at its width)."""
    if dtype == FLOAT32:
        _copy(data.view(np.float32).reshape(shape), row, column, out)
    elif dtype == FLOAT16:
        _copy_halves(data.view(np.uint16).reshape(shape), row, column, out)
    elif dtype == INT8:
        _dequantise(data.view(np.int8).reshape(shape), zero_point, scale, row, column, out)
    else:
        _dequantise(data.reshape(shape), zero_point, scale, row, column, out)


# Indices are unsigned, as the test for negative ones would keep LLVM from vectorising these loops.


@helper
def _copy(values: Floats, row: int, column: int, out: Floats) -> None:
    for r in range(out.shape[0]):
        for k in range(min(out.shape[1], values.shape[1] - column)):
            out[r, k] = values[np.uintp(row + r), np.uintp(column + k)]


@helper
def _dequantise(
    values: NDArray[np.int8] | Bytes, zero_point: np.float32, scale: np.float32, row: int, column: int, out: Floats
) -> None:
    for r in range(out.shape[0]):
        for k in range(min(out.shape[1], values.shape[1] - column)):
            out[r, k] = (np.float32(values[np.uintp(row + r), np.uintp(column + k)]) - zero_point) * scale


@helper
def _copy_halves(values: NDArray[np.uint16], row: int, column: int, out: Floats) -> None:
    """Shift exponent and mantissa of a half into those of a float, which is 2**112 too small then, also if denormal."""
    bits = out.view(np.int32)
    for r in range(out.shape[0]):
        length = min(out.shape[1], values.shape[1] - column)
        for k in range(length):
            half = np.int32(values[np.uintp(row + r), np.uintp(column + k)])
            magnitude = (half & 0x7FFF) << 13
            if half & 0x7C00 == 0x7C00:  # infinite or NaN stays so
                magnitude |= 0x7F800000
            bits[r, k] = magnitude | ((half & 0x8000) << 16)
        for k in range(length):
            out[r, k] *= np.float32(2.0**112)
