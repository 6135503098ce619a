"""Checks at the door: every array is of a known shape, dtype and range before any kernel sees it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastcam.errors import InputError

# Beyond this, differences between two values of a map could overflow float32 during interpolation.
LARGEST = np.float32(2.0**126)


def float_array(name: str, value: ArrayLike, ndim: int | None = None) -> NDArray[Any]:
    """The value as a C-contiguous array of real numbers: float32, or float32 made of a narrower or wider dtype."""
    if hasattr(value, "__cuda_array_interface__"):
        raise InputError(f"{name}: expected a NumPy array; got one on a CUDA device ({type(value).__name__})")
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise InputError(f"{name}: expected an array of numbers; got a ragged sequence") from error
    if array.dtype.kind not in "fiu":
        raise InputError(f"{name}: expected an array of real numbers; got dtype {array.dtype}")
    if ndim is not None and array.ndim != ndim:
        raise InputError(f"{name}: expected {ndim} axes; got shape {array.shape}")
    if array.size == 0:
        raise InputError(f"{name}: expected at least one element; got shape {array.shape}")
    with np.errstate(over="ignore"):  # float64 beyond float32 becomes infinite, which the checks of range refuse
        return np.ascontiguousarray(array, np.float32)


def check_maps(name: str, maps: NDArray[np.float32]) -> None:
    """Every value is finite and below `LARGEST` in magnitude, or `InputError` names the first item that isn't so."""
    fine = np.abs(maps) < LARGEST  # False for NaN
    if not fine.all():
        where = tuple(int(i) for i in np.argwhere(~fine)[0])
        item = f"item {list(where[:-2])}, position {list(where[-2:])}" if maps.ndim > 2 else f"position {list(where)}"
        raise InputError(
            f"{name}: expected finite values below {LARGEST:.3g} in magnitude; got {maps[where]} at {item}. "
            "Look for NaN or infinity in the images, the feature maps or the class weights"
        )


def image_size(value: Any) -> tuple[int, int]:
    """(height, width) as two positive ints."""
    try:
        height, width = (int(side) for side in value if side == int(side))
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"size: expected two whole numbers (height, width); got {value!r}") from None
    if height < 1 or width < 1 or height * width >= 2**31:
        raise InputError(f"size: expected (height, width) of 1 to 2**31 - 1 pixels; got {value!r}")
    return height, width


def check_connectivity(value: Any) -> int:
    """4 or 8."""
    if not isinstance(value, int | np.integer) or value not in (4, 8):
        raise InputError(f"connectivity: expected 4 or 8; got {value!r}")
    return int(value)


def class_indices(value: ArrayLike, images: int, classes: int) -> NDArray[np.int64]:
    """(N, M) int64: one class for all, M for all (1-D), or M for each image (2-D), as NumPy broadcasts."""
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
