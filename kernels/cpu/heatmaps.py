"""Bilinear upsampling: its extrema, and the normalised result."""

import numpy as np
from numba import float32, int32

from fastcam.kernels.cpu.jit import kernel, readable, writable

MAPS = readable(float32, 3)
INDEX, WEIGHT = readable(int32, 1), readable(float32, 1)


@kernel(MAPS, INDEX, WEIGHT, INDEX, WEIGHT, writable(float32, 2))
def extrema(maps, row_index, row_weight, column_index, column_weight, out):
    """out[p] = minimum and maximum of map p after upsampling.

    maps (P, h, w); row_index, row_weight (H,): the upper of the two map rows that a pixel row lies between, and how
    far it is from it, in [0, 1]; column_index, column_weight (W,) likewise; out (P, 2).

    Only the first and last pixel between two cells of a row are looked at: the values between are monotone, also after
    rounding.
    """
    h, w, width = maps.shape[1], maps.shape[2], column_index.shape[0]
    row = np.empty(w, np.float32)
    ends = np.empty(2 * w, np.int32)
    count = 0
    for x in range(width):
        first = x == 0 or column_index[x - 1] != column_index[x]
        if first or x == width - 1 or column_index[x + 1] != column_index[x]:
            ends[count] = x
            count += 1
    for p in range(maps.shape[0]):
        low, high = np.float32(np.inf), np.float32(-np.inf)
        for y in range(row_index.shape[0]):
            upper, lower = row_index[y], min(row_index[y] + 1, h - 1)
            for j in range(w):
                row[j] = maps[p, upper, j] + row_weight[y] * (maps[p, lower, j] - maps[p, upper, j])
            for end in range(count):
                x = ends[end]
                left, right = row[column_index[x]], row[min(column_index[x] + 1, w - 1)]
                value = left + column_weight[x] * (right - left)
                low = min(low, value)
                high = max(high, value)
        out[p, 0] = low
        out[p, 1] = high


@kernel(MAPS, INDEX, WEIGHT, INDEX, WEIGHT, readable(float32, 2), writable(float32, 3))
def heatmaps(maps, row_index, row_weight, column_index, column_weight, normalisation, out):
    """out[p, y, x] = (v - normalisation[p, 0]) / normalisation[p, 1], v being map p upsampled.

    maps (P, h, w); rows and columns as in `extrema`; normalisation (P, 2): offset and scale; out (P, H, W).
    """
    h, w = maps.shape[1], maps.shape[2]
    row = np.empty(w, np.float32)
    for p in range(maps.shape[0]):
        offset, scale = normalisation[p, 0], normalisation[p, 1]
        for y in range(row_index.shape[0]):
            upper, lower = row_index[y], min(row_index[y] + 1, h - 1)
            for j in range(w):
                row[j] = maps[p, upper, j] + row_weight[y] * (maps[p, lower, j] - maps[p, upper, j])
            for x in range(column_index.shape[0]):
                left, right = row[column_index[x]], row[min(column_index[x] + 1, w - 1)]
                out[p, y, x] = (left + column_weight[x] * (right - left) - offset) / scale
