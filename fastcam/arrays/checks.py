"""Checks of arguments: every array has a known shape, dtype and range before a kernel reads it.

Arrays on a CUDA device become CuPy's; their values aren't checked, since that would mean to wait for them.
"""

from __future__ import annotations

import operator
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastcam.arrays.devices import adopt, check_together, cupy_module, is_on_device, new_array
from fastcam.arrays.grids import Grid, grid
from fastcam.arrays.pool import check_threads as check_threads
from fastcam.arrays.scalars import is_number, is_whole
from fastcam.arrays.values import FeatureMaps, Window
from fastcam.errors import InputError

# Beyond this, differences between two values of a map could overflow float32 during interpolation.
LARGEST = np.float32(2.0**126)
TINIEST = np.finfo(np.float32).tiny
LONGEST = 2**16  # pixels along a side


# The number of a dtype in the kernels; + CHANNELS_LAST for (N, h, w, C).
FLOAT32 = np.dtype(np.float32)
FORMS = {FLOAT32: 0, np.dtype(np.float16): 1, np.dtype(np.int8): 2, np.dtype(np.uint8): 3}
CHANNELS_LAST = 4


def feature_maps_of(value: ArrayLike, layout: str = "NCHW", scale: Any = None, zero_point: Any = 0) -> FeatureMaps:
    """Return feature maps (N, C, h, w) or (N, h, w, C), checked; float32, float16, int8 and uint8 aren't copied.

    Nor is a transposed view, such as `array.transpose(0, 3, 1, 2)` of an array with channels last.
    """
    array = value if type(value) is np.ndarray else real_array("feature_maps", value)
    dtype = array.dtype
    form = FORMS.get(dtype)
    if form is None:
        array, form = float_array("feature_maps", array), FORMS[FLOAT32]
    if array.ndim != 4:
        raise InputError(f"feature_maps: expected 4 axes; got shape {array.shape}")
    if array.size == 0:
        raise InputError(f"feature_maps: expected at least one element; got shape {array.shape}")
    if not isinstance(layout, str) or layout not in ("NCHW", "NHWC"):
        raise InputError(f"layout: expected 'NCHW' or 'NHWC'; got {layout!r}")
    numbers = (0.0, 1.0)
    if scale is not None or type(zero_point) is not int or zero_point:
        numbers = _quantization(dtype, scale, zero_point)
    n, c, h, w = array.shape
    if layout == "NHWC":
        h, w, c = c, h, w
    if not array.flags.c_contiguous:
        turned = array.transpose(0, 2, 3, 1) if layout == "NCHW" else array.transpose(0, 3, 1, 2)
        if turned.flags.c_contiguous:
            array, layout = turned, "NHWC" if layout == "NCHW" else "NCHW"
        else:
            array = array.copy(order="C")
    if layout == "NHWC":
        form += CHANNELS_LAST
    return FeatureMaps(array.view(np.uint8), form, *numbers, (n, c, h, w))


def _quantization(dtype: np.dtype[Any], scale: Any, zero_point: Any) -> tuple[float, float]:
    if FORMS.get(dtype, 0) < FORMS[np.dtype(np.int8)]:
        raise InputError(f"scale, zero_point: expected with int8 or uint8 feature maps only; got {dtype}")
    if not is_number(scale) or not TINIEST <= scale < LARGEST:
        raise InputError(f"scale: expected one positive number of float32 for the whole tensor; got {scale!r}")
    limits = np.iinfo(dtype)
    if not is_whole(zero_point) or not limits.min <= zero_point <= limits.max:
        raise InputError(f"zero_point: expected a whole number from {limits.min} to {limits.max}; got {zero_point!r}")
    return float(zero_point), float(scale)


def check_unmasked(name: str, value: Any) -> None:
    """Check that a value isn't an array with a mask, which would be lost, or raise `InputError`."""
    if isinstance(value, np.ma.MaskedArray):
        raise InputError(f"{name}: expected a plain array; got a masked one, whose mask would be lost")


def real_array(name: str, value: ArrayLike) -> NDArray[Any]:
    """Return the value as an array of real numbers: NumPy's, or CuPy's if it is on a CUDA device."""
    check_unmasked(name, value)
    try:
        array = adopt(name, value) if is_on_device(value) else np.asarray(value)
    except ValueError as error:
        raise InputError(f"{name}: expected an array of numbers; got a ragged sequence") from error
    except TypeError as error:  # CuPy's
        raise InputError(f"{name}: expected an array; got {type(value).__name__} of what isn't numbers") from error
    if array.dtype.kind not in "fiu":
        raise InputError(f"{name}: expected an array of real numbers; got dtype {array.dtype}")
    return array


def float_array(name: str, value: ArrayLike, ndim: int | None = None) -> NDArray[Any]:
    """Return the value as a C-contiguous float32 array, converted from any other real dtype."""
    array = value if type(value) is np.ndarray and value.dtype == FLOAT32 else real_array(name, value)
    if ndim is not None and array.ndim != ndim:
        raise InputError(f"{name}: expected {ndim} axes; got shape {array.shape}")
    if array.size == 0:
        raise InputError(f"{name}: expected at least one element; got shape {array.shape}")
    if array.dtype == FLOAT32 and array.flags.c_contiguous:
        return array
    with np.errstate(over="ignore"):  # float64 beyond float32 becomes infinite, which the checks of range refuse
        return array.astype(np.float32, order="C")


def limits_of(limits: ArrayLike | None, leading: tuple[int, ...]) -> NDArray[np.float32] | None:
    """Return (P, 2) low and high of maps (*leading, h, w), from one pair for all or one for each; None for None."""
    if limits is None:
        return None
    ends = float_array("limits", limits)
    if not isinstance(ends, np.ndarray):
        raise InputError("limits: expected in the host's memory; got an array on a device")
    if ends.shape not in ((2,), (*leading, 2)):
        raise InputError(f"limits: expected (low, high), or shape {(*leading, 2)}; got shape {ends.shape}")
    if not (np.abs(ends) < LARGEST).all() or (ends[..., 0] > ends[..., 1]).any():
        raise InputError(f"limits: expected finite numbers, low <= high; got {limits!r}")
    return np.broadcast_to(ends, (*leading, 2)).reshape(-1, 2).copy()


def out_array(name: str, out: Any, shape: tuple[int, ...], dtype: Any, *others: Any) -> NDArray[Any]:
    """Return the caller's array for a result, checked to fit exactly and not to overlap the inputs; or a new one."""
    if others and not isinstance(others[0], np.ndarray):
        return _out_on_device(name, out, shape, dtype, others[0])
    if out is None:
        return np.empty(shape, dtype)
    check_out(name, out, shape, dtype)
    if not out.flags.c_contiguous:
        raise InputError(f"{name}: expected a writable, C-contiguous array; got strides {out.strides}")
    if any(np.may_share_memory(out, other) for other in others):
        raise InputError(f"{name}: expected memory of its own; got an array that overlaps an input")
    return out


def check_out(name: str, out: Any, shape: tuple[int, ...], dtype: Any) -> None:
    """Check that results can be written into the caller's array, whatever its strides.

    Raises
    ------
    InputError
        `out` is no NumPy array, has another shape or dtype, or is read-only.
    """
    if type(out) not in (np.ndarray, np.memmap):
        raise InputError(f"{name}: expected a NumPy array; got {type(out).__name__}")
    if out.shape != shape or out.dtype != dtype:
        raise InputError(f"{name}: expected {np.dtype(dtype)} {shape}; got {out.dtype} {out.shape}")
    if not out.flags.writeable:
        raise InputError(f"{name}: expected a writable, C-contiguous array; got a read-only one")


def _out_on_device(name: str, out: Any, shape: tuple[int, ...], dtype: Any, source: Any) -> Any:
    xp = cupy_module()
    if out is None:
        return new_array(xp, shape, dtype)
    if not is_on_device(out):
        raise InputError(f"{name}: expected an array on the device, where the input is; got {type(out).__name__}")
    out = adopt(name, out)
    check_together("the input", source, name, out)
    if out.shape != shape or out.dtype != dtype or not out.flags.c_contiguous:
        got = f"{out.dtype} {out.shape}, strides {out.strides}"
        raise InputError(f"{name}: expected C-contiguous {np.dtype(dtype)} {shape}; got {got}")
    if xp.may_share_memory(out, source):
        raise InputError(f"{name}: expected memory of its own; got an array that overlaps an input")
    return out


def check_maps(name: str, maps: NDArray[np.float32], rank: int = 2) -> None:
    """Check that every value is finite and below `LARGEST` in magnitude, or raise `InputError` with the first place.

    The last `rank` axes are places, those before them number the items.
    """
    fine = np.abs(maps) < LARGEST  # False for NaN
    if not fine.all():
        where = tuple(int(i) for i in np.argwhere(~fine)[0])
        place = f"position {list(where[-rank:])}"
        item = f"item {list(where[:-rank])}, {place}" if maps.ndim > rank else place
        raise InputError(
            f"{name}: expected finite values below {LARGEST:.3g} in magnitude; got {maps[where]} at {item}. "
            "Look for NaN or infinity in the images, the feature maps or the class weights"
        )


def check_host(maps: Any) -> None:
    """Check that maps are in the host's memory, or raise `InputError`."""
    if is_on_device(maps):
        raise InputError("maps: expected in the host's memory; got an array on a device")


def image_size(value: Any) -> tuple[int, int]:
    """Return a size as (height, width), two positive ints, or raise `InputError`."""
    try:
        height, width = value
        if isinstance(height, bool) or isinstance(width, bool) or height != int(height) or width != int(width):
            raise ValueError
        height, width = int(height), int(width)
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"size: expected two whole numbers (height, width); got {value!r}") from None
    if not (1 <= height <= LONGEST and 1 <= width <= LONGEST and height * width < 2**31):
        raise InputError(f"size: expected (height, width) of 1 to {LONGEST}, fewer than 2**31 pixels; got {value!r}")
    return height, width


def check_connectivity(value: Any) -> int:
    """Return the connectivity, 4 or 8, as an int, or raise `InputError`."""
    if not isinstance(value, int | np.integer) or value not in (4, 8):
        raise InputError(f"connectivity: expected 4 or 8; got {value!r}")
    return int(value)


@lru_cache(maxsize=1024)
def _one_class(index: int, images: int) -> NDArray[np.int64]:
    made = np.full((images, 1), index, np.int64)
    made.flags.writeable = False
    return made


def class_indices(value: ArrayLike, images: int, classes: int) -> NDArray[np.int64]:
    """Return class indices (N, M) int64, from one class for all, M for all (1-D), or M for each image (2-D)."""
    if type(value) is int and 0 <= value < classes:
        return _one_class(value, images)
    if is_on_device(value):
        return _indices_on_device(adopt("class_index", value), images)
    try:
        index = np.asarray(value)
    except ValueError as error:
        raise InputError("class_index: expected whole numbers of shape (), (M,) or (N, M); got ragged rows") from error
    if index.dtype.kind not in "iu" or index.ndim > 2 or index.size == 0:
        raise InputError(
            f"class_index: expected whole numbers of shape (), (M,) or (N, M); got {index.dtype} {index.shape}"
        )
    if index.ndim == 2 and len(index) not in (1, images):
        raise InputError(f"class_index: expected one row for each of {images} images; got shape {index.shape}")
    if index.min() < 0 or index.max() >= classes:
        wrong = index[(index < 0) | (index >= classes)].flat[0]
        raise InputError(f"class_index: expected 0 to {classes - 1}, the model has {classes} classes; got {wrong}")
    index = np.atleast_2d(index)
    return np.ascontiguousarray(np.broadcast_to(index, (images, index.shape[1])), np.int64)


def _indices_on_device(index: Any, images: int) -> Any:
    """Return class indices (N, M) int64 on the device; the kernels check that they are in range."""
    if index.dtype.kind not in "iu" or index.ndim > 2 or index.size == 0:
        raise InputError(
            f"class_index: expected whole numbers of shape (), (M,) or (N, M); got {index.dtype} {index.shape}"
        )
    if index.ndim == 2 and len(index) not in (1, images):
        raise InputError(f"class_index: expected one row for each of {images} images; got shape {index.shape}")
    xp, index = cupy_module(), index.reshape(-1, index.shape[-1] if index.ndim else 1)
    return xp.ascontiguousarray(xp.broadcast_to(index, (images, index.shape[1])), np.int64)


def feature_maps_and_weights(
    feature_maps: ArrayLike, class_weights: ArrayLike, layout: str, scale: Any, zero_point: Any
) -> tuple[FeatureMaps, NDArray[np.float32]]:
    """Return feature maps, (N, C, h, w) in either layout, and weights (K, C), checked to fit each other."""
    features = feature_maps_of(feature_maps, layout, scale, zero_point)
    weights = float_array("class_weights", class_weights, 2)
    check_together("feature_maps", features.data, "class_weights", weights)
    if weights.shape[1] != features.shape[1]:
        raise InputError(
            f"class_weights: expected (K, {features.shape[1]}), as the feature maps (N, C, h, w) = {features.shape} "
            f"have {features.shape[1]} channels; got {weights.shape}"
        )
    return features, weights


def flat_maps(maps: ArrayLike) -> tuple[NDArray[np.float32], tuple[int, ...]]:
    """Return maps (..., h, w) as (P, h, w) float32, and their leading axes."""
    array = float_array("maps", maps)
    if array.ndim < 2:
        raise InputError(f"maps: expected (..., h, w), at least two axes; got shape {array.shape}")
    return array.reshape(-1, *array.shape[-2:]), array.shape[:-2]


def grid_at(shape: tuple[int, ...], size: Any, window: tuple[int, ...] | None) -> Grid:
    """Return the `Grid` of an image of that size, or of a window of it, for maps (..., h, w)."""
    if type(size) is tuple and len(size) == 2 and type(size[0]) is int and type(size[1]) is int:
        height, width = size
    else:
        height, width = image_size(size)
    if window is not None:
        try:
            x0, y0, x1, y1 = (operator.index(side) for side in window)
        except (TypeError, ValueError):
            raise InputError(f"window: expected four whole numbers (x0, y0, x1, y1); got {window!r}") from None
        window = (x0, y0, x1, y1)
    return _checked_grid(shape[-2], shape[-1], height, width, window)


@lru_cache(maxsize=128)
def _checked_grid(h: int, w: int, height: int, width: int, window: Window | None) -> Grid:
    image_size((height, width))
    if window is not None:
        x0, y0, x1, y1 = window
        if not (0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height):
            raise InputError(f"window: expected x0 < x1 <= {width} and y0 < y1 <= {height}; got {window}")
    return grid((h, w), (height, width), window)
