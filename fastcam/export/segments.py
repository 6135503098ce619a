"""Label images of objects from activation maps: seeds, and regions grown from them to the edges of the photo.

Kolesnikov and Lampert 2016, "Seed, Expand and Constrain: Three Principles for Weakly-Supervised Image Segmentation",
and Selvaraju et al. 2017, "Grad-CAM", section 4.2, take the strongest pixels of a classifier's maps as seeds of its
classes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastcam.arrays.checks import check_host, flat_maps
from fastcam.arrays.maps import heatmaps
from fastcam.arrays.masks import threshold_masks
from fastcam.arrays.scalars import check_index
from fastcam.arrays.values import Window
from fastcam.errors import InputError
from fastcam.export.masks import check_images, check_size, check_whole
from fastcam.export.pictures import picture_of
from fastcam.images.photos import Photo
from fastcam.images.regions import Part, part_of, placed
from fastcam.results import Explanation

# Fractions of a map's maximum that agree best with outlines drawn by people (benchmarks/results/segments.md).
FOREGROUND, BACKGROUND = 0.6, 0.1
UNKNOWN = -1


def seeds(
    maps: ArrayLike,
    size: tuple[int, int],
    *,
    foreground: float = FOREGROUND,
    background: float = BACKGROUND,
    window: Window | None = None,
) -> NDArray[np.int32]:
    """Return seeds for a segmentation: m + 1 at pixels of map m's class, 0 at pixels of no class, -1 elsewhere.

    A pixel belongs to a class if it is above `foreground` of the map's maximum; to one of several by the highest value
    relative to its map's maximum; and to no class if no map is above `background` of its maximum. A map without a
    positive maximum has no seeds.

    Parameters
    ----------
    maps
        (M, h, w), or (h, w) of one class, in the host's memory.
    size, window
        See `fastcam.find_boxes`.
    foreground, background
        Thresholds of the convention `paper`, in (0, 1).

    Returns
    -------
    (H, W) int32, from -1 to M; with a window its height and width.

    Raises
    ------
    InputError
        Arguments that `fastcam.find_boxes` refuses; another number of axes, or a background above the foreground.

    Examples
    --------
    >>> seeds([[[8.0, 4.0, 0.0, 0.0]], [[0.0, 0.0, 2.0, 4.0]]], (1, 4), foreground=0.6, background=0.2)
    array([[ 1, -1, -1,  2]], dtype=int32)
    """
    check_host(maps)
    flat, leading = flat_maps(maps)
    if len(leading) > 1:
        raise InputError(f"maps: expected (M, h, w) or (h, w); got shape {(*leading, *flat.shape[1:])}")
    sure = threshold_masks(flat, size, threshold=foreground, window=window)
    possible = threshold_masks(flat, size, threshold=background, window=window)
    if foreground < background:
        raise InputError(
            f"foreground, background: expected background <= foreground; got {foreground!r}, {background!r}"
        )
    values = heatmaps(flat, size, normalize=False, window=window)
    share = np.where(sure, values, 0) / np.maximum(values.max(axis=(1, 2), keepdims=True), np.finfo(np.float32).tiny)
    found = np.where(possible.any(axis=0), UNKNOWN, 0).astype(np.int32)
    return np.where(sure.any(axis=0), 1 + share.argmax(axis=0), found).astype(np.int32)


def segment(
    image: Photo,
    explanation: Explanation | ArrayLike,
    *,
    item: int = 0,
    foreground: float = FOREGROUND,
    background: float = BACKGROUND,
) -> NDArray[np.int32]:
    """Return a label image of the objects of maps: seeds, grown to the edges of the photo.

    A watershed (Beucher and Lantuéjoul 1979; `skimage.segmentation.watershed`) of the gradient of the photo's colours
    in CIELAB floods the open pixels from all seeds at once, so that labels meet where colours change. A class without
    seeds isn't in the result, and without seeds of the background no pixel becomes background; pixels outside a centre
    crop are 0.

    Parameters
    ----------
    image
        The photo that was explained, as `Classifier.explain` takes it; of bands, the first three.
    explanation
        Result of `Classifier.explain` for one or several classes; or activation maps (M, h, w) or (h, w) that cover the
        image.
    item
        Index n of the image in the explanation.
    foreground, background
        Thresholds of the seeds: see `seeds`.

    Returns
    -------
    (H, W) int32, of the size of the photo: m + 1 at the pixels of map m's object, 0 elsewhere.

    Raises
    ------
    InputError
        The image isn't of the size that was explained, an index or option is out of range, or a map isn't finite.

    Examples
    --------
    >>> from importlib.resources import files
    >>> import fastcam
    >>> from skimage.data import chelsea
    >>> model = fastcam.load(str(files("fastcam.data") / "squeezenet1_1.onnx"), preprocess="caffe-bgr")
    >>> labels = segment(chelsea(), model.explain(chelsea()))
    >>> labels.shape, np.unique(labels).tolist()
    ((300, 451), [0, 1])
    """
    if isinstance(explanation, Explanation):
        check_images(explanation)
    photo = picture_of(image, explanation)
    maps, part = _maps_and_part(explanation, item, (photo.shape[0], photo.shape[1]))
    left, top, right, bottom = part.place
    (height, width), (x0, y0, x1, y1) = part.sides, part.window
    window = (x0, y0, x1, y1)
    known = seeds(maps, (height, width), foreground=foreground, background=background, window=window)
    return placed(_grown(known, photo[top:bottom, left:right]), part, (photo.shape[0], photo.shape[1]))


def _maps_and_part(explanation: Explanation | ArrayLike, item: Any, size: tuple[int, int]) -> tuple[ArrayLike, Part]:
    """Return the maps, and the part of the photo that they cover."""
    check_whole(explanation)
    if not isinstance(explanation, Explanation):
        if item != 0:
            raise InputError(f"item: expected with an Explanation only; got {item!r}")
        return explanation, part_of((0, 0, size[1], size[0]), size)
    n = check_index("item", item, len(explanation.class_index))
    check_size(explanation, n, size)
    return explanation.activation_maps[n], explanation.part(n)


def _grown(known: NDArray[np.int32], photo: NDArray[np.uint8]) -> NDArray[np.int32]:
    """Return the seeds with every open pixel assigned to one of them."""
    from skimage.color import rgb2lab
    from skimage.filters import sobel
    from skimage.segmentation import watershed

    if known.min() == known.max() or (known >= 0).all():
        return np.maximum(known, 0)
    lab = rgb2lab(photo)
    edges = np.sqrt(sum(sobel(lab[..., channel]) ** 2 for channel in range(3)))
    return (watershed(edges, known + 1) - 1).astype(np.int32)
