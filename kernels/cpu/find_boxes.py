"""The box of the largest connected component above a threshold, without an (H, W) array."""

import numpy as np
from numba import float32, float64, int32, int64

from fastcam.kernels.cpu.components import write_largest
from fastcam.kernels.cpu.extrema import LARGEST, cut_of, exact_extrema, margin_of, pad
from fastcam.kernels.cpu.jit import helper, kernel, readable, writable
from fastcam.kernels.cpu.runs import trace

# built on e8e7986342a23981

GRID = (readable(int32, 1), readable(float32, 1), readable(int32, 1), readable(float32, 1))
RULE = (float64, int64, int64, int64)
TABLES = (writable(float32, 2), writable(float32, 4), *[writable(int32, 2)] * 3)


@helper
def components_of(
    values, rows, row_weight, columns, column_weight, threshold, rectify, minmax, connectivity,
    padded, corners, spans, runs, components,
):  # fmt: skip
    """Runs and components of one map of h * w values: how many there are, and the maximum, NaN if not finite."""
    largest = pad(values, columns.shape[0] - 2, rectify, padded)
    if not largest < LARGEST:
        return 0, 0, np.float32(np.nan)
    margin = margin_of(largest)
    low, high = exact_extrema(padded, rows, row_weight, columns, column_weight, margin, corners)
    cut = cut_of(low, high, np.float32(threshold), minmax)
    reach = 1 if connectivity == 8 else 0
    ends = trace(padded, rows, row_weight, columns, column_weight, corners, cut, margin, reach, spans, runs, components)
    return ends[0], ends[1], high


@kernel(
    *(int64, readable(float32, 3), int64, int64, *GRID, *RULE, *TABLES),
    *(writable(int32, 2), writable(int32, 1), writable(float32, 1), writable(int64, 1)),
)
def find_boxes(
    maps, first, stop, rows, row_weight, columns, column_weight, threshold, rectify, minmax, connectivity,
    padded, corners, spans, runs, components, xyxy, area, peak, counts,
):  # fmt: skip
    """xyxy[p], area[p] = box and pixels of the largest component of map p after upsampling, zeros where there is none.

    For maps [first, stop) of (P, h, w); rows and columns as in `extrema`; threshold, rectify, minmax as in
    `fastcam.conventions`; connectivity 4 or 8; workspace as in `runs.trace`; xyxy (P, 4), area (P,), peak (P,): the
    maximum after upsampling; counts (2,): how many runs and components of the last map the tables hold. Returns the
    first map that isn't finite, or stop.
    """
    sound = stop
    for p in range(first, stop):
        counts[0], counts[1], high = components_of(
            maps[p].reshape(maps[p].size), rows, row_weight, columns, column_weight,
            threshold, rectify, minmax, connectivity, padded, corners, spans, runs, components,
        )  # fmt: skip
        area[p] = write_largest(components, counts[1], xyxy[p])
        peak[p] = high
        if high != high:
            sound = min(sound, p)
    return sound
