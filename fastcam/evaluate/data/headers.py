"""Headers of image files, read before any file is decoded."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from PIL import Image

from fastcam.errors import InputError
from fastcam.images.formats import open_image

ORIENTATION, TURNED = 0x0112, range(5, 9)  # EXIF's tag, and its values for photos that lie on their side


class Header(NamedTuple):
    """Sizes (height, width) of an image as it is shown, upright, and as it is stored, and Pillow's mode."""

    size: tuple[int, int]
    stored: tuple[int, int]
    mode: str


def read_header(path: Path) -> Header:
    """Return the header of an image file.

    Raises
    ------
    InputError
        Not an image, or one of more pixels than Pillow decodes.
    """
    limit = Image.MAX_IMAGE_PIXELS
    too_large = f"{path}: expected at most {limit} pixels; got more. Scale the image down"
    try:
        with open_image(path) as image:
            (width, height), mode = image.size, image.mode
            if limit is not None and width * height > limit:
                raise InputError(too_large)
            is_turned = image.getexif().get(ORIENTATION) in TURNED  # for which Pillow decodes PNG as a whole
    except InputError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise InputError(too_large) from error
    except Exception as error:  # Pillow's decoders raise all sorts on files that are broken
        told = getattr(error, "strerror", None) or error
        raise InputError(f"{path}: can't be read as an image ({told})") from error
    stored = height, width
    return Header((width, height) if is_turned else stored, stored, mode)


def wrong_photo(path: Path, photo: Header, said: tuple[int, int] | None) -> str | None:
    """Return what is wrong with the size of a photo whose annotations have that (height, width); or None."""
    if said in (None, photo.size):
        return None
    why = ", turned upright by its EXIF orientation; annotations are of photos as they are shown"
    told = f"the annotations say {width_by_height(said)} pixels; {path} has {width_by_height(photo.size)}"
    return told + why if said == photo.stored else told


def width_by_height(size: tuple[int, int] | None) -> str:
    """Return a (height, width) in words, width first."""
    return "×".join(map(str, reversed(size or ())))
