"""Heatmaps in float32."""

import numpy as np

from fastcam.kernels.cuda import driver, launch


def heatmaps(maps, rows, row_weight, columns, column_weight, normalise, limits, first, stop, extrema, out):
    """As the CPU's twin, in two launches; NaN for maps that aren't finite. extrema (P, 2): workspace."""
    grid = launch.grid_arguments(rows, row_weight, columns, column_weight)
    find_extrema("heatmaps", maps, grid, limits, extrema)
    write_rows("heatmaps", maps, grid, (np.int32(bool(normalise)),), first, stop, extrema, out)


def find_extrema(name, maps, grid, limits, extrema):
    """Limits (P, 2), or where None minimum and maximum of each map (P, h, w) after upsampling; NaN if not finite."""
    kernel = driver.current.kernel(name, "find_extrema", [("THREADS", launch.THREADS)])
    given = (np.int32(0), extrema) if limits is None else (np.int32(1), limits)
    kernel((len(maps),), (launch.THREADS,), (maps, *grid, *given, extrema))


def write_rows(name, maps, grid, options, first, stop, extrema, out):
    """out[p, y] for rows [first, stop), four pixels at a time where rows are whole multiples of that."""
    kernel = driver.current.kernel(name, name, [("THREADS", launch.THREADS)])
    w, width = int(grid[5]), int(grid[7])
    fours = width % 4 == 0 and launch.address(out) % (4 * out.itemsize) == 0
    blocks, warps, shared = launch.lines(stop - first, w, len(maps))
    rows = (np.int32(first), np.int32(stop), np.int32(fours))
    kernel((blocks, len(maps)), (32 * warps,), (maps, *grid, *options, *rows, extrema, out), shared_mem=shared)
