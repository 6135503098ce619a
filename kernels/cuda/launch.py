"""Layout of the twins over a device: threads of a block, bytes of a load, what goes into shared memory."""

from typing import Any

import numpy as np

from fastcam.kernels.contract import Features, Frame, Grid, Rule
from fastcam.kernels.cuda import driver

THREADS = 512  # of a block; tests have fewer

FLOAT32 = 0  # forms, as in `contract.Features`
CHANNELS_LAST = 4
ITEMS = (np.float32, np.uint16, np.int8, np.uint8)  # float16 by its bits


def vector(features: Features, channels: int) -> int:
    """Return the values of a load: at most 8, and 16 bytes; it divides the channels, and loads are aligned."""
    size = np.dtype(ITEMS[features.form % CHANNELS_LAST]).itemsize
    count = min(16 // size, 8)
    while channels % count or address(features.data) % (count * size):
        count //= 2
    return count


def address(array: Any) -> int:
    """Return the address of the first element, of an array of CuPy or NumPy."""
    return array.data.ptr if hasattr(array.data, "ptr") else array.ctypes.data


def constants(form: int, count: int) -> list[tuple[str, int]]:
    """Return the constants that a kernel for feature maps is compiled with."""
    return [("THREADS", THREADS), ("FORM", form), ("VECTOR", count)]


def feature_arguments(features: Features) -> tuple[Any, ...]:
    """Return feature maps as the kernels take them: items in their dtype, zero point and scale."""
    items = features.data.view(ITEMS[features.form % CHANNELS_LAST])
    return items, np.float32(features.zero_point), np.float32(features.scale)


def grid_arguments(grid: Grid) -> tuple[Any, ...]:
    """Return a grid as the kernels take it: its arrays, then h, w, height and width."""
    sides = (grid.rows.size - 2, grid.columns.size - 2, grid.row_weight.size, grid.column_weight.size)
    return *grid, *(np.int32(side) for side in sides)


def rule_arguments(rule: Rule) -> tuple[Any, ...]:
    """Return a rule as the kernels take it."""
    flags = (rule.rectify, rule.minmax, rule.connectivity == 8)
    return np.float32(rule.threshold), *(np.int32(flag) for flag in flags)


def frame_arguments(frame: Frame) -> tuple[Any, ...]:
    """Return a frame as the kernels take it: its bytes, then origin and strides."""
    return frame.data, *map(np.int64, frame[1:])


def slots(width: int, w: int) -> int:
    """Return the most runs of a row of pixels: monotone between two cells, and with a gap between them."""
    return min(w, (width + 1) // 2)


def table_size(grid: Grid) -> int:
    """Return the integers of the tables of a map: start, stop, parent, area, left, right, bottom; runs of each row."""
    height = grid.row_weight.size
    return 7 * height * slots(grid.column_weight.size, grid.columns.size - 2) + height


def lines(rows: int, w: int, maps: int) -> tuple[int, int, int]:
    """Return blocks for each map, warps of a block and shared bytes, for kernels with a warp for each row of pixels.

    A warp keeps a row of the map, w + 2 floats. There are as many blocks as the device runs at once: each does some
    rows.
    """
    line = 4 * (w + 2)
    warps = max(1, min(THREADS // 32, driver.current.shared_memory // line))
    most = -(-4 * driver.current.processors // maps)
    return max(1, min(-(-rows // warps), most)), warps, warps * line
