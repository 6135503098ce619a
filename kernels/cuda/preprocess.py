"""A frame to a network input by bilinear interpolation between four pixels."""

from typing import Annotated, Any

import numpy as np

from fastcam.kernels.contract import Bytes, Frame, Linear, Out, Target
from fastcam.kernels.cuda import driver, launch


def preprocess(frame: Frame, axes: Linear, target: Target, out: Annotated[Bytes, Out("all bytes")]) -> int:
    """Compute what the CPU's twin does."""
    arguments = (*launch.frame_arguments(frame), *axes[:-1], np.int32(axes.fill))
    return per_pixel("preprocess", arguments, target, (axes.rows.shape[0], axes.columns.shape[0]), out)


def per_pixel(name: str, arguments: tuple[Any, ...], target: Target, size: tuple[int, int], out: Bytes) -> int:
    """Launch a kernel with a thread for each pixel of the target's rows; size (height, width) of all.

    Returns target.stop.
    """
    kernel = driver.current.kernel(name, name, [("THREADS", launch.THREADS)])
    table, channels_last, first, stop = target
    blocks = -(-(stop - first) * size[1] // launch.THREADS)
    numbers = map(np.int32, (table.shape[0], table.shape[1] // 256, channels_last, first, stop, *size))
    kernel((blocks,), (launch.THREADS,), (*arguments, table, *numbers, out))
    return stop
