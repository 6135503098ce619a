"""Small pictures of activation maps, over the image where it is at hand."""

from __future__ import annotations

import io
from base64 import b64encode
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcam.arrays.colors import colormap
from fastcam.arrays.maps import heatmaps
from fastcam.arrays.resampling import Region
from fastcam.images.regions import part_of

NARROWEST = 8  # the longer side by the shorter one, at most: those of signals and banners


def thumbnail(
    activation_map: NDArray[np.float32],
    region: tuple[int, ...],
    size: tuple[int, ...],
    *,
    limits: NDArray[np.float32] | None = None,
    box: tuple[int, ...] | None = None,
    image: NDArray[Any] | None = None,
    side: int = 128,
) -> NDArray[np.uint8]:
    """Return a picture of a map in the colors of turbo, at a small size.

    Parameters
    ----------
    activation_map
        (h, w) float32; (l,) of a signal, which is shown as a strip; (d, h, w) of a volume, of which the maximum along d
        is shown.
    region, size
        The part of the image that the map covers, and the image's size, as in `Explanation`.
    limits
        Raw values of the first and last color; None: the map's own.
    box
        A box to draw, in the image's pixels.
    image
        The image's pixels (H, W, 3) uint8, half of which shows through; others are passed over.
    side
        Pixels of the longer side.

    Returns
    -------
    RGBA (height, width, 4) uint8, transparent where the map covers nothing and there is no image.
    """
    rank, (rows, columns) = len(size), (1, *size)[-2:]
    activation_map = activation_map.max(axis=0) if rank == 3 else np.atleast_2d(activation_map)
    height, width = (max(round(side * one / max(rows, columns)), -(-side // NARROWEST)) for one in (rows, columns))
    scale = (height / rows, width / columns)
    picture = np.zeros((height, width, 4), np.uint8)
    is_photo = image is not None and image.dtype == np.uint8 and image.shape == (*size, 3)
    if is_photo:
        picture[..., :3], picture[..., 3] = _reduced(image, (height, width)), 255
    part = part_of(_scaled(_in_plane(region, rank), scale), (height, width))
    left, top, right, bottom = part.place
    if left < right and top < bottom:
        sides = (part.sides[0], part.sides[1])
        levels = heatmaps(activation_map, sides, limits=limits, dtype=np.uint8, window=part.window)
        seen, colors = picture[top:bottom, left:right], colormap("turbo")[levels]
        seen[..., :3] = (seen[..., :3].astype(np.uint16) + colors + 1) >> 1 if is_photo else colors
        seen[..., 3] = 255
    if box is not None:
        _outline(picture, _scaled(_in_plane(box, rank), scale))
    return picture


def data_uri(picture: NDArray[np.uint8]) -> str:
    """Return RGBA pixels as the `data:` URI of a PNG."""
    from PIL import Image

    buffer, is_opaque = io.BytesIO(), bool((picture[..., 3] == 255).all())
    Image.fromarray(np.ascontiguousarray(picture[..., :3]) if is_opaque else picture).save(buffer, "PNG")
    return f"data:image/png;base64,{b64encode(buffer.getvalue()).decode()}"


def _in_plane(xyxy: tuple[int, ...], rank: int) -> Region:
    """Return a region or box of a signal, image or volume in the plane of x and y; a signal is an image of one row."""
    if rank == 1:
        return xyxy[0], 0, xyxy[1], 1
    return xyxy[0], xyxy[1], xyxy[rank], xyxy[rank + 1]


def _scaled(xyxy: Region, scale: tuple[float, float]) -> Region:
    """Return a box or region in pixels of the picture, at least one wide and high."""
    x0, y0, x1, y1 = xyxy
    left, top = round(x0 * scale[1]), round(y0 * scale[0])
    return left, top, max(left + 1, round(x1 * scale[1])), max(top + 1, round(y1 * scale[0]))


def _reduced(image: Any, size: tuple[int, int]) -> NDArray[np.uint8]:
    from PIL import Image

    height, width = size
    return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR, reducing_gap=2.0))


def _outline(picture: NDArray[np.uint8], xyxy: Region) -> None:
    """Draw a box in white, with black around it."""
    x0, y0, x1, y1 = xyxy
    inside = picture[y0 + 1 : y1 - 1, x0 + 1 : x1 - 1].copy()
    for grow, grey in ((1, 0), (0, 255)):
        picture[max(y0 - grow, 0) : y1 + grow, max(x0 - grow, 0) : x1 + grow] = (grey, grey, grey, 255)
    picture[y0 + 1 : y1 - 1, x0 + 1 : x1 - 1] = inside
