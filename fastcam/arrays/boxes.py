"""Boxes of activation maps, and boxes straight from feature maps."""

from __future__ import annotations

from typing import TypedDict, Unpack, overload

from numpy.typing import ArrayLike

from fastcam.arrays import conventions, engines
from fastcam.arrays.checks import check_connectivity, check_threads, class_indices, feature_maps_and_weights, grid_at
from fastcam.arrays.components import (
    Search,
    all_boxes,
    line_search_of,
    search_of,
    smallest_area,
    volume_search_of,
)
from fastcam.arrays.maps import checked_maps
from fastcam.arrays.places import rank_of
from fastcam.arrays.values import Boxes, Cuboids, Intervals, Size, Window
from fastcam.arrays.volumes import find_cuboids


class BoxOptions(TypedDict, total=False):
    """Options of `find_boxes`, whose docstring explains them."""

    convention: str
    threshold: float | None
    connectivity: int | None
    components: str
    min_area: int
    window: tuple[int, ...] | None
    threads: int | None
    engine: str


@overload
def find_boxes(maps: ArrayLike, size: tuple[int, int], **options: Unpack[BoxOptions]) -> Boxes: ...
@overload
def find_boxes(maps: ArrayLike, size: tuple[int], **options: Unpack[BoxOptions]) -> Intervals: ...
@overload
def find_boxes(maps: ArrayLike, size: tuple[int, int, int], **options: Unpack[BoxOptions]) -> Cuboids: ...
@overload
def find_boxes(maps: ArrayLike, size: Size, **options: Unpack[BoxOptions]) -> Boxes | Intervals | Cuboids: ...
def find_boxes(
    maps: ArrayLike,
    size: Size,
    *,
    convention: str = "paper",
    threshold: float | None = None,
    connectivity: int | None = None,
    components: str = "largest",
    min_area: int = 1,
    window: tuple[int, ...] | None = None,
    threads: int | None = None,
    engine: str = "auto",
) -> Boxes | Intervals | Cuboids:
    """Return the box around the largest connected component of each map's highest values, in image pixels.

    Each map is upsampled bilinearly to (H, W), the convention selects pixels, and the box is the extent of their
    largest component: the one with most pixels, of equals the first in raster order. No (H, W) array is allocated.
    Maps of signals and volumes follow the same rules; an array of the size of one volume is allocated.

    Parameters
    ----------
    maps
        (..., h, w) real numbers; of signals (..., l), of volumes (..., d, h, w), in the host's memory.
    size
        (H, W) of the image that the maps cover; (L,) of the signal, (D, H, W) of the volume.
    convention
        "paper": above 20 % of the maximum (Zhou et al. 2016); "gradcam": above 15 % of the maximum of the rectified
        map (Selvaraju et al. 2017); "minmax": above 20 % of the range. See `fastcam.arrays.conventions`.
    threshold
        Another fraction, in (0, 1).
    connectivity
        8 or 4 neighbours of a pixel, 26 or 6 of a voxel, 2 of a sample. None: the most of these.
    components
        "largest", or "all": a box for every component, the largest first, of equals the first in raster order.
    min_area
        With "all": leave out components of fewer pixels.
    window
        (x0, y0, x1, y1), half-open: only these pixels of the image count, and boxes are relative to (x0, y0). Of a
        signal (x0, x1), of a volume (x0, y0, z0, x1, y1, z1).
    threads
        Number of threads, at most; None: one a processor, where there is enough work. The maps are shared out, except
        with "all".
    engine
        "auto": where the arrays are; "cpu": Numba; "cuda": CuPy; "reference": NumPy and scikit-image.

    Returns
    -------
    Boxes
        `xyxy` (..., 4) int32, `area` (...) int32 and `peak` (...) float32, with the leading axes of `maps`. With "all",
        (B, 4) and (B,), and `item` (B,) int64 is the map of each box.
    Intervals
        For signals: `xx` (..., 2) in place of `xyxy`.
    Cuboids
        For volumes: `xyzxyz` (..., 6) in place of `xyxy`.

    Raises
    ------
    InputError
        Maps that `heatmaps` refuses; an unknown convention or kind of components; a threshold outside (0, 1); another
        connectivity; a `min_area` below 1, or above 1 with "largest"; volumes that don't fit the memory.

    Examples
    --------
    >>> boxes = find_boxes([[0.0, 4.0, 0.0]], (6, 12))
    >>> boxes.xyxy, int(boxes.area), float(boxes.peak)
    (array([3, 0, 9, 6], dtype=int32), 36, 3.5)
    >>> find_boxes([[[0.0, 4.0, 0.0]], [[1.0, 0.0, 0.0]]], (6, 12)).xyxy.shape  # maps (2, 1, 3)
    (2, 4)
    >>> find_boxes([0.0, 4.0, 0.0], (12,)).xx                          # a signal
    array([3, 9], dtype=int32)
    >>> find_boxes([[[0.0, 4.0, 0.0]]], (5, 6, 12)).xyzxyz             # a volume
    array([3, 0, 0, 9, 6, 5], dtype=int32)
    """
    smallest = smallest_area(components, min_area)
    check_threads(threads)
    rank = rank_of(size)
    options = convention, threshold, connectivity, window, engine
    if rank == 3:
        wanted = smallest if components == "all" else None
        return find_cuboids(*volume_search_of(maps, size, *options), wanted, threads)
    search = line_search_of(maps, size, *options) if rank == 1 else search_of(maps, size, *options)
    found = all_boxes(search, smallest) if components == "all" else largest_boxes(search, threads)
    return found if rank == 2 else Intervals(found.xyxy[..., ::2].copy(), found.area, found.peak, found.item)


def largest_boxes(search: Search, threads: int | None = None) -> Boxes:
    """Return the box of the largest component of each map, with the leading axes of the maps."""
    boxes, sound = search.run.find_boxes(search.maps, search.where, search.rule, search.connectivity, threads)
    if sound < len(search.maps):
        search.check_maps()
    leading = search.leading
    return Boxes(boxes.xyxy.reshape(*leading, 4), boxes.area.reshape(leading), boxes.peak.reshape(leading))


def localize(
    feature_maps: ArrayLike,
    class_weights: ArrayLike,
    class_index: ArrayLike,
    size: tuple[int, int],
    *,
    layout: str = "NCHW",
    scale: float | None = None,
    zero_point: int = 0,
    convention: str = "paper",
    threshold: float | None = None,
    connectivity: int = 8,
    window: Window | None = None,
    threads: int | None = None,
    engine: str = "auto",
) -> Boxes:
    """Return the boxes of classes straight from feature maps: `find_boxes(activation_maps(...), size)` in one call.

    On the CPU, all classes of an image share one pass over its feature maps, and after a thread's first call with these
    shapes only the result is allocated. On a device the call doesn't wait for the result.

    Parameters
    ----------
    feature_maps, class_weights, class_index, layout, scale, zero_point
        See `activation_maps`.
    size, convention, threshold, connectivity, window
        See `find_boxes`.
    threads
        Number of threads, at most; None: one a processor, where there is enough work. The images are shared out.
    engine
        "auto": where the arrays are; "cpu": Numba; "cuda": CuPy; "reference": NumPy and scikit-image.

    Returns
    -------
    Boxes
        `xyxy` (N, M, 4) int32 in pixels, `area` (N, M) int32 and `peak` (N, M) float32.

    Raises
    ------
    InputError
        Arguments that `activation_maps` or `find_boxes` refuse.

    Examples
    --------
    >>> import numpy as np
    >>> features = np.zeros((1, 2, 1, 3))
    >>> features[0, 1, 0, 1] = 4
    >>> localize(features, [[1.0, 0.0], [-1.0, 1.0]], 1, (6, 12)).xyxy
    array([[[3, 0, 9, 6]]], dtype=int32)
    """
    rule, neighbors = conventions.named(convention, threshold), check_connectivity(connectivity)
    features, weights = feature_maps_and_weights(feature_maps, class_weights, layout, scale, zero_point)
    index = class_indices(class_index, features.shape[0], len(weights))
    where = grid_at(features.shape[2:], size, window)
    check_threads(threads)
    run = engines.serving(engine, features.data)
    boxes, sound = run.localize(features, weights, index, where, rule, neighbors, threads)
    if sound < features.shape[0]:
        checked_maps(run, features, weights, index, threads)  # raises InputError with the place
    return boxes
