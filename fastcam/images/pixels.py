"""Arrays of colours and greys of any usual dtype, as 8-bit RGB pixels; and transparency, laid on a grey."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fastcam.errors import InputError
from fastcam.images.greys import Levels, eight_bits

STRIP = 256  # rows that are put on a background at once: each takes several copies
COLORS = (1, 3, 4)


def array_pixels(
    values: NDArray[Any], levels: Levels | None = None, background: int = 255, name: str = "image"
) -> NDArray[np.uint8]:
    """Return the RGB pixels of an array of greys or colours.

    Floats are in [0, 1], whole numbers of more than 8 bits fill 16, or `levels` says which values are black and white.
    They are rounded to 8 bits, as in a PNG of them.

    Parameters
    ----------
    values
        (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), where the fourth is alpha: 1, or the dtype's largest value, is
        opaque, whatever the levels.
    levels
        `Preprocess.levels`.
    background
        Grey level, 0 to 255, behind transparent pixels.
    name
        Name in messages.

    Returns
    -------
    (H, W, 3) uint8; of (H, W, 3) uint8 the array itself, and of uint8 greys a view of it.

    Raises
    ------
    InputError
        Another shape or dtype; NaN; floats outside [0, 1], or whole numbers whose range isn't known, without levels.

    Examples
    --------
    >>> array_pixels(np.array([[0.0, 0.5, 1.0]]))[0].tolist()
    [[0, 0, 0], [128, 128, 128], [255, 255, 255]]
    >>> array_pixels(np.array([[[200, 100, 0, 0]]], np.uint8), background=114)[0, 0].tolist()
    [114, 114, 114]
    """
    if values.dtype == np.uint8 and values.ndim == 3 and values.shape[2] == 3 and values.size:
        return values
    _check(values, name)
    planes = values[..., None] if values.ndim == 2 else values
    if planes.shape[2] == 4:
        alpha = planes[..., 3:] if planes.dtype == np.uint8 else _opacity(planes[..., 3:], name)
        colored = Image.fromarray(np.concatenate([_levels_of(planes[..., :3], levels, name), alpha], axis=2))
        return np.asarray(on_background(colored, background))
    found = _levels_of(planes, levels, name)
    return found if found.shape[2] == 3 else np.broadcast_to(found, (*found.shape[:2], 3))


def _check(values: NDArray[Any], name: str) -> None:
    """Check shape and dtype of an array, or raise `InputError` with a hint."""
    known = values.dtype == np.uint8 or (values.dtype.kind in "uif" and values.dtype.itemsize > 1)
    if values.size and known and (values.ndim == 2 or (values.ndim == 3 and values.shape[2] in COLORS)):
        return
    hint = "Tensors that are preprocessed already go in as tensors=..."
    if values.dtype == np.bool_:
        hint = "Of a mask, give 255 * mask.astype(np.uint8)"
    elif not values.size or (values.ndim == 3 and values.shape[2] in COLORS):
        hint = "Scale it to 0..255 and convert it: image.astype(np.uint8)" if values.size else "Give something to see"
    elif values.ndim == 3 and values.shape[0] in COLORS and values.shape[0] < min(values.shape[1:]):
        hint = "It seems to have its channels first: give image.transpose(1, 2, 0), or tensors= of what is preprocessed"
    elif values.ndim == 3:
        hint = "Of a model that takes other channels than colours, load it with preprocess='raw,channels=bands,...'"
    raise InputError(
        f"{name}: expected (H, W), (H, W, 1), (H, W, 3) in RGB order or (H, W, 4) with alpha, of uint8, uint16 or "
        f"floats in [0, 1], not empty; got {values.shape} {values.dtype}. {hint}"
    )


def _levels_of(values: NDArray[Any], levels: Levels | None, name: str) -> NDArray[np.uint8]:
    """Return values of any depth as 8 bits, linear between the levels."""
    if values.dtype == np.uint8:
        return values
    if values.dtype.kind == "f" and levels is None:
        _check_unit(values, name)
        levels = (0.0, 1.0)
    return eight_bits(values, name, levels)


def _check_unit(values: NDArray[Any], name: str) -> None:
    least, largest = float(values.min()), float(values.max())
    if not np.isfinite([least, largest]).all():
        raise InputError(f"{name}: expected finite values; got NaN or infinity")
    if least < 0 or largest > 1:
        hint = "Divide them by 255" if least >= 0 and 1 < largest <= 255 else "Scale them"
        raise InputError(
            f"{name}: expected floats in [0, 1]; got {least:g} to {largest:g}. {hint}, or give levels=(low, high) in "
            f"preprocess, the values that become black and white, such as {{'levels': ({least:g}, {largest:g})}}"
        )


def _opacity(alpha: NDArray[Any], name: str) -> NDArray[np.uint8]:
    """Return alpha as 8 bits: floats in [0, 1] or unsigned whole numbers."""
    if alpha.dtype.kind == "f":
        _check_unit(alpha, f"{name}: alpha")
        return eight_bits(alpha, name, (0, 1))
    if alpha.dtype.kind != "u":
        raise InputError(f"{name}: alpha: expected uint8, uint16 or floats in [0, 1]; got {alpha.dtype}")
    return eight_bits(alpha, name, (0, np.iinfo(alpha.dtype).max))


def on_background(image: Image.Image, grey: int = 255) -> Image.Image:
    """Return an RGB image of one with transparency of any mode, over a grey level: white as a default.

    Examples
    --------
    >>> on_background(Image.new("RGBA", (2, 1), (100, 0, 0, 51))).getpixel((0, 0))
    (224, 204, 204)
    """
    seen = Image.new("RGB", image.size)
    for top in range(0, image.height, STRIP):
        box = (0, top, image.width, min(top + STRIP, image.height))
        strip = image.crop(box).convert("RGBA")
        behind = Image.new("RGBA", strip.size, (grey, grey, grey, 255))
        seen.paste(Image.alpha_composite(behind, strip).convert("RGB"), box)
    return seen
