"""A frame to a network input by bilinear interpolation between four pixels."""

import numpy as np

from fastcam.kernels.cuda import driver, launch


def preprocess(
    frame, origin, row_stride, pixel_stride, channel_stride,
    rows, row_weights, columns, column_weights, column_border, fill, table, channels_last, first, stop, out,
):  # fmt: skip
    """As the CPU's twin."""
    place = map(np.int64, (origin, row_stride, pixel_stride, channel_stride))
    tables = (rows, row_weights, columns, column_weights, column_border, np.int32(fill))
    sides = (rows.shape[0], columns.shape[0])
    per_pixel("preprocess", (frame, *place, *tables), table, channels_last, first, stop, sides, out)


def per_pixel(name, arguments, table, channels_last, first, stop, sides, out):
    """Launch a kernel with a thread for each pixel of rows [first, stop), of (height, width) in all."""
    kernel = driver.current.kernel(name, name, [("THREADS", launch.THREADS)])
    blocks = -(-(stop - first) * sides[1] // launch.THREADS)
    numbers = map(np.int32, (table.shape[0], table.shape[1] // 256, channels_last, first, stop, *sides))
    kernel((blocks,), (launch.THREADS,), (*arguments, table, *numbers, out))
