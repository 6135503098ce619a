"""Bilinear upsampling of a map that was padded, row by row, normalised before it."""

import numpy as np

from fastcam.kernels.cpu.extrema import LARGEST, between_rows, exact_extrema, margin_of, pad
from fastcam.kernels.cpu.jit import helper


@helper
def pad_normalised(values, rows, row_weight, columns, column_weight, full, limits, padded, corners):
    """Pad a map of h * w values, scaled so that limits (2,) become 0 and `full`. Returns False if it isn't finite.

    Limits that are NaN are found: the extrema that the map has once it is upsampled. Equal limits make zeros.
    """
    largest = pad(values, columns.shape[0] - 2, False, padded)
    if not largest < LARGEST:
        return False
    low, high = limits[0], limits[1]
    if low != low:
        low, high = exact_extrema(padded, rows, row_weight, columns, column_weight, margin_of(largest), corners)
    for y in range(rows.shape[0]):
        for x in range(columns.shape[0]):
            value = np.float32(0)
            if high > low:
                value = (padded[y, x] - low) / (high - low) * full
            # Downsampling can pass a peak by, which is out of all proportion then.
            padded[y, x] = min(max(value, -LARGEST), LARGEST)
    return True


@helper
def upsample_row(padded, b, t, columns, column_weight, low, high, line):
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
def level_row(padded, b, t, columns, column_weight, levels):
    """levels[x] = the row as in `upsample_row`, clipped to [0, 255] and rounded half up."""
    right = between_rows(padded, b, t, 0)
    for s in range(columns.shape[0] - 1):
        left = right
        right = between_rows(padded, b, t, s + 1)
        slope = right - left
        for x in range(np.uintp(columns[s]), np.uintp(columns[s + 1])):
            value = min(max(left + column_weight[x] * slope, np.float32(0)), np.float32(255))
            levels[x] = np.uint8(np.int32(value + np.float32(0.5)))
