"""Heatmaps in float32."""

import numpy as np
from numba import float32, int64

from fastcam.kernels.cpu.extrema import LARGEST, pad
from fastcam.kernels.cpu.jit import CELLS, GRID, kernel, readable, writable
from fastcam.kernels.cpu.upsampling import pad_normalised, upsample_row


@kernel(
    *(int64, readable(float32, 3), *GRID, int64, readable(float32, 2), int64, int64),
    *(*CELLS, writable(float32, 3)),
)
def heatmaps(maps, rows, row_weight, columns, column_weight, normalise, limits, first, stop, padded, corners, out):
    """out[p] = map p, scaled so that its limits become 0 and 1, upsampled, and clipped to [0, 1]; or raw.

    maps (P, h, w); limits (P, 2), for NaN the extrema after upsampling; rows, columns and workspace as in `extrema.py`;
    out (P, H, W), of which rows [first, stop) are written. Returns how many maps there are before one that isn't
    finite.
    """
    sound, limit = maps.shape[0], np.float32(np.inf)
    for p in range(maps.shape[0]):
        values = maps[p].reshape(maps[p].size)
        if normalise:
            fine = pad_normalised(
                values, rows, row_weight, columns, column_weight, np.float32(1), limits[p], padded, corners
            )
        else:
            fine = pad(values, maps.shape[2], False, padded) < LARGEST
        if not fine:
            sound = min(sound, p)
            continue
        low, high = (np.float32(0), np.float32(1)) if normalise else (-limit, limit)
        for b in range(rows.shape[0] - 1):
            for y in range(max(rows[b], first), min(rows[b + 1], stop)):
                upsample_row(padded, b, row_weight[y], columns, column_weight, low, high, out[p, y])
    return sound
