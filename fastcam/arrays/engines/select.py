"""The choice of an engine, by name or for an array."""

from __future__ import annotations

from typing import Any

from fastcam.arrays.devices import cupy_module, is_on_device
from fastcam.arrays.engines.engine import ENGINES, Engine
from fastcam.errors import InputError


def serving(name: str, array: Any) -> Engine:
    """Return the engine of that name for an array; "auto" is "cpu" for arrays of NumPy, "cuda" for those on a device.

    Raises
    ------
    InputError
        There is no engine of that name, or the array is in other memory than its own.
    BackendError
        As `named`.
    """
    found = named("cuda" if name == "auto" and is_on_device(array) else name)
    if not isinstance(array, found.xp.ndarray):
        where = "on a CUDA device" if is_on_device(array) else "in the host's memory"
        hint = "Leave engine out, or move it first: array.get() or cupy.asarray(array)"
        raise InputError(f"engine: expected one for an array {where}; got {name!r}. {hint}")
    return found


def named(name: str) -> Engine:
    """Return the engine of that name; "auto" is "cpu".

    Raises
    ------
    InputError
        There is no engine of that name.
    BackendError
        The name is "cuda", and CuPy, a driver or a device is missing.
    """
    wanted = "cpu" if name == "auto" else name
    if not isinstance(wanted, str) or wanted not in ENGINES:
        raise InputError(f"engine: expected one of auto, {', '.join(ENGINES)}; got {name!r}")
    found = _opened.get(wanted)
    if found is None:
        found = _on_device() if wanted == "cuda" else Engine(wanted)
        _opened[wanted] = found
    return found


def _on_device() -> Engine:
    """The engine for arrays on a device, whose module is imported when one is first asked for."""
    from fastcam.arrays.engines.cuda import CudaEngine

    return CudaEngine(cupy_module())


_opened: dict[str, Engine] = {}
