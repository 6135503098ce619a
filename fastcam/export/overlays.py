"""Heatmaps, boxes and labels drawn over an image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from fastcam.arrays import engines
from fastcam.arrays.checks import check_maps, check_out, check_threads, float_array, limits_of, out_array
from fastcam.arrays.colors import color_pairs
from fastcam.arrays.colors import colormap as colormap
from fastcam.arrays.devices import adopt, check_together, is_on_device
from fastcam.arrays.grids import grid
from fastcam.arrays.maps import heatmaps
from fastcam.arrays.resampling import Region
from fastcam.arrays.scalars import check_index, is_whole
from fastcam.errors import InputError
from fastcam.export.fonts import given_face
from fastcam.export.marks import Mark, draw_marks, draw_outline, unseen_parts
from fastcam.export.masks import check_images, check_size, check_whole
from fastcam.export.pictures import picture_of
from fastcam.export.shown import count_of, share_of
from fastcam.export.text import Font, can_draw
from fastcam.images.photos import Photo, check_pixels
from fastcam.images.regions import part_of
from fastcam.results import Explanation

Pixels = NDArray[np.uint8]

LEGIBLE = 320  # pixels of the shorter side that a legible label needs
MOST = 64  # largest factor of enlargement
LARGEST = 4096  # pixels of the longer side at which enlarging stops


def overlay(
    image: Photo,
    explanation: Explanation | ArrayLike,
    *,
    item: int = 0,
    map: int | Sequence[int] = 0,
    opacity: float = 0.5,
    colormap: str = "turbo",
    limits: tuple[float, float] | None = None,
    box: bool = True,
    label: bool = True,
    outline: bool = True,
    font: Font = None,
    scale: int = 1,
    bands: tuple[int, int, int] | None = None,
    out: Pixels | None = None,
    threads: int | None = None,
    engine: str = "auto",
) -> Pixels:
    """Return the image with a heatmap, its box and its label drawn over it, or those of several classes.

    The heatmap is upsampled, coloured and blended in one pass, without an array of its own.

    Parameters
    ----------
    image
        The photo that was explained, as `Classifier.explain` takes it; or an (H, W, 3) uint8 array on a CUDA device:
        then the result is there, too, and a map that isn't finite isn't drawn.
    explanation
        Result of `Classifier.explain`; or an (h, w) activation map that covers the whole image, without box and label.
    item, map
        Index n of the image in the explanation, and index m of its map. A sequence of indices draws several classes in
        one picture: boxes and labels in a color for each, over the highest of their maps, each scaled to [0, 1] first.
    opacity
        Opacity of the heatmap, 0 to 1 in steps of 1/256.
    colormap
        "turbo", "jet", "viridis", "inferno" or "gray".
    limits
        Raw values of the map that get the first and the last colour; None: `Explanation.limits` if the explanation has
        them, else minimum and maximum of the map.
    box, label
        Whether to draw them. The label is above its box or, where there is no room, in it; its letters have a size that
        fits the picture.
    outline
        Whether to draw a fine dashed line around the part that the network saw, where that isn't the whole image, such
        as a centre crop; the rest gets the color of 0, as `Explanation.heatmap` has it. False: the rest doesn't change.
    font
        The path of a font (TTF, OTF, TTC) for labels. None: the bundled one, for Latin, Greek and Cyrillic letters.
        Letters that it lacks are drawn with the first font of this machine that has them.
    scale
        Whole factor by which the picture is enlarged, for legible labels on small images.
    bands
        Of an image of bands, the indices of those that are red, green and blue. None: the first three; see
        `fastcam.images.bands.picture`.
    out
        uint8 array of the result's shape to draw into, and return. It may be the image itself. It may have any strides
        and overlap the image, such as `frame[..., ::-1]`; then a copy is made. On a device: C-contiguous.
    threads
        Number of threads, at most; None: one a processor, where there is enough work. The rows are shared out.
    engine
        "auto": where the image is; "cpu": Numba; "cuda": CuPy; "reference": NumPy.

    Returns
    -------
    (scale·H, scale·W, 3) uint8, RGB.

    Raises
    ------
    InputError
        The image isn't of the size that was explained, an index or option is out of range, a map isn't finite, a font
        that can't be read, or an `out` that doesn't fit.

    Warns
    -----
    FontWarning
        There is no font for letters of the label.

    Examples
    --------
    >>> from importlib.resources import files
    >>> import fastcam
    >>> from skimage.data import chelsea
    >>> model = fastcam.load(str(files("fastcam.data") / "squeezenet1_1.onnx"), preprocess="caffe-bgr")
    >>> photo = chelsea().copy()
    >>> overlay(photo, model.explain(photo), out=photo).shape
    (300, 451, 3)
    """
    colors = color_pairs(colormap)
    opacity, scale = share_of(opacity), count_of("scale", scale, MOST)
    check_threads(threads)
    given_face(font)
    one, region, own, maps = _map_and_region(explanation, item, map, limits, scale)
    ends = limits_of(own, (1,))
    photo = _pixels(image, explanation, bands)
    check_pixels(photo)
    run = engines.serving(engine, photo)
    if isinstance(one, np.ndarray):
        check_maps("explanation", one)
        one = run.xp.asarray(one)
    check_together("image", photo, "explanation", one)
    size = photo.shape[:2]
    if isinstance(explanation, Explanation):
        check_size(explanation, item, size)
    frame = _frame(photo, scale, out)
    x0, y0, x1, y1 = (side * scale for side in region or (0, 0, size[1], size[0]))
    part = part_of((x0, y0, x1, y1), (len(frame), frame.shape[1]))
    left, top, right, bottom = part.place
    where, share = grid((one.shape[0], one.shape[1]), part.sides, part.window), round(256 * opacity)
    run.overlay(one, where, ends, colors, share, (left, top), frame, threads)
    if outline:
        _draw_unseen(frame, (left, top, right, bottom), run, colors, share, threads)
    if isinstance(explanation, Explanation):
        marks = [_mark(explanation, item, m, scale if box else 0, label, font) for m in maps]
        draw_marks(frame, marks, (left, top, right, bottom), run.xp, font)
    if isinstance(out, np.ndarray) and frame is not out:
        out[:] = frame
        return out
    return frame


def legible_scale(size: tuple[int, int]) -> int:
    """Return the `scale` of `overlay` at which labels and boxes of a small (height, width) image are legible.

    Examples
    --------
    >>> legible_scale((32, 48)), legible_scale((720, 1280))
    (10, 1)
    """
    return max(1, min(-(-LEGIBLE // min(size)), LARGEST // max(size), MOST))


def _map_and_region(
    explanation: Explanation | ArrayLike, item: Any, map: Any, limits: Any, scale: int
) -> tuple[NDArray[np.float32], Region | None, Any, list[int]]:
    """Return the (h, w) map, the region of the image that it covers, the limits of its colors, and the maps' indices.

    The region and the limits are None if unknown.
    """
    check_whole(explanation)
    if not isinstance(explanation, Explanation):
        if not all(is_whole(one) and one == 0 for one in (item, map)):
            raise InputError(f"item, map: expected with an Explanation only; got {item!r}, {map!r}")
        return float_array("explanation", explanation, 2), None, limits, []
    n, maps = check_index("item", item, len(explanation.class_index)), _indices(map, explanation.class_index.shape[1])
    check_images(explanation)
    x0, y0, x1, y1 = explanation.regions[n].tolist()
    if limits is None and explanation.limits is not None:
        limits = explanation.limits[n, maps]
    if len(maps) == 1:
        return explanation.activation_maps[n, maps[0]], (x0, y0, x1, y1), limits, maps
    several = explanation.activation_maps[n, maps]
    check_maps("explanation", several)
    ends = limits_of(limits, (len(maps),))
    if ends is None:
        ends = _extrema(several, explanation.regions[n] * scale, explanation.image_sizes[n] * scale)
    return _highest(several, ends), (x0, y0, x1, y1), (0, 1), maps


def _indices(map: Any, count: int) -> list[int]:
    """Return the indices of one or several maps."""
    if not isinstance(map, Sequence | np.ndarray) or isinstance(map, str | bytes):
        return [check_index("map", map, count)]
    maps = [check_index("map", one, count) for one in map]
    if not maps or len(set(maps)) < len(maps):
        raise InputError(f"map: expected one index, or several that differ; got {map!r}")
    return maps


def _extrema(maps: NDArray[np.float32], region: NDArray[np.int64], size: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return (M, 2): minimum and maximum of maps (M, h, w) in an image of that size, as `heatmaps` scales by them."""
    part = part_of(tuple(region.tolist()), tuple(size.tolist()))
    seen = (heatmaps(one, part.sides, normalize=False, window=part.window) for one in maps)
    return np.array([(values.min(), values.max()) for values in seen], np.float32)


def _highest(maps: NDArray[np.float32], limits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (h, w): the highest of maps (M, h, w), each scaled so that its limits (M, 2) become 0 and 1.

    Values beyond the limits stay: they are clipped where they are drawn, after upsampling, as those of a single map.
    """
    low, high = (limits[:, k, None, None].astype(np.float64) for k in (0, 1))
    scaled = np.where(high > low, (maps - low) / np.where(high > low, high - low, 1), 0)
    return scaled.max(axis=0).astype(np.float32)


def _pixels(image: Photo, explanation: Explanation | ArrayLike, bands: tuple[int, int, int] | None) -> Any:
    """Return the photo (H, W, 3), on the device if it is there."""
    return adopt("image", image) if is_on_device(image) else picture_of(image, explanation, bands)


def _frame(photo: Pixels, scale: int, out: Pixels | None) -> Pixels:
    """Return the enlarged photo, in the caller's array if its memory can be drawn into, else in a new one."""
    if not isinstance(photo, np.ndarray):
        return _frame_on_device(photo, scale, out)
    shape = (photo.shape[0] * scale, photo.shape[1] * scale, 3)
    if out is not None:
        check_out("out", out, shape, np.uint8)
    frame = np.empty(shape, np.uint8) if out is None or not out.flags.c_contiguous else out
    if np.may_share_memory(frame, photo):
        if _lies_as(frame, photo):
            return frame
        frame = np.empty(shape, np.uint8)
    if scale == 1:
        frame[:] = photo
    else:
        frame[:] = np.asarray(Image.fromarray(photo).resize((shape[1], shape[0]), Image.Resampling.BILINEAR))
    return frame


def _lies_as(one: Pixels, other: Pixels) -> bool:
    """Return whether both arrays are the same pixels in the same memory."""
    return (one.ctypes.data, one.shape, one.strides) == (other.ctypes.data, other.shape, other.strides)


def _frame_on_device(photo: Any, scale: int, out: Any) -> Any:
    if scale != 1:
        raise InputError(f"scale: expected 1 for an image on a CUDA device; got {scale}")
    here = adopt("out", out) if out is not None and is_on_device(out) else None
    if here is not None and here.data.ptr == photo.data.ptr and here.shape == photo.shape and here.flags.c_contiguous:
        return here
    frame = out_array("out", out, photo.shape, np.uint8, photo)
    frame[...] = photo
    return frame


def _draw_unseen(
    frame: Pixels, seen: Region, run: Any, colors: NDArray[np.uint64], share: int, threads: int | None
) -> None:
    """Draw the heatmap's 0 around the part that the network saw, and the outline of that part."""
    parts = unseen_parts(seen, (frame.shape[0], frame.shape[1]))
    zero, ends = run.xp.zeros((1, 1), np.float32), np.array([[0, 1]], np.float32)
    for x0, y0, x1, y1 in parts:
        run.overlay(zero, grid((1, 1), (y1 - y0, x1 - x0)), ends, colors, share, (x0, y0), frame, threads)
    if parts:
        draw_outline(frame, seen, run.xp)


def _mark(explanation: Explanation, n: int, m: int, scale: int, label: bool, font: Font) -> Mark:
    """Return the mark of a map; a scale of 0 draws no box."""
    x0, y0, x1, y1 = (int(side) * scale for side in explanation.boxes.xyxy[n, m])
    box = (x0, y0, x1, y1) if scale and explanation.boxes.area[n, m] else None
    return Mark(box, (name_of(explanation, n, m, font), explanation.score_text(n, m)) if label else None)


def name_of(explanation: Explanation, n: int, m: int, font: Font = None) -> str:
    """Return the name of a map's class, or "class 7" if it has none, or none that can be drawn."""
    index = int(explanation.class_index[n, m])
    if explanation.labels and can_draw(explanation.labels[index], font):
        return explanation.labels[index]
    return f"class {index}"
