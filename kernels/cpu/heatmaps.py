"""Heatmaps in float32."""

from typing import Annotated

import numpy as np

from fastcam.kernels.contract import Cells, Floats, Grid, Limits, Maps, Out
from fastcam.kernels.cpu.extrema import LARGEST, pad
from fastcam.kernels.cpu.jit import kernel
from fastcam.kernels.cpu.upsampling import pad_normalised, upsample_row


@kernel
def heatmaps(
    maps: Maps,
    grid: Grid,
    normalise: bool,
    limits: Limits,
    first: int,
    stop: int,
    cells: Cells,
    out: Annotated[Floats, Out("P, H, W")],
) -> int:
    """out[p] = map p, scaled so that its limits become 0 and 1, upsampled, and clipped to [0, 1]; or only upsampled.

    Rows [first, stop) are written, of finite maps. Returns the first map that isn't finite, or P.
    """
    sound, limit = maps.shape[0], np.float32(np.inf)
    rows, row_weight, columns, column_weight = grid
    padded = cells.padded
    for p in range(maps.shape[0]):
        values = maps[p].reshape(maps[p].size)
        if normalise:
            fine = pad_normalised(values, grid, np.float32(1), limits[p], cells)
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
