"""Runs of pixels above a threshold, row by row, from the map's cells alone, without the pixels.

Where a band of pixel rows crosses a segment of pixel columns (`contract.Grid`), four corner pixels show whether all
pixels are safely in or out. All rows of a band without other cells have the same runs; in the other bands, the crossing
of a cell and a row is solved for, then decided by the expression that defines the pixel.
"""

from typing import Any

import numpy as np

from fastcam.kernels.contract import Cells, Floats, Grid, Ints, Rule, Tables
from fastcam.kernels.cpu.components import START, STOP, link_runs
from fastcam.kernels.cpu.extrema import LARGEST, between_rows, cut_of, exact_extrema, margin_of, pad
from fastcam.kernels.cpu.jit import helper

OUT, IN, MIXED = range(3)
KIND, FIRST, END, SEGMENT = range(4)  # columns of the table of spans: kind of its pixels [FIRST, END), and its segment


@helper
def _spans(
    corners: Floats, b: int, columns: Ints, cut: np.float32, margin: np.float32, spans: Ints
) -> tuple[int, bool]:
    """Write the spans of band b: segments that are mixed, and neighbours in or out, joined.

    Returns the number of spans, and whether one is mixed.
    """
    count, mixed = 0, False
    for s in range(columns.shape[0] - 1):
        if columns[s] == columns[s + 1]:
            continue
        first, last, below_first, below_last = (
            corners[b, 0, s, 0],
            corners[b, 0, s, 1],
            corners[b, 1, s, 0],
            corners[b, 1, s, 1],
        )
        kind = MIXED
        if min(min(first, last), min(below_first, below_last)) > cut + margin:
            kind = IN
        elif max(max(first, last), max(below_first, below_last)) < cut - margin:
            kind = OUT
        if count and kind != MIXED and spans[count - 1, KIND] == kind:
            spans[count - 1, END] = columns[s + 1]
            continue
        mixed = mixed or kind == MIXED
        spans[count, KIND], spans[count, SEGMENT] = kind, s
        spans[count, FIRST], spans[count, END] = columns[s], columns[s + 1]
        count += 1
    return count, mixed


@helper
def _pitch(columns: Ints, weight: Floats) -> Any:
    """Return the pixels per cell of the map, in the longest segment."""
    pitch, longest = np.float32(0), 1
    for s in range(columns.shape[0] - 1):
        first, last = columns[s], columns[s + 1] - 1
        if last - first >= longest and weight[last] > weight[first]:
            pitch, longest = np.float32(last - first) / (weight[last] - weight[first]), last - first + 1
    return pitch


@helper
def _crossing(
    left: np.float32,
    slope: np.float32,
    weight: Floats,
    first: int,
    last: int,
    pitch: np.float32,
    cut: np.float32,
    leaves: bool,
) -> int:
    """Return the first pixel in (first, last] whose side of the cut is that of `last`, and not that of `first`."""
    along = ((cut - left) / slope - weight[first]) * pitch
    guess = last - 1
    if not along >= last - 1 - first:  # NaN as well
        guess = first + int(along) if along > 0 else first
    if (left + weight[guess] * slope > cut) == leaves:
        last = guess
        guess -= 1
        if (left + weight[guess] * slope > cut) != leaves:
            return last
        last = guess
    else:
        first = guess
        guess += 1
        if (left + weight[guess] * slope > cut) == leaves:
            return guess
        first = guess
    while last - first > 1:
        middle = (first + last) // 2
        if (left + weight[middle] * slope > cut) == leaves:
            last = middle
        else:
            first = middle
    return last


@helper
def _row_runs(
    padded: Floats,
    b: int,
    t: np.float32,
    weight: Floats,
    pitch: np.float32,
    cut: np.float32,
    spans: Ints,
    count: int,
    runs: Ints,
    end: int,
) -> int:
    """Append the runs of a row of band b, t below the row of the map above it; return the number of runs so far."""
    start = -1
    for k in range(count):
        first = spans[k, FIRST]
        enters = leaves = spans[k, KIND] == IN
        left = slope = cut  # float32, as below
        if spans[k, KIND] == MIXED:
            s = spans[k, SEGMENT]
            left = between_rows(padded, b, t, s)
            slope = between_rows(padded, b, t, s + 1) - left
            enters = left + weight[first] * slope > cut
            leaves = left + weight[spans[k, END] - 1] * slope > cut
        if enters and start < 0:
            start = first
        elif start >= 0 and not enters:
            runs[end, START], runs[end, STOP] = start, first
            end, start = end + 1, -1
        if enters != leaves:
            crossing = _crossing(left, slope, weight, first, spans[k, END] - 1, pitch, cut, leaves)
            if leaves:
                start = crossing
            else:
                runs[end, START], runs[end, STOP] = start, crossing
                end, start = end + 1, -1
    if start >= 0:
        runs[end, START], runs[end, STOP] = start, weight.shape[0]
        end += 1
    return end


@helper
def trace(grid: Grid, cut: np.float32, margin: np.float32, reach: int, cells: Cells, tables: Tables) -> tuple[int, int]:
    """Fill the tables of runs and components of a map cut at `cut`; return the numbers of runs and of components.

    The cells are those that `exact_extrema` wrote; reach as in `link_runs`.
    """
    rows, row_weight, columns, column_weight = grid
    spans, runs, components = tables
    padded, corners = cells
    above = current = end = count = 0
    pitch = _pitch(columns, column_weight)
    for b in range(rows.shape[0] - 1):
        if rows[b] == rows[b + 1]:
            continue
        spans_here, mixed = _spans(corners, b, columns, cut, margin, spans)
        alike = not mixed or row_weight[rows[b]] == row_weight[rows[b + 1] - 1]
        y = rows[b]
        while y < rows[b + 1]:
            below = rows[b + 1] if alike else y + 1
            above, current = current, end
            end = _row_runs(padded, b, row_weight[y], column_weight, pitch, cut, spans, spans_here, runs, end)
            count = link_runs(runs, above, current, end, y, below, reach, components, count)
            y = below
    return end, count


@helper
def components_of(values: Floats, grid: Grid, rule: Rule, cells: Cells, tables: Tables) -> tuple[int, int, np.float32]:
    """Fill the tables of one map (h * w,); return the numbers of runs and components, and the maximum or NaN."""
    largest = pad(values, grid.columns.shape[0] - 2, rule.rectify, cells.padded)
    if not largest < LARGEST:
        return 0, 0, np.float32(np.nan)
    margin = margin_of(largest)
    low, high = exact_extrema(cells.padded, grid, margin, cells.corners)
    cut = cut_of(low, high, np.float32(rule.threshold), rule.minmax)
    runs, components = trace(grid, cut, margin, 1 if rule.connectivity == 8 else 0, cells, tables)
    return runs, components, high
