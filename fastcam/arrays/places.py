"""Checks of signals and volumes: the rank that a size means, sizes, windows and maps.

Places are the axes of a map that aren't channels: (length,) of a signal, (height, width) of an image, (depth, height,
width) of a volume. Images have checks of their own (`fastcam.arrays.checks`).
"""

from __future__ import annotations

import math
import operator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastcam.arrays.checks import LONGEST, float_array, real_array
from fastcam.arrays.grids import Axis, Grid, axis, grid
from fastcam.arrays.scalars import is_whole
from fastcam.errors import InputError

# By the number of places, what a user calls a thing of that rank, the arrays that are one, and its axes and corners.
KINDS = {1: "signal", 2: "image", 3: "volume"}
SHAPES = {1: "(L,) or (L, C)", 3: "(D, H, W) or (D, H, W, C)"}
AXES = {1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}
SIDES = {1: ("x0", "x1"), 2: ("x0", "y0", "x1", "y1"), 3: ("x0", "y0", "z0", "x1", "y1", "z1")}
NEIGHBORS = {1: (2,), 2: (8, 4), 3: (26, 6)}  # all of a sample, pixel or voxel; those that share a side
LAYOUTS = {"NCHW": 2, "NHWC": 2, "NCW": 1, "NWC": 1, "NCDHW": 3, "NDHWC": 3}
Floats = NDArray[np.float32]


class Volume(NamedTuple):
    """Maps of volumes, checked: maps (P, d, h, w), their leading axes, and the grid of voxels.

    Attributes
    ----------
    depths
        The voxels along the first axis.
    plane
        The voxels along the other two.
    """

    maps: Floats
    leading: tuple[int, ...]
    depths: Axis
    plane: Grid

    @property
    def size(self) -> tuple[int, int, int]:
        """(depth, height, width) in voxels."""
        return len(self.depths.weight), *self.plane.size


def rank_of(size: Any) -> int:
    """Return 1 for a size of a signal, 3 for that of a volume, and 2 for all others, which the checks of images get.

    Examples
    --------
    >>> rank_of((5000,)), rank_of((224, 224)), rank_of((64, 128, 128))
    (1, 2, 3)
    """
    if type(size) is tuple:
        count = len(size)
    else:
        count = len(size) if isinstance(size, list | np.ndarray) and np.ndim(size) == 1 else 2
    return count if count in (1, 3) else 2


def size_of(size: Any, rank: int) -> tuple[int, ...]:
    """Return the size of a signal or a volume as ints, or raise `InputError`."""
    names = f"({', '.join(AXES[rank])}{',' if rank == 1 else ''})"
    try:
        sides = tuple(int(side) for side in size)
        if any(isinstance(given, bool) or given != side for given, side in zip(size, sides, strict=True)):
            raise ValueError
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"size: expected whole numbers {names}; got {size!r}") from None
    longest = LONGEST if rank == 3 else 2**31 - 1
    if not all(1 <= side <= longest for side in sides) or math.prod(sides) >= 2**31:
        raise InputError(f"size: expected {names} of 1 to {longest}, fewer than 2**31 in all; got {size!r}")
    return sides


def window_of(window: Any, size: tuple[int, ...]) -> tuple[int, ...]:
    """Return a window of a signal or a volume, (x0, x1) or (x0, y0, z0, x1, y1, z1), or raise `InputError`."""
    rank = len(size)
    names = f"({', '.join(SIDES[rank])})"
    if window is None:
        return (*[0] * rank, *size[::-1])
    try:
        sides = tuple(operator.index(side) for side in window)
    except TypeError:
        sides = ()
    if len(sides) != 2 * rank:
        raise InputError(f"window: expected {2 * rank} whole numbers {names}; got {window!r}")
    if not all(0 <= a < b <= side for a, b, side in zip(sides[:rank], sides[rank:], size[::-1], strict=True)):
        raise InputError(f"window: expected {names} inside a size of {size}, the first below the last; got {window!r}")
    return sides


def flat_places(maps: ArrayLike, rank: int) -> tuple[Floats, tuple[int, ...]]:
    """Return maps (..., *places) as (P, *places) float32, and their leading axes."""
    array = float_array("maps", maps)
    if array.ndim < rank:
        letters = {1: "l", 3: "d, h, w"}[rank]
        raise InputError(f"maps: expected (..., {letters}) for a size of {rank} numbers; got shape {array.shape}")
    return array.reshape(-1, *array.shape[-rank:]), array.shape[:-rank]


def line_at(cells: int, size: Any, window: Any) -> Grid:
    """Return the `Grid` of a signal of that size, or of a window of it, for maps of that many cells: one row."""
    (length,) = size_of(size, 1)
    x0, x1 = window_of(window, (length,))
    make = grid if length <= LONGEST else grid.__wrapped__  # longer ones aren't kept in memory
    return make((1, cells), (1, length), (x0, 0, x1, 1))


def volume_at(maps: ArrayLike, size: Any, window: Any) -> Volume:
    """Return maps of volumes and their grid of voxels, checked."""
    sides = size_of(size, 3)
    x0, y0, z0, x1, y1, z1 = window_of(window, sides)
    flat, leading = flat_places(maps, 3)
    if not isinstance(flat, np.ndarray):
        raise InputError("maps: expected maps of volumes in the host's memory; got an array on a device")
    d, h, w = flat.shape[1:]
    return Volume(flat, leading, axis(d, sides[0], z0, z1), grid((h, w), (sides[1], sides[2]), (x0, y0, x1, y1)))


def neighbors_of(value: Any, rank: int) -> int:
    """Return the connectivity of a signal (2), image (8 or 4) or volume (26 or 6), or raise `InputError`.

    None is the largest: all that touch, at corners too.
    """
    known = NEIGHBORS[rank]
    if value is None:
        return known[0]
    if not is_whole(value) or value not in known:
        kind = {1: " for signals", 2: "", 3: " for volumes"}[rank]
        raise InputError(f"connectivity: expected {' or '.join(map(str, sorted(known)))}{kind}; got {value!r}")
    return int(value)


def rank_of_layout(layout: Any) -> int:
    """Return the number of places of a layout: 1 of NCW and NWC, 3 of NCDHW and NDHWC, else 2."""
    return LAYOUTS.get(layout, 2) if isinstance(layout, str) else 2


def as_images(feature_maps: ArrayLike, layout: str) -> tuple[Any, str, tuple[int, ...]]:
    """Return feature maps of signals or volumes as those of images of one row, their layout, and the places."""
    rank = rank_of_layout(layout)
    array = real_array("feature_maps", feature_maps)
    if array.ndim != rank + 2:
        raise InputError(f"feature_maps: expected {rank + 2} axes for layout {layout!r}; got shape {array.shape}")
    if array.size == 0:
        raise InputError(f"feature_maps: expected at least one element; got shape {array.shape}")
    first = layout[1] == "C"
    places = array.shape[2:] if first else array.shape[1:-1]
    row = (*array.shape[:2], 1, -1) if first else (len(array), 1, -1, array.shape[-1])
    return array.reshape(row), "NCHW" if first else "NHWC", places
