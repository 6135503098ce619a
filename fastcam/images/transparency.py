"""Transparent pictures, put on white."""

from __future__ import annotations

from PIL import Image

STRIP = 256  # rows that are done at once: each takes several copies


def on_white(image: Image.Image) -> Image.Image:
    """An RGB image of one with transparency of any mode, white where nothing is seen.

    Examples
    --------
    >>> on_white(Image.new("RGBA", (2, 1), (100, 0, 0, 51))).getpixel((0, 0))
    (224, 204, 204)
    """
    seen = Image.new("RGB", image.size)
    for top in range(0, image.height, STRIP):
        box = (0, top, image.width, min(top + STRIP, image.height))
        strip = image.crop(box).convert("RGBA")
        white = Image.new("RGBA", strip.size, "white")
        seen.paste(Image.alpha_composite(white, strip).convert("RGB"), box)
    return seen
