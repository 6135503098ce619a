"""Layouts of feature maps in a tensor: channels first or last, or as tokens with a grid of places behind them."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from fastcam.images.inputs import FIRST, LAST, Axes

Order = Axes | Literal["NLC", "NCL"]
TOKENS: tuple[Literal["NLC", "NCL"], ...] = ("NLC", "NCL")
ORDERS: tuple[Order, ...] = (*get_args(Axes), *TOKENS)
PREFIX_TOKENS = 8  # class and register tokens before those of the patches, at most
SMALLEST_GRID = 4  # tokens; fewer say nothing about a grid

Places = tuple[int, ...]


@dataclass(frozen=True)
class Layout:
    """Axes of a tensor that holds feature maps of C channels on a grid of places.

    Attributes
    ----------
    order
        "NCHW" or "NHWC"; "NCW" or "NWC"; "NCDHW" or "NDHWC"; tokens "NLC"; tokens with channels first "NCL".
        L = prefix + the number of places, in raster order.
    channels
        C.
    places
        Sizes of the grid: (w,), (h, w) or (d, h, w).
    prefix
        Tokens before those of the grid, which belong to no place.
    """

    order: Order
    channels: int
    places: Places
    prefix: int = 0

    @property
    def count(self) -> int:
        """Number of places."""
        return math.prod(self.places)

    @property
    def is_tokens(self) -> bool:
        """True if places are a single axis of tokens, whatever grid they are of."""
        return self.order in TOKENS

    @property
    def is_channels_last(self) -> bool:
        """True if channels are the last axis."""
        return self.order.endswith("C")

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the tensor, without the axis of images."""
        places = (self.prefix + self.count,) if self.is_tokens else self.places
        return (*places, self.channels) if self.is_channels_last else (self.channels, *places)

    def rows(self, maps: NDArray[Any]) -> NDArray[Any]:
        """Return maps (N, ...) as rows (N, prefix + places, C), a view where that is possible."""
        if self.is_channels_last:
            return maps.reshape(len(maps), -1, self.channels)
        return maps.reshape(len(maps), self.channels, -1).transpose(0, 2, 1)

    def tensor(self, rows: NDArray[Any]) -> NDArray[Any]:
        """Return rows (N, prefix + places, C) as the tensor (N, ...)."""
        ordered = rows if self.is_channels_last else rows.transpose(0, 2, 1)
        return ordered.reshape(len(rows), *self.shape)

    def channels_first(self, maps: NDArray[Any]) -> NDArray[Any]:
        """Return maps (N, ...) as (N, C, *places), prefix tokens left out."""
        if self.order in FIRST.values():
            return maps
        patches = self.rows(maps)[:, self.prefix :]
        return patches.transpose(0, 2, 1).reshape(len(maps), self.channels, *self.places)

    def describe(self) -> str:
        """Return the axes with their sizes, as in "(N, 1280, 7, 7) NCHW"."""
        places = [*map(str, self.places)]
        if self.is_tokens:
            places = [f"{self.prefix} + {'·'.join(places)}" if self.prefix else "·".join(places)]
        axes = [*places, str(self.channels)] if self.is_channels_last else [str(self.channels), *places]
        return f"(N, {', '.join(axes)}) {self.order}"


def place_means(maps: NDArray[Any]) -> NDArray[Any]:
    """Return the means (N, C) float64 over all places of maps (N, C, *places)."""
    return maps.mean(axis=tuple(range(2, maps.ndim)), dtype=np.float64)


def at_places(weights: Any, rank: int) -> Any:
    """Return weights (M, C) as (M, C, 1, ...), the same at all places; (M, C, *places) as they are."""
    return weights.reshape(*weights.shape, *[1] * rank) if weights.ndim == 2 else weights


def possible_layouts(shape: Sequence[int], image: Places, grids: Collection[Places]) -> list[Layout]:
    """Return every layout that a tensor of this shape can have, likelier ones first; none if it has no maps.

    Parameters
    ----------
    image
        Sizes of the image's places, whose number is the rank of the maps: a grid has its proportions, to within a cell.
    grids
        Grids of feature maps that were seen in the model: token counts are compared with these and their halves.
    """
    found: list[Layout] = []
    if len(shape) == len(image) + 2:
        found = [one for one in planar(shape) if _is_grid(one.places, image, grids)]
    if len(shape) == 3:
        _, a, b = shape
        fewest = 1 if len(image) == 1 else 0  # without prefix, tokens of a signal are a plane
        found += [Layout("NLC", b, grid, prefix) for grid, prefix in _token_grids(a, image, grids, fewest)]
        found += [Layout("NCL", a, grid, prefix) for grid, prefix in _token_grids(b, image, grids, fewest)]
    return found


def planar(shape: Sequence[int], orders: Collection[str] | None = None) -> list[Layout]:
    """Return layouts of a tensor with an axis for each side of its places, channels first before last.

    Parameters
    ----------
    orders
        Those that are meant; None: all.
    """
    _, first, *between, last = shape
    rank = len(shape) - 2
    made = [Layout(FIRST[rank], first, (*between, last)), Layout(LAST[rank], last, (first, *between))]
    return [layout for layout in made if orders is None or layout.order in orders]


def _is_grid(grid: Places, image: Places, grids: Collection[Places]) -> bool:
    """Return whether a grid has the image's proportions; places in a single line must come from a convolution."""
    in_line = sum(side > 1 for side in grid) < 2
    return has_proportions(grid, image) and (not in_line or not grids or grid in grids)


def has_proportions(grid: Places, image: Places) -> bool:
    """Return whether strides make this grid, of two cells or more, of an image, give or take a cell.

    Rows and columns have one stride; frames of a clip and slices of a volume, one of their own.
    """
    if min(grid) < 1 or math.prod(grid) < 2 or any(side > most for side, most in zip(grid, image, strict=True)):
        return False
    if len(grid) == 1:
        return True
    (h, w), (height, width) = grid[-2:], image[-2:]
    # rows of h / height and columns of w / width, each off by less than one
    return (h - 1) * width < (w + 1) * height and (w - 1) * height < (h + 1) * width


def halves(grids: Collection[Places]) -> set[Places]:
    """Return the grids, and those that halving makes of them, rounded up or down."""
    found, new = set(grids), set(grids)
    while new:
        smaller = {tuple((side + r) // 2 for side in grid) for grid in new for r in (0, 1)}
        new = {grid for grid in smaller if min(grid) > 0} - found
        found |= new
    return found


def _token_grids(tokens: int, image: Places, grids: Collection[Places], fewest: int) -> Iterator[tuple[Places, int]]:
    """Yield grids for a number of tokens with few prefix tokens: those seen, else of the image's proportions."""
    for prefix in range(fewest, PREFIX_TOKENS + 1):
        left = tokens - prefix
        if left < SMALLEST_GRID:
            return
        seen = [grid for grid in sorted(grids) if math.prod(grid) == left]
        made = [grid for grid in _factors(left, len(image)) if _exact_stride(grid, image)] if not grids else []
        for grid in seen or made:
            yield grid, prefix


def _factors(count: int, rank: int) -> Iterator[Places]:
    """Yield grids of that many places, in order."""
    small = [side for side in range(1, math.isqrt(count) + 1) if count % side == 0]
    sides = sorted({*small, *(count // side for side in small)})
    yield from (
        (*few, count // math.prod(few)) for few in product(sides, repeat=rank - 1) if not count % math.prod(few)
    )


def _exact_stride(grid: Places, image: Places) -> bool:
    """Return whether the image falls apart into equal patches, square ones of rows and columns."""
    if any(side % places for places, side in zip(grid, image, strict=True)):
        return False
    strides = [side // places for places, side in zip(grid, image, strict=True)]
    return len(set(strides[-2:])) == 1 or len(grid) == 1
