"""Threshold, connected components and the box of the largest, row by row; no (H, W) array."""

import numba
import numpy as np
from numba import float32, int32

from fastcam.kernels.cpu.jit import kernel, readable, writable

MAPS = readable(float32, 3)
INDEX, WEIGHT = readable(int32, 1), readable(float32, 1)

# Columns of the workspace, one line a run of pixels above the threshold. The last five describe the component
# and are kept at its root only.
START, STOP, PARENT, AREA, X0, Y0, X1, Y1 = range(8)


@numba.njit(nogil=True)
def _root(runs, i):
    while runs[i, PARENT] != i:
        runs[i, PARENT] = runs[runs[i, PARENT], PARENT]
        i = runs[i, PARENT]
    return i


@numba.njit(nogil=True)
def _unite(runs, i, j):
    """Merge two components; the root met first in raster order stays root, which settles ties of area."""
    i, j = _root(runs, i), _root(runs, j)
    if i == j:
        return
    i, j = min(i, j), max(i, j)
    runs[j, PARENT] = i
    runs[i, AREA] += runs[j, AREA]
    runs[i, X0] = min(runs[i, X0], runs[j, X0])
    runs[i, Y0] = min(runs[i, Y0], runs[j, Y0])
    runs[i, X1] = max(runs[i, X1], runs[j, X1])
    runs[i, Y1] = max(runs[i, Y1], runs[j, Y1])


@numba.njit(nogil=True)
def _open_run(runs, i, start, stop, y):
    runs[i, START], runs[i, STOP], runs[i, PARENT], runs[i, AREA] = start, stop, i, stop - start
    runs[i, X0], runs[i, Y0], runs[i, X1], runs[i, Y1] = start, y, stop, y + 1


@numba.njit(nogil=True)
def _link_rows(runs, above, current, end, reach):
    """Unite the runs [current, end) of a row with those of the row above, [above, current), that they touch."""
    i, k = current, above
    while i < end and k < current:
        if runs[i, START] < runs[k, STOP] + reach and runs[k, START] < runs[i, STOP] + reach:
            _unite(runs, i, k)
        if runs[k, STOP] < runs[i, STOP]:
            k += 1
        else:
            i += 1


@numba.njit(nogil=True)
def _write_largest(runs, count, xyxy):
    best, area = -1, 0
    for i in range(count):
        if runs[i, PARENT] == i and runs[i, AREA] > area:
            best, area = i, runs[i, AREA]
    for side in range(4):
        xyxy[side] = runs[best, X0 + side] if best >= 0 else 0
    return area


@kernel(
    *(MAPS, INDEX, WEIGHT, INDEX, WEIGHT, readable(float32, 2), int32),
    *(writable(int32, 2), writable(int32, 2), writable(int32, 1)),
)
def find_boxes(maps, row_index, row_weight, column_index, column_weight, rules, connectivity, runs, xyxy, area):
    """xyxy[p], area[p] = box and pixels of the largest component of map p after upsampling, zeros where there is none.

    maps (P, h, w); rows and columns as in `heatmaps.extrema`; a pixel v is in when (v - offset) / scale > cut, rules
    (P, 3) holding these; connectivity 4 or 8; runs (>= H * min(w, (W + 1) // 2), 8) workspace; xyxy (P, 4); area (P,).
    """
    h, w = maps.shape[1], maps.shape[2]
    width = column_index.shape[0]
    reach = 1 if connectivity == 8 else 0
    row = np.empty(w, np.float32)
    for p in range(maps.shape[0]):
        offset, scale, cut = rules[p, 0], rules[p, 1], rules[p, 2]
        above, count = 0, 0
        for y in range(row_index.shape[0]):
            upper, lower = row_index[y], min(row_index[y] + 1, h - 1)
            for j in range(w):
                row[j] = maps[p, upper, j] + row_weight[y] * (maps[p, lower, j] - maps[p, upper, j])
            current, start = count, -1
            for x in range(width):
                left, right = row[column_index[x]], row[min(column_index[x] + 1, w - 1)]
                inside = (left + column_weight[x] * (right - left) - offset) / scale > cut
                if inside and start < 0:
                    start = x
                elif start >= 0 and not inside:
                    _open_run(runs, count, start, x, y)
                    count, start = count + 1, -1
            if start >= 0:
                _open_run(runs, count, start, width, y)
                count += 1
            _link_rows(runs, above, current, count, reach)
            above = current
        area[p] = _write_largest(runs, count, xyxy[p])
