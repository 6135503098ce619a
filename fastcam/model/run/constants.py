"""Constants: values of a model's further inputs, beside the images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fastcam.errors import InputError
from fastcam.images.tensors import host_array

Constants = Mapping[str, NDArray[Any]]
"""Values by the names of inputs."""
AS_LOADED: Constants = {}
"""No other values than those that the model was loaded with."""


def misfit(value: NDArray[Any], wanted: DTypeLike) -> str:
    """Return in words why a value can't be converted to an input's dtype; empty where it can be.

    Fractions aren't made whole numbers; finite numbers that the dtype doesn't reach aren't wrapped or made infinite.

    Examples
    --------
    >>> misfit(np.array(1.5), np.float32), misfit(np.array(1.5), np.int64), misfit(np.array([2, 300]), np.uint8)
    ('', 'float64', '2 to 300, outside 0 to 255')
    """
    dtype = np.dtype(wanted)
    if value.dtype.kind not in "biuf" or (value.dtype.kind == "f" and dtype.kind in "biu"):
        return str(value.dtype)
    if not value.size:
        return ""
    if dtype.kind in "biu":
        least, most = (0, 1) if dtype.kind == "b" else (np.iinfo(dtype.name).min, np.iinfo(dtype.name).max)
        low, high = int(value.min()), int(value.max())
        return "" if least <= low and high <= most else f"{low} to {high}, outside {least} to {most}"
    with np.errstate(over="ignore"):
        lost = np.isfinite(value) & ~np.isfinite(value.astype(dtype))
    return f"{value[lost][0]}, too large for it" if lost.any() else ""


def of_each(given: Any, loaded: Constants, batch: int | None, count: int) -> Sequence[Constants]:
    """Return the other values for each of some images.

    Parameters
    ----------
    given
        None, or a mapping of names to values: of the shape that the model was loaded with, for all images; or with one
        row an image, whether in place of a first axis of the batch or in front of all axes. What can be read as either,
        with as many images as the batch has items and rows that differ, is refused.
    loaded
        The values that the model was loaded with.
    batch
        The batch that the model insists on, whose items share the row of their image; None: none.
    count
        Number of images.

    Returns
    -------
    sequence of mappings
        For each image, in the inputs' dtypes, without those that are as loaded.

    Raises
    ------
    InputError
        No such input, another dtype, shape or number of rows, or a shape that can be read in two ways.

    Examples
    --------
    >>> loaded = {"age": np.zeros((1, 1), np.float32)}
    >>> [one["age"].tolist() for one in of_each({"age": [[30], [40]]}, loaded, None, 2)]
    [[[30.0]], [[40.0]]]
    """
    if given is None:
        return [AS_LOADED] * count
    if not isinstance(given, Mapping):
        raise InputError(f"constants: expected a mapping of names to values; got {type(given).__name__}")
    found: list[dict[str, NDArray[Any]]] = [{} for _ in range(count)]
    for name, value in given.items():
        if name not in loaded:
            raise InputError(
                f"constants: expected names of further inputs that the model was loaded with, {list(loaded)}; got "
                f"{name!r}"
            )
        for one, row in zip(found, _rows(name, value, loaded[name], batch or 1, count), strict=True):
            if not np.array_equal(row, loaded[name]):
                one[name] = row
    return found


def _rows(name: str, value: Any, loaded: NDArray[Any], lead: int, count: int) -> list[NDArray[Any]]:
    """Return the value for each image."""
    array, shape = host_array(f"constants: {name!r}", value), loaded.shape
    if reason := misfit(array, loaded.dtype):
        raise InputError(f"constants: expected {loaded.dtype} for {name!r}; got {reason}")
    array = array.astype(loaded.dtype)
    by_image = shape[:1] == (lead,)
    if by_image and count == lead > 1 and array.shape == shape and (array != array[:1]).any():
        raise InputError(
            f"constants: expected shape {(count, *shape)} for {name!r}, one value an image; got {shape}, which may be "
            f"one value for all images, as the model was loaded with, or one row an image. Use "
            f"np.stack([value] * {count}) or np.stack([rows] * {lead}, axis=1)"
        )
    if by_image and array.shape == (count, *shape[1:]):
        return [np.repeat(array[n : n + 1], lead, axis=0) for n in range(count)]
    if array.shape == (count, *shape):
        return list(array)
    if array.shape == shape:
        return [array] * count
    rows = (count, *shape[1:]) if by_image else (count, *shape)
    raise InputError(
        f"constants: expected shape {shape} for {name!r}, as the model was loaded with, or {rows}, one row an image; "
        f"got {array.shape}"
    )
