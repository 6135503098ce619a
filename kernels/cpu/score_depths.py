"""Depths of the pixels of a score map as the evaluation of Choe et al. 2020 makes it: bicubic, min-max, bytes."""

import numpy as np
from numba import float32, float64, int32, int64

from fastcam.kernels.cpu.jit import helper, kernel, readable, writable


@helper
def _stretch(values, cell, weight, lines):
    """lines[i, x] = row i of the map at pixel column x."""
    last = values.shape[1] - 1
    for i in range(values.shape[0]):
        for x in range(cell.shape[0]):
            j = cell[x]
            # In float64 and in this order, as OpenCV adds them for a float64 map, which that code makes of its maps.
            total = np.float64(values[i, min(max(j - 1, 0), last)]) * weight[x, 0]
            for k in range(1, 4):
                total += np.float64(values[i, min(max(j - 1 + k, 0), last)]) * weight[x, k]
            lines[i, x] = total


@kernel(
    *(int64, readable(float32, 2), readable(int32, 1), readable(float64, 2), readable(int32, 1), readable(float64, 2)),
    *(readable(int32, 1), writable(float64, 2), writable(float64, 2), writable(int32, 2)),
)
def score_depths(values, row_cell, row_weight, column_cell, column_weight, depth_of, lines, pixels, out):
    """out[1 + y, 1 + x] = depth_of[uint8(255 * score)], the score being the upsampled value between the extrema.

    values (h, w); pixel row y is the sum of the rows row_cell[y] - 1 to + 2 of the map, edges repeated, times
    row_weight[y] (H, 4); columns likewise; depth_of (256,); workspace lines (h, W) and pixels (H, W); out
    (H + 2, W + 2). Returns the height.
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
