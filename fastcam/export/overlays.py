"""Heatmaps, boxes and labels drawn over an image."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw, ImageFont

from fastcam.arrays import engines
from fastcam.arrays.checks import check_maps, check_out, check_threads, float_array, limits_of, out_array
from fastcam.arrays.colors import color_pairs
from fastcam.arrays.colors import colormap as colormap
from fastcam.arrays.devices import adopt, check_together, is_on_device
from fastcam.arrays.grids import grid
from fastcam.arrays.resampling import Region
from fastcam.arrays.scalars import check_index, is_number, is_whole
from fastcam.errors import InputError
from fastcam.export.masks import check_size
from fastcam.images.photos import Photo, check_pixels, photo_pixels
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
    map: int = 0,
    opacity: float = 0.5,
    colormap: str = "turbo",
    limits: tuple[float, float] | None = None,
    box: bool = True,
    label: bool = True,
    scale: int = 1,
    out: Pixels | None = None,
    threads: int | None = None,
    engine: str = "auto",
) -> Pixels:
    """Return the image with a heatmap, its box and its label drawn over it.

    The heatmap is upsampled, coloured and blended in one pass, without an array of its own.

    Parameters
    ----------
    image
        The photo that was explained: a path, PIL image, or (H, W, 3) uint8 array, which may be on a CUDA device; then
        the result is, too, and a map that isn't finite isn't drawn.
    explanation
        Result of `Classifier.explain`; or an (h, w) activation map that covers the whole image, without box and label.
    item, map
        Index n of the image in the explanation, and index m of its map.
    opacity
        Opacity of the heatmap, 0 to 1 in steps of 1/256. Pixels outside a centre crop don't change.
    colormap
        "turbo", "jet", "viridis", "inferno" or "gray".
    limits
        Raw values of the map that get the first and the last colour; None: `Explanation.limits` if the explanation has
        them, else minimum and maximum of the map.
    box, label
        Whether to draw them.
    scale
        Whole factor by which the picture is enlarged, for legible labels on small images.
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
        The image isn't of the size that was explained, an index or option is out of range, a map isn't finite, or an
        `out` that doesn't fit.

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
    if not is_number(opacity) or not 0 <= opacity <= 1:
        raise InputError(f"opacity: expected 0 to 1; got {opacity!r}")
    if not is_whole(scale) or not 1 <= scale <= MOST:
        raise InputError(f"scale: expected a whole number from 1 to {MOST}; got {scale!r}")
    check_threads(threads)
    one, region, own = _map_and_region(explanation, item, map)
    ends = limits_of(own if limits is None else limits, (1,))
    photo = _pixels(image, explanation.levels if isinstance(explanation, Explanation) else None)
    check_pixels(photo)
    run = engines.serving(engine, photo)
    if isinstance(one, np.ndarray):
        check_maps("explanation", one)
        one = run.xp.asarray(one)
    check_together("image", photo, "explanation", one)
    size = photo.shape[:2]
    if isinstance(explanation, Explanation):
        check_size(explanation, item, size)
    frame = _frame(photo, int(scale), out)
    x0, y0, x1, y1 = (side * int(scale) for side in region or (0, 0, size[1], size[0]))
    part = part_of((x0, y0, x1, y1), (len(frame), frame.shape[1]))
    where = grid((one.shape[0], one.shape[1]), part.sides, part.window)
    run.overlay(one, where, ends, colors, round(256 * float(opacity)), part.place[:2], frame, threads)
    if isinstance(explanation, Explanation):
        _draw(frame, explanation, item, map, int(scale) if box else 0, label, run.xp)
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
    explanation: Explanation | ArrayLike, item: Any, map: Any
) -> tuple[NDArray[np.float32], Region | None, NDArray[np.float32] | None]:
    """Return the (h, w) map, the region of the image that it covers, and its limits; None if unknown."""
    if not isinstance(explanation, Explanation):
        if item != 0 or map != 0:
            raise InputError(f"item, map: expected with an Explanation only; got {item!r}, {map!r}")
        return float_array("explanation", explanation, 2), None, None
    n, m = (
        check_index("item", item, len(explanation.class_index)),
        check_index("map", map, explanation.class_index.shape[1]),
    )
    x0, y0, x1, y1 = explanation.regions[n].tolist()
    limits = None if explanation.limits is None else explanation.limits[n, m]
    return explanation.activation_maps[n, m], (x0, y0, x1, y1), limits


def _pixels(image: Photo, levels: tuple[float, float] | None) -> Any:
    """Return the photo (H, W, 3), on the device if it is there."""
    if is_on_device(image):
        return adopt("image", image)
    return photo_pixels(image, levels)


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


def _draw(frame: Pixels, explanation: Explanation, n: int, m: int, scale: int, label: bool, xp: Any) -> None:
    """Draw box and label; a scale of 0 draws no box."""
    if scale and explanation.boxes.area[n, m]:
        _draw_box(frame, [int(side) * scale for side in explanation.boxes.xyxy[n, m]])
    if label:
        index = int(explanation.class_index[n, m])
        name = explanation.labels[index] if explanation.labels else f"class {index}"
        _draw_label(frame, f"{' '.join(name.split())} {explanation.score_text(n, m)}", xp)  # on one line


def _draw_box(frame: Pixels, xyxy: list[int]) -> None:
    """Draw a box in white on black, to show on any background; the outer edge of the white line is the box's edge."""
    x0, y0, x1, y1 = xyxy
    width = max(1, round(min(frame.shape[:2]) / 150))
    _draw_frame(frame, (x0 - 1, y0 - 1, x1 + 1, y1 + 1), 1, 0)
    _draw_frame(frame, (x0, y0, x1, y1), width, 255)
    if min(x1 - x0, y1 - y0) > 2 * width + 1:
        _draw_frame(frame, (x0 + width, y0 + width, x1 - width, y1 - width), 1, 0)


def _draw_frame(frame: Pixels, xyxy: tuple[int, int, int, int], width: int, grey: int) -> None:
    """Draw lines just inside a box, clipped to the frame."""
    x0, y0, x1, y1 = xyxy
    top, left = max(y0, 0), max(x0, 0)
    for rows, columns in (
        ((y0, y0 + width), (x0, x1)),
        ((y1 - width, y1), (x0, x1)),
        ((y0, y1), (x0, x0 + width)),
        ((y0, y1), (x1 - width, x1)),
    ):
        frame[max(rows[0], top) : max(rows[1], 0), max(columns[0], left) : max(columns[1], 0)] = grey


@lru_cache(maxsize=8)
def _font(size: int) -> Any:
    """Return Pillow's font; loading it takes longer than drawing a heatmap."""
    return ImageFont.load_default(size)


def _draw_label(frame: Pixels, text: str, xp: Any) -> None:
    """Draw text in white on black in the upper left corner, a twentieth of the picture high, shortened to its width."""
    height, width = frame.shape[:2]
    sign = _sign(text, max(10, round(min(height, width) / 20)), width, height)
    frame[: len(sign), : sign.shape[1]] = xp.asarray(sign)[:, :, None]


@lru_cache(maxsize=32)
def _sign(text: str, size: int, width: int, height: int) -> NDArray[np.uint8]:
    """Return the text in grey levels, at most as large as the frame."""
    font, margin = _font(size), max(2, size // 4)
    while len(text) > 1 and font.getlength(text) > width - 2 * margin:
        text = text[:-2] + "…"
    _, _, right, bottom = font.getbbox(text)
    sides = (min(width, int(right) + 2 * margin + 1), min(height, int(bottom) + 2 * margin + 1))
    sign = Image.new("L", sides, "black")
    ImageDraw.Draw(sign).text((margin, margin), text, fill="white", font=font)
    made = np.asarray(sign)
    made.flags.writeable = False  # all callers get the same
    return made
