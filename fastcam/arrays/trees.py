"""The components of a map at all of its thresholds: the kernels of `fastcam.arrays.sweeps`, with their workspace."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastcam.arrays import conventions, engines
from fastcam.arrays.checks import grid_at
from fastcam.arrays.engines import workspace
from fastcam.arrays.grids import cubic_axis
from fastcam.arrays.values import Window

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]

ROOM = 1024  # components of a map that room is made for at first


class Task(NamedTuple):
    """Where maps are cut, and how: thresholds (T,) ascending; size (H, W) of the image, of which a window is wanted."""

    shape: tuple[int, int]
    size: tuple[int, int]
    window: Window | None
    thresholds: NDArray[np.float64]
    convention: str
    connectivity: int

    @property
    def pixels(self) -> tuple[int, int]:
        """(height, width) of the window."""
        return grid_at(self.shape, self.size, self.window).size


class Tree:
    """The components of one map after the other; for one thread, whose workspace it holds.

    Its tables of components have a line for each: the index of the threshold, pixels, box (4), and first pixel.
    """

    def __init__(self, task: Task) -> None:
        self.task, self.thresholds = task, len(task.thresholds)
        height, width = task.pixels
        self.framed = np.zeros((height + 2, width + 2), np.int32)
        most = (height * width + 1) // 2 if task.connectivity == 4 or task.convention == "wsol" else 0
        most = 1 + max(most, -(-height // 2) * -(-width // 2))  # a gap between any two that are begun
        self.scratch = (
            np.empty(self.thresholds + 1, np.int32),
            np.empty(height * width, np.uint32),
            np.empty(self.framed.size, np.int32),
            np.empty((most, 8), np.int32),
            np.empty(most, np.int32),
        )
        self.unused = np.empty((self.thresholds, 4), np.int32), np.empty(self.thresholds, np.int32)
        self.found = np.empty((0, 7), np.int32)
        self.fill = self._scores() if task.convention == "wsol" else self._interpolated()

    def _interpolated(self) -> Callable[[Floats], int]:
        """A function that fills the frame with the depths of a map, upsampled bilinearly."""
        task = self.task
        where = grid_at(task.shape, task.size, task.window)
        (rows, row_weight), (columns, column_weight) = where
        _, rectify, minmax = conventions.named(task.convention).numbers
        kernel, cuts = engines.named("cpu").kernel("depths"), np.empty(self.thresholds, np.float32)
        line = np.empty(task.pixels[1], np.float32)
        axes = rows, row_weight, columns, column_weight
        cells = workspace.cells(where)
        return lambda values: kernel(
            values, *axes, task.thresholds, rectify, minmax, *cells, cuts, line, self.framed
        )  # fmt: skip

    def _scores(self) -> Callable[[Floats], int]:
        """A function that fills the frame with the depths of a map, as convention `wsol` has them."""
        task = self.task
        (h, w), (height, width) = task.shape, task.size
        x0, y0, x1, y1 = task.window or (0, 0, width, height)
        rows, columns = cubic_axis(h, height, y0, y1), cubic_axis(w, width, x0, x1)
        cuts = (task.thresholds * 255).astype(np.int64)  # toward zero; the highest level of a map is 255, if it has two
        depth_of = np.searchsorted(cuts, np.arange(256)).astype(np.int32)
        kernel, size = engines.named("cpu").kernel("score_depths"), task.pixels
        scratch = np.empty((h, size[1])), np.empty(size)
        return lambda values: kernel(values, *rows, *columns, depth_of, *scratch, self.framed)

    def largest(self, values: Floats, xyxy: Ints, area: Ints) -> None:
        """Fill xyxy (T, 4) and area (T,) with the largest component at each threshold."""
        self.fill(values)
        polygons = self.task.convention == "wsol"
        if polygons:  # the largest polygon is an outermost outline, which goes around everything inside it
            heads, links = np.empty(self.thresholds + 1, np.int32), self.scratch[2]
            engines.named("cpu").kernel("fill_holes")(self.framed, heads, links)
        self._run(self.task.connectivity, False, polygons, 1, xyxy, area)

    def all(self, values: Floats, smallest: int) -> Ints:
        """The table of the components of no fewer pixels at each threshold, in order."""
        self.fill(values)
        table = self._listed(self.task.connectivity, False, smallest)
        if self.task.convention == "wsol":
            table = np.concatenate([table, self._holes(), self._nothing(table)])
        return table[np.lexsort((table[:, 6], -table[:, 1], table[:, 0]))]

    def _holes(self) -> Ints:
        """The table of holes; their outlines go through the pixels around them."""
        table = self._listed(4, True, 1).copy()
        table[:, 0] = self.thresholds - 1 - table[:, 0]
        table[:, 2:6] += np.array([-1, -1, 1, 1], np.int32)
        return table

    def _nothing(self, table: Ints) -> Ints:
        """A table with a line for each threshold that isn't in a table."""
        missing = np.setdiff1d(np.arange(self.thresholds), table[:, 0])
        made = np.zeros((len(missing), 7), np.int32)
        made[:, 0] = missing
        return made

    def _listed(self, connectivity: int, background: bool, smallest: int) -> Ints:
        count = self._run(connectivity, background, False, smallest, *self.unused)
        if count > len(self.found):
            self.found = np.empty((max(count, ROOM), 7), np.int32)
            self._run(connectivity, background, False, smallest, *self.unused)
        return self.found[:count].copy()

    def _run(
        self, connectivity: int, background: bool, polygons: bool, smallest: int, xyxy: Ints, area: Ints
    ) -> int:  # fmt: skip
        """Call the kernel; how many components there are in all."""
        options = (self.thresholds, connectivity, background, polygons, smallest)
        return engines.named("cpu").kernel("sweep")(self.framed, *options, *self.scratch, xyxy, area, self.found)
