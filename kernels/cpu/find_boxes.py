"""The box of the largest connected component above a threshold, without an (H, W) array."""

from numba import float32, int32, int64

from fastcam.kernels.cpu.components import write_largest
from fastcam.kernels.cpu.jit import GRID, RULE, TABLES, kernel, readable, writable
from fastcam.kernels.cpu.runs import components_of


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
        found, count, high = components_of(
            maps[p].reshape(maps[p].size), rows, row_weight, columns, column_weight,
            threshold, rectify, minmax, connectivity, padded, corners, spans, runs, components,
        )  # fmt: skip
        area[p] = write_largest(components, count, xyxy[p])
        peak[p] = high
        counts[0], counts[1] = found, count  # of any map, where threads share them
        if high != high:
            sound = min(sound, p)
    return sound
