"""What the headers of image files say, before any is decoded."""

from __future__ import annotations

import struct
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple

from PIL import Image, UnidentifiedImageError

from fastcam.errors import InputError

ORIENTATION, TURNED = 0x0112, range(5, 9)  # EXIF's tag, and its values for photos that lie on their side


class Header(NamedTuple):
    """(height, width) of an image as it is shown, upright, and as it is stored, and Pillow's mode."""

    size: tuple[int, int]
    stored: tuple[int, int]
    mode: str


def read_header(path: Path) -> Header:
    """Of an image file.

    Raises
    ------
    InputError
        Not an image, or one of more pixels than Pillow decodes.
    """
    try:
        with path.open("rb") as file:
            image = _opened(file)
            (width, height), mode, limit = image.size, image.mode, Image.MAX_IMAGE_PIXELS
            if limit is not None and width * height > limit:
                raise InputError(f"{path}: expected at most {limit} pixels; got {width}×{height}. Scale the image down")
            is_turned = image.getexif().get(ORIENTATION) in TURNED  # for which Pillow decodes PNG as a whole
    except InputError:
        raise
    except Exception as error:  # Pillow's decoders raise all sorts on files that are broken
        told = getattr(error, "strerror", None) or error
        raise InputError(f"{path}: can't be read as an image ({told})") from error
    stored = height, width
    return Header((width, height) if is_turned else stored, stored, mode)


def check_mask_mode(path: Path, mode: str) -> None:
    """The mask has no alpha channel, or `InputError`."""
    if mode.endswith(("A", "a")):
        raise InputError(
            f"{path}: expected a mask without an alpha channel, as the object may be in that or in the colours; "
            f"got {mode}. Save it in grey, 0 where the object isn't"
        )


def wrong_photo(path: Path, photo: Header, said: tuple[int, int] | None) -> str | None:
    """What is wrong with the size of a photo whose annotations say that (height, width); None: nothing."""
    if said in (None, photo.size):
        return None
    why = ", turned upright by its EXIF orientation; annotations are of photos as they are shown"
    told = f"the annotations say {_pixels(said)} pixels; {path} has {_pixels(photo.size)}"
    return told + why if said == photo.stored else told


def wrong_mask(path: Path, mask: Header, photo: Header) -> str | None:
    """What is wrong with the sides of a mask, which may be scaled, to 1 % or as its pixels round; None: nothing."""
    (height, width), (tall, wide) = mask.stored, photo.size
    if abs(height * wide - width * tall) <= max(0.01 * width * tall, wide, tall):
        return None
    return f"expected a mask of {_pixels(photo.size)} pixels, or scaled from that; {path} has {_pixels(mask.stored)}"


def _opened(file: BinaryIO) -> Image.Image:
    """As `Image.open`, without its warning of many pixels, which nothing but a filter for all threads would stop."""
    Image.preinit()  # first, since its formats are the usual ones
    Image.init()
    prefix = file.read(16)
    for name in Image.ID:
        factory, accept = Image.OPEN[name]
        with suppress(SyntaxError, IndexError, TypeError, struct.error):  # what Pillow takes for another format
            found = accept is None or accept(prefix)
            if found and not isinstance(found, str):  # text says why not
                file.seek(0)
                return factory(file, "")
    raise UnidentifiedImageError("of no format that Pillow knows")


def _pixels(size: tuple[int, int] | None) -> str:
    return "×".join(map(str, reversed(size or ())))
