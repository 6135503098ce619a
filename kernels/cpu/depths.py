"""Depths of pixels: the number of ascending thresholds that each is above, from one upsampling for all of them."""

from typing import Annotated

import numpy as np

from fastcam.kernels.contract import Cells, Doubles, Floats, Grid, In, Ints, Out, Work
from fastcam.kernels.cpu.extrema import cut_of, exact_extrema, margin_of, pad
from fastcam.kernels.cpu.jit import helper, kernel
from fastcam.kernels.cpu.upsampling import upsample_row


@helper
def _count_below(line: Floats, cuts: Floats, depths: Ints) -> None:
    """depths[x] = number of the ascending cuts that line[x] is above, searched from the depth of the pixel before."""
    depth = 0
    for x in range(line.shape[0]):
        while depth < cuts.shape[0] and line[x] > cuts[depth]:
            depth += 1
        while depth > 0 and not line[x] > cuts[depth - 1]:
            depth -= 1
        depths[x] = depth


@kernel
def depths(
    values: Annotated[Floats, In("h, w")],
    grid: Grid,
    thresholds: Annotated[Doubles, In("T")],
    rectify: bool,
    minmax: bool,
    cells: Cells,
    cuts: Annotated[Floats, Work("T")],
    line: Annotated[Floats, Work("W")],
    out: Annotated[Ints, Out("H + 2, W + 2")],
) -> int:
    """out[1 + y, 1 + x] = number of the ascending thresholds that pixel (x, y) of the upsampled map is above.

    values: finite; rectify and minmax as in `Rule`. Returns T.
    """
    rows, row_weight, columns, column_weight = grid
    padded, corners = cells
    largest = pad(values.reshape(values.size), values.shape[1], rectify, padded)
    margin, limit = margin_of(largest), np.float32(np.inf)
    low, high = exact_extrema(padded, grid, margin, corners)
    for k in range(thresholds.shape[0]):
        cuts[k] = cut_of(low, high, np.float32(thresholds[k]), minmax)
    for b in range(rows.shape[0] - 1):
        for y in range(rows[b], rows[b + 1]):
            upsample_row(padded, b, row_weight[y], columns, column_weight, -limit, limit, line)
            _count_below(line, cuts, out[1 + y, 1 : 1 + line.shape[0]])
    return thresholds.shape[0]
