"""Heatmaps in uint8."""

from typing import Annotated

import numpy as np

from fastcam.kernels.contract import Bytes, Cells, Grid, Limits, Maps, Out
from fastcam.kernels.cpu.jit import kernel
from fastcam.kernels.cpu.upsampling import level_row, pad_normalised


@kernel
def heatmaps_uint8(
    maps: Maps,
    grid: Grid,
    normalise: bool,
    limits: Limits,
    first: int,
    stop: int,
    cells: Cells,
    out: Annotated[Bytes, Out("P, H, W")],
) -> int:
    """out[p] = map p as `heatmaps` computes it with `normalise`, which has to be set, times 255 and rounded half up."""
    sound = maps.shape[0]
    rows, row_weight, columns, column_weight = grid
    padded = cells.padded
    for p in range(maps.shape[0]):
        values = maps[p].reshape(maps[p].size)
        if not pad_normalised(values, grid, np.float32(255), limits[p], cells):
            sound = min(sound, p)
            continue
        for b in range(rows.shape[0] - 1):
            for y in range(max(rows[b], first), min(rows[b + 1], stop)):
                level_row(padded, b, row_weight[y], columns, column_weight, out[p, y])
    return sound
