"""Scratch arrays of the kernels: each thread has its own and keeps them, so that a stream of calls allocates none."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcam.sampling import Grid

Arrays = tuple[NDArray[Any], ...]


class _Kept(threading.local):
    """The arrays of a thread, and what they were last made to fit."""

    def __init__(self) -> None:
        self.tables: Arrays = ()
        self.grid: Grid | None = None
        self.sums: Arrays = ()
        self.sums_fit: tuple[int, int] | None = None
        self.lines: Arrays = ()


_kept = _Kept()


def tables(grid: Grid) -> Arrays:
    """padded, corners, spans, runs and components of `fastcam.kernels.cpu.find_boxes`, large enough for that grid."""
    if _kept.grid is not grid:  # equal grids are the same object, but for those that `grid` forgot
        (h, w), (height, width) = grid.shape, grid.size
        runs = height * min(w, (width + 1) // 2)
        shapes = ((h + 2, w + 2), (h + 1, 2, w + 1, 2), (w + 1, 4), (runs, 5), (runs, 6))
        _kept.tables = _grown(_kept.tables, shapes, "ffiii")
        _kept.grid = grid
    return _kept.tables


def sums(positions: int, classes: int) -> Arrays:
    """workspace and sums of `fastcam.kernels.cpu.activation_maps`, large enough for that many."""
    if _kept.sums_fit != (positions, classes):
        shapes = ((2, 64 * positions), (classes, -(-positions // 64) * 64))
        _kept.sums = _grown(_kept.sums, shapes, "ff")
        _kept.sums_fit = (positions, classes)
    return _kept.sums


def lines(width: int) -> Arrays:
    """levels and tints of `fastcam.kernels.cpu.overlay`, large enough for rows of that width."""
    _kept.lines = _grown(_kept.lines, ((-(-width // 8) * 8,), (-(-width // 8) * 3,)), ("u1", "u8"))
    return _kept.lines


def _grown(arrays: Arrays, shapes: tuple[tuple[int, ...], ...], dtypes: Sequence[str]) -> Arrays:
    """The arrays, those replaced that are too small along any axis."""
    had = arrays or tuple(np.empty((0,) * len(shape), dtype) for shape, dtype in zip(shapes, dtypes, strict=True))
    grown: list[NDArray[Any]] = []
    for array, shape in zip(had, shapes, strict=True):
        fits = all(have >= need for have, need in zip(array.shape, shape, strict=True))
        largest = tuple(max(pair) for pair in zip(array.shape, shape, strict=True))
        grown.append(array if fits else np.zeros(largest, array.dtype))
    return tuple(grown)
