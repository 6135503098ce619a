"""A frame to a network input, each pixel the weighted mean of all that it covers."""

import numpy as np

from fastcam.kernels.cuda.preprocess import per_pixel


def preprocess_antialiased(
    frame, origin, row_stride, pixel_stride, channel_stride,
    rows, row_weights, row_border, row_shift, columns, column_weights, column_border, column_shift,
    extra_bits, fill, table, channels_last, first, stop, out,
):  # fmt: skip
    """As the CPU's twin."""
    place = map(np.int64, (origin, row_stride, pixel_stride, channel_stride))
    down = (rows, row_weights, np.int32(row_weights.shape[1]), row_border, np.int32(row_shift))
    across = (columns, column_weights, np.int32(column_weights.shape[1]), column_border, np.int32(column_shift))
    arguments = (frame, *place, *down, *across, np.int32(extra_bits), np.int32(fill))
    sides = (rows.shape[0], columns.shape[0])
    per_pixel("preprocess_antialiased", arguments, table, channels_last, first, stop, sides, out)
