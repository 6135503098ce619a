"""JPEG photos decoded by simplejpeg, two to three times as fast as by Pillow, where the pixels are the same.

simplejpeg (MIT; extra `fast`) holds libjpeg-turbo, as Pillow does, with the same transform and upsampling. It is used
for whole baseline JPEGs in colour that need no turning; for all others, and wherever it complains, Pillow decodes, and
its errors are raised.
"""

from __future__ import annotations

from functools import cache
from types import ModuleType

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

UPRIGHT = 1


@cache
def _simplejpeg() -> ModuleType | None:
    """Return simplejpeg, if it is installed and can be loaded."""
    try:
        import simplejpeg
    except ImportError:
        return None
    return simplejpeg


def fast_pixels(image: Image.Image) -> NDArray[np.uint8] | None:
    """Return the RGB pixels of an image that Pillow has opened, and not decoded, from the file itself.

    Parameters
    ----------
    image
        As `PIL.Image.open` returns it; its file is left as it was found.

    Returns
    -------
    (H, W, 3) uint8, equal to Pillow's; None where Pillow has to decode: without simplejpeg, of another format than
    JPEG, of greys and CMYK, progressive, to be turned by EXIF, or broken in any way.
    """
    file, module = getattr(image, "fp", None), _simplejpeg()
    is_plain = image.format == "JPEG" and image.mode == "RGB" and "progressive" not in image.info
    if module is None or file is None or not is_plain:
        return None
    try:
        if image.getexif().get(ExifTags.Base.Orientation, UPRIGHT) != UPRIGHT:
            return None
        place = file.tell()
        try:
            file.seek(0)
            data = file.read()
        finally:
            file.seek(place)
        height, width, space, _ = module.decode_jpeg_header(data)
        if (height, width) != (image.height, image.width) or space != "YCbCr":
            return None
        return module.decode_jpeg(data, colorspace="RGB")
    except Exception:  # Pillow reads it, or says what is wrong with it
        return None
