"""The box of the largest connected component above a threshold, without an (H, W) array."""

from typing import Annotated

import numpy as np

from fastcam.kernels.contract import Boxes, Floats, Grid, Ints, Maps, Rule, Work
from fastcam.kernels.cuda import driver, launch


def find_boxes(
    maps: Maps,
    first: int,
    stop: int,
    grid: Grid,
    rule: Rule,
    planes: Annotated[Floats, Work("P, h, w")],
    tables: Annotated[Ints, Work("P, launch.table_size")],
    boxes: Boxes,
) -> int:
    """Compute what the CPU's twin does.

    maps (P, h, w), or (S, P, h, w), whose S parts are added up. planes and tables: workspace for what doesn't fit into
    shared memory, or is read afterwards; else of size 0. Returns stop.
    """
    parts, count = (1, len(maps)) if maps.ndim == 3 else maps.shape[:2]
    h, w = maps.shape[-2:]
    shared = (0 if planes.size else h * w) + (0 if tables.size else launch.table_size(grid))
    flags = (launch.slots(grid.column_weight.size, w), not planes.size, not tables.size)
    kernel = driver.current.kernel("find_boxes", "find_boxes", [("THREADS", launch.THREADS)])
    kernel(
        (stop - first,),
        (launch.THREADS,),
        (
            maps, np.int32(parts), np.int64(count), np.int32(first), *launch.grid_arguments(grid),
            *launch.rule_arguments(rule), *map(np.int32, flags), planes, tables, *boxes,
        ),
        shared_mem=4 * shared,
    )  # fmt: skip
    return stop
