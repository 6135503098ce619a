"""Feature maps to boxes in one go."""

import numpy as np

from fastcam.kernels.cuda import driver, launch
from fastcam.kernels.cuda.activation_maps import sum_channels
from fastcam.kernels.cuda.find_boxes import find_boxes


def localize(
    feature_maps, form, zero_point, scale, weights, class_index, first, stop,
    rows, row_weight, columns, column_weight, threshold, rectify, minmax, connectivity,
    parts, planes, tables, xyxy, area, peak,
):  # fmt: skip
    """As the CPU's twin; peak is NaN for maps that aren't finite, and for classes that aren't there.

    parts as in `activation_maps`: if S is 0, this is one launch, whose maps stay in shared memory, else two.
    planes and tables as in `find_boxes`, for N * M maps.
    """
    n, m = area.shape
    axes, rule = (rows, row_weight, columns, column_weight), (threshold, rectify, minmax, connectivity)
    results = xyxy.reshape(n * m, 4), area.reshape(n * m), peak.reshape(n * m)
    if len(parts):
        sum_channels(feature_maps, form, zero_point, scale, weights, class_index, first, stop, parts)
        maps = parts.reshape(len(parts), n * m, *parts.shape[3:])
        find_boxes(maps, m * first, m * stop, *axes, *rule, planes, tables, *results)
        return
    classes, channels = weights.shape
    cells, width = (rows.size - 2) * (columns.size - 2), column_weight.size
    vector = launch.vector(feature_maps, form, channels)
    table = 0 if tables.size else launch.table_size(*axes)
    shared = (0 if planes.size else cells) + max(launch.THREADS * vector, table)
    flags = (launch.slots(width, columns.size - 2), not planes.size, not tables.size)
    kernel = driver.current.kernel("localize", "localize", launch.constants(form, vector))
    kernel(
        (m, stop - first),
        (launch.THREADS,),
        (
            launch.typed(feature_maps, form), np.float32(zero_point), np.float32(scale), weights, class_index,
            *map(np.int32, (classes, channels, first)), *launch.grid_arguments(*axes), *launch.rule_arguments(*rule),
            *map(np.int32, flags), planes, tables, *results,
        ),
        shared_mem=4 * shared,
    )  # fmt: skip
