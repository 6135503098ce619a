"""Photos read as RGB, from files, PIL images and arrays."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from fastcam.arrays.checks import check_unmasked
from fastcam.errors import InputError
from fastcam.images.formats import FILES, UPLOADS, open_image
from fastcam.images.greys import Levels, check_colors, eight_bits
from fastcam.images.jpeg import fast_pixels
from fastcam.images.pixels import array_pixels, on_background
from fastcam.images.regions import seen_region as seen_region
from fastcam.images.sources import Source, is_source, npy_values, source_of

Photo = str | os.PathLike[str] | bytes | BinaryIO | Image.Image | NDArray[Any]

MOST_BANDS = 64  # of the largest picture, where the model says no number
DEEP = re.compile(r"(RGBA?|LA);16B|SGI16|ppm.*, 65535\)")  # in Pillow's tiles of 16-bit colours


def each_photo(images: Any) -> Sequence[Photo] | NDArray[np.uint8]:
    """Return a sequence of photos from one photo, a sequence of them, or an (N, H, W, 3) batch.

    Raises
    ------
    InputError
        An empty sequence.
    """
    single = is_source(images) or isinstance(images, Image.Image)
    photos: Any = [images] if single or (isinstance(images, np.ndarray) and images.ndim != 4) else images
    if not isinstance(photos, Sequence | np.ndarray):
        raise InputError(f"images: expected a photo, or a sequence or batch of photos; got {type(images).__name__}")
    if len(photos) == 0:
        raise InputError("images: expected at least one photo; got none")
    return photos


def read_photo(photo: Photo, levels: Levels | None = None, background: int = 255) -> Image.Image:
    """Return a photo as an RGB image: EXIF orientation applied, transparency on a grey, more than 8 bits reduced to 8.

    Parameters
    ----------
    photo
        A path; the bytes of a file; a file object opened as binary, which is read once; a PIL image; or an array, or an
        NPY file of one, as of `array_pixels`. A decoded image whose file isn't known (a copy; a PNG from memory) may
        have had colours of 16 bits: it is used as Pillow made it, with 12-bit colours almost black.
    levels
        Values of more than 8 bits that become black and white: `Preprocess.levels`.
    background
        Grey level behind transparent pixels: `Preprocess.background`.

    Returns
    -------
    PIL.Image.Image
        Of mode RGB.

    Raises
    ------
    InputError
        A file that doesn't exist, isn't an image, is truncated, empty or absurdly large; a URL; an array of another
        shape or dtype, or of more than 8 bits whose range isn't known.
    """
    found = _read(photo, levels, background)
    return found if isinstance(found, Image.Image) else Image.fromarray(np.ascontiguousarray(found))


def _read(photo: Photo, levels: Levels | None, background: int) -> Image.Image | NDArray[np.uint8]:
    """Return an RGB image, or its pixels (H, W, 3) uint8, whichever is there first."""
    if isinstance(photo, np.ndarray):
        check_unmasked("image", photo)
        return array_pixels(photo, levels, background)
    if isinstance(photo, Image.Image):
        return _decode(photo, "image", levels, background)
    if is_source(photo):
        source = source_of(photo)
        if source.is_npy:
            values = npy_values(source, lambda shape, dtype: check_array_size(shape, dtype, None, source.name))
            return array_pixels(values, levels, background, source.name)
        return _read_file(source, levels, background)
    raise InputError(
        f"image: expected a path, bytes, a file object, a PIL image or an (H, W, 3) array; got {type(photo).__name__}"
    )


def decode_photo(data: bytes, name: str = "photo", levels: Levels | None = None, background: int = 255) -> Image.Image:
    """Return an RGB image, like `read_photo`, of the bytes of a JPEG, PNG, WebP, GIF, BMP or TIFF from anybody.

    Raises
    ------
    InputError
        Bytes that `read_photo` would refuse in a file; the message begins with the name.
    """
    found = _read_file(Source(io.BytesIO(data), name), levels, background, UPLOADS)
    return found if isinstance(found, Image.Image) else Image.fromarray(found)


def photo_pixels(photo: Photo, levels: Levels | None = None, background: int = 255) -> NDArray[np.uint8]:
    """Return the pixels (H, W, 3) uint8 of `read_photo`; an array of 8-bit colours is checked and returned itself."""
    return np.asarray(_read(photo, levels, background))


def check_pixels(photo: NDArray[Any]) -> None:
    """Check that an array is (H, W, 3) uint8, or raise `InputError`."""
    if photo.dtype != np.uint8 or photo.ndim != 3 or photo.shape[2] != 3 or photo.size == 0:
        raise InputError(
            f"image: expected (H, W, 3) uint8 in RGB order, not empty; got {photo.shape} {photo.dtype}. "
            "Tensors that are preprocessed already go in as tensors=..."
        )


def _read_file(
    source: Source, levels: Levels | None, background: int, formats: tuple[str, ...] = FILES
) -> Image.Image | NDArray[np.uint8]:
    with open_photo(source, formats) as image:
        _check_size(image, source.name)
        fast = fast_pixels(image)
        return _decode(image, source.name, levels, background) if fast is None else fast


@contextmanager
def open_photo(source: Source, formats: tuple[str, ...] = FILES) -> Iterator[Image.Image]:
    """Open a photo's file, lazily, for a block that decodes it; errors of both name the file.

    Raises
    ------
    InputError
        There is no such file, it isn't an image that Pillow reads by itself, or it is absurdly large or broken.
    """
    file, name = source
    try:
        if isinstance(file, Path) and file.exists() and not file.is_file():
            raise InputError(
                f"{name}: expected a photo; got a directory, pipe or device, which can't be read as an image"
            )
        with open_image(file, formats) as image:
            yield image
    except InputError:
        raise
    except FileNotFoundError:
        raise InputError(f"{name}: no such file; expected a photo") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise InputError(f"{name}: too large to be a photo, refused: {error}") from error
    except UnidentifiedImageError as error:
        known = ", ".join(formats)
        raise InputError(f"{name}: not an image that Pillow can read by itself; expected {known}") from error
    except Exception as error:  # Pillow's decoders raise errors of any kind for broken files
        raise InputError(f"{name}: can't be read as an image ({error})") from error


def _decode(image: Image.Image, name: str, levels: Levels | None, background: int) -> Image.Image:
    _check_size(image, name)
    try:
        deep = image.mode in ("RGB", "RGBA") and _has_deep_colors(image)
        image.load()
        if deep:
            check_colors(max(high for _, high in image.getextrema()[:3]), name)  # type: ignore[misc]
        return _as_rgb(ImageOps.exif_transpose(image), name, levels, background)
    except InputError:
        raise
    except Exception as error:  # as above
        raise InputError(f"{name}: the image is broken or truncated ({error})") from error


def upright(image: Image.Image, name: str) -> Image.Image:
    """Return an image decoded, its EXIF orientation applied, its channels as they are.

    Raises
    ------
    InputError
        It is absurdly large, or broken.
    """
    _check_size(image, name)
    try:
        image.load()
        return ImageOps.exif_transpose(image)
    except Exception as error:  # as above
        raise InputError(f"{name}: the image is broken or truncated ({error})") from error


def check_array_size(shape: Sequence[int], dtype: Any, channels: int | None, name: str) -> None:
    """Refuse the array of a file that is larger than any image may be, before it is read."""
    limit = Image.MAX_IMAGE_PIXELS
    if limit is None:
        return
    sides = sorted(shape)[-2:]  # the others are bands or pages
    if prod(sides) > limit or prod(shape) > limit * (channels or MOST_BANDS):
        raise InputError(
            f"{name}: expected at most {limit} pixels a band (decompression bombs); got {tuple(shape)} {dtype}. Give "
            "a part of it, or raise PIL.Image.MAX_IMAGE_PIXELS if you trust it"
        )


def _check_size(image: Image.Image, name: str) -> None:
    limit = Image.MAX_IMAGE_PIXELS
    if limit is not None and image.width * image.height > limit:
        raise InputError(
            f"{name}: expected at most {limit} pixels (decompression bombs); got {image.width}×{image.height}. "
            "Scale it down, or raise PIL.Image.MAX_IMAGE_PIXELS if you trust it"
        )
    if image.width < 1 or image.height < 1:
        raise InputError(f"{name}: expected at least one pixel; got {image.width}×{image.height}")


def _has_deep_colors(image: Image.Image) -> bool:
    """Return whether the image's file has 16 bits a colour, of which Pillow keeps 8; False if the file isn't known."""
    if tags := getattr(image, "tag_v2", None):  # of TIFF
        return max(tags.get(ExifTags.Base.BitsPerSample, (8,))) > 8
    tiles, file = getattr(image, "tile", ()), getattr(image, "filename", "")
    if not tiles and file and image.format in ("PNG", "PPM", "SGI"):  # decoded already
        with suppress(Exception), open_image(Path(os.fsdecode(file)), [image.format]) as again:
            tiles = getattr(again, "tile", ())
    return any(DEEP.search(str(tile)) for tile in tiles)


def _as_rgb(image: Image.Image, name: str, levels: Levels | None, background: int) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":  # Pillow's own conversion would clip at 255
        return Image.fromarray(eight_bits(np.asarray(image), name, levels)).convert("RGB")
    if image.has_transparency_data or image.mode.endswith(("A", "a")):
        return on_background(image, background)
    return image.convert("RGB")
