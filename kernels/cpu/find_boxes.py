"""Threshold, connected components and the box of the largest, from the runs of each row; no (H, W) array."""

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


@numba.njit(nogil=True)
def _inside(left, slope, weight, rule):
    """Whether the pixel at that weight between two cells of a row is above the threshold."""
    return (left + weight * slope - rule[0]) / rule[1] > rule[2]


@numba.njit(nogil=True)
def _crossing(left, slope, weights, first, last, rule):
    """The first pixel in (first, last] whose side of the threshold is that of `last`, and not that of `first`."""
    side = _inside(left, slope, weights[last], rule)
    while last - first > 1:
        middle = (first + last) // 2
        if _inside(left, slope, weights[middle], rule) == side:
            last = middle
        else:
            first = middle
    return last


@numba.njit(nogil=True)
def _cell_starts(cells, starts):
    """Pixels [starts[c], starts[c + 1]) of an axis lie between cells c and c + 1 of the map."""
    x = 0
    for c in range(starts.shape[0]):
        while x < cells.shape[0] and cells[x] < c:
            x += 1
        starts[c] = x


@numba.njit(nogil=True)
def _row_runs(row, starts, weights, rule, runs, count, y):
    """Append the runs of one row of pixels, and return how many there are now.

    Between two cells the values are monotone, also after rounding: a product with a growing weight, then a sum. So the
    two end pixels say whether all, none, or a first or last part of them are above the threshold.
    """
    start = -1
    for c in range(row.shape[0]):
        first, last = starts[c], starts[c + 1] - 1
        if last < first:
            continue
        left, slope = row[c], row[min(c + 1, row.shape[0] - 1)] - row[c]
        enters, leaves = _inside(left, slope, weights[first], rule), _inside(left, slope, weights[last], rule)
        if start >= 0 and not enters:
            _open_run(runs, count, start, first, y)
            count, start = count + 1, -1
        elif start < 0 and enters:
            start = first
        if enters != leaves:
            crossing = _crossing(left, slope, weights, first, last, rule)
            if leaves:
                start = crossing
            else:
                _open_run(runs, count, start, crossing, y)
                count, start = count + 1, -1
    if start >= 0:
        _open_run(runs, count, start, weights.shape[0], y)
        count += 1
    return count


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
    reach = 1 if connectivity == 8 else 0
    row, starts = np.empty(w, np.float32), np.empty(w + 1, np.int32)
    _cell_starts(column_index, starts)
    for p in range(maps.shape[0]):
        above, count = 0, 0
        for y in range(row_index.shape[0]):
            upper, lower = row_index[y], min(row_index[y] + 1, h - 1)
            for j in range(w):
                row[j] = maps[p, upper, j] + row_weight[y] * (maps[p, lower, j] - maps[p, upper, j])
            current = count
            count = _row_runs(row, starts, column_weight, rules[p], runs, count, y)
            _link_rows(runs, above, current, count, reach)
            above = current
        area[p] = _write_largest(runs, count, xyxy[p])
