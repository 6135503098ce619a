"""Feature maps to boxes in one call."""

from typing import Annotated

import numpy as np

from fastcam.kernels.contract import (
    Boxes,
    ClassBoxes,
    ClassIndex,
    Features,
    Floats,
    Grid,
    Ints,
    Rule,
    Weights,
    Work,
)
from fastcam.kernels.cuda import driver, launch
from fastcam.kernels.cuda.activation_maps import sum_channels
from fastcam.kernels.cuda.find_boxes import find_boxes


def localize(
    features: Features,
    weights: Weights,
    class_index: ClassIndex,
    first: int,
    stop: int,
    grid: Grid,
    rule: Rule,
    parts: Annotated[Floats, Work("S, N, M, h, w")],
    planes: Annotated[Floats, Work("N * M, h, w")],
    tables: Annotated[Ints, Work("N * M, launch.table_size")],
    boxes: ClassBoxes,
) -> int:
    """Compute what the CPU's twin does; peak is NaN as well for classes that the model doesn't have.

    parts as in `activation_maps`: if S is 0, there is one launch, whose maps stay in shared memory, else two. planes
    and tables as in `find_boxes`. Returns stop.
    """
    n, m = boxes.area.shape
    flat = Boxes(boxes.xyxy.reshape(n * m, 4), boxes.area.reshape(n * m), boxes.peak.reshape(n * m))
    if len(parts):
        sum_channels(features, weights, class_index, first, stop, parts)
        maps = parts.reshape(len(parts), n * m, *parts.shape[3:])
        find_boxes(maps, m * first, m * stop, grid, rule, planes, tables, flat)
        return stop
    classes, channels = weights.shape
    w = grid.columns.size - 2
    cells = (grid.rows.size - 2) * w
    vector = launch.vector(features, channels)
    table = 0 if tables.size else launch.table_size(grid)
    shared = (0 if planes.size else cells) + max(launch.THREADS * vector, table)
    flags = (launch.slots(grid.column_weight.size, w), not planes.size, not tables.size)
    kernel = driver.current.kernel("localize", "localize", launch.constants(features.form, vector))
    kernel(
        (m, stop - first),
        (launch.THREADS,),
        (
            *launch.feature_arguments(features), weights, class_index,
            *map(np.int32, (classes, channels, first)), *launch.grid_arguments(grid), *launch.rule_arguments(rule),
            *map(np.int32, flags), planes, tables, *flat,
        ),
        shared_mem=4 * shared,
    )  # fmt: skip
    return stop
