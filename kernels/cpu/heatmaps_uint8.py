"""Heatmaps in uint8."""

import numpy as np
from numba import float32, int64, uint8

from fastcam.kernels.cpu.jit import CELLS, GRID, kernel, readable, writable
from fastcam.kernels.cpu.upsampling import level_row, pad_normalised


@kernel(
    *(int64, readable(float32, 3), *GRID, int64, readable(float32, 2), int64, int64),
    *(*CELLS, writable(uint8, 3)),
)
def heatmaps_uint8(
    maps, rows, row_weight, columns, column_weight, normalise, limits, first, stop, padded, corners, out
):
    """out[p] = map p as in `heatmaps` with `normalise`, which has to be set, times 255 and rounded half up."""
    sound = maps.shape[0]
    for p in range(maps.shape[0]):
        values = maps[p].reshape(maps[p].size)
        if not pad_normalised(
            values, rows, row_weight, columns, column_weight, np.float32(255), limits[p], padded, corners
        ):
            sound = min(sound, p)
            continue
        for b in range(rows.shape[0] - 1):
            for y in range(max(rows[b], first), min(rows[b + 1], stop)):
                level_row(padded, b, row_weight[y], columns, column_weight, out[p, y])
    return sound
