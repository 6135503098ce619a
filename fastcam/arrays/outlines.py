"""Outlines of the components of maps, as closed rings of pixel corners."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastcam.arrays.components import Ring, _each_map, roots, search_of, smallest_area
from fastcam.arrays.values import Window


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
    """Return the outlines of all components, as closed polygons.

    A ring is a closed polygon along the edges of pixels. The first of a component goes around it clockwise, as seen,
    the others counter-clockwise around its holes. The shoelace formula over all of them gives the area in pixels.

    Parameters
    ----------
    maps, size, convention, threshold, connectivity, min_area, window, engine
        See `fastcam.find_boxes`.

    Returns
    -------
    A list of maps, counted as in `Boxes.item`; of each a list of components, the largest first; of each a list of rings
    (V, 2) int32, the corners x, y in pixels.

    Raises
    ------
    InputError
        Arguments that `fastcam.find_boxes` refuses.

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
    """Return the rings of a component given as runs (R, 4): pixels [start, stop) of rows [y0, y1).

    Every run has a left edge, followed upwards, and a right edge, followed downwards. On each line between rows of
    pixels, the ends of edges, sorted by x, are joined in pairs. Where an edge continues in the next row, or where
    pixels touch at a corner, two ends have the same x, and their order decides which are joined.
    """
    start, stop, top, bottom = runs.T
    edges = len(runs)  # edge e < edges is the left one of run e, edge edges + e its right one
    x = np.concatenate([start, stop, start, stop])
    y = np.concatenate([top, top, bottom, bottom])  # end i < 2 * edges is the upper end of edge i, then the lower ends
    right = np.tile(np.repeat([False, True], edges), 2)
    # Where pixels touch at a corner, four lines meet: pixels stay together (8) or apart (4).
    order = np.lexsort((right == (connectivity == 8), x, y))
    partner = np.empty(4 * edges, np.intp)
    partner[order[0::2]], partner[order[1::2]] = order[1::2], order[0::2]
    return _rings(x, y, partner, edges)


def _rings(x: Ring, y: Ring, partner: NDArray[np.intp], edges: int) -> list[Ring]:
    """Follow edges and their joints until all are visited; an edge has the number of the end it is entered at."""
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
    """Return the ring without repeated points and points in the middle of a line, from the uppermost left one on."""
    points = points[(points != np.roll(points, 1, axis=0)).any(axis=1)]
    straight = (np.roll(points, 1, axis=0) == points) & (points == np.roll(points, -1, axis=0))
    points = points[~straight.any(axis=1)]
    return np.roll(points, -np.lexsort(points.T)[0], axis=0).astype(np.int32)


def signed_area(ring: Ring) -> float:
    """Return the area by the shoelace formula: positive if the ring goes clockwise, as seen with y down."""
    x, y = ring.T.astype(np.int64)
    return float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum() / 2)
