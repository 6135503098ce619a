"""Positions of the pixels of an upsampled map within the map: half-pixel centres, edges replicated."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Axis(NamedTuple):
    """The pixels along an axis, by segments of the map.

    Pixels [starts[s], starts[s + 1]) are between cells s - 1 and s of the map, the first and last of which are
    repeated; weight, in [0, 1], is the distance from cell s - 1 in cells.
    """

    starts: NDArray[np.int32]
    weight: NDArray[np.float32]


def axis(cells: int, pixels: int, first: int = 0, last: int | None = None) -> Axis:
    """Return the `Axis` of pixels [first, last) when a map of that many cells is stretched over that many pixels.

    `x_src = (x + 0.5) * cells / pixels - 0.5`, clamped to [0, cells - 1], in float64; the weight is rounded to float32.
    This is `align_corners=False` of PyTorch and `INTER_LINEAR` of OpenCV.

    Examples
    --------
    >>> axis(2, 4).starts, axis(2, 4).weight
    (array([0, 1, 3, 4], dtype=int32), array([0.  , 0.25, 0.75, 0.  ], dtype=float32))
    """
    position = (np.arange(first, pixels if last is None else last) + 0.5) * cells / pixels - 0.5
    segment = np.clip(np.floor(position) + 1, 0, cells)
    position = np.clip(position, 0, cells - 1)
    starts = np.searchsorted(segment, np.arange(cells + 2)).astype(np.int32)
    made = Axis(starts, (position - np.floor(position)).astype(np.float32))
    for array in made:
        array.flags.writeable = False  # shared by all callers of `grid`
    return made


class Grid(NamedTuple):
    """The pixels at which a map is interpolated: the axes of rows and columns."""

    rows: Axis
    columns: Axis

    @property
    def shape(self) -> tuple[int, int]:
        """(h, w) of the map."""
        return len(self.rows.starts) - 2, len(self.columns.starts) - 2

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return len(self.rows.weight), len(self.columns.weight)


@lru_cache(maxsize=128)
def grid(shape: tuple[int, int], size: tuple[int, int], window: tuple[int, int, int, int] | None = None) -> Grid:
    """Return the `Grid` of an (h, w) map stretched over (H, W) pixels, or of a window (x0, y0, x1, y1) of them."""
    x0, y0, x1, y1 = window or (0, 0, size[1], size[0])
    return Grid(axis(shape[0], size[0], y0, y1), axis(shape[1], size[1], x0, x1))


class CubicAxis(NamedTuple):
    """The pixels along an axis: each is the sum of cells [cell - 1, cell + 2], edges repeated, times weight (4,)."""

    cell: NDArray[np.int32]
    weight: NDArray[np.float64]


def cubic_axis(cells: int, pixels: int, first: int = 0, last: int | None = None) -> CubicAxis:
    """Return the `CubicAxis` of pixels [first, last), equal to OpenCV's `INTER_CUBIC`: Keys' kernel with a = -0.75.

    Positions are those of `axis`, but not clamped, and rounded to float32 as by OpenCV; so are the weights, returned as
    float64, the dtype of the values that they are multiplied with.

    Examples
    --------
    >>> cubic_axis(2, 4).cell, cubic_axis(2, 4).weight[0].tolist()
    (array([-1,  0,  0,  1], dtype=int32), [-0.03515625, 0.26171875, 0.87890625, -0.10546875])
    """
    f = np.float32
    position = ((np.arange(first, pixels if last is None else last) + 0.5) * (1 / (pixels / cells)) - 0.5).astype(f)
    cell = np.floor(position).astype(np.int32)
    t, a = position - cell.astype(f), f(-0.75)
    far = ((a * (t + f(1)) - f(5) * a) * (t + f(1)) + f(8) * a) * (t + f(1)) - f(4) * a
    near, after = (((a + f(2)) * s - (a + f(3))) * s * s + f(1) for s in (t, f(1) - t))
    return CubicAxis(cell, np.stack([far, near, after, f(1) - far - near - after], axis=1).astype(np.float64))
