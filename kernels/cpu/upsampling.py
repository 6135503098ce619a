"""Bilinear upsampling of a padded map, row by row, and its scaling beforehand."""

import numpy as np

from fastcam.kernels.contract import Bytes, Cells, Floats, Grid, Ints
from fastcam.kernels.cpu.extrema import LARGEST, between_rows, exact_extrema, margin_of, pad
from fastcam.kernels.cpu.jit import helper


@helper
def pad_normalised(values: Floats, grid: Grid, full: np.float32, limits: Floats, cells: Cells) -> bool:
    """Pad a map (h * w,), scaled so that its limits (2,) become 0 and `full`; return whether it is finite.

    Limits that are NaN become the extrema that the map has once it is upsampled. Equal limits make zeros.
    """
    padded = cells.padded
    largest = pad(values, grid.columns.shape[0] - 2, False, padded)
    if not largest < LARGEST:
        return False
    low, high = limits[0], limits[1]
    if low != low:
        low, high = exact_extrema(padded, grid, margin_of(largest), cells.corners)
    for y in range(grid.rows.shape[0]):
        for x in range(grid.columns.shape[0]):
            value = np.float32(0)
            if high > low:
                value = (padded[y, x] - low) / (high - low) * full
            # Downsampling can miss a peak, which exceeds the extrema by any factor then.
            padded[y, x] = min(max(value, -LARGEST), LARGEST)
    return True


@helper
def upsample_row(
    padded: Floats,
    b: int,
    t: np.float32,
    columns: Ints,
    column_weight: Floats,
    low: np.float32,
    high: np.float32,
    line: Floats,
) -> None:
    """line[x] = the row of band b, t below the row of the map above it, clipped to [low, high]."""
    right = between_rows(padded, b, t, 0)
    for s in range(columns.shape[0] - 1):
        left = right
        right = between_rows(padded, b, t, s + 1)
        slope = right - left
        # Unsigned, as the test for negative indices would keep LLVM from vectorising this loop.
        for x in range(np.uintp(columns[s]), np.uintp(columns[s + 1])):
            line[x] = min(max(left + column_weight[x] * slope, low), high)


@helper
def level_row(padded: Floats, b: int, t: np.float32, columns: Ints, column_weight: Floats, levels: Bytes) -> None:
    """levels[x] = the row that `upsample_row` computes, clipped to [0, 255] and rounded half up."""
    right = between_rows(padded, b, t, 0)
    for s in range(columns.shape[0] - 1):
        left = right
        right = between_rows(padded, b, t, s + 1)
        slope = right - left
        for x in range(np.uintp(columns[s]), np.uintp(columns[s + 1])):
            value = min(max(left + column_weight[x] * slope, np.float32(0)), np.float32(255))
            levels[x] = np.uint8(np.int32(value + np.float32(0.5)))
