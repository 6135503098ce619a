"""A heatmap in colours over a frame."""

from typing import Annotated

import numpy as np

from fastcam.kernels.contract import Bytes, Floats, Grid, In, Limits, LongWords, Out, Work
from fastcam.kernels.cuda import driver, launch
from fastcam.kernels.cuda.heatmaps import find_extrema


def overlay(
    values: Annotated[Floats, In("h * w")],
    grid: Grid,
    limits: Limits | None,
    colours: Annotated[LongWords, In("65536")],
    opacity: int,
    left: int,
    top: int,
    first: int,
    stop: int,
    extrema: Annotated[Floats, Work("1, 2")],
    frame: Annotated[Bytes, Out("height, 3 * width")],
) -> int:
    """Compute what the CPU's twin does, in two launches. limits as in `heatmaps`. Returns 1."""
    find_extrema("overlay", values.reshape(1, -1), grid, limits, extrema)
    kernel = driver.current.kernel("overlay", "overlay", [("THREADS", launch.THREADS)])
    blocks, warps, shared = launch.lines(stop - first, grid.columns.size - 2, 1)
    numbers = (opacity, left, top, first, stop)
    kernel(
        (blocks,),
        (32 * warps,),
        (
            values, *launch.grid_arguments(grid), colours, *map(np.int32, numbers), np.int64(frame.shape[1]), extrema,
            frame,
        ),
        shared_mem=shared,
    )  # fmt: skip
    return 1
