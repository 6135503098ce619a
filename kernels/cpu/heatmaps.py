"""Bilinear upsampling, normalised on the way."""

import numpy as np
from numba import float32, int32, int64, uint8

from fastcam.kernels.cpu.extrema import LARGEST, exact_extrema, margin_of, pad
from fastcam.kernels.cpu.jit import helper, kernel, readable, writable

# built on 947c8dfbdf485432

GRID = (readable(int32, 1), readable(float32, 1), readable(int32, 1), readable(float32, 1))


@helper
def pad_normalised(values, rows, row_weight, columns, column_weight, full, padded, corners):
    """Pad a map of h * w values, scaled to go from 0 to `full` once it is upsampled. Returns False if it isn't finite.

    A map that is constant there becomes zeros.
    """
    largest = pad(values, columns.shape[0] - 2, False, padded)
    if not largest < LARGEST:
        return False
    low, high = exact_extrema(padded, rows, row_weight, columns, column_weight, margin_of(largest), corners)
    scale = high - low if high > low else np.float32(1)
    for y in range(rows.shape[0]):
        for x in range(columns.shape[0]):
            value = (padded[y, x] - low) / scale * full
            # Downsampling can pass a peak by, which is out of all proportion then.
            padded[y, x] = min(max(value, -LARGEST), LARGEST)
    return True


@helper
def _upsample_row(padded, b, t, columns, column_weight, low, high, line):
    """line[x] = the row of band b, t below the row of the map above it, clipped to [low, high]."""
    right = padded[b, 0] + t * (padded[b + 1, 0] - padded[b, 0])
    for s in range(columns.shape[0] - 1):
        left = right
        right = padded[b, s + 1] + t * (padded[b + 1, s + 1] - padded[b, s + 1])
        slope = right - left
        # Unsigned, as the test for negative indices would keep LLVM from vectorising this loop.
        for x in range(np.uintp(columns[s]), np.uintp(columns[s + 1])):
            line[x] = min(max(left + column_weight[x] * slope, low), high)


@helper
def level_row(padded, b, t, columns, column_weight, levels):
    """levels[x] = the row as in `_upsample_row`, clipped to [0, 255] and rounded half up."""
    right = padded[b, 0] + t * (padded[b + 1, 0] - padded[b, 0])
    for s in range(columns.shape[0] - 1):
        left = right
        right = padded[b, s + 1] + t * (padded[b + 1, s + 1] - padded[b, s + 1])
        slope = right - left
        for x in range(np.uintp(columns[s]), np.uintp(columns[s + 1])):
            value = min(max(left + column_weight[x] * slope, np.float32(0)), np.float32(255))
            levels[x] = np.uint8(np.int32(value + np.float32(0.5)))


@kernel(
    *(int64, readable(float32, 3), *GRID, int64, int64, int64),
    *(writable(float32, 2), writable(float32, 4), writable(float32, 3)),
)
def heatmaps(maps, rows, row_weight, columns, column_weight, normalise, first, stop, padded, corners, out):
    """out[p] = map p, scaled by its extrema after upsampling, upsampled, and clipped to [0, 1]; or raw.

    maps (P, h, w); rows, columns and workspace as in `extrema.py`; out (P, H, W), of which rows [first, stop) are
    written. Returns how many maps there are before one that isn't finite.
    """
    sound, limit = maps.shape[0], np.float32(np.inf)
    for p in range(maps.shape[0]):
        values = maps[p].reshape(maps[p].size)
        if normalise:
            fine = pad_normalised(values, rows, row_weight, columns, column_weight, np.float32(1), padded, corners)
        else:
            fine = pad(values, maps.shape[2], False, padded) < LARGEST
        if not fine:
            sound = min(sound, p)
            continue
        low, high = (np.float32(0), np.float32(1)) if normalise else (-limit, limit)
        for b in range(rows.shape[0] - 1):
            for y in range(max(rows[b], first), min(rows[b + 1], stop)):
                _upsample_row(padded, b, row_weight[y], columns, column_weight, low, high, out[p, y])
    return sound


@kernel(
    *(int64, readable(float32, 3), *GRID, int64, int64, int64),
    *(writable(float32, 2), writable(float32, 4), writable(uint8, 3)),
)
def heatmaps_uint8(maps, rows, row_weight, columns, column_weight, normalise, first, stop, padded, corners, out):
    """out[p] = map p as in `heatmaps` with `normalise`, which has to be set, times 255 and rounded half up."""
    sound = maps.shape[0]
    for p in range(maps.shape[0]):
        values = maps[p].reshape(maps[p].size)
        if not pad_normalised(values, rows, row_weight, columns, column_weight, np.float32(255), padded, corners):
            sound = min(sound, p)
            continue
        for b in range(rows.shape[0] - 1):
            for y in range(max(rows[b], first), min(rows[b + 1], stop)):
                level_row(padded, b, row_weight[y], columns, column_weight, out[p, y])
    return sound
