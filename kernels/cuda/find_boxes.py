"""The box of the largest connected component above a threshold, without an (H, W) array."""

import numpy as np

from fastcam.kernels.cuda import driver, launch


def find_boxes(
    maps, first, stop, rows, row_weight, columns, column_weight, threshold, rectify, minmax, connectivity,
    planes, tables, xyxy, area, peak,
):  # fmt: skip
    """As the CPU's twin; peak is NaN for maps that aren't finite.

    maps (P, h, w), or (S, P, h, w), whose parts are added up. Workspace for what has no room in shared memory, or has
    to be read afterwards, else of size 0: planes (P, h, w) and tables (P, `launch.table_size`).
    """
    parts, count = (1, len(maps)) if maps.ndim == 3 else maps.shape[:2]
    axes, rule = (rows, row_weight, columns, column_weight), (threshold, rectify, minmax, connectivity)
    h, w = maps.shape[-2:]
    shared = (0 if planes.size else h * w) + (0 if tables.size else launch.table_size(*axes))
    flags = (launch.slots(column_weight.size, w), not planes.size, not tables.size)
    kernel = driver.current.kernel("find_boxes", "find_boxes", [("THREADS", launch.THREADS)])
    kernel(
        (stop - first,),
        (launch.THREADS,),
        (
            maps, np.int32(parts), np.int64(count), np.int32(first), *launch.grid_arguments(*axes),
            *launch.rule_arguments(*rule), *map(np.int32, flags), planes, tables, xyxy, area, peak,
        ),
        shared_mem=4 * shared,
    )  # fmt: skip
