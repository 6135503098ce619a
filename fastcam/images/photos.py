"""Photos: read them as RGB, fit them to a network input, and know which part of them the network saw."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from fastcam.arrays.resampling import Region, View
from fastcam.errors import InputError
from fastcam.images.fit import normalized
from fastcam.images.formats import FILES, UPLOADS, open_image
from fastcam.images.greys import Levels, check_colors, eight_bits, is_deep
from fastcam.images.inputs import ImageInput
from fastcam.images.preprocessing import Preprocess
from fastcam.images.regions import seen_region as seen_region
from fastcam.images.regions import visible, whole_view
from fastcam.images.transparency import on_white

Photo = str | os.PathLike[str] | Image.Image | NDArray[Any]

T = TypeVar("T")

DEEP = re.compile(r"(RGBA?|LA);16B|SGI16|ppm.*, 65535\)")  # in what Pillow says of colours of 16 bits


def each_photo(images: Any) -> Sequence[Photo] | NDArray[np.uint8]:
    """The photos of one photo, a sequence of them, or an (N, H, W, 3) batch.

    Raises
    ------
    InputError
        An empty sequence.
    """
    single = isinstance(images, str | os.PathLike | Image.Image) or (
        isinstance(images, np.ndarray) and images.ndim != 4
    )
    photos: Any = [images] if single else images
    if not isinstance(photos, Sequence | np.ndarray) or isinstance(photos, bytes | bytearray | memoryview):
        raise InputError(f"images: expected a photo, or a sequence or batch of photos; got {type(images).__name__}")
    if len(photos) == 0:
        raise InputError("images: expected at least one photo; got none")
    return photos


def read_photo(photo: Photo, levels: Levels | None = None) -> Image.Image:
    """An RGB image: EXIF orientation applied, transparency put on white, 16 bits reduced to 8.

    Parameters
    ----------
    photo
        A path, a PIL image, an (H, W, 3) uint8 array in RGB order, or greys (H, W) of more than 8 bits. Of an image
        that was decoded already, and whose file isn't known any more (a copy; a PNG out of memory), nobody can tell
        whether it had colours of 16 bits: it's taken as Pillow made it, 12-bit colours almost black.
    levels
        The values that become black and white, of greys of more than 8 bits: `Preprocess.levels`.

    Raises
    ------
    InputError
        No such file, not an image, truncated, empty, absurdly large, an array of another shape or dtype, or of more
        than 8 bits whose range isn't known.
    """
    if isinstance(photo, str | os.PathLike):
        return _read_file(Path(photo), str(photo), levels)
    if isinstance(photo, Image.Image):
        return _decode(photo, "image", levels)
    if isinstance(photo, np.ndarray):
        if is_deep(photo):
            return Image.fromarray(eight_bits(photo, "image", levels)).convert("RGB")
        check_pixels(photo)
        return Image.fromarray(np.ascontiguousarray(photo))
    raise InputError(f"image: expected a path, a PIL image or an (H, W, 3) uint8 array; got {type(photo).__name__}")


def decode_photo(data: bytes, name: str = "photo", levels: Levels | None = None) -> Image.Image:
    """An RGB image of a file's bytes, as `read_photo` makes it: JPEG, PNG, WebP, GIF, BMP or TIFF, from whomever.

    Raises
    ------
    InputError
        As `read_photo`; the message begins with the name.
    """
    return _read_file(io.BytesIO(data), name, levels, UPLOADS)


def photo_pixels(photo: Photo, levels: Levels | None = None) -> NDArray[np.uint8]:
    """(H, W, 3) of `read_photo`; an array of 8 bits is only looked at, and comes back itself."""
    if isinstance(photo, np.ndarray) and not is_deep(photo):
        check_pixels(photo)
        return photo
    return np.asarray(read_photo(photo, levels))


def check_pixels(photo: NDArray[Any]) -> None:
    """Refuse, with `InputError`, what isn't (H, W, 3) uint8."""
    if photo.dtype != np.uint8 or photo.ndim != 3 or photo.shape[2] != 3 or photo.size == 0:
        raise InputError(
            f"image: expected (H, W, 3) uint8 in RGB order, not empty; got {photo.shape} {photo.dtype}. "
            "For tensors that are preprocessed already use Classifier.run and fastcam.activation_maps"
        )


def _read_file(
    file: Path | io.BytesIO, name: str, levels: Levels | None, formats: tuple[str, ...] = FILES
) -> Image.Image:
    try:
        if isinstance(file, Path) and file.exists() and not file.is_file():
            raise InputError(
                f"{name}: expected a photo; got a directory, pipe or device, which can't be read as an image"
            )
        with open_image(file, formats) as image:
            return _decode(image, name, levels)
    except InputError:
        raise
    except FileNotFoundError:
        raise InputError(f"{name}: no such file; expected a photo") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise InputError(f"{name}: too large to be a photo, refused: {error}") from error
    except UnidentifiedImageError as error:
        known = ", ".join(formats)
        raise InputError(f"{name}: not an image that Pillow can read by itself; expected {known}") from error
    except Exception as error:  # Pillow's decoders raise all sorts on files that are broken
        raise InputError(f"{name}: can't be read as an image ({error})") from error


def _decode(image: Image.Image, name: str, levels: Levels | None) -> Image.Image:
    limit = Image.MAX_IMAGE_PIXELS
    if limit is not None and image.width * image.height > limit:
        raise InputError(
            f"{name}: expected at most {limit} pixels (decompression bombs); got {image.width}×{image.height}. "
            "Scale it down, or raise PIL.Image.MAX_IMAGE_PIXELS if you trust it"
        )
    if image.width < 1 or image.height < 1:
        raise InputError(f"{name}: expected at least one pixel; got {image.width}×{image.height}")
    try:
        deep = image.mode in ("RGB", "RGBA") and _has_deep_colors(image)
        image.load()
        if deep:
            check_colors(max(high for _, high in image.getextrema()[:3]), name)  # type: ignore[misc]
        return _as_rgb(ImageOps.exif_transpose(image), name, levels)
    except InputError:
        raise
    except Exception as error:  # as above
        raise InputError(f"{name}: the image is broken or truncated ({error})") from error


def _has_deep_colors(image: Image.Image) -> bool:
    """Whether its file has 16 bits a colour, of which Pillow leaves 8; False where that can't be told any more."""
    if tags := getattr(image, "tag_v2", None):  # of TIFF
        return max(tags.get(ExifTags.Base.BitsPerSample, (8,))) > 8
    tiles, file = getattr(image, "tile", ()), getattr(image, "filename", "")
    if not tiles and file and image.format in ("PNG", "PPM", "SGI"):  # decoded already
        with suppress(Exception), open_image(Path(os.fsdecode(file)), [image.format]) as again:
            tiles = getattr(again, "tile", ())
    return any(DEEP.search(str(tile)) for tile in tiles)


def _as_rgb(image: Image.Image, name: str, levels: Levels | None) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":  # which Pillow's own conversion would clip at 255
        return Image.fromarray(eight_bits(np.asarray(image), name, levels)).convert("RGB")
    if image.has_transparency_data or image.mode.endswith(("A", "a")):
        return on_white(image)
    return image.convert("RGB")


def pillow_input(photo: Image.Image, region: Region | View, spec: Preprocess, model: ImageInput) -> NDArray[Any]:
    """Return what `fastcam.images.network_input` does of an RGB photo, resized by Pillow: any of its interpolations."""
    view = region if isinstance(region, View) else whole_view(region, model.sides(spec.size))
    source = view.source
    if view.alone or visible(source, (photo.height, photo.width)) != source:
        photo, source = _on_canvas(photo, source, spec), (0, 0, source[2] - source[0], source[3] - source[1])
    _check_canvas(view.size, spec.fit)
    resized = photo.resize((view.size[1], view.size[0]), Image.Resampling[spec.interpolation.upper()], box=source)
    if view.target != view.size:
        resized = _on_canvas(resized, view.window, spec)
    values = _normalize(np.asarray(resized), spec)
    if model.dtype == np.uint8:
        values = np.clip(np.rint(values), 0, 255)
    planes = values.transpose(2, 0, 1) if model.layout == "NCHW" else values
    return np.ascontiguousarray(planes[None], model.dtype)


def _on_canvas(photo: Image.Image, region: Region, spec: Preprocess) -> Image.Image:
    """The region of the photo's plane, with borders in the grey level `fill` around the photo."""
    x0, y0, x1, y1 = region
    _check_canvas((y1 - y0, x1 - x0), spec.fit)
    canvas = Image.new("RGB", (x1 - x0, y1 - y0), (spec.fill,) * 3)
    canvas.paste(photo, (-x0, -y0))
    return canvas


def _check_canvas(size: tuple[int, int], fit: str) -> None:
    """A letterbox around a very long photo, or the photo enlarged, would take more memory than any photo may."""
    limit = Image.MAX_IMAGE_PIXELS
    if limit is not None and size[0] * size[1] > limit:
        raise InputError(
            f"{fit}: expected at most {limit} pixels on the way; got {size[1]}×{size[0]}. Use fit='stretch'"
        )


def _normalize(pixels: NDArray[np.uint8], spec: Preprocess) -> NDArray[np.float32]:
    """(H, W, channels) float32: (scale · pixel - mean) / std."""
    if spec.channels == "bgr":
        pixels = pixels[..., ::-1]
    elif spec.channels == "grey":
        pixels = np.asarray(Image.fromarray(pixels).convert("L"))[..., None]
    return normalized(pixels, spec)


def of_each(photos: Sequence[Photo] | NDArray[np.uint8], work: Callable[[int, Photo], T]) -> list[T]:
    """What is made of each photo, with its number; of several, errors name the image."""
    found: list[T] = []
    for n, photo in enumerate(photos):
        try:
            found.append(work(n, photo))
        except InputError as error:
            if len(photos) == 1:
                raise
            raise InputError(f"image {n} of {len(photos)}: {error}") from error
    return found
