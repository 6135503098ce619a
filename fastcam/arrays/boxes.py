"""Boxes from arrays: of activation maps, or straight from feature maps."""

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
    """The box around the largest connected component of each map's highest values, in image pixels.

    Upsample bilinearly to (H, W), keep the pixels that the convention lets in, take the largest component (most pixels;
    of equals the one met first in raster order), and give its extent. No (H, W) array is made.

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
        "largest", or "all": every component of a map has its box, the largest first (of equals the one met first).
    min_area
        With "all": leave out components of fewer pixels.
    window
        (x0, y0, x1, y1), half-open: only these pixels of the image count, and boxes are relative to its corner.
    threads
        At most so many; None: one a processor, where there is work for them. The maps are shared out, but for "all".
    engine
        "auto": where the arrays are; "cpu": Numba; "cuda": CuPy; "reference": NumPy and scikit-image.

    Returns
    -------
    Boxes
        With the leading axes of `maps`; of all components one after the other, `item` telling the map of each.

    Raises
    ------
    InputError
        Maps as in `heatmaps`; an unknown convention or kind of components; a threshold outside (0, 1); a connectivity
        other than 4 or 8; a `min_area` below 1, or with "largest".

    Examples
    --------
    >>> boxes = find_boxes([[0.0, 4.0, 0.0]], (6, 12))
    >>> boxes.xyxy, int(boxes.area), float(boxes.peak)
    (array([3, 0, 9, 6], dtype=int32), 36, 3.5)
    """
    smallest = smallest_area(components, min_area)
    check_threads(threads)
    search = search_of(maps, size, convention, threshold, connectivity, window, engine)
    return all_boxes(search, smallest) if components == "all" else largest_boxes(search, threads)


def largest_boxes(search: Search, threads: int | None = None) -> Boxes:
    """The box of the largest component of each map, with the maps' leading axes."""
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
    """Feature maps to boxes in one go: `find_boxes(activation_maps(...), size)`, without anything in between.

    On the CPU, all classes of an image share one pass over its feature maps, and after a thread's first call of a kind
    nothing is allocated but the result. On a device nothing is waited for.

    Parameters
    ----------
    feature_maps, class_weights, class_index, layout, scale, zero_point
        As in `activation_maps`.
    size, convention, threshold, connectivity, window
        As in `find_boxes`.
    threads
        At most so many; None: one a processor, where there is work for them. The images are shared out.
    engine
        "auto": where the arrays are; "cpu": Numba; "cuda": CuPy; "reference": NumPy and scikit-image.

    Returns
    -------
    Boxes
        With axes (N, M).

    Raises
    ------
    InputError
        As `activation_maps` and `find_boxes`.

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
        checked_maps(run, features, weights, index, threads)  # raises, and names the place
    return boxes
