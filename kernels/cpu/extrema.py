"""Exact extrema of an upsampled map from few of its pixels, and the threshold that a rule makes of them."""

import numpy as np

from fastcam.kernels.cpu.jit import helper

LARGEST = np.float32(2.0**126)  # beyond it, the difference of two values could overflow


@helper
def pad(values, w, rectify, padded):
    """Put a map into padded[1:-1, 1:-1] and repeat its edges around it. Returns its largest magnitude, or NaN.

    values: the h * w values, row by row; padded (>= h + 2, >= w + 2), of which h + 2 by w + 2 are used. rectify: ReLU.
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
def margin_of(largest):
    """More than rounding, 32 times of 2**-24, can move a pixel beyond those at the corners of its cell."""
    return largest * np.float32(2.0**-18) + np.float32(1e-43)


@helper
def between_rows(padded, b, t, column):
    """The map at a column, t of the way from row b to the next: with the same between columns, what defines a pixel."""
    return padded[b, column] + t * (padded[b + 1, column] - padded[b, column])


@helper
def corner_values(padded, rows, row_weight, columns, column_weight, corners):
    """corners[b, e, s, f]: the pixels in first (0) and last (1) row e of band b, first and last column f of segment s.

    Pixel rows [rows[b], rows[b + 1]) are band b: they lie between rows b and b + 1 of the padded map, and row_weight
    (H,) tells how far, in [0, 1]. Pixel columns [columns[s], columns[s + 1]) are segment s, likewise. rows (h + 2,),
    columns (w + 2,); padded (>= h + 2, >= w + 2), corners (>= h + 1, 2, >= w + 1, 2).

    Returns the lowest and the highest of them.
    """
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
def _column_extrema(padded, b, s, t, first, stop, row_weight, low, high):
    """Widen (low, high) by the pixels of a column in rows [first, stop) of a band."""
    for y in range(first, stop):
        left = between_rows(padded, b, row_weight[y], s)
        right = between_rows(padded, b, row_weight[y], s + 1)
        value = left + t * (right - left)
        low, high = min(low, value), max(high, value)
    return low, high


@helper
def exact_extrema(padded, rows, row_weight, columns, column_weight, margin, corners):
    """Minimum and maximum of all pixels, and the corners as in `corner_values`.

    Within a segment of a row the values are monotone, also after rounding: a product with a growing weight, then a sum.
    Down a column they are so up to rounding, hence only columns with a corner within that of an extremum are gone down.
    """
    lowest, highest = corner_values(padded, rows, row_weight, columns, column_weight, corners)
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
def cut_of(low, high, threshold, minmax):
    """The number that exactly the pixels of the mask are greater than: `fastcam.conventions` from a map's extrema."""
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
