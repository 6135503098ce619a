"""Boxes of the code released with Zhou et al. 2016, which differs from the paper.

`bboxgenerator/dt_box.cpp` of github.com/zhoubolei/CAM, with the thresholds of its `generate_bbox.m`, from a heatmap
in bytes. The contours are OpenCV's, in its order, but found as components of pixels.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

CUTS = (20, 100, 110)  # of 255
MARGIN = 5  # pixels at the right and the lower edge that no rectangle enters
DEEP = 10  # of 255: the greatest distance from the edge of a mask

Rectangles = NDArray[np.int64]


class Release(NamedTuple):
    """Rectangles (R, 4) x, y, width, height, the largest first, and the index of the cut that each comes from."""

    rectangles: Rectangles
    cut: NDArray[np.intp]


def release_boxes(heat: NDArray[np.uint8], cuts: tuple[int, ...] = CUTS) -> Release:
    """Return rectangles around the inner pixels above each cut, pooled, without those that overlap much.

    For each cut: the pixels above it; of them those whose distance to the nearest other pixel is above 10/255 of the
    greatest such distance; the extents of the outlines of their components and of the holes in these. Then all are
    sorted by area, and from the largest on, those that overlap with it by more than half are removed.

    Parameters
    ----------
    heat
        (H, W), at the size of the image; its maximum should be 255.
    cuts
        In [0, 255].

    Returns
    -------
    Release
        `rectangles` (R, 4) int64 x, y, width, height in pixels, the largest first; `cut` (R,), an index into `cuts`.

    Examples
    --------
    >>> heat = np.zeros((40, 60), np.uint8)
    >>> heat[10:30, 5:35] = 50
    >>> heat[15:25, 10:20] = 255
    >>> release_boxes(heat).rectangles.tolist()
    [[5, 10, 30, 20], [10, 15, 10, 10]]
    """
    found = [_limited(extents(_deep(heat > cut)), *heat.shape) for cut in cuts]
    pooled = np.concatenate(found)
    cut = np.repeat(np.arange(len(cuts)), [len(some) for some in found])
    order = np.argsort(-pooled[:, 2] * pooled[:, 3], kind="stable")
    kept = _without_overlaps(pooled[order])
    return Release(pooled[order][kept], cut[order][kept])


def _deep(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the pixels of a mask that are far from its edge."""
    from scipy.ndimage import distance_transform_edt

    if mask.all() or not mask.any():
        return mask
    distance: Any = distance_transform_edt(mask)
    return np.floor(distance * (255 / distance.max()) + 0.5) > DEEP


def extents(mask: NDArray[np.bool_]) -> Rectangles:
    """Return (R, 4) x, y, width, height of the outlines of 8-connected components, each followed by those of its holes.

    Equal to OpenCV's `findContours(RETR_CCOMP)` and `boundingRect`: of components and of holes the last in raster order
    comes first, and the outline of a hole goes through the pixels around it.
    """
    from scipy.ndimage import find_objects, label

    found: Any = [label(mask, np.ones((3, 3))), label(~np.pad(mask, 1))]
    (components, _), (background, _) = found
    holes = np.where(background == background[0, 0], 0, background)[1:-1, 1:-1]
    first, hole_first = _first_pixels(components), _first_pixels(holes)
    around = components.reshape(-1)[hole_first - 1]  # the pixel left of a hole's first one is in its component
    owner = np.concatenate([np.arange(len(first)), around - 1])
    order = np.lexsort((-np.concatenate([np.full(len(first), mask.size), hole_first]), -first[owner]))
    boxes = [(x.start, y.start, x.stop, y.stop) for y, x in find_objects(components)]
    boxes += [(x.start - 1, y.start - 1, x.stop + 1, y.stop + 1) for y, x in filter(None, find_objects(holes))]
    xyxy = np.array(boxes, np.int64).reshape(-1, 4)[order]
    return np.concatenate([xyxy[:, :2], xyxy[:, 2:] - xyxy[:, :2]], axis=1)


def _first_pixels(labels: NDArray[Any]) -> NDArray[np.int64]:
    """Return the index of the first pixel of each label except 0, in raster order."""
    values, first = np.unique(labels, return_index=True)
    return first[values > 0]


def _limited(rectangles: Rectangles, height: int, width: int) -> Rectangles:
    """Keep rectangles out of the margin; one that begins there gets a negative width or height, as in the source."""
    x, y, w, h = rectangles.T
    return np.stack(
        [
            np.minimum(x, width - MARGIN),
            np.minimum(y, height - MARGIN),
            np.minimum(w, width - x - MARGIN),
            np.minimum(h, height - y - MARGIN),
        ],
        axis=1,
    )


def _without_overlaps(rectangles: Rectangles) -> list[int]:
    """Return the rectangles that remain, the largest first; the source skips the one after each that it removes."""
    left, i = list(range(len(rectangles))), 0
    while i < len(left):
        j = i + 1
        while j < len(left):
            if _overlap(*rectangles[[left[i], left[j]]].tolist()):
                del left[j]
            j += 1
        i += 1
    return left


def _overlap(a: list[int], b: list[int]) -> bool:
    """Return whether the overlap is more than half of the larger area, rounded toward zero."""
    across = max(0, min(a[0] + a[2], b[0] + b[2]) - max(a[0], b[0]))
    down = max(0, min(a[1] + a[3], b[1] + b[3]) - max(a[1], b[1]))
    return across * down > int(max(a[2] * a[3], b[2] * b[3]) * 0.5)
