"""Arrays on a CUDA device, taken over from any library without a copy, and checks of what that needs."""

from __future__ import annotations

import math
from functools import cache
from importlib import import_module
from typing import Any

import numpy as np

from fastcam.errors import BackendError, InputError, KernelError

CUDA_DEVICES = (2, 13)  # DLPack's numbers of CUDA memory, and of memory that CUDA manages
INSTALL = "Install it: pip install 'fastcam[cuda12]' or 'fastcam[cuda13]', as your driver supports (nvidia-smi says)"


def is_on_device(value: Any) -> bool:
    """Return whether a value is an array in the memory of a CUDA device, of any library."""
    if type(value) is np.ndarray:
        return False
    kind = type(value)  # whose properties may raise: PyTorch's for tensors that want gradients
    if hasattr(kind, "__dlpack_device__"):
        return value.__dlpack_device__()[0] in CUDA_DEVICES
    return hasattr(kind, "__cuda_array_interface__")


def adopt(name: str, value: Any) -> Any:
    """Return the array as CuPy's, in the same memory.

    Raises
    ------
    BackendError
        CuPy, a driver or a device is missing.
    InputError
        Its library doesn't export it.
    """
    cupy = cupy_module()
    if isinstance(value, cupy.ndarray):
        return value
    try:
        return cupy.from_dlpack(value) if hasattr(type(value), "__dlpack__") else cupy.asarray(value)
    except (TypeError, ValueError, RuntimeError, BufferError, AttributeError) as error:
        raise InputError(
            f"{name}: expected an array that its library hands over (a tensor that wants gradients has to be "
            f"detached); got {type(value).__name__}: {error}"
        ) from error


def in_host_memory(array: Any) -> Any:
    """Return an array of CuPy as one of NumPy; one of NumPy as it is."""
    return array if isinstance(array, np.ndarray) else cupy_module().asnumpy(array)


def new_array(xp: Any, shape: tuple[int, ...], dtype: Any) -> Any:
    """Return a new array on the current device.

    Raises
    ------
    KernelError
        There is no room for it.
    """
    try:
        return xp.empty(shape, dtype)
    except MemoryError as error:
        size = math.prod(shape) * np.dtype(dtype).itemsize / 2**20
        raise KernelError(f"cuda: no room for {size:.0f} MiB on the device. Give fewer images at once") from error


@cache
def cupy_module() -> Any:
    """Return the module `cupy`, checked to have a device to run on.

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


@cache
def check_ready() -> None:
    """Check that CuPy can take over an `OrtValue` of ONNX Runtime on a device: both use the same version of CUDA.

    Raises
    ------
    BackendError
        ONNX Runtime is too old, or of another version of CUDA than CuPy; or CuPy, a driver or a device is missing.
    """
    ort, cupy = import_module("onnxruntime"), cupy_module()
    if not hasattr(ort.OrtValue, "__dlpack__"):
        raise BackendError(f"engine 'cuda' needs onnxruntime 1.26 or newer; got {ort.__version__}. Use engine='cpu'")
    built = getattr(import_module("onnxruntime.capi.build_and_package_info"), "cuda_version", None)
    compare_cuda_versions(built, cupy.cuda.runtime.runtimeGetVersion() // 1000)


def is_ready() -> bool:
    """Return whether `check_ready` passes."""
    try:
        check_ready()
    except BackendError:
        return False
    return True


def compare_cuda_versions(of_onnxruntime: str | None, of_cupy: int) -> None:
    """Check that versions of CUDA such as "12.8", or None if not known, and 12 agree, or raise `BackendError`."""
    if of_onnxruntime and int(of_onnxruntime.split(".")[0]) != of_cupy:
        raise BackendError(
            f"expected ONNX Runtime and CuPy of the same CUDA; got {of_onnxruntime} and {of_cupy}. "
            f"Install the other CuPy: cupy-cuda{of_onnxruntime.split('.')[0]}x in place of cupy-cuda{of_cupy}x"
        )


def check_together(first: str, one: Any, second: str, other: Any) -> None:
    """Check that two arrays are both in the host's memory, or on the same device, or raise `InputError`."""
    here, there = getattr(one, "device", "cpu"), getattr(other, "device", "cpu")
    if str(here) != str(there):
        raise InputError(
            f"{second}: expected an array where {first} is ({here}); got one on {there}. "
            "Move it there once, not in every call: cupy.asarray(array)"
        )
