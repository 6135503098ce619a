"""Scratch arrays of the CPU kernels: each thread keeps its own, so that a stream of calls allocates none.

Functions return the groups of `fastcam.kernels.contract` one after another, as the kernels take them.
"""

from __future__ import annotations

import math
import threading
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fastcam.arrays.grids import Grid
from fastcam.arrays.resampling import Resizing

Arrays = tuple[NDArray[Any], ...]


class _Kept(threading.local):
    """Memory of a thread by purpose, which only grows, and the views of it that were returned last."""

    def __init__(self) -> None:
        self.memory: dict[str, NDArray[Any]] = {}
        self.views: dict[str, tuple[Any, Arrays]] = {}

    def array(self, name: str, dtype: DTypeLike, *shape: int) -> NDArray[Any]:
        size = math.prod(shape)
        if name not in self.memory or self.memory[name].size < size:
            self.memory[name] = np.zeros(size, dtype)
        return self.memory[name][:size].reshape(shape)


_kept = _Kept()


def cells(grid: Grid) -> Arrays:
    """Return the arrays of `Cells` for maps on a grid."""
    fit, arrays = _kept.views.get("cells", (None, ()))
    if fit is not grid:  # equal grids are the same object, unless `grids.grid` forgot one in between
        h, w = grid.shape
        arrays = (
            _kept.array("padded", np.float32, h + 2, w + 2),
            _kept.array("corners", np.float32, h + 1, 2, w + 1, 2),
        )
        _kept.views["cells"] = grid, arrays
    return arrays


def tables(grid: Grid) -> Arrays:
    """Return the arrays of `Cells`, then those of `Tables`, for maps on a grid."""
    fit, arrays = _kept.views.get("tables", (None, ()))
    if fit is not grid:
        (_, w), (height, width) = grid.shape, grid.size
        runs = height * min(w, (width + 1) // 2)
        arrays = (
            *cells(grid),
            _kept.array("spans", np.int32, w + 1, 4),
            _kept.array("runs", np.int32, runs, 5),
            _kept.array("components", np.int32, runs, 6),
        )
        _kept.views["tables"] = grid, arrays
    return arrays


def sums(positions: int, classes: int) -> Arrays:
    """Return the arrays of `Sums` for h * w positions and M classes."""
    fit, arrays = _kept.views.get("sums", (None, ()))
    if fit != (positions, classes):
        arrays = (
            _kept.array("channels", np.float32, 2, 64 * positions),
            _kept.array("sums", np.float32, classes, -(-positions // 64) * 64),
        )
        _kept.views["sums"] = (positions, classes), arrays
    return arrays


def lines(width: int) -> Arrays:
    """Return the arrays of `Tints` for rows of that width."""
    eights = -(-width // 8)
    return _kept.array("levels", np.uint8, 8 * eights), _kept.array("tints", np.uint64, 3 * eights)


def resizing(how: Resizing) -> Arrays:
    """Return the arrays of `Pairs` or of `Totals`, whichever the kernel takes."""
    fit, arrays = _kept.views.get("resizing", (None, ()))
    if fit is not how:
        width, row = how.size[1], 4 * how.covered[1] + 4
        levels = _kept.array("levels of channels", np.uint8, 3, width)
        if how.kernel == "preprocess":
            arrays = (
                _kept.array("pairs", np.uint64, width),
                _kept.array("pixels", np.uint32, 2, width),
                _kept.array("constants", np.int32, 2, width),
                _kept.array("mixed lines", np.int16, 3, 3, width),
                levels,
            )
        else:
            arrays = (_kept.array("row sums", np.int32, row), _kept.array("summed lines", np.int16, row), levels)
        _kept.views["resizing"] = how, arrays
    return arrays
