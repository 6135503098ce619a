"""A heatmap in colours over a frame."""

import numpy as np

from fastcam.kernels.cuda import driver, launch
from fastcam.kernels.cuda.heatmaps import find_extrema


def overlay(
    values, rows, row_weight, columns, column_weight, limits, colours, opacity, left, top, first, stop, extrema, frame
):
    """As the CPU's twin, in two launches; nothing is drawn if the map isn't finite. extrema (1, 2): workspace."""
    grid = launch.grid_arguments(rows, row_weight, columns, column_weight)
    find_extrema("overlay", values.reshape(1, -1), grid, limits, extrema)
    kernel = driver.current.kernel("overlay", "overlay", [("THREADS", launch.THREADS)])
    blocks, warps, shared = launch.lines(stop - first, int(grid[5]), 1)
    numbers = (opacity, left, top, first, stop)
    kernel(
        (blocks,),
        (32 * warps,),
        (values, *grid, colours, *map(np.int32, numbers), np.int64(frame.shape[1]), extrema, frame),
        shared_mem=shared,
    )
