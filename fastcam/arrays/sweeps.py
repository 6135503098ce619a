"""Boxes for many thresholds in one pass over a map: what localisation is evaluated with.

The conventions of `fastcam.arrays.conventions`, with the same boxes as `fastcam.find_boxes` at each threshold,
and two more that come from the code of evaluations and look at all pixels.

- `wsol`, Choe et al. 2020, "Evaluating Weakly Supervised Object Localization Methods Right": the map is upsampled
  bicubically, scaled to [0, 1] by its extrema and cut down to `uint8(255 * score)`; a pixel is in if it is
  `> int(threshold * 255)`. Candidates are the outlines of components and of holes in them (OpenCV's `findContours` with
  `RETR_TREE`), 8-connected; the largest is the one whose polygon is (`contourArea`). x1 and y1 are one too large
  and then read as inclusive: `min(x0 + width, W - 1)`. Where nothing is in, one box (0, 0, 0, 0).
- `cam-release`, the code that came with Zhou et al. 2016: see `fastcam.arrays.cam_release`. The map is divided by its
  maximum and cut off below zero; the code's sum over ten crops and its JPEG files aren't part of the convention.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastcam.arrays import conventions, pool
from fastcam.arrays.boxes import find_boxes
from fastcam.arrays.cam_release import CUTS, release_boxes
from fastcam.arrays.checks import check_connectivity, check_maps, check_threads, flat_maps, image_size
from fastcam.arrays.components import smallest_area
from fastcam.arrays.maps import heatmaps
from fastcam.arrays.trees import Floats, Ints, Task, Tree
from fastcam.arrays.values import Window
from fastcam.errors import InputError

COST = 0.03  # microseconds of a pixel, about
LARGEST = 2**30  # pixels, twice which is counted in int32


@dataclass(frozen=True, eq=False, slots=True)
class Sweep:
    """Boxes of maps at T thresholds: the largest component's of each, or all, one after the other.

    Attributes
    ----------
    xyxy
        (..., T, 4) int32, `...` the leading axes of the maps; of all (B, 4). Pixels, half-open; as their sources have
        them with "wsol" and "cam-release", which read x1 and y1 as inclusive. All zero where there is no component.
    area
        (..., T) or (B,) int32, pixels of the component, 0 = there is none; with "wsol" of what is inside the largest
        outline, of all the component or the hole; with "cam-release" width times height.
    thresholds
        (T,) float64, as they were given.
    convention, connectivity
        How the boxes were made.
    item, threshold_index
        None for one box each. Of all (B,) int64: which map and which threshold each box is of. Maps are counted in the
        order of their leading axes flattened, ascending; so are thresholds, and of each the largest is first.
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
    """The boxes of each map at each of many thresholds, for about the price of one.

    Each map is upsampled once; its pixels, sorted by how many thresholds they are above, then join components one by
    one, the highest first, and after those of each threshold the components are the ones at that threshold.

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
        (x0, y0, x1, y1), half-open: only these pixels of the image, to whose corner boxes are relative.
    threads
        At most so many; None: one a processor, where there is work for them. The maps are shared out.

    Raises
    ------
    InputError
        Maps, size, window, components, min_area and connectivity as in `fastcam.find_boxes`; no such convention;
        thresholds outside [0, 1) or of another shape; options that a convention doesn't have; arrays on a device.

    Examples
    --------
    >>> found = sweep([[0.0, 4.0, 0.0]], (6, 12), [0.2, 0.5, 0.9])
    >>> found.xyxy.tolist(), found.area.tolist()
    ([[3, 0, 9, 6], [4, 0, 8, 6], [5, 0, 7, 6]], [36, 24, 12])
    >>> sweep([[0.0, 4.0, 0.0]], (6, 12), [0.5], convention="wsol").xyxy.tolist()
    [[4, 0, 8, 5]]
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
    """Boxes (P, T, 4) and areas (P, T), of thresholds in the order in which they were given."""
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
    """A line for each component: map, index of its threshold in ascending order, area, box."""
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
    """A line for each rectangle: index of its threshold, area, box."""
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
    """Boxes as their convention has them."""
    if task.convention == "wsol":
        height, width = task.pixels
        np.minimum(xyxy[..., 2:], np.array([width - 1, height - 1], np.int32), out=xyxy[..., 2:])
    return xyxy


def _spread(work: Callable[[int, int], None], count: int, task: Task, threads: int | None) -> None:
    height, width = task.pixels
    pool.spread(work, count, COST * height * width, threads)


def _host_maps(maps: ArrayLike) -> tuple[Floats, tuple[int, ...]]:
    """Maps (P, h, w), checked, and the leading axes that they came with."""
    flat, leading = flat_maps(maps)
    if not isinstance(flat, np.ndarray):
        raise InputError(
            "maps: expected an array in the host's memory; got one on a device. Move it first: array.get()"
        )
    check_maps("maps", flat.reshape(*leading, *flat.shape[1:]))
    return flat, leading


def _fractions(thresholds: ArrayLike | None, convention: str) -> NDArray[np.float64]:
    """(T,) float64, checked."""
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
    """The checked `min_area`, of options that go together."""
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
