"""Where the pixels of an upsampled map lie in the map: half-pixel centres, edges replicated."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Axis(NamedTuple):
    """The pixels along an axis, by the segments of the map that they lie in.

    Pixels [starts[s], starts[s + 1]) lie between cells s - 1 and s of the map, the first and last of which are
    repeated; weight tells how far on that way, in [0, 1].
    """

    starts: NDArray[np.int32]
    weight: NDArray[np.float32]


def axis(cells: int, pixels: int, first: int = 0, last: int | None = None) -> Axis:
    """The `Axis` of pixels [first, last) when a map of that many cells is stretched over that many pixels.

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
        array.flags.writeable = False  # they are shared by all callers of `grid`
    return made


class Grid(NamedTuple):
    """The pixels at which a map is wanted: the axes of its rows and columns."""

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
    """The `Grid` of a map of that (h, w) stretched over (H, W) pixels, or of a window (x0, y0, x1, y1) of them."""
    x0, y0, x1, y1 = window or (0, 0, size[1], size[0])
    return Grid(axis(shape[0], size[0], y0, y1), axis(shape[1], size[1], x0, x1))


class CubicAxis(NamedTuple):
    """The pixels along an axis: each is the sum of cells [cell - 1, cell + 2], edges repeated, times weight (4,)."""

    cell: NDArray[np.int32]
    weight: NDArray[np.float64]


def cubic_axis(cells: int, pixels: int, first: int = 0, last: int | None = None) -> CubicAxis:
    """The `CubicAxis` of pixels [first, last), as `INTER_CUBIC` of OpenCV has it: Keys' kernel with a = -0.75.

    Positions are those of `axis`, but not clamped, rounded to float32 as OpenCV does; so are the weights, which are
    float64 here because what they are multiplied with is.

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
