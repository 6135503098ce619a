"""A frame to a network input, each pixel the weighted mean of the pixels that it covers."""

from typing import Annotated

import numpy as np

from fastcam.kernels.contract import Averages, Bytes, Frame, Out, Target
from fastcam.kernels.cuda import launch
from fastcam.kernels.cuda.preprocess import per_pixel


def preprocess_antialiased(
    frame: Frame, axes: Averages, target: Target, out: Annotated[Bytes, Out("all bytes")]
) -> int:
    """Compute what the CPU's twin does."""
    rows, row_weights, row_border, row_shift = axes[:4]
    columns, column_weights, column_border, column_shift, extra_bits, fill = axes[4:]
    down = (rows, row_weights, np.int32(row_weights.shape[1]), row_border, np.int32(row_shift))
    across = (columns, column_weights, np.int32(column_weights.shape[1]), column_border, np.int32(column_shift))
    arguments = (*launch.frame_arguments(frame), *down, *across, np.int32(extra_bits), np.int32(fill))
    return per_pixel("preprocess_antialiased", arguments, target, (rows.shape[0], columns.shape[0]), out)
