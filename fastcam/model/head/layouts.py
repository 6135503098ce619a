"""Layouts of feature maps in a tensor: channels first or last, or as tokens with an image's grid behind them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Order = Literal["NCHW", "NHWC", "NLC", "NCL"]
ORDERS: tuple[Order, ...] = ("NCHW", "NHWC", "NLC", "NCL")
PREFIX_TOKENS = 8  # class and register tokens before those of the patches, at most
SMALLEST_GRID = 4  # tokens; fewer say nothing about a grid

Size = tuple[int, int]


@dataclass(frozen=True)
class Layout:
    """Axes of a tensor that holds feature maps of C channels on an h×w grid.

    Attributes
    ----------
    order
        "NCHW"; "NHWC"; tokens "NLC"; tokens with channels first "NCL". L = prefix + h·w, in raster order.
    channels, height, width
        C, h and w.
    prefix
        Tokens before those of the grid, which belong to no place.
    """

    order: Order
    channels: int
    height: int
    width: int
    prefix: int = 0

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the tensor, without the axis of images."""
        sizes = {"C": self.channels, "H": self.height, "W": self.width, "L": self.prefix + self.height * self.width}
        return tuple(sizes[axis] for axis in self.order[1:])

    def rows(self, maps: NDArray[Any]) -> NDArray[Any]:
        """Return maps (N, ...) as rows (N, prefix + h·w, C), a view where that is possible."""
        if self.order == "NCHW":
            return maps.reshape(len(maps), self.channels, -1).transpose(0, 2, 1)
        if self.order == "NHWC":
            return maps.reshape(len(maps), -1, self.channels)
        return maps if self.order == "NLC" else maps.transpose(0, 2, 1)

    def tensor(self, rows: NDArray[Any]) -> NDArray[Any]:
        """Return rows (N, prefix + h·w, C) as the tensor (N, ...)."""
        if self.order == "NCHW":
            return rows.transpose(0, 2, 1).reshape(len(rows), self.channels, self.height, self.width)
        if self.order == "NHWC":
            return rows.reshape(len(rows), self.height, self.width, self.channels)
        return rows if self.order == "NLC" else rows.transpose(0, 2, 1)

    def channels_first(self, maps: NDArray[Any]) -> NDArray[Any]:
        """Return maps (N, ...) as (N, C, h, w), prefix tokens left out."""
        if self.order == "NCHW":
            return maps
        patches = self.rows(maps)[:, self.prefix :]
        return patches.transpose(0, 2, 1).reshape(len(maps), self.channels, self.height, self.width)

    def describe(self) -> str:
        """Return the axes with their sizes, as in "(N, 1280, 7, 7) NCHW"."""
        c, h, w = self.channels, self.height, self.width
        tokens = f"{self.prefix} + {h}·{w}" if self.prefix else f"{h}·{w}"
        axes = {"NCHW": f"{c}, {h}, {w}", "NHWC": f"{h}, {w}, {c}", "NLC": f"{tokens}, {c}", "NCL": f"{c}, {tokens}"}
        return f"(N, {axes[self.order]}) {self.order}"


def possible_layouts(shape: Sequence[int], image: Size, grids: Collection[Size]) -> list[Layout]:
    """Return every layout that a tensor of this shape can have, likelier ones first; none if it has no maps.

    Parameters
    ----------
    image
        (height, width) of the image: a grid has its proportions, to within a cell.
    grids
        (h, w) of feature maps that were seen in the model: token counts are compared with these and their halves.
    """
    if len(shape) == 4:
        return [one for one in planar(shape) if _is_grid((one.height, one.width), image, grids)]
    if len(shape) == 3:
        _, a, b = shape
        tokens = [Layout("NLC", b, *grid, prefix) for grid, prefix in _token_grids(a, image, grids)]
        return tokens + [Layout("NCL", a, *grid, prefix) for grid, prefix in _token_grids(b, image, grids)]
    return []


def planar(shape: Sequence[int], orders: Sequence[Literal["NCHW", "NHWC"]] = ("NCHW", "NHWC")) -> list[Layout]:
    """Return layouts of a tensor of four axes, in these orders."""
    _, a, b, c = shape
    made = {"NCHW": Layout("NCHW", a, b, c), "NHWC": Layout("NHWC", c, a, b)}
    return [made[order] for order in orders]


def _is_grid(grid: Size, image: Size, grids: Collection[Size]) -> bool:
    """Return whether a grid has the image's proportions; single rows or columns must come from a convolution."""
    return has_proportions(grid, image) and (min(grid) > 1 or not grids or grid in grids)


def has_proportions(grid: Size, image: Size) -> bool:
    """Return whether one stride makes this grid, of two cells or more, of an image, give or take a cell."""
    (h, w), (height, width) = grid, image
    if h < 1 or w < 1 or h * w < 2 or h > height or w > width:
        return False
    # rows of h / height and columns of w / width, each off by less than one
    return (h - 1) * width < (w + 1) * height and (w - 1) * height < (h + 1) * width


def halves(grids: Collection[Size]) -> set[Size]:
    """Return the grids, and those that halving makes of them, rounded up or down."""
    found, new = set(grids), set(grids)
    while new:
        smaller = {((h + r) // 2, (w + r) // 2) for h, w in new for r in (0, 1)}
        new = {grid for grid in smaller if min(grid) > 0} - found
        found |= new
    return found


def _token_grids(tokens: int, image: Size, grids: Collection[Size]) -> Iterator[tuple[Size, int]]:
    """Yield grids for a number of tokens with few prefix tokens: those seen, else of the image's proportions."""
    for prefix in range(PREFIX_TOKENS + 1):
        left = tokens - prefix
        if left < SMALLEST_GRID:
            return
        seen = [grid for grid in sorted(grids) if grid[0] * grid[1] == left]
        divisors = [h for h in range(1, int(np.sqrt(left)) + 1) if left % h == 0] if not grids else []
        sides = {(h, left // h) for h in divisors} | {(left // h, h) for h in divisors}
        made = [grid for grid in sorted(sides) if _exact_stride(grid, image)]
        for grid in seen or made:
            yield grid, prefix


def _exact_stride(grid: Size, image: Size) -> bool:
    """Return whether the image falls apart into equal square patches."""
    (h, w), (height, width) = grid, image
    return height % h == 0 and width % w == 0 and height // h == width // w
