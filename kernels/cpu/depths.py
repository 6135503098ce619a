"""How deep pixels lie: of how many ascending thresholds each is above, which one upsampling tells for all of them."""

import numpy as np
from numba import float32, float64, int32, int64

from fastcam.kernels.cpu.extrema import cut_of, exact_extrema, margin_of, pad
from fastcam.kernels.cpu.jit import CELLS, GRID, helper, kernel, readable, writable
from fastcam.kernels.cpu.upsampling import upsample_row


@helper
def _count_below(line, cuts, depths):
    """depths[x] = how many of the ascending cuts line[x] is above, found from the neighbour's on."""
    depth = 0
    for x in range(line.shape[0]):
        while depth < cuts.shape[0] and line[x] > cuts[depth]:
            depth += 1
        while depth > 0 and not line[x] > cuts[depth - 1]:
            depth -= 1
        depths[x] = depth


@kernel(
    *(int64, readable(float32, 2), *GRID, readable(float64, 1), int64, int64),
    *(*CELLS, writable(float32, 1), writable(float32, 1), writable(int32, 2)),
)
def depths(
    values, rows, row_weight, columns, column_weight, thresholds, rectify, minmax, padded, corners, cuts, line, out
):
    """out[1 + y, 1 + x] = how many of the ascending thresholds (T,) the pixel (x, y) of the upsampled map is above.

    values (h, w), finite; rows, columns, padded and corners as in `extrema.py`; rectify and minmax as in
    `fastcam.conventions`; workspace cuts (T,) and line (W,); out (H + 2, W + 2). Returns T.
    """
    largest = pad(values.reshape(values.size), values.shape[1], rectify, padded)
    margin, limit = margin_of(largest), np.float32(np.inf)
    low, high = exact_extrema(padded, rows, row_weight, columns, column_weight, margin, corners)
    for k in range(thresholds.shape[0]):
        cuts[k] = cut_of(low, high, np.float32(thresholds[k]), minmax)
    for b in range(rows.shape[0] - 1):
        for y in range(rows[b], rows[b + 1]):
            upsample_row(padded, b, row_weight[y], columns, column_weight, -limit, limit, line)
            _count_below(line, cuts, out[1 + y, 1 : 1 + line.shape[0]])
    return thresholds.shape[0]
