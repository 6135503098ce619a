"""Network inputs that a caller has preprocessed already: arrays of any library, in the model's own layout."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastcam.arrays.checks import LONGEST, check_unmasked
from fastcam.arrays.devices import adopt, cupy_module, is_on_device
from fastcam.errors import InputError
from fastcam.images.inputs import ImageInput
from fastcam.images.preprocessing import LONGEST_SIGNAL
from fastcam.images.regions import is_region, visible

GIVEN = "none: tensors were given"  # in place of the description of a preprocessing
REGION = {
    1: "region: expected ((x0, x1), (length,)) of the signals, or of each one, in whole samples",
    2: "region: expected (xyxy, (height, width)) of the photos, or of each one, in whole pixels",
    3: "region: expected (xyzxyz, (depth, height, width)) of the volumes, or of each one, in whole voxels",
}
FAILURES = (TypeError, ValueError, RuntimeError, BufferError, AttributeError)  # of libraries that hand arrays over


class Placed(NamedTuple):
    """A region of a photo's plane, xyxy, and the photo's (height, width); of signals xx, of volumes xyzxyz."""

    region: tuple[int, ...]
    size: tuple[int, ...]


def host_array(name: str, value: Any) -> NDArray[Any]:
    """Return a value as an array in the host's memory, not copied if it is one of NumPy, PyTorch or the like.

    Parameters
    ----------
    name
        Name of the argument, for messages.
    value
        An array of NumPy; or of any library with `__array__`, the buffer protocol or DLPack; or nested sequences. A
        tensor of PyTorch that wants gradients is detached.

    Raises
    ------
    InputError
        It isn't there, or its library doesn't hand it over.

    Examples
    --------
    >>> array = np.zeros(3)
    >>> host_array("tensors", memoryview(array)).shape, np.shares_memory(host_array("tensors", array), array)
    ((3,), True)
    """
    check_unmasked(name, value)
    if isinstance(value, np.ndarray):
        return np.asarray(value)
    value = _detached(value)
    if _is_on_device(name, value):
        raise InputError(f"{name}: expected in the host's memory; got {_told(value)} on a CUDA device. Use .cpu()")
    only_dlpack = hasattr(type(value), "__dlpack__") and not hasattr(type(value), "__array__")
    try:
        array = np.from_dlpack(value) if only_dlpack else np.asarray(value)
    except FAILURES as error:
        hint = ". NumPy has no bfloat16: use .float()" if "bfloat16" in str(error).lower() else ""
        raise InputError(f"{name}: {_told(value)} can't be handed over ({error}){hint}") from error
    if array.dtype.kind not in "fiub":
        raise InputError(f"{name}: expected an array of numbers; got {_told(value)} of dtype {array.dtype}")
    return array


def network_inputs(tensors: Any, model: ImageInput, device: tuple[str, int], provider: str) -> list[Any]:
    """Return network inputs (1, ...), each a view of a caller's tensors.

    Parameters
    ----------
    tensors
        An array (N, ...) in the model's own layout and dtype, or one item without N; or a sequence of items. See
        `host_array` for what arrays may be; on a CUDA device they may be any with DLPack or
        `__cuda_array_interface__`, if the model runs there.
    model
        The model's input.
    device, provider
        Where the model takes them, as `Session.device`, and what runs it.

    Raises
    ------
    InputError
        Another shape or dtype, with a hint where the axes are in another order; none at all, or of several sizes; or on
        a device where the model doesn't run.

    Examples
    --------
    >>> model = ImageInput("images", np.float32, "NCHW", None, 3, (24, 32))
    >>> [one.shape for one in network_inputs(np.zeros((2, 3, 24, 32), np.float32), model, ("cpu", 0), "CPU")]
    [(1, 3, 24, 32), (1, 3, 24, 32)]
    """
    if isinstance(tensors, list | tuple):
        found = [item for one in tensors for item in _items(_array(one, device, provider), model)]
    else:
        found = _items(_array(tensors, device, provider), model)
    if not found:
        raise InputError("tensors: expected at least one; got none")
    shapes = list(dict.fromkeys(one.shape[1:] for one in found))
    if len(shapes) > 1:
        raise InputError(f"tensors: expected all of one size; got {shapes[0]} and {shapes[1]}")
    return found


def sides_of(tensor: Any, model: ImageInput) -> tuple[int, ...]:
    """Return the sizes of a network input's places, as (height, width)."""
    return tuple(tensor.shape[axis] for axis in model.axes)


def check_finite(tensor: Any) -> None:
    """Check that a network input (1, ...) holds neither NaN nor infinity, or raise `InputError`."""
    if tensor.dtype.kind != "f":
        return
    fine = (np if isinstance(tensor, np.ndarray) else cupy_module()).isfinite(tensor[0])
    if not fine.all():
        where = tuple(int(place[0]) for place in (~fine).nonzero())
        raise InputError(f"tensors: expected finite values; got {float(tensor[0][where])} at {list(where)}")


def placed(region: Any, sides: tuple[int, ...], count: int) -> list[Placed]:
    """Return where each of some tensors is in its photo.

    Parameters
    ----------
    region
        (xyxy, size), whole numbers in pixels of the photos: (4,) and (height, width) for all, or (N, 4) and (N, 2), row
        n for tensor n; for R axes of places, first all starts, x of the last axis first, then all ends, and R sides.
        None: the tensors are the photos.
    sides
        Sizes of the tensors' places, as (height, width).
    count
        N.

    Raises
    ------
    InputError
        Something else, or a region that is empty, absurdly large or outside the photo.

    Examples
    --------
    >>> placed(((10, 0, 110, 100), (100, 120)), (224, 224), 2)[1]
    Placed(region=(10, 0, 110, 100), size=(100, 120))
    """
    rank = len(sides)
    if region is None:
        return [Placed((*[0] * rank, *sides[::-1]), sides)] * count
    if not isinstance(region, tuple | list) or len(region) != 2:
        raise InputError(f"{REGION[rank]}; got {region!r}")
    corners = _rows(region[0], 2 * rank, count, region, REGION[rank])
    sizes = _rows(region[1], rank, count, region, REGION[rank])
    found = [Placed(tuple(ends), tuple(size)) for ends, size in zip(corners, sizes, strict=True)]
    for one in found:
        _check(one)
    return found


def _rows(value: Any, width: int, count: int, region: Any, expected: str) -> list[list[int]]:
    """Return whole numbers (N, width), of one row for all or of all rows."""
    try:
        array = np.asarray(value)
    except ValueError:
        array = np.zeros(0)
    if array.dtype.kind not in "iu" or array.shape not in ((width,), (1, width), (count, width)):
        raise InputError(f"{expected}, {count} here; got {region!r}")
    return np.broadcast_to(array, (count, width)).tolist()


def _check(one: Placed) -> None:
    rank = len(one.size)
    longest = LONGEST if rank > 1 else LONGEST_SIGNAL
    if not all(1 <= side <= longest for side in one.size):
        what = "a photo of" if rank == 2 else "sides of"
        raise InputError(f"region: expected {what} 1 to {longest} pixels a side; got {one.size}")
    if not is_region(one.region) or max(map(abs, one.region)) > 2 * longest:
        raise InputError(f"region: expected x0 < x1 and y0 < y1, of {-2 * longest} to {2 * longest}; got {one.region}")
    if not is_region(visible(one.region, one.size)):
        what = "the photo of (height, width)" if rank == 2 else "places of"
        raise InputError(f"region: expected a part of {what} {one.size}; got {one.region}, outside it")


def _array(value: Any, device: tuple[str, int], provider: str) -> Any:
    """Return a value as an array where the model takes it: NumPy's, or CuPy's."""
    value = _detached(value)
    if not _is_on_device("tensors", value):
        return host_array("tensors", value)
    if device[0] != "cuda":
        raise InputError(
            f"tensors: expected in the host's memory, as this model runs by {provider}; got {_told(value)} on a CUDA "
            "device. Use .cpu(), or load the model with providers=['CUDAExecutionProvider']"
        )
    array = adopt("tensors", value)
    if array.device.id != device[1]:
        raise InputError(f"tensors: expected on device {device[1]}, where the model runs; got device {array.device.id}")
    return array


def _detached(value: Any) -> Any:
    """Return a tensor of PyTorch without its graph: what it is multiplied with here has no gradient there."""
    return value.detach() if getattr(value, "requires_grad", False) is True else value


def _is_on_device(name: str, value: Any) -> bool:
    try:
        return is_on_device(value)
    except FAILURES as error:  # PyTorch's, of a device "meta" without values
        raise InputError(f"{name}: {_told(value)} can't be handed over ({error})") from error


def _told(value: Any) -> str:
    return f"{type(value).__module__.partition('.')[0]}.{type(value).__name__}"


def _items(array: Any, model: ImageInput) -> list[Any]:
    """Return the items (1, ...) of an array (N, ...), or of one item (...)."""
    sides = _sides(model)
    single = array.ndim == len(sides)
    shape = array.shape if single else array.shape[1:]
    if array.dtype != model.dtype or not _fit(shape, sides):
        raise InputError(
            f"tensors: expected {model.shape}, or one item without N; got {array.shape} {array.dtype}"
            + _hint(array, shape, model)
        )
    return [array[None]] if single else [array[n : n + 1] for n in range(len(array))]


def _sides(model: ImageInput) -> tuple[int | None, ...]:
    """Return the shape of an item; None where the model leaves a side open."""
    return model.arranged(model.places)


def _fit(shape: Sequence[int], sides: Sequence[int | None]) -> bool:
    return len(shape) == len(sides) and all(
        got > 0 and want in (None, got) for got, want in zip(shape, sides, strict=True)
    )


def _hint(array: Any, shape: tuple[int, ...], model: ImageInput) -> str:
    """Return what to do about a shape or dtype that doesn't fit."""
    hints, sides = [], _sides(model)
    first = model.layout.index("C") == 1
    turned = (shape[-1:] + shape[:-1]) if first else (shape[1:] + shape[:1])
    if not _fit(shape, sides) and _fit(turned, sides):
        axes, lead = list(range(array.ndim)), array.ndim - len(shape)
        axes = [*axes[:lead], axes[-1], *axes[lead:-1]] if first else [*axes[:lead], *axes[lead + 1 :], axes[lead]]
        known = "channels last, the model takes them first" if first else "channels first, the model takes them last"
        hints.append(f"These have {known}: use .transpose({', '.join(map(str, axes))}), in PyTorch .permute")
    if array.dtype != model.dtype:
        if array.dtype == np.uint8:
            hints.append("Photos that are to be preprocessed go in as images=...")
        else:
            name = np.dtype(model.dtype).name
            hints.append(f"Convert them: .astype(np.{name}), in PyTorch .to(torch.{name})")
    return "".join(f". {hint}" for hint in hints)
