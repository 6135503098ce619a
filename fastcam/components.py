"""All connected components of maps: their boxes, their pixels, and their outlines.

The options are those of `fastcam.find_boxes`, and so is the order: the largest component of a map first, of equals the
one met first in raster order.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastcam import conventions, engines
from fastcam.arrays import Window, check_connectivity, check_maps, flat_maps, grid_at
from fastcam.checks import is_whole
from fastcam.conventions import Convention
from fastcam.engines import Components, Engine
from fastcam.errors import InputError
from fastcam.rectangles import Boxes
from fastcam.sampling import Grid

Ring = NDArray[np.int32]


class Search(NamedTuple):
    """What is looked for, and where: maps (P, h, w), P for some leading axes, at the pixels of a grid, by a rule."""

    maps: NDArray[np.float32]
    leading: tuple[int, ...]
    where: Grid
    rule: Convention
    connectivity: int
    run: Engine

    def check_maps(self) -> None:
        """Raise the `InputError` that names the item which isn't finite."""
        check_maps("maps", self.maps.reshape(*self.leading, *self.maps.shape[1:]))


def search_of(
    maps: ArrayLike,
    size: tuple[int, int],
    convention: str,
    threshold: float | None,
    connectivity: int,
    window: Window | None,
    engine: str,
) -> Search:
    """The options of `fastcam.find_boxes`, checked."""
    rule, neighbours = conventions.named(convention, threshold), check_connectivity(connectivity)
    flat, leading = flat_maps(maps)
    return Search(flat, leading, grid_at(flat.shape, size, window), rule, neighbours, engines.serving(engine, flat))


def label_images(
    maps: ArrayLike,
    size: tuple[int, int],
    *,
    convention: str = "paper",
    threshold: float | None = None,
    connectivity: int = 8,
    min_area: int = 1,
    window: Window | None = None,
    engine: str = "auto",
) -> NDArray[np.int32]:
    """(..., H, W) int32: 1 at the pixels of the largest component of a map, 2 at those of the next, and so on; else 0.

    `label_images(...) == 1` is the mask that `find_boxes` puts its box around, `> 0` the mask of all components.

    Parameters
    ----------
    maps, size, convention, threshold, connectivity, min_area, window, engine
        As in `fastcam.find_boxes`.

    Raises
    ------
    InputError
        As `fastcam.find_boxes`.

    Examples
    --------
    >>> label_images([[4.0, 0.0, 0.0, 4.0, 4.0]], (1, 5))
    array([[2, 0, 0, 1, 1]], dtype=int32)
    """
    smallest = smallest_area("all", min_area)
    search = search_of(maps, size, convention, threshold, connectivity, window, engine)
    xp = search.run.xp
    out = xp.zeros((len(search.maps), *search.where.size), np.int32)
    for p, (found, rank) in enumerate(_each_map(search, smallest)):
        labels = xp.zeros(len(found.components), np.int32)
        labels[rank] = xp.arange(1, len(rank) + 1)
        search.run.paint(found.runs, labels[roots(found.components)], out[p])
    return out.reshape(*search.leading, *search.where.size)


def contours(
    maps: ArrayLike,
    size: tuple[int, int],
    *,
    convention: str = "paper",
    threshold: float | None = None,
    connectivity: int = 8,
    min_area: int = 1,
    window: Window | None = None,
    engine: str = "auto",
) -> list[list[list[Ring]]]:
    """The outlines of all components: for each map a list of components, of each a list of rings.

    A ring is a closed polygon along the edges of pixels, (V, 2) int32 corners x, y; the first of a component goes
    around it clockwise, as seen, the others counter-clockwise around its holes. The shoelace formula over all of them
    gives the area in pixels. Maps are counted as in `Boxes.item`.

    Parameters
    ----------
    maps, size, convention, threshold, connectivity, min_area, window, engine
        As in `fastcam.find_boxes`.

    Raises
    ------
    InputError
        As `fastcam.find_boxes`.

    Examples
    --------
    >>> [[[ring]]] = contours([[0.0, 4.0, 0.0]], (6, 12))
    >>> ring.tolist()
    [[3, 0], [9, 0], [9, 6], [3, 6]]
    """
    smallest = smallest_area("all", min_area)
    search = search_of(maps, size, convention, threshold, connectivity, window, engine)
    outlines: list[list[list[Ring]]] = []
    for found, rank in _each_map(search, smallest):
        runs, root, chosen = search.run.host(found.runs, roots(found.components)[found.runs[:, 4]], rank)
        outlines.append([outline(runs[root == component, :4], search.connectivity) for component in chosen])
    return outlines


def outline(runs: NDArray[np.int32], connectivity: int) -> list[Ring]:
    """The rings of a component given as runs (R, 4): pixels [start, stop) of rows [y0, y1).

    Every run has a left edge, gone up, and a right edge, gone down. On each line between rows of pixels, the ends of
    edges, sorted by x, are joined two by two; where an edge goes on in the next row, or where pixels touch at a corner,
    two ends have the same x, and their order says which are joined.
    """
    start, stop, top, bottom = runs.T
    edges = len(runs)  # edge e < edges is the left one of run e, edge edges + e its right one
    x = np.concatenate([start, stop, start, stop])
    y = np.concatenate([top, top, bottom, bottom])  # end i < 2 * edges is the upper end of edge i, then the lower ends
    right = np.tile(np.repeat([False, True], edges), 2)
    # Where pixels touch at a corner, four lines meet: pixels are kept together (8) or apart (4).
    order = np.lexsort((right == (connectivity == 8), x, y))
    partner = np.empty(4 * edges, np.intp)
    partner[order[0::2]], partner[order[1::2]] = order[1::2], order[0::2]
    return _rings(x, y, partner, edges)


def _rings(x: Ring, y: Ring, partner: NDArray[np.intp], edges: int) -> list[Ring]:
    """Follow edges and their joints until all are seen; an edge is known by the end that it is entered at."""
    entries = np.concatenate([np.arange(2 * edges, 3 * edges), np.arange(edges, 2 * edges)])  # left up, right down
    seen = np.zeros(4 * edges, bool)
    rings: list[Ring] = []
    for entry in entries[np.lexsort((x[entries], y[entries]))].tolist():
        corners: list[int] = []
        while not seen[entry]:
            seen[entry] = True
            leave = (entry + 2 * edges) % (4 * edges)
            corners += [entry, leave]
            entry = int(partner[leave])
        if corners:
            rings.append(_corners_only(np.stack([x[corners], y[corners]], axis=1)))
    return sorted(rings, key=lambda ring: -signed_area(ring))


def _corners_only(points: Ring) -> Ring:
    """The ring without points that are there twice or in the middle of a line, from the uppermost left one on."""
    points = points[(points != np.roll(points, 1, axis=0)).any(axis=1)]
    straight = (np.roll(points, 1, axis=0) == points) & (points == np.roll(points, -1, axis=0))
    points = points[~straight.any(axis=1)]
    return np.roll(points, -np.lexsort(points.T)[0], axis=0).astype(np.int32)


def signed_area(ring: Ring) -> float:
    """Shoelace formula: positive if the ring goes clockwise, as seen with y down."""
    x, y = ring.T.astype(np.int64)
    return float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum() / 2)


def smallest_area(components: Any, min_area: Any) -> int:
    """The checked `min_area` of the checked kind of `components`."""
    if not isinstance(components, str) or components not in ("largest", "all"):
        raise InputError(f"components: expected 'largest' or 'all'; got {components!r}")
    if not is_whole(min_area) or min_area < 1:
        raise InputError(f"min_area: expected a number of pixels, 1 or more; got {min_area!r}")
    if min_area > 1 and components != "all":
        raise InputError(f"min_area: expected with components='all' only; got {min_area} with {components!r}")
    return int(min_area)


def all_boxes(search: Search, smallest: int) -> Boxes:
    """Boxes of all components of that many pixels or more."""
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
    """The tables of each map, and the lines of its components in the order of the results."""
    for one in search.maps:
        found = search.run.find_components(one, search.where, search.rule, search.connectivity)
        if math.isnan(found.peak):
            search.check_maps()
        yield found, ranked(found.components, smallest, search.run.xp)


def ranked(components: NDArray[np.int32], smallest: int, xp: Any = np) -> NDArray[np.intp]:
    """Lines of the table of components that are roots of no fewer pixels, most pixels first, else as they were met."""
    index = xp.flatnonzero((components[:, 0] == xp.arange(len(components))) & (components[:, 1] >= smallest))
    return index[xp.argsort(-components[index, 1], kind="stable")]


def roots(components: NDArray[np.int32]) -> NDArray[np.int32]:
    """The root of each line of the table of components."""
    root = components[:, 0]
    while (root != components[root, 0]).any():
        root = components[root, 0]
    return root
