"""Boxes at many thresholds from one pass over a map, for the evaluation of localisation.

The conventions of `fastcam.arrays.conventions` give the boxes of `fastcam.find_boxes` at each threshold. Two more come
from the code of evaluations and need all pixels of a heatmap.

- `wsol`, Choe et al. 2020, "Evaluating Weakly Supervised Object Localization Methods Right": the map is upsampled
  bicubically, scaled to [0, 1] by its extrema and truncated to `uint8(255 * score)`; a pixel is in if it is
  `> int(threshold * 255)`. Candidates are the outlines of components and of holes in them (OpenCV's `findContours` with
  `RETR_TREE`), 8-connected; the largest is the one with the largest polygon (`contourArea`). x1 and y1 are one too
  large and then read as inclusive: `min(x0 + width, W - 1)`. Where no pixel is in, one box (0, 0, 0, 0).
- `cam-release`, the code released with Zhou et al. 2016: see `fastcam.arrays.cam_release`. The map is divided by its
  maximum and cut off below zero; the code's sum over ten crops and its JPEG files aren't part of the convention.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastcam.arrays import conventions, engines, pool
from fastcam.arrays.boxes import find_boxes
from fastcam.arrays.cam_release import CUTS, release_boxes
from fastcam.arrays.checks import check_connectivity, check_maps, check_threads, flat_maps, grid_at, image_size
from fastcam.arrays.components import smallest_area
from fastcam.arrays.engines import workspace
from fastcam.arrays.grids import cubic_axis
from fastcam.arrays.maps import heatmaps
from fastcam.arrays.values import Window
from fastcam.errors import InputError

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]

ROOM = 1024  # components of a map that memory is allocated for at first
COST = 0.03  # time of a pixel in microseconds, about
LARGEST = 2**30  # pixels; twice their number has to fit int32


@dataclass(frozen=True, eq=False, slots=True)
class Sweep:
    """Boxes of maps at T thresholds: the largest component's of each, or all, one after the other.

    Attributes
    ----------
    xyxy
        (..., T, 4) int32 in pixels, `...` the leading axes of the maps; of all components (B, 4). Half-open; with
        "wsol" and "cam-release" the values of their sources, which read x1 and y1 as inclusive. Zeros: no component.
    area
        (..., T) or (B,) int32, pixels of the component, 0 = there is none; with "wsol" of what is inside the largest
        outline, of all the component or the hole; with "cam-release" width times height.
    thresholds
        (T,) float64, as they were given.
    convention, connectivity
        How the boxes were made.
    item, threshold_index
        None for one box each. Of all components (B,) int64: the map and the threshold of each box. Maps are counted in
        the order of their leading axes flattened, ascending; so are thresholds, and of each the largest is first.
        "cam-release" pools the thresholds: the largest rectangle of a map is first.
    """

    xyxy: NDArray[np.int32]
    area: NDArray[np.int32]
    thresholds: NDArray[np.float64]
    convention: str
    connectivity: int
    item: NDArray[np.int64] | None = None
    threshold_index: NDArray[np.int64] | None = None


def sweep(
    maps: ArrayLike,
    size: tuple[int, int],
    thresholds: ArrayLike | None = None,
    *,
    convention: str = "paper",
    components: str = "largest",
    connectivity: int = 8,
    min_area: int = 1,
    window: Window | None = None,
    threads: int | None = None,
) -> Sweep:
    """Return the boxes of each map at each of many thresholds, for about the price of one.

    Each map is upsampled once and its pixels are sorted by the number of thresholds below them. They join components
    one by one, the highest first; after the pixels of a threshold, the components are those at that threshold.

    Parameters
    ----------
    maps
        (..., h, w) real numbers, in the host's memory.
    size
        (H, W) of the image that the maps cover.
    thresholds
        (T,) fractions in [0, 1), in any order. None: 0, 0.01, ..., 0.99; of "cam-release" 20, 100 and 110 of 255.
    convention
        "paper", "gradcam", "minmax", "wsol", or "cam-release", which has components="all" only.
    components
        "largest", or "all": with "wsol" the contours of MaxBoxAccV2.
    connectivity
        8 or 4 neighbours; 8 with "wsol" and "cam-release".
    min_area
        With "all": leave out components of fewer pixels; 1 with "wsol" and "cam-release".
    window
        (x0, y0, x1, y1), half-open: only these pixels of the image count, and boxes are relative to (x0, y0).
    threads
        Number of threads, at most; None: one a processor, where there is enough work. The maps are shared out.

    Returns
    -------
    Sweep
        `xyxy` (..., T, 4) int32 in pixels and `area` (..., T) int32, with the leading axes of `maps`; with "all" (B, 4)
        and (B,), and `item` and `threshold_index` (B,) int64.

    Raises
    ------
    InputError
        Maps, size, window, components, min_area or connectivity that `fastcam.find_boxes` refuses; an unknown
        convention; thresholds outside [0, 1) or of another shape; options that a convention doesn't have; arrays on a
        device.

    Examples
    --------
    >>> found = sweep([[0.0, 4.0, 0.0]], (6, 12), [0.2, 0.5, 0.9])
    >>> found.xyxy.tolist(), found.area.tolist()
    ([[3, 0, 9, 6], [4, 0, 8, 6], [5, 0, 7, 6]], [36, 24, 12])
    >>> sweep([[0.0, 4.0, 0.0]], (6, 12), [0.5], convention="wsol").xyxy.tolist()
    [[4, 0, 8, 5]]
    >>> sweep(np.zeros((2, 5, 7, 7)), (224, 320)).xyxy.shape  # maps (N, M, h, w), 100 thresholds
    (2, 5, 100, 4)
    """
    neighbors = check_connectivity(connectivity)
    smallest = _checked_options(convention, components, neighbors, min_area)
    fractions = _fractions(thresholds, convention)
    check_threads(threads)
    flat, leading = _host_maps(maps)
    order = np.argsort(fractions, kind="stable")
    task = Task(flat.shape[1:], image_size(size), window, fractions[order], convention, neighbors)
    pixels = task.pixels[0] * task.pixels[1]
    if pixels > LARGEST:
        raise InputError(f"size: expected at most 2**30 pixels in a sweep; got {pixels}")
    how = (fractions, convention, neighbors)
    if components == "all":
        table = _tables(flat, task, smallest, threads)
        return Sweep(table[:, 3:7].copy(), table[:, 2].copy(), *how, table[:, 0].astype(np.int64), order[table[:, 1]])
    xyxy, area = _largest(flat, task, order, threads)
    return Sweep(xyxy.reshape(*leading, *xyxy.shape[1:]), area.reshape(*leading, *area.shape[1:]), *how)


def _largest(maps: Floats, task: Task, order: NDArray[np.intp], threads: int | None) -> tuple[Ints, Ints]:
    """Return boxes (P, T, 4) and areas (P, T), with thresholds in the caller's order."""
    xyxy, area = np.empty((len(maps), len(order), 4), np.int32), np.empty((len(maps), len(order)), np.int32)

    def work(first: int, stop: int) -> None:
        tree = Tree(task)
        corners, pixels = np.empty((len(order), 4), np.int32), np.empty(len(order), np.int32)
        for p in range(first, stop):
            tree.largest(maps[p], corners, pixels)
            xyxy[p, order], area[p, order] = corners, pixels

    _spread(work, len(maps), task, threads)
    return _as_published(xyxy, task), area


def _tables(maps: Floats, task: Task, smallest: int, threads: int | None) -> Ints:
    """Return a line for each component: map, index of its threshold in ascending order, area, box."""
    found: list[Ints] = [np.empty((0, 7), np.int32)] * len(maps)

    def work(first: int, stop: int) -> None:
        tree = None if task.convention == "cam-release" else Tree(task)
        for p in range(first, stop):
            table = tree.all(maps[p], smallest)[:, :6] if tree else _released(maps[p], task)
            found[p] = np.insert(table, 0, p, axis=1)

    _spread(work, len(maps), task, threads)
    table = np.concatenate(found)
    table[:, 3:7] = _as_published(table[:, 3:7], task)
    return table


def _released(one: Floats, task: Task) -> Ints:
    """Return a line for each rectangle: index of its threshold, area, box."""
    at: dict[str, Any] = {"window": task.window, "threads": 1}
    peak = float(find_boxes(one, task.size, **at).peak)
    if not peak > 0:
        return np.empty((0, 6), np.int32)
    heat = heatmaps(one, task.size, limits=(0, peak), dtype=np.uint8, **at)
    found = release_boxes(heat, tuple(np.rint(task.thresholds * 255).astype(int).tolist()))
    x, y, w, h = found.rectangles.T
    left, right, top, bottom = np.minimum(x, x + w), np.maximum(x, x + w), np.minimum(y, y + h), np.maximum(y, y + h)
    return np.stack([found.cut, w * h, left, top, right, bottom], axis=1).astype(np.int32)


def _as_published(xyxy: Ints, task: Task) -> Ints:
    """Return boxes in the way of their convention."""
    if task.convention == "wsol":
        height, width = task.pixels
        np.minimum(xyxy[..., 2:], np.array([width - 1, height - 1], np.int32), out=xyxy[..., 2:])
    return xyxy


def _spread(work: Callable[[int, int], None], count: int, task: Task, threads: int | None) -> None:
    height, width = task.pixels
    pool.spread(work, count, COST * height * width, threads)


def _host_maps(maps: ArrayLike) -> tuple[Floats, tuple[int, ...]]:
    """Check maps (..., h, w) and return them as (P, h, w), and their leading axes."""
    flat, leading = flat_maps(maps)
    if not isinstance(flat, np.ndarray):
        raise InputError(
            "maps: expected an array in the host's memory; got one on a device. Move it first: array.get()"
        )
    check_maps("maps", flat.reshape(*leading, *flat.shape[1:]))
    return flat, leading


def _fractions(thresholds: ArrayLike | None, convention: str) -> NDArray[np.float64]:
    """Check thresholds and return them as (T,) float64."""
    if thresholds is None:
        return np.array(CUTS) / 255 if convention == "cam-release" else np.arange(0, 1, 0.01)
    try:
        made = np.array(thresholds)
    except ValueError:
        raise InputError("thresholds: expected (T,) fractions in [0, 1); got ragged rows") from None
    if made.ndim != 1 or made.size == 0 or made.dtype.kind not in "fiu":
        raise InputError(f"thresholds: expected (T,) fractions in [0, 1); got {made.dtype} of shape {made.shape}")
    outside = ~((made >= 0) & (made < 1))
    if outside.any():
        raise InputError(f"thresholds: expected fractions in [0, 1); got {made[outside][0]}")
    return made.astype(np.float64)


def _checked_options(convention: str, components: str, connectivity: int, min_area: int) -> int:
    """Check that the options fit each other, and return `min_area`."""
    every = (*conventions.CONVENTIONS, *conventions.DENSE)
    if not isinstance(convention, str) or convention not in every:
        raise InputError(f"convention: expected one of {', '.join(every)}; got {convention!r}")
    smallest = smallest_area(components, min_area)
    if convention not in conventions.DENSE:
        return smallest
    if connectivity != 8 or smallest != 1:
        raise InputError(
            f"connectivity, min_area: expected 8 and 1, which {convention!r} fixes; got {connectivity} and {smallest}"
        )
    if convention == "cam-release" and components != "all":
        raise InputError(
            f"components: expected 'all' with 'cam-release', which pools its thresholds; got {components!r}. "
            "The first of each item is the largest"
        )
    return smallest


class Task(NamedTuple):
    """The task of a sweep: (h, w) of the maps, (H, W) of the image, a window of it, thresholds (T,) ascending."""

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
    """The components of maps at all thresholds, one map after the other, with the workspace of one thread.

    A table of components has a line for each: the index of the threshold, pixels, box (4), and first pixel.
    """

    def __init__(self, task: Task) -> None:
        self.task, self.thresholds = task, len(task.thresholds)
        height, width = task.pixels
        self.framed = np.zeros((height + 2, width + 2), np.int32)
        most = (height * width + 1) // 2 if task.connectivity == 4 or task.convention == "wsol" else 0
        most = 1 + max(most, -(-height // 2) * -(-width // 2))  # a gap between any two that have begun
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
        """Return a function that fills the frame with the depths of a map, upsampled bilinearly."""
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
        """Return a function that fills the frame with the depths of a map under the convention `wsol`."""
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
        if polygons:  # the largest polygon is an outermost outline, around everything inside it
            heads, links = np.empty(self.thresholds + 1, np.int32), self.scratch[2]
            engines.named("cpu").kernel("fill_holes")(self.framed, heads, links)
        self._run(self.task.connectivity, False, polygons, 1, xyxy, area)

    def all(self, values: Floats, smallest: int) -> Ints:
        """Return the table of components of at least `smallest` pixels at each threshold, in order."""
        self.fill(values)
        table = self._listed(self.task.connectivity, False, smallest)
        if self.task.convention == "wsol":
            table = np.concatenate([table, self._holes(), self._nothing(table)])
        return table[np.lexsort((table[:, 6], -table[:, 1], table[:, 0]))]

    def _holes(self) -> Ints:
        """Return the table of holes, whose outlines go through the pixels around them."""
        table = self._listed(4, True, 1).copy()
        table[:, 0] = self.thresholds - 1 - table[:, 0]
        table[:, 2:6] += np.array([-1, -1, 1, 1], np.int32)
        return table

    def _nothing(self, table: Ints) -> Ints:
        """Return a table with a line for each threshold without a component in `table`."""
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
        """Call the kernel and return the number of all components."""
        options = (self.thresholds, connectivity, background, polygons, smallest)
        return engines.named("cpu").kernel("sweep")(self.framed, *options, *self.scratch, xyxy, area, self.found)
