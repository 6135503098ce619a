"""Masks of objects in image files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fastcam.errors import InputError
from fastcam.evaluate.data.headers import Header, width_by_height
from fastcam.evaluate.metrics.px_ap import IGNORED
from fastcam.images.formats import open_image

PLAIN = ("1", "L", "P", "I", "I;16", "F")  # one number a pixel


def read_mask(files: Sequence[Path], ignored: Path | None, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Return the mask of a photo from the files of its objects.

    A pixel isn't zero if its grey value isn't, or its index in a palette, or any of its colours. Masks of another size
    than the photo's are scaled to it, by the nearest pixel.

    Parameters
    ----------
    files
        Masks of objects.
    ignored
        The mask of what doesn't count, or None.
    size
        (height, width) of the photo.

    Returns
    -------
    (height, width) uint8
        1 where any of the masks isn't zero, else 255 where `ignored` isn't, else 0.

    Raises
    ------
    InputError
        A mask can't be read, or has an alpha channel.
    """
    found = np.zeros(size, np.uint8)
    if ignored is not None:
        found[_nonzero(ignored, size)] = IGNORED
    for file in files:
        found[_nonzero(file, size)] = 1
    return found


def _nonzero(file: Path, size: tuple[int, int]) -> NDArray[np.bool_]:
    try:
        with open_image(file) as opened:
            check_mask_mode(file, opened.mode)
            image = opened if opened.mode in PLAIN else opened.convert("RGB")
            if image.size != (size[1], size[0]):
                image = image.resize((size[1], size[0]), Image.Resampling.NEAREST)
            values = np.asarray(image)
    except InputError:
        raise
    except Exception as error:  # Pillow's decoders raise all sorts on files that are broken
        raise InputError(f"{file}: expected a mask that can be read as an image ({error})") from error
    return np.asarray(values.reshape(*size, -1).any(axis=2))


def check_mask_mode(path: Path, mode: str) -> None:
    """Check that a mask has no alpha channel, or raise `InputError`."""
    if mode.endswith(("A", "a")):
        raise InputError(
            f"{path}: expected a mask without an alpha channel, as the object may be in that or in the colours; "
            f"got {mode}. Save it in grey, 0 where the object isn't"
        )


def wrong_mask(path: Path, mask: Header, photo: Header) -> str | None:
    """Return what is wrong with the sides of a mask, or None.

    It may be scaled from the photo's, to 1 % or as its pixels round.
    """
    (height, width), (tall, wide) = mask.stored, photo.size
    if abs(height * wide - width * tall) <= max(0.01 * width * tall, wide, tall):
        return None
    expected, got = width_by_height(photo.size), width_by_height(mask.stored)
    return f"expected a mask of {expected} pixels, or scaled from that; {path} has {got}"
