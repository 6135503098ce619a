"""Heatmaps, boxes and labels drawn over an image."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from fastcam import ops
from fastcam.errors import InputError
from fastcam.images import Photo, Region, read_photo, visible
from fastcam.results import Explanation

# Anchors, evenly spaced from 0 to 1, between which colours are interpolated linearly.
_ANCHORS = {
    "jet": "00007f 0000ff 007fff 00ffff 7fff7f ffff00 ff7f00 ff0000 7f0000",
    "turbo": "30123b 4145ab 4675ed 39a2fc 1bcfd4 24eca6 61fc6c a4fc3c d1e834 f3c63a fe9b2d f36315 d93806 b11901 7a0402",
    "viridis": "440154 482878 3e4989 31688e 26828e 1f9e89 35b779 6ece58 b5de2b fde725",
    "inferno": "000004 1b0c41 4a0c6b 781c6d a52c60 cf4446 ed6925 fb9b06 f7d13d fcffa4",
    "gray": "000000 ffffff",
}


def colormap(name: str) -> NDArray[np.uint8]:
    """(256, 3) uint8 look-up table, RGB: "jet", "turbo", "viridis", "inferno" or "gray".

    Raises
    ------
    InputError
        No colour map of that name.

    Examples
    --------
    >>> colormap("gray")[[0, 128, 255]].tolist()
    [[0, 0, 0], [128, 128, 128], [255, 255, 255]]
    """
    if not isinstance(name, str) or name not in _ANCHORS:
        raise InputError(f"colormap: expected one of {', '.join(_ANCHORS)}; got {name!r}")
    anchors = np.array([list(bytes.fromhex(colour)) for colour in _ANCHORS[name].split()])
    place = np.linspace(0, 255, len(anchors))
    channels = [np.interp(np.arange(256), place, anchors[:, channel]) for channel in range(3)]
    return np.rint(np.stack(channels, axis=1)).astype(np.uint8)


def overlay(
    image: Photo,
    explanation: Explanation,
    *,
    item: int = 0,
    map: int = 0,
    opacity: float = 0.5,
    colormap: str = "turbo",
    box: bool = True,
    label: bool = True,
    scale: int = 1,
) -> NDArray[np.uint8]:
    """The image with a heatmap, its box and its label over it: (scale·H, scale·W, 3) uint8, RGB.

    Parameters
    ----------
    image
        The photo that was explained: a path, PIL image, or (H, W, 3) uint8 array.
    explanation
        Of `Classifier.explain`.
    item, map
        Which image n of the explanation, and which of its maps m.
    opacity
        Of the heatmap, 0 to 1. What the network didn't see (a centre crop) is left as it is.
    colormap
        "turbo", "jet", "viridis", "inferno" or "gray".
    box, label
        Whether to draw them.
    scale
        Enlarge the picture by this whole factor, for labels that can be read on small images.

    Raises
    ------
    InputError
        The image isn't of the size that was explained, or an index or option is out of range.

    Examples
    --------
    >>> from importlib.resources import files
    >>> import fastcam
    >>> from skimage.data import chelsea
    >>> model = fastcam.load(str(files("fastcam.data") / "squeezenet1_1.onnx"), preprocess="caffe-bgr")
    >>> overlay(chelsea(), model.explain(chelsea())).shape
    (300, 451, 3)
    """
    table = _colormap(colormap)
    if not isinstance(explanation, Explanation):
        raise InputError(f"explanation: expected an Explanation; got {type(explanation).__name__}")
    photo = read_photo(image)
    n, m = _index("item", item, len(explanation.class_index)), _index("map", map, explanation.class_index.shape[1])
    expected = tuple(int(side) for side in explanation.image_sizes[n])
    if (photo.height, photo.width) != expected:
        raise InputError(
            f"image: expected the one explained, {expected[0]}×{expected[1]}; got {photo.height}×{photo.width}"
        )
    if not isinstance(opacity, int | float | np.number) or not 0 <= opacity <= 1:
        raise InputError(f"opacity: expected 0 to 1; got {opacity!r}")
    if not isinstance(scale, int | np.integer) or not 1 <= scale <= 64:
        raise InputError(f"scale: expected a whole number from 1 to 64; got {scale!r}")
    if scale > 1:
        photo = photo.resize((photo.width * scale, photo.height * scale), Image.Resampling.BILINEAR)
    heat = _heat_colours(explanation, n, m, table, scale)
    picture = Image.fromarray(_blend(np.array(photo), heat, opacity))
    if box and explanation.boxes.area[n, m]:
        _draw_box(picture, [int(side) * scale for side in explanation.boxes.xyxy[n, m]])
    if label:
        _draw_label(picture, _label(explanation, n, m))
    return np.array(picture)


_colormap = colormap  # the parameter hides it


def _index(name: str, value: int, length: int) -> int:
    if not isinstance(value, int | np.integer) or not 0 <= value < length:
        raise InputError(f"{name}: expected 0 to {length - 1}; got {value!r}")
    return int(value)


class _Heat(NamedTuple):
    """Colours (y1 - y0, x1 - x0, 3) of the part of a picture that the network saw."""

    colours: NDArray[np.uint8]
    place: Region


def _heat_colours(explanation: Explanation, n: int, m: int, table: NDArray[np.uint8], scale: int) -> _Heat:
    x0, y0, x1, y1 = (int(side) * scale for side in explanation.regions[n])
    height, width = (int(side) * scale for side in explanation.image_sizes[n])
    place = visible((x0, y0, x1, y1), (height, width))
    window = (place[0] - x0, place[1] - y0, place[2] - x0, place[3] - y0)
    heat = ops.heatmaps(explanation.activation_maps[n, m], (y1 - y0, x1 - x0), window=window)
    return _Heat(table[np.rint(heat * 255).astype(np.uint8)], place)


def _blend(pixels: NDArray[np.uint8], heat: _Heat, opacity: float) -> NDArray[np.uint8]:
    """(1 - opacity) · pixels + opacity · colours; in place."""
    x0, y0, x1, y1 = heat.place
    seen = pixels[y0:y1, x0:x1]
    seen[:] = np.rint(seen * np.float32(1 - opacity) + heat.colours * np.float32(opacity))
    return pixels


def _label(explanation: Explanation, n: int, m: int) -> str:
    index = int(explanation.class_index[n, m])
    name = explanation.labels[index] if explanation.labels else f"class {index}"
    return f"{' '.join(name.split())} {explanation.scores[n, m]:.1%}"  # on one line


def _line_width(picture: Image.Image) -> int:
    return max(1, round(min(picture.size) / 150))


def _draw_box(picture: Image.Image, xyxy: list[int]) -> None:
    """White on black, so that it shows on any background; the white line's outer edge is the box's edge."""
    x0, y0, x1, y1 = xyxy
    width = _line_width(picture)
    draw = ImageDraw.Draw(picture)
    draw.rectangle((x0 - 1, y0 - 1, x1, y1), outline="black", width=1)
    draw.rectangle((x0, y0, x1 - 1, y1 - 1), outline="white", width=width)
    inner = (x0 + width, y0 + width, x1 - 1 - width, y1 - 1 - width)
    if inner[2] > inner[0] and inner[3] > inner[1]:
        draw.rectangle(inner, outline="black", width=1)


def _draw_label(picture: Image.Image, text: str) -> None:
    """White on black in the upper left corner, about a twentieth of the picture high, shortened to fit its width."""
    size = max(10, round(min(picture.size) / 20))
    font = ImageFont.load_default(size)
    draw = ImageDraw.Draw(picture)
    margin = max(2, size // 4)
    room = picture.width - 2 * margin
    while len(text) > 1 and draw.textlength(text, font) > room:
        text = text[:-2] + "…"
    bounds = draw.textbbox((margin, margin), text, font)
    draw.rectangle((0, 0, bounds[2] + margin, bounds[3] + margin), fill="black")
    draw.text((margin, margin), text, fill="white", font=font)
