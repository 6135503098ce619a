"""Boxes of activation maps, and boxes straight from feature maps."""

from __future__ import annotations

from numpy.typing import ArrayLike

from fastcam.arrays import conventions, engines
from fastcam.arrays.checks import check_connectivity, check_threads, class_indices, feature_maps_and_weights, grid_at
from fastcam.arrays.components import Search, all_boxes, search_of, smallest_area
from fastcam.arrays.maps import checked_maps
from fastcam.arrays.values import Boxes, Window


def find_boxes(
    maps: ArrayLike,
    size: tuple[int, int],
    *,
    convention: str = "paper",
    threshold: float | None = None,
    connectivity: int = 8,
    components: str = "largest",
    min_area: int = 1,
    window: Window | None = None,
    threads: int | None = None,
    engine: str = "auto",
) -> Boxes:
    """Return the box around the largest connected component of each map's highest values, in image pixels.

    Each map is upsampled bilinearly to (H, W), the convention selects pixels, and the box is the extent of their
    largest component: the one with most pixels, of equals the first in raster order. No (H, W) array is allocated.

    Parameters
    ----------
    maps
        (..., h, w) real numbers.
    size
        (H, W) of the image that the maps cover.
    convention
        "paper": above 20 % of the maximum (Zhou et al. 2016); "gradcam": above 15 % of the maximum of the rectified
        map (Selvaraju et al. 2017); "minmax": above 20 % of the range. See `fastcam.arrays.conventions`.
    threshold
        Another fraction, in (0, 1).
    connectivity
        8 or 4 neighbours.
    components
        "largest", or "all": a box for every component, the largest first, of equals the first in raster order.
    min_area
        With "all": leave out components of fewer pixels.
    window
        (x0, y0, x1, y1), half-open: only these pixels of the image count, and boxes are relative to (x0, y0).
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

    Raises
    ------
    InputError
        Maps that `heatmaps` refuses; an unknown convention or kind of components; a threshold outside (0, 1); a
        connectivity other than 4 or 8; a `min_area` below 1, or above 1 with "largest".

    Examples
    --------
    >>> boxes = find_boxes([[0.0, 4.0, 0.0]], (6, 12))
    >>> boxes.xyxy, int(boxes.area), float(boxes.peak)
    (array([3, 0, 9, 6], dtype=int32), 36, 3.5)
    >>> find_boxes([[[0.0, 4.0, 0.0]], [[1.0, 0.0, 0.0]]], (6, 12)).xyxy.shape  # maps (2, 1, 3)
    (2, 4)
    """
    smallest = smallest_area(components, min_area)
    check_threads(threads)
    search = search_of(maps, size, convention, threshold, connectivity, window, engine)
    return all_boxes(search, smallest) if components == "all" else largest_boxes(search, threads)


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
