"""Heatmaps in float32."""

from typing import Annotated, Any

import numpy as np

from fastcam.kernels.contract import Floats, Grid, Limits, Maps, Out, Work
from fastcam.kernels.cuda import driver, launch


def heatmaps(
    maps: Maps,
    grid: Grid,
    normalise: bool,
    limits: Limits | None,
    first: int,
    stop: int,
    extrema: Annotated[Floats, Work("P, 2")],
    out: Annotated[Floats, Out("P, H, W")],
) -> int:
    """Compute what the CPU's twin does, in two launches; NaN for maps that aren't finite.

    limits: None for the extrema that each map has once it is upsampled. Returns P.
    """
    find_extrema("heatmaps", maps, grid, limits, extrema)
    write_rows("heatmaps", maps, grid, (np.int32(bool(normalise)),), first, stop, extrema, out)
    return len(maps)


def find_extrema(name: str, maps: Floats, grid: Grid, limits: Limits | None, extrema: Floats) -> None:
    """extrema (P, 2) = limits, or minimum and maximum of each map (P, h, w) once it is upsampled; NaN if not finite."""
    kernel = driver.current.kernel(name, "find_extrema", [("THREADS", launch.THREADS)])
    given = (np.int32(0), extrema) if limits is None else (np.int32(1), limits)
    kernel((len(maps),), (launch.THREADS,), (maps, *launch.grid_arguments(grid), *given, extrema))


def write_rows(
    name: str, maps: Floats, grid: Grid, options: tuple[Any, ...], first: int, stop: int, extrema: Floats, out: Any
) -> None:
    """Write out[p, y] for rows [first, stop), four pixels at a time where the length of rows is a multiple of four."""
    kernel = driver.current.kernel(name, name, [("THREADS", launch.THREADS)])
    w, width = grid.columns.size - 2, grid.column_weight.size
    fours = width % 4 == 0 and launch.address(out) % (4 * out.itemsize) == 0
    blocks, warps, shared = launch.lines(stop - first, w, len(maps))
    rows = (np.int32(first), np.int32(stop), np.int32(fours))
    kernel(
        (blocks, len(maps)),
        (32 * warps,),
        (maps, *launch.grid_arguments(grid), *options, *rows, extrema, out),
        shared_mem=shared,
    )
