"""Images of any number of bands: arrays, NumPy and TIFF files, and pictures of them for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fastcam.arrays.checks import LONGEST, check_unmasked
from fastcam.arrays.scalars import is_whole
from fastcam.errors import InputError
from fastcam.images.greys import Levels, eight_bits
from fastcam.images.photos import Photo, check_array_size, open_photo, photo_pixels, upright
from fastcam.images.sources import Source, is_source, npy_values, source_of

TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
PAGES = "QIC"  # tifffile's letters of an axis of pages that nothing says more of, and of channels
SHARES = (2, 98)  # per cent of a band's values that are black and white in a picture without levels


def band_values(photo: Photo, channels: int | None = None, name: str = "image") -> NDArray[Any]:
    """Return the values of an image's bands, as they are.

    Parameters
    ----------
    photo
        An array (H, W, C), or (H, W) of one band; a path, bytes or file object of an NPY file, a TIFF, or a picture
        that Pillow reads; or a PIL image, whose palette is applied. A TIFF has its bands as samples of one page, in
        either of its planar configurations, or as pages of one band each; of several series it is the first.
    channels
        Number of bands that the model takes; None: any.
    name
        Name in messages of what has none.

    Returns
    -------
    (H, W, C) of real numbers.

    Raises
    ------
    InputError
        Another number of bands, or no real numbers; channels first; or a file that can't be read.

    Examples
    --------
    >>> band_values(np.zeros((30, 40), np.uint16)).shape
    (30, 40, 1)
    """
    if is_source(photo):
        source = source_of(photo, name)
        return _checked(_from_file(source, channels), channels, source.name)
    if isinstance(photo, Image.Image):
        return _checked(_of_picture(upright(photo, name)), channels, name)
    if isinstance(photo, np.ndarray):
        check_unmasked(name, photo)
        return _checked(photo, channels, name)
    raise InputError(f"{name}: expected an (H, W, C) array or a file of one; got {type(photo).__name__}")


def picture(
    photo: Photo,
    *,
    levels: Levels | None = None,
    background: int = 255,
    channels: str = "rgb",
    bands: Sequence[int] | None = None,
) -> NDArray[np.uint8]:
    """Return the RGB picture of an image, to be drawn on: of a photo its pixels, of bands a choice of three.

    Parameters
    ----------
    photo
        What `Classifier.explain` takes.
    levels, background, channels
        Of the `Preprocess` by which the model sees it.
    bands
        Indices of the bands, from 0, that are red, green and blue: (3, 2, 1) of the thirteen of Sentinel-2. None: for
        the channels "bands", and for arrays of other than 1, 3 or 4 channels, the first three, or the first alone in
        grey where there are fewer. Each band is scaled by the levels; without these uint8 is taken as it is, and other
        dtypes are scaled from the 2nd to the 98th percentile of the band. An (H, W, 3) uint8 array is a picture.

    Returns
    -------
    (H, W, 3) uint8.

    Raises
    ------
    InputError
        The image can't be read, or there is no such band.

    Examples
    --------
    >>> scene = np.arange(4 * 13).reshape(2, 2, 13)
    >>> picture(scene, bands=(3, 2, 1)).shape
    (2, 2, 3)
    """
    shape = photo.shape if isinstance(photo, np.ndarray) else ()
    is_picture = len(shape) == 3 and shape[2] == 3 and photo.dtype == np.uint8  # type: ignore[union-attr]
    is_plain = len(shape) != 3 or shape[2] in (1, 3, 4)
    if bands is None and (is_picture or (channels != "bands" and is_plain)):
        return photo_pixels(photo, levels, background)
    values = band_values(photo)
    count = values.shape[2]
    chosen = tuple(range(3 if count >= 3 else 1)) if bands is None else _chosen(bands, count)
    shown = [_shown(values[..., band], levels, band) for band in chosen]
    return np.ascontiguousarray(np.stack(shown * (3 // len(shown)), axis=-1))


def _chosen(bands: Any, count: int) -> tuple[int, ...]:
    given = tuple(bands) if isinstance(bands, list | tuple) else (bands,)
    if len(given) not in (1, 3) or not all(is_whole(band) and 0 <= band < count for band in given):
        raise InputError(f"bands: expected one or three indices of bands, 0 to {count - 1}; got {bands!r}")
    return tuple(int(band) for band in given)


def _shown(band: NDArray[Any], levels: Levels | None, number: int) -> NDArray[np.uint8]:
    """Return a band (H, W) as 8 bits."""
    if band.dtype == np.uint8 and levels is None:
        return band
    if levels is None:
        low, high = np.percentile(band.astype(np.float64), SHARES)
        levels = (float(low), float(high) if high > low else float(low) + 1)
    return eight_bits(band, f"band {number}", levels)


# ---- checks ----------------------------------------------------------------------------------------------------------


def _checked(values: NDArray[Any], channels: int | None, name: str) -> NDArray[Any]:
    """Return an array of bands as (H, W, C), checked."""
    wanted = f"(H, W, {channels or 'C'})" + (" or (H, W)" if channels in (None, 1) else "")
    got = f"{values.shape} {values.dtype}"
    if values.dtype.kind not in "uif" or values.ndim not in (2, 3) or not values.size:
        hint = "Give it with values.astype(np.uint8)" if values.dtype == np.bool_ else "Give one image, height first"
        raise InputError(f"{name}: expected {wanted} of real numbers, not empty; got {got}. {hint}")
    found = values[..., None] if values.ndim == 2 else values
    if channels is not None and found.shape[2] != channels:
        hint = f"The model takes {channels} bands, the image has {found.shape[2]}"
        if values.ndim == 3 and values.shape[0] == channels:
            hint = "It seems to have its bands first: give image.transpose(1, 2, 0)"
        raise InputError(f"{name}: expected {wanted}; got {got}. {hint}")
    if max(found.shape[:2]) > LONGEST:
        raise InputError(f"{name}: expected at most {LONGEST} pixels along a side; got {max(found.shape[:2])}")
    return found


# ---- files -----------------------------------------------------------------------------------------------------------


def _from_file(source: Source, channels: int | None) -> NDArray[Any]:
    if source.is_npy:
        return npy_values(source, lambda shape, dtype: check_array_size(shape, dtype, channels, source.name))
    if source.begins_with(*TIFF):
        return _tiff_values(source, channels)
    with open_photo(source) as image:
        return _of_picture(upright(image, source.name))


def _tiff_values(source: Source, channels: int | None) -> NDArray[Any]:
    """Return the bands of a TIFF, by its own statement of their order."""
    import tifffile

    name = source.name
    try:
        with tifffile.TiffFile(source.file) as file:
            series = file.series[0]
            axes, shape = series.axes, series.shape
            check_array_size(shape, series.dtype, channels, name)
            order = _order(axes, shape, channels, name)
            values = np.asarray(series.asarray())
    except InputError:
        raise
    except Exception as error:  # tifffile's errors for broken files are of any kind
        hint = ". Install what decodes it: pip install imagecodecs" if "imagecodecs" in str(error) else ""
        raise InputError(f"{name}: can't be read as a TIFF ({error}){hint}") from error
    return values.transpose(order) if order else values


def _order(axes: str, shape: Sequence[int], channels: int | None, name: str) -> tuple[int, ...] | None:
    """Return the order that makes (H, W, C) of a TIFF's axes; None where it is that."""
    if axes in ("YX", "YXS"):
        return None
    if axes == "SYX" or (len(axes) == 3 and axes[0] in PAGES and axes[1:] == "YX" and channels in (None, shape[0])):
        return 1, 2, 0
    if axes in ("YXC", "CYX"):
        return None if axes == "YXC" else (1, 2, 0)
    wanted = f"one picture of {channels or 'some'} bands, or {'as many ' if channels else ''}pages of one band each"
    raise InputError(
        f"{name}: expected {wanted}; got {tuple(shape)} with the axes {axes!r}, in tifffile's letters. Choose its page "
        "or bands yourself: tifffile.imread(path) gives the array"
    )


def _of_picture(image: Image.Image) -> NDArray[Any]:
    """Return the channels of a PIL image as they are, a palette applied."""
    if image.mode in ("P", "PA"):
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    return np.asarray(image.convert("L") if image.mode == "1" else image)
