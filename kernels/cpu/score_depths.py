"""Depths of the pixels of a score map, as the evaluation of Choe et al. 2020 makes it: bicubic, min-max, bytes."""

from typing import Annotated

import numpy as np

from fastcam.kernels.contract import Doubles, Floats, In, Ints, Out, Work
from fastcam.kernels.cpu.jit import helper, kernel


@helper
def _stretch(values: Floats, cell: Ints, weight: Doubles, lines: Doubles) -> None:
    """lines[i, x] = row i of the map (h, w) at pixel column x."""
    last = values.shape[1] - 1
    for i in range(values.shape[0]):
        for x in range(cell.shape[0]):
            j = cell[x]
            # In float64 and in this order, as OpenCV does for a float64 map, to which that code converts its maps.
            total = np.float64(values[i, min(max(j - 1, 0), last)]) * weight[x, 0]
            for k in range(1, 4):
                total += np.float64(values[i, min(max(j - 1 + k, 0), last)]) * weight[x, k]
            lines[i, x] = total


@kernel
def score_depths(
    values: Annotated[Floats, In("h, w")],
    row_cell: Annotated[Ints, In("H")],
    row_weight: Annotated[Doubles, In("H, 4")],
    column_cell: Annotated[Ints, In("W")],
    column_weight: Annotated[Doubles, In("W, 4")],
    depth_of: Annotated[Ints, In("256")],
    lines: Annotated[Doubles, Work("h, W")],
    pixels: Annotated[Doubles, Work("H, W")],
    out: Annotated[Ints, Out("H + 2, W + 2")],
) -> int:
    """out[1 + y, 1 + x] = depth_of[uint8(255 * score)]; the score is the upsampled value between the extrema.

    Pixel row y is the sum of the rows row_cell[y] - 1 to row_cell[y] + 2 of the map, edges repeated, times
    row_weight[y]; columns likewise. Returns H.
    """
    _stretch(values, column_cell, column_weight, lines)
    height, width = pixels.shape
    low, high, last = np.inf, -np.inf, values.shape[0] - 1
    for y in range(height):
        i = row_cell[y]
        first, second = lines[min(max(i - 1, 0), last)], lines[min(max(i, 0), last)]
        third, fourth = lines[min(max(i + 1, 0), last)], lines[min(max(i + 2, 0), last)]
        a, b, c, d = row_weight[y, 0], row_weight[y, 1], row_weight[y, 2], row_weight[y, 3]
        for x in range(width):
            value = first[x] * a + second[x] * b + third[x] * c + fourth[x] * d
            pixels[y, x] = value
            low, high = min(low, value), max(high, value)
    for y in range(height):
        for x in range(width):
            level = int((pixels[y, x] - low) / (high - low) * 255) if high > low else 0
            out[1 + y, 1 + x] = depth_of[level]
    return height
