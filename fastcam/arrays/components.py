"""All connected components of maps: their boxes and their pixels.

The options are those of `fastcam.find_boxes`, and so is the order: the largest component of a map first, of equals the
first in raster order.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastcam.arrays import conventions, engines
from fastcam.arrays.checks import check_maps, flat_maps, grid_at
from fastcam.arrays.conventions import Convention
from fastcam.arrays.engines.engine import Engine
from fastcam.arrays.grids import Grid
from fastcam.arrays.places import Volume, flat_places, line_at, neighbors_of, rank_of, volume_at
from fastcam.arrays.scalars import is_whole
from fastcam.arrays.values import Boxes, Components, Size
from fastcam.arrays.volumes import volume_labels
from fastcam.errors import InputError

Ring = NDArray[np.int32]
ALL_NEIGHBORS = 8  # of a pixel


class Search(NamedTuple):
    """A checked search for components: maps (P, h, w), their leading axes, the grid of pixels, the rule, the engine.

    Signals are images of one row, of rank 1.
    """

    maps: NDArray[np.float32]
    leading: tuple[int, ...]
    where: Grid
    rule: Convention
    connectivity: int
    run: Engine
    rank: int = 2

    def check_maps(self) -> None:
        """Raise `InputError` with the place of the first value that isn't finite."""
        check_maps("maps", self.maps.reshape(*self.leading, *self.maps.shape[-self.rank :]), self.rank)


def search_of(
    maps: ArrayLike,
    size: Any,
    convention: str,
    threshold: float | None,
    connectivity: int | None,
    window: tuple[int, ...] | None,
    engine: str,
) -> Search:
    """Check the options of `fastcam.find_boxes` for images and return them as a `Search`."""
    rule, neighbors = conventions.named(convention, threshold), neighbors_of(connectivity, 2)
    flat, leading = flat_maps(maps)
    return Search(flat, leading, grid_at(flat.shape, size, window), rule, neighbors, engines.serving(engine, flat))


def line_search_of(
    maps: ArrayLike,
    size: Any,
    convention: str,
    threshold: float | None,
    connectivity: int | None,
    window: Any,
    engine: str,
) -> Search:
    """Check the options of `fastcam.find_boxes` for signals and return them as a `Search` in images of one row."""
    rule = conventions.named(convention, threshold)
    neighbors_of(connectivity, 1)
    flat, leading = flat_places(maps, 1)
    where = line_at(flat.shape[1], size, window)
    return Search(flat[:, None], leading, where, rule, ALL_NEIGHBORS, engines.serving(engine, flat), 1)


def volume_search_of(
    maps: ArrayLike,
    size: Any,
    convention: str,
    threshold: float | None,
    connectivity: int | None,
    window: Any,
    engine: str,
) -> tuple[Volume, Convention, int, Engine]:
    """Check the options of `fastcam.find_boxes` for volumes and return them."""
    rule, neighbors = conventions.named(convention, threshold), neighbors_of(connectivity, 3)
    volume = volume_at(maps, size, window)
    return volume, rule, neighbors, engines.serving(engine, volume.maps)


def label_images(
    maps: ArrayLike,
    size: Size,
    *,
    convention: str = "paper",
    threshold: float | None = None,
    connectivity: int | None = None,
    min_area: int = 1,
    window: tuple[int, ...] | None = None,
    engine: str = "auto",
) -> NDArray[np.int32]:
    """Return label images: 1 at the pixels of the largest component of a map, 2 at the next, and so on, 0 elsewhere.

    `label_images(...) == 1` is the mask that `find_boxes` puts its box around, `> 0` the mask of all components.

    Parameters
    ----------
    maps, size, convention, threshold, connectivity, min_area, window, engine
        See `fastcam.find_boxes`.

    Returns
    -------
    (..., H, W) int32, from 0 to the number of components of a map; with a window its height and width. For signals
    (..., L), for volumes (..., D, H, W).

    Raises
    ------
    InputError
        Arguments that `fastcam.find_boxes` refuses.

    Examples
    --------
    >>> label_images([[4.0, 0.0, 0.0, 4.0, 4.0]], (1, 5))
    array([[2, 0, 0, 1, 1]], dtype=int32)
    """
    smallest = smallest_area("all", min_area)
    options = convention, threshold, connectivity, window, engine
    if rank_of(size) == 3:
        return volume_labels(*volume_search_of(maps, size, *options), smallest)
    search = line_search_of(maps, size, *options) if rank_of(size) == 1 else search_of(maps, size, *options)
    xp = search.run.xp
    out = xp.zeros((len(search.maps), *search.where.size), np.int32)
    for p, (found, rank) in enumerate(_each_map(search, smallest)):
        labels = xp.zeros(len(found.components), np.int32)
        labels[rank] = xp.arange(1, len(rank) + 1)
        search.run.paint(found.runs, labels[roots(found.components)], out[p])
    return out.reshape(*search.leading, *search.where.size[-search.rank :])


def smallest_area(components: Any, min_area: Any) -> int:
    """Check `components` and `min_area`, and return `min_area`."""
    if not isinstance(components, str) or components not in ("largest", "all"):
        raise InputError(f"components: expected 'largest' or 'all'; got {components!r}")
    if not is_whole(min_area) or min_area < 1:
        raise InputError(f"min_area: expected a number of pixels, 1 or more; got {min_area!r}")
    if min_area > 1 and components != "all":
        raise InputError(f"min_area: expected with components='all' only; got {min_area} with {components!r}")
    return int(min_area)


def all_boxes(search: Search, smallest: int) -> Boxes:
    """Return the boxes of all components of at least `smallest` pixels."""
    xp = search.run.xp
    tables, peaks = [], []
    for found, rank in _each_map(search, smallest):
        tables.append(found.components[rank])
        peaks.append(found.peak)
    counts = [len(table) for table in tables]
    table = xp.concatenate(tables)
    return Boxes(
        xp.ascontiguousarray(table[:, 2:6]),
        table[:, 1].copy(),
        xp.asarray(np.repeat(np.array(peaks, np.float32), counts)),
        xp.asarray(np.repeat(np.arange(len(counts)), counts)),
    )


def _each_map(search: Search, smallest: int) -> Iterator[tuple[Components, NDArray[np.intp]]]:
    """Yield the tables of each map, and the lines of its components in the order of the results."""
    for one in search.maps:
        found = search.run.find_components(one, search.where, search.rule, search.connectivity)
        if math.isnan(found.peak):
            search.check_maps()
        yield found, ranked(found.components, smallest, search.run.xp)


def ranked(components: NDArray[np.int32], smallest: int, xp: Any = np) -> NDArray[np.intp]:
    """Return the lines of the table that are roots of at least `smallest` pixels, most pixels first, else in order."""
    index = xp.flatnonzero((components[:, 0] == xp.arange(len(components))) & (components[:, 1] >= smallest))
    return index[xp.argsort(-components[index, 1], kind="stable")]


def roots(components: NDArray[np.int32]) -> NDArray[np.int32]:
    """Return the root of each line of the table of components."""
    root = components[:, 0]
    while (root != components[root, 0]).any():
        root = components[root, 0]
    return root
