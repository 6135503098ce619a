"""How the twins are laid out over a device: threads of a block, bytes of a load, what goes into shared memory."""

from typing import Any

import numpy as np

from fastcam.kernels.cuda import driver

THREADS = 512  # of a block; tests have fewer

FLOAT32 = 0  # forms, as those of the CPU's twins
CHANNELS_LAST = 4
ITEMS = (np.float32, np.uint16, np.int8, np.uint8)  # float16 by its bits


def vector(feature_maps: Any, form: int, channels: int) -> int:
    """Values of one load: at most 16 bytes of them, 8 values, as many as divide the channels and begin aligned."""
    size = np.dtype(ITEMS[form % CHANNELS_LAST]).itemsize
    count = min(16 // size, 8)
    while channels % count or address(feature_maps) % (count * size):
        count //= 2
    return count


def typed(feature_maps: Any, form: int) -> Any:
    """Their bytes as what they are."""
    return feature_maps.view(ITEMS[form % CHANNELS_LAST])


def address(array: Any) -> int:
    """Of the first element, in CuPy's arrays or NumPy's."""
    return array.data.ptr if hasattr(array.data, "ptr") else array.ctypes.data


def constants(form: int, count: int) -> list[tuple[str, int]]:
    """What a kernel that reads feature maps is compiled with."""
    return [("THREADS", THREADS), ("FORM", form), ("VECTOR", count)]


def grid_arguments(rows: Any, row_weight: Any, columns: Any, column_weight: Any) -> tuple[Any, ...]:
    """A grid as the kernels take it: its arrays, then h, w, height and width."""
    sides = (rows.size - 2, columns.size - 2, row_weight.size, column_weight.size)
    return rows, row_weight, columns, column_weight, *(np.int32(side) for side in sides)


def rule_arguments(threshold: float, rectify: bool, minmax: bool, connectivity: int) -> tuple[Any, ...]:
    """A rule as the kernels take it."""
    flags = (rectify, minmax, connectivity == 8)
    return np.float32(threshold), *(np.int32(flag) for flag in flags)


def slots(width: int, w: int) -> int:
    """Runs that a row of pixels can have: monotone between two cells, and with a gap between them."""
    return min(w, (width + 1) // 2)


def table_size(rows: Any, row_weight: Any, columns: Any, column_weight: Any) -> int:
    """Integers of the tables of one map: start, stop, parent, area, left, right, bottom of runs; runs of each row."""
    height = row_weight.size
    return 7 * height * slots(column_weight.size, columns.size - 2) + height


def lines(rows: int, w: int, maps: int) -> tuple[int, int, int]:
    """Blocks for each map, warps of a block, and shared bytes, for kernels whose warps do a row of pixels at a time.

    Each warp keeps a row of the map, w + 2 floats. Blocks are as many as the device holds at once: each does some rows.
    """
    line = 4 * (w + 2)
    warps = max(1, min(THREADS // 32, driver.current.shared_memory // line))
    most = -(-4 * driver.current.processors // maps)
    return max(1, min(-(-rows // warps), most)), warps, warps * line
