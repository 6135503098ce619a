"""Bilinear upsampling, normalised on the way."""

import numpy as np
from numba import float32, float64, int32, int64, uint8, void

from fastcam.kernels.cpu.extrema import LARGEST
from fastcam.kernels.cpu.jit import helper, kernel, readable, writable

# built on d59b25da005606de

GRID = (readable(int32, 1), readable(float32, 1), readable(int32, 1), readable(float32, 1))


@helper
def pad_normalised(one, offset, scale, full, padded):
    """Put full * (values - offset) / scale into padded[1:-1, 1:-1] and repeat the edges around it."""
    h, w = one.shape
    for y in range(h + 2):
        for x in range(w + 2):
            value = (one[min(max(y - 1, 0), h - 1), min(max(x - 1, 0), w - 1)] - offset) / scale * full
            # Downsampling can pass a peak by, which is out of all proportion then.
            padded[y, x] = min(max(value, -LARGEST), LARGEST)


@helper
def upsample_row(padded, b, t, columns, column_weight, low, high, line):
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
    """levels[x] = the row as in `upsample_row`, clipped to [0, 255] and rounded half up."""
    right = padded[b, 0] + t * (padded[b + 1, 0] - padded[b, 0])
    for s in range(columns.shape[0] - 1):
        left = right
        right = padded[b, s + 1] + t * (padded[b + 1, s + 1] - padded[b, s + 1])
        slope = right - left
        for x in range(np.uintp(columns[s]), np.uintp(columns[s + 1])):
            value = min(max(left + column_weight[x] * slope, np.float32(0)), np.float32(255))
            levels[x] = np.uint8(np.int32(value + np.float32(0.5)))


@kernel(
    *(void, readable(float32, 3), *GRID, readable(float32, 2), float64, float64, int64, int64),
    *(writable(float32, 2), writable(float32, 3)),
)
def heatmaps(
    maps, rows, row_weight, columns, column_weight, normalisation, low, high, first, stop, padded, out
):  # fmt: skip
    """out[p, y, x] = (v - normalisation[p, 0]) / normalisation[p, 1], v being map p upsampled, clipped to [low, high].

    maps (P, h, w), which are normalised before they are upsampled; rows and columns as in `extrema`; normalisation
    (P, 2): offset and scale; out (P, H, W), of which rows [first, stop) are written. Workspace: padded
    (>= h + 2, >= w + 2).
    """
    low, high = np.float32(low), np.float32(high)
    for p in range(maps.shape[0]):
        pad_normalised(maps[p], normalisation[p, 0], normalisation[p, 1], np.float32(1), padded)
        for b in range(rows.shape[0] - 1):
            for y in range(max(rows[b], first), min(rows[b + 1], stop)):
                upsample_row(padded, b, row_weight[y], columns, column_weight, low, high, out[p, y])


@kernel(
    *(void, readable(float32, 3), *GRID, readable(float32, 2), int64, int64, writable(float32, 2), writable(uint8, 3)),
)
def heatmaps_uint8(maps, rows, row_weight, columns, column_weight, normalisation, first, stop, padded, out):
    """out[p, y, x] = 255 times the heatmap, clipped to [0, 255] and rounded half up; else as `heatmaps`."""
    for p in range(maps.shape[0]):
        pad_normalised(maps[p], normalisation[p, 0], normalisation[p, 1], np.float32(255), padded)
        for b in range(rows.shape[0] - 1):
            for y in range(max(rows[b], first), min(rows[b + 1], stop)):
                level_row(padded, b, row_weight[y], columns, column_weight, out[p, y])
