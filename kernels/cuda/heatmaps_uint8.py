"""Heatmaps in uint8."""

from typing import Annotated

from fastcam.kernels.contract import Bytes, Floats, Grid, Limits, Maps, Out, Work
from fastcam.kernels.cuda.heatmaps import find_extrema, write_rows


def heatmaps_uint8(
    maps: Maps,
    grid: Grid,
    normalise: bool,
    limits: Limits | None,
    first: int,
    stop: int,
    extrema: Annotated[Floats, Work("P, 2")],
    out: Annotated[Bytes, Out("P, H, W")],
) -> int:
    """Compute what the CPU's twin does, in two launches; zeros for maps that aren't finite.

    limits as in `heatmaps`. Returns P.
    """
    find_extrema("heatmaps_uint8", maps, grid, limits, extrema)
    write_rows("heatmaps_uint8", maps, grid, (), first, stop, extrema, out)
    return len(maps)
