"""Exact extrema of an upsampled map from few of its pixels, and the threshold that a rule makes of them."""

import numpy as np

from fastcam.kernels.contract import Floats, Grid
from fastcam.kernels.cpu.jit import helper

LARGEST = np.float32(2.0**126)  # beyond it, the difference of two values could overflow


@helper
def pad(values: Floats, w: int, rectify: bool, padded: Floats) -> np.float32:
    """Write a map into padded[1:-1, 1:-1] and repeat its edges around it; return its largest magnitude, or NaN.

    values (h * w,), row by row; padded (>= h + 2, >= w + 2), of which h + 2 by w + 2 are used. rectify: negative values
    become zero.
    """
    h = values.shape[0] // w
    largest = np.float32(0)
    for y in range(h):
        for x in range(w):
            value = values[y * w + x]
            largest = max(largest, abs(value)) if value == value else value
            if largest != largest:
                return largest
            padded[y + 1, x + 1] = max(value, np.float32(0)) if rectify else value
        padded[y + 1, 0] = padded[y + 1, 1]
        padded[y + 1, w + 1] = padded[y + 1, w]
    for x in range(w + 2):
        padded[0, x] = padded[1, x]
        padded[h + 1, x] = padded[h, x]
    return largest


@helper
def margin_of(largest: np.float32) -> np.float32:
    """Return more than rounding, 32 times of 2**-24, can move a pixel beyond those at the corners of its cell."""
    return largest * np.float32(2.0**-18) + np.float32(1e-43)


@helper
def between_rows(padded: Floats, b: int, t: np.float32, column: int) -> np.float32:
    """Return the map at a column, t of the way from row b to the next.

    The same between two columns of that defines a pixel.
    """
    return padded[b, column] + t * (padded[b + 1, column] - padded[b, column])


@helper
def corner_values(padded: Floats, grid: Grid, corners: Floats) -> tuple[np.float32, np.float32]:
    """Write the pixels at the corners of all cells (`contract.Cells`); return the lowest and the highest of them.

    padded (>= h + 2, >= w + 2), corners (>= h + 1, 2, >= w + 1, 2).
    """
    rows, row_weight, columns, column_weight = grid
    low, high = np.float32(np.inf), np.float32(-np.inf)
    for b in range(rows.shape[0] - 1):
        if rows[b] == rows[b + 1]:
            continue
        for e in range(2):
            t = row_weight[rows[b] if e == 0 else rows[b + 1] - 1]
            right = between_rows(padded, b, t, 0)
            for s in range(columns.shape[0] - 1):
                left = right
                right = between_rows(padded, b, t, s + 1)
                if columns[s] < columns[s + 1]:
                    slope = right - left
                    first = left + column_weight[columns[s]] * slope
                    last = left + column_weight[columns[s + 1] - 1] * slope
                    corners[b, e, s, 0] = first
                    corners[b, e, s, 1] = last
                    low, high = min(low, first, last), max(high, first, last)
    return low, high


@helper
def _column_extrema(
    padded: Floats,
    b: int,
    s: int,
    t: np.float32,
    first: int,
    stop: int,
    row_weight: Floats,
    low: np.float32,
    high: np.float32,
) -> tuple[np.float32, np.float32]:
    """Widen (low, high) by the pixels of a column in rows [first, stop) of a band."""
    for y in range(first, stop):
        left = between_rows(padded, b, row_weight[y], s)
        right = between_rows(padded, b, row_weight[y], s + 1)
        value = left + t * (right - left)
        low, high = min(low, value), max(high, value)
    return low, high


@helper
def exact_extrema(padded: Floats, grid: Grid, margin: np.float32, corners: Floats) -> tuple[np.float32, np.float32]:
    """Return minimum and maximum of all pixels, and write the corners as `corner_values` does.

    Within a segment of a row the values are monotone, also after rounding: a product with a growing weight, then a sum.
    Down a column they are so up to rounding. So only columns are searched that have a corner within the margin of an
    extremum.
    """
    rows, row_weight, columns, column_weight = grid
    lowest, highest = corner_values(padded, grid, corners)
    low, high = lowest, highest
    for b in range(rows.shape[0] - 1):
        first, stop = rows[b] + 1, rows[b + 1] - 1
        if first >= stop:
            continue
        for s in range(columns.shape[0] - 1):
            if columns[s] == columns[s + 1]:
                continue
            for f in range(2):
                above, below = corners[b, 0, s, f], corners[b, 1, s, f]
                if max(above, below) > highest - margin or min(above, below) < lowest + margin:
                    t = column_weight[columns[s] if f == 0 else columns[s + 1] - 1]
                    low, high = _column_extrema(padded, b, s, t, first, stop, row_weight, low, high)
    return low, high


@helper
def cut_of(low: np.float32, high: np.float32, threshold: np.float32, minmax: bool) -> np.float32:
    """Return the number that exactly the pixels of the mask are greater than, from a map's extrema."""
    if not minmax:
        return threshold * high if high > 0 else np.float32(np.inf)
    spread = high - low
    if not spread > 0 or not spread / spread > threshold:
        return np.float32(np.inf)
    # (v - low) / spread > threshold grows with v, also after rounding: the last float where it is false.
    outside, inside = low, high
    while True:
        middle = np.float32((np.float64(outside) + np.float64(inside)) / 2)
        if middle == outside or middle == inside:  # noqa: SIM109
            return outside
        if (middle - low) / spread > threshold:
            inside = middle
        else:
            outside = middle
