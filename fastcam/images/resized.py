"""Network inputs that Pillow resizes: photos by any of its interpolations, and bands in float32."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fastcam.arrays.resampling import Region, View
from fastcam.errors import InputError
from fastcam.images.fit import laid_out, normalized
from fastcam.images.inputs import ImageInput
from fastcam.images.preprocessing import Preprocess
from fastcam.images.regions import visible, whole_view

EIGHT_BITS = 1 / 255  # the scale of pixels of 8 bits


def pillow_input(photo: Image.Image, region: Region | View, spec: Preprocess, model: ImageInput) -> NDArray[Any]:
    """Return the `network_input` of a region of an RGB photo that Pillow resizes, with any of its interpolations."""
    if isinstance(region, View):
        view = region
    else:
        height, width = model.sides(spec.size)
        view = whole_view(region, (height, width))
    resized = _resized(photo, view, spec)
    return laid_out(_normalize(np.asarray(resized), spec), model)


def band_input(
    values: NDArray[Any], view: View, spec: Preprocess, model: ImageInput, name: str = "image"
) -> NDArray[Any]:
    """Return the network input of a view of an image of any number of bands.

    Each band is brought to its levels, if there are any, then resized by Pillow in its mode "F", float32, then
    normalised: nothing is rounded to 8 bits. Borders have the value `spec.fill` in the units that `spec.scale`
    multiplies.

    Parameters
    ----------
    values
        (H, W, C) of any dtype of real numbers, C as of the model.
    view
        The part that the network sees, as `fastcam.images.regions.view_of` returns it.
    spec, model
        The preprocessing, whose channels are "bands", and the model's input.
    name
        Name in messages.

    Returns
    -------
    (1, C, H, W) or (1, H, W, C) in the model's layout and dtype.

    Raises
    ------
    InputError
        NaN or infinity; or the scale of 8 bits for values of more, without levels.
    """
    check_scale(values, spec, name)
    mean, std = (np.broadcast_to(np.asarray(one, np.float32), (model.channels,)) for one in (spec.mean, spec.std))
    found = np.empty((*view.target, model.channels), np.float32)
    for c in range(model.channels):
        band = in_levels(values[..., c], spec, f"{name}: band {c}")
        resized = np.asarray(_resized(Image.fromarray(band), view, spec))
        found[..., c] = (resized * np.float32(spec.scale) - mean[c]) / std[c]
    return laid_out(found, model)


def check_scale(values: NDArray[Any], spec: Preprocess, name: str) -> None:
    """Check that values of more than 8 bits aren't scaled as those of 8, or raise `InputError`."""
    if values.dtype != np.uint8 and spec.levels is None and spec.scale == EIGHT_BITS:
        raise InputError(
            f"{name}: expected uint8 for scale=1/255; got bands of {values.dtype}, {values.min():g} to "
            f"{values.max():g}. Give their own scale in preprocess, such as scale=1 or 1/10000, or levels=(low, high), "
            "the values that become 0 and 255"
        )


def in_levels(band: NDArray[Any], spec: Preprocess, name: str) -> NDArray[np.float32]:
    """Return a band (H, W), or all bands of a signal or volume, in the units that the scale multiplies."""
    if spec.levels is not None:
        low, high = spec.levels
        band = 255 * ((np.clip(band.astype(np.float64), low, high) - low) / (high - low))
    with np.errstate(over="ignore"):
        found = np.ascontiguousarray(band, np.float32)
    if not np.isfinite(found).all():
        count = int(np.count_nonzero(~np.isfinite(found)))
        raise InputError(
            f"{name}: expected finite values; got {count} of {found.size} that are NaN or infinity. Fill them first, "
            "such as with np.nan_to_num"
        )
    return found


def _resized(photo: Image.Image, view: View, spec: Preprocess) -> Image.Image:
    """Return the network input's pixels of a view of a photo of mode "RGB" or "F"."""
    source = view.source
    if view.alone or visible(source, (photo.height, photo.width)) != source:
        photo, source = _on_canvas(photo, source, spec), (0, 0, source[2] - source[0], source[3] - source[1])
    _check_canvas(view.size, spec.fit)
    resized = photo.resize((view.size[1], view.size[0]), Image.Resampling[spec.interpolation.upper()], box=source)
    return resized if view.target == view.size else _on_canvas(resized, view.window, spec)


def _on_canvas(photo: Image.Image, region: Region, spec: Preprocess) -> Image.Image:
    """Return a region of the photo's plane, with borders in the grey level `fill` around the photo."""
    x0, y0, x1, y1 = region
    _check_canvas((y1 - y0, x1 - x0), spec.fit)
    canvas = Image.new(photo.mode, (x1 - x0, y1 - y0), spec.border if photo.mode == "F" else (spec.border,) * 3)
    canvas.paste(photo, (-x0, -y0))
    return canvas


def _check_canvas(size: tuple[int, int], fit: str) -> None:
    """Refuse a canvas or resized photo larger than any photo may be, such as a letterbox around a very long one."""
    limit = Image.MAX_IMAGE_PIXELS
    if limit is not None and size[0] * size[1] > limit:
        raise InputError(
            f"{fit}: expected at most {limit} pixels on the way; got {size[1]}×{size[0]}. Use fit='stretch'"
        )


def _normalize(pixels: NDArray[np.uint8], spec: Preprocess) -> NDArray[np.float32]:
    """Return (H, W, channels) float32: (scale · pixel - mean) / std."""
    if spec.channels == "bgr":
        pixels = pixels[..., ::-1]
    elif spec.channels == "grey":
        pixels = np.asarray(Image.fromarray(pixels).convert("L"))[..., None]
    return normalized(pixels, spec)
