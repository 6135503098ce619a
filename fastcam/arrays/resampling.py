"""Pixels of a frame, and their whole-number weights, that make up each pixel of the network input.

One axis at a time: `linear` equals OpenCV's INTER_LINEAR, `antialiased` Pillow's BILINEAR. Pixels outside the frame
count as well, with one grey level.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int32]
Shorts = NDArray[np.int16]

BITS, MOST = 11, 22  # of OpenCV's weights; of the weights of a sum of bytes, for it to fit 32 bits


class Linear(NamedTuple):
    """The two neighbours of each pixel and their weights, whose sum isn't always 2048.

    Attributes
    ----------
    rows, row_weights
        (n, 2); -1: a row outside the frame.
    columns, column_weights, column_border
        (n,), (2, n) and (n,): the left one of two. Those outside have weight 0, and theirs is in column_border.
    """

    rows: Ints
    row_weights: Shorts
    columns: Ints
    column_weights: Shorts
    column_border: Ints


class Sums(NamedTuple):
    """The pixels whose weighted mean each pixel is.

    Attributes
    ----------
    places
        (n, 2): the first, and their number, all inside the frame.
    weights
        (n, most).
    border
        (n,): weight of the pixels outside. With it, weights sum up to 2**bits.
    """

    places: Ints
    weights: Shorts
    border: Ints
    bits: int

    @property
    def extra_bits(self) -> int:
        """Number of bits beyond a byte that the values may have for their sum to fit 32 bits."""
        return min(7, 31 - 8 - self.bits)


class Memory(NamedTuple):
    """A frame in memory.

    Attributes
    ----------
    data
        All its bytes, from the lowest address to the highest.
    origin
        Index of channel 0 of pixel (0, 0).
    row_stride, pixel_stride, channel_stride
        Bytes from one to the next.
    """

    data: Any
    origin: int
    row_stride: int
    pixel_stride: int
    channel_stride: int


Made = TypeVar("Made", Linear, Sums)


@lru_cache(maxsize=128)
def linear(size: int, start: int, stop: int, count: int, first: int = 0, shown: int | None = None) -> Linear:
    """Return the `Linear` of pixels [start, stop) resized to `count`; the frame has pixels [0, size).

    Pixels beyond start and stop are repeated, wherever the frame ends. The result is for the resized pixels [first,
    first + shown); those outside [0, count) are outside the frame.

    Examples
    --------
    >>> linear(4, 0, 4, 2).columns.tolist(), linear(4, 0, 4, 2).column_weights.tolist()
    ([0, 2], [[1024, 1024], [1024, 1024]])
    """
    # In OpenCV's floating-point steps, on which the last bit of a weight may depend.
    scale = 1 / (count / (stop - start))
    number = _wanted(count, first, shown)
    beyond = (number < 0) | (number >= count)
    place = ((np.clip(number, 0, count - 1) + 0.5) * scale - 0.5).astype(np.float32)
    low = np.floor(place).astype(np.int32)
    part = place - low.astype(np.float32)
    rows = start + np.clip(np.stack([low, low + 1], axis=1), 0, stop - start - 1)
    rows = np.where((rows >= 0) & (rows < size) & ~beyond[:, None], rows, -1).astype(np.int32)
    row_weights = np.stack(_shares(part), axis=1)

    # At the edges OpenCV takes only one column.
    single = (low < 0) | (low >= stop - start - 1)
    left = start + np.clip(low, 0, stop - start - 1)
    left_weight, right_weight = _shares(np.where(single, np.float32(0), part))
    border = _taken(left_weight, beyond | (left < 0) | (left >= size))
    border += _taken(right_weight, beyond | (left < -1) | (left >= size - 1))
    # The left one of two inside, if there are two at all.
    columns = np.clip(left, 0, max(0, size - 2))
    weights = np.zeros((2, len(number)), np.int16)
    for place, weight in ((left, left_weight), (left + 1, right_weight)):
        for side in range(2):
            weights[side] += np.where(place == columns + side, weight, 0).astype(np.int16)
    return _shared(Linear(rows, row_weights, columns.astype(np.int32), weights, border))


def _wanted(count: int, first: int, shown: int | None) -> NDArray[np.int64]:
    """Return the numbers of the resized pixels: all of them, or a window."""
    return np.arange(first, first + (count if shown is None else shown))


def _taken(weight: Shorts, outside: NDArray[np.bool_]) -> Ints:
    """Return the weights of the pixels outside, and set them to 0."""
    taken = np.where(outside, weight, 0).astype(np.int32)
    weight[outside] = 0
    return taken


def _shares(part: NDArray[np.float32]) -> list[Shorts]:
    return [np.rint(share * np.float32(2**BITS)).astype(np.int16) for share in (np.float32(1) - part, part)]


@lru_cache(maxsize=128)
def antialiased(
    size: int, start: int, stop: int, count: int, low: int, high: int, first: int = 0, shown: int | None = None
) -> Sums:
    """Return the `Sums` of pixels [start, stop) resized to `count`; the frame has [0, size), the canvas [low, high).

    Pixels near the border depend on some beyond start and stop as well, as far as the canvas goes. The result is for
    the resized pixels [first, first + shown); those outside [0, count) are outside the frame.

    Examples
    --------
    >>> sums = antialiased(4, 0, 4, 2, 0, 4)
    >>> sums.places.tolist(), (sums.weights / 2**sums.bits).round(3).tolist()
    ([[0, 3], [1, 3]], [[0.429, 0.429, 0.143], [0.143, 0.429, 0.429]])
    """
    scale = (stop - start) / count
    radius = max(scale, 1.0)
    number = _wanted(count, first, shown)
    center = start - low + (np.clip(number, 0, count - 1) + 0.5) * scale
    begin = np.maximum((center - radius + 0.5).astype(np.int64), 0)
    last = np.minimum((center + radius + 0.5).astype(np.int64), high - low)
    place = begin[:, None] + np.arange(int((last - begin).max()))
    weights = np.maximum(0, 1 - np.abs(place - center[:, None] + 0.5) / radius) * (place < last[:, None])
    whole, bits = _whole(weights / weights.sum(axis=1, keepdims=True))
    place += low
    inside = (place >= 0) & (place < size) & ((number >= 0) & (number < count))[:, None]
    border = (whole * ~inside).sum(axis=1).astype(np.int32)
    places = np.stack([np.clip(begin + low, 0, size - 1), inside.sum(axis=1)], axis=1).astype(np.int32)
    # The weights inside, moved to the left.
    order = np.argsort(~inside, axis=1, kind="stable")
    whole = np.take_along_axis(whole * inside, order, axis=1)[:, : max(1, int(places[:, 1].max()))]
    return _shared(Sums(places, np.ascontiguousarray(whole, np.int16), border, bits))


def _whole(weights: NDArray[np.float64]) -> tuple[NDArray[np.int64], int]:
    """Return weights times 2**bits, rounded so that each row has that sum, and the most bits with which they fit."""
    bits = min(MOST, int(np.floor(np.log2((2**15 - 2) / weights.max()))))
    edges = np.rint(np.cumsum(weights, axis=1) * 2**bits).astype(np.int64)
    return np.diff(edges, axis=1, prepend=0), bits


def _shared(made: Made) -> Made:
    for array in made:
        if isinstance(array, np.ndarray):
            array.flags.writeable = False  # all callers get the same
    return made


class Resizing(NamedTuple):
    """A kernel that resizes a frame, and its arguments from `rows` to `fill`.

    Attributes
    ----------
    size
        (height, width) of the network input.
    covered
        Rows and columns of the frame that are read for each row of the result, about.
    """

    kernel: str
    arguments: tuple[Any, ...]
    size: tuple[int, int]
    covered: tuple[int, int]

    @property
    def cost(self) -> float:
        """Time of a row in microseconds, about."""
        if self.kernel == "preprocess":
            return self.size[1] * 4e-3
        return self.covered[0] * self.covered[1] * 1.5e-4 + self.size[1] * 1e-2


@lru_cache(maxsize=128)
def resizing(frame: tuple[int, int], view: View, fill: int, antialias: bool) -> Resizing:
    """Return the `Resizing` of a view of a frame (height, width).

    If the view's source is not inside the frame, it is first put on a canvas of the grey level `fill`, without the rest
    of the frame.
    """
    x0, y0, x1, y1 = view.source
    count, (left, top, _, _), size = view.size, view.window, view.target
    if not antialias:
        rows, row_weights, *_ = linear(frame[0], y0, y1, count[0], top, size[0])
        *_, columns, column_weights, border = linear(frame[1], x0, x1, count[1], left, size[1])
        return Resizing(
            "preprocess",
            (rows, row_weights, columns, column_weights, border, fill),
            size,
            (2, int(np.ptp(columns)) + 1),
        )
    inside = min(x0, y0) >= 0 and x1 <= frame[1] and y1 <= frame[0] and not view.alone
    canvas = (0, 0, frame[1], frame[0]) if inside else view.source
    down, across = (
        antialiased(frame[0], y0, y1, count[0], canvas[1], canvas[3], top, size[0]),
        antialiased(frame[1], x0, x1, count[1], canvas[0], canvas[2], left, size[1]),
    )
    extra = across.extra_bits
    arguments = (*down[:3], down.bits - extra, *across[:3], across.bits + extra, extra, fill)
    ends = across.places.sum(axis=1)
    covered = max(1, int(ends.max() - across.places[:, 0].min()))
    return Resizing("preprocess_antialiased", arguments, size, (down.weights.shape[1], covered))


Region = tuple[int, int, int, int]


class View(NamedTuple):
    """The way from a photo's plane to a network input: a part of it is resized, and a window of that is the input.

    Attributes
    ----------
    region
        xyxy, in whole pixels of the photo: the part that the network input covers, to half a pixel.
    source
        xyxy, in whole pixels of the photo: the part that is resized. It may be larger than the photo, with borders.
    size
        (height, width) that the source is resized to.
    window
        xyxy, in pixels of the resized source: the network input. Pixels outside are border.
    alone
        True: the source is cut out before it is resized. False: pixels of the photo around it count at its edge.
    """

    region: Region
    source: Region
    size: tuple[int, int]
    window: Region
    alone: bool = False

    @property
    def target(self) -> tuple[int, int]:
        """(height, width) of the network input."""
        return self.window[3] - self.window[1], self.window[2] - self.window[0]
