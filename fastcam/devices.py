"""Arrays on a CUDA device: whose they are, taken over without a copy, and what is missing where that can't be done."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

from fastcam.errors import BackendError, InputError

CUDA_DEVICES = (2, 13)  # DLPack's numbers of CUDA memory, and of memory that CUDA manages
INSTALL = "Install it: pip install 'fastcam[cuda12]' or 'fastcam[cuda13]', as your driver supports (nvidia-smi says)"


def is_on_device(value: Any) -> bool:
    """Whether a value is an array in the memory of a CUDA device, of any library."""
    if type(value) is np.ndarray:
        return False
    if hasattr(value, "__cuda_array_interface__"):
        return True
    return hasattr(value, "__dlpack_device__") and value.__dlpack_device__()[0] in CUDA_DEVICES


def adopt(name: str, value: Any) -> Any:
    """The array as CuPy's, in the same memory.

    Raises
    ------
    BackendError
        CuPy, a driver or a device is missing.
    InputError
        Its library doesn't hand it over.
    """
    cupy = cupy_module()
    if isinstance(value, cupy.ndarray):
        return value
    try:
        return cupy.from_dlpack(value) if hasattr(value, "__dlpack__") else cupy.asarray(value)
    except (TypeError, ValueError, RuntimeError, BufferError, AttributeError) as error:
        raise InputError(
            f"{name}: expected an array that its library hands over (a tensor that wants gradients has to be "
            f"detached); got {type(value).__name__}: {error}"
        ) from error


@cache
def cupy_module() -> Any:
    """CuPy, with a device to run on.

    Raises
    ------
    BackendError
        CuPy, a driver or a device is missing.
    """
    try:
        cupy: Any = import_module("cupy")
    except ImportError as error:
        raise BackendError(f"CUDA was asked for, and CuPy can't be imported ({error}). {INSTALL}") from error
    try:
        count = cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        raise BackendError(f"CUDA was asked for, and its driver can't be used ({error}). Look at nvidia-smi") from error
    if not count:
        raise BackendError("CUDA was asked for, and there is no device. Look at nvidia-smi and CUDA_VISIBLE_DEVICES")
    return cupy


def has_cupy() -> bool:
    """CuPy is installed."""
    return find_spec("cupy") is not None


@cache
def check_cuda_versions() -> None:
    """ONNX Runtime and CuPy, in one process, are of the same major version of CUDA.

    Raises
    ------
    BackendError
        They aren't.
    """
    built = getattr(import_module("onnxruntime.capi.build_and_package_info"), "cuda_version", None)
    compare_cuda_versions(built, cupy_module().cuda.runtime.runtimeGetVersion() // 1000)


def compare_cuda_versions(of_onnxruntime: str | None, of_cupy: int) -> None:
    """The same, of versions such as "12.8", or None if not known, and 12."""
    if of_onnxruntime and int(of_onnxruntime.split(".")[0]) != of_cupy:
        raise BackendError(
            f"expected ONNX Runtime and CuPy of the same CUDA; got {of_onnxruntime} and {of_cupy}. "
            f"Install the other CuPy: cupy-cuda{of_onnxruntime.split('.')[0]}x in place of cupy-cuda{of_cupy}x"
        )


def check_together(first: str, one: Any, second: str, other: Any) -> None:
    """Both are in the host's memory, or on the same device."""
    here, there = getattr(one, "device", "cpu"), getattr(other, "device", "cpu")
    if str(here) != str(there):
        raise InputError(
            f"{second}: expected an array where {first} is ({here}); got one on {there}. "
            "Move it there once, not in every call: cupy.asarray(array)"
        )
