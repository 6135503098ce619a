"""Heatmaps in uint8."""

from fastcam.kernels.cuda import launch
from fastcam.kernels.cuda.heatmaps import find_extrema, write_rows


def heatmaps_uint8(maps, rows, row_weight, columns, column_weight, normalise, limits, first, stop, extrema, out):
    """As the CPU's twin, in two launches; zeros for maps that aren't finite. extrema (P, 2): workspace."""
    grid = launch.grid_arguments(rows, row_weight, columns, column_weight)
    find_extrema("heatmaps_uint8", maps, grid, limits, extrema)
    write_rows("heatmaps_uint8", maps, grid, (), first, stop, extrema, out)
