"""The box of the largest connected component above a threshold, without an (H, W) array."""

from typing import Annotated

from fastcam.kernels.contract import Boxes, Cells, Grid, Longs, Maps, Rule, Tables, Work
from fastcam.kernels.cpu.components import write_largest
from fastcam.kernels.cpu.jit import kernel
from fastcam.kernels.cpu.runs import components_of


@kernel
def find_boxes(
    maps: Maps,
    first: int,
    stop: int,
    grid: Grid,
    rule: Rule,
    cells: Cells,
    tables: Tables,
    boxes: Boxes,
    counts: Annotated[Longs, Work("2")],
) -> int:
    """boxes[p] = the box of the largest component of map p once it is upsampled, for maps [first, stop).

    counts: number of runs and components of the last map, which are in the tables. Returns the first map that isn't
    finite, or stop.
    """
    sound = stop
    xyxy, area, peak = boxes
    components = tables.components
    for p in range(first, stop):
        found, count, high = components_of(maps[p].reshape(maps[p].size), grid, rule, cells, tables)
        area[p] = write_largest(components, count, xyxy[p])
        peak[p] = high
        counts[0], counts[1] = found, count  # of any map, where threads share them
        if high != high:
            sound = min(sound, p)
    return sound
