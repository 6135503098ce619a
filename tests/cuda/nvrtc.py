"""Compiles kernels for real devices, as CuPy does, on machines without one: NVRTC of the wheel `nvidia-cuda-nvrtc`."""

import ctypes
import importlib.util
from collections.abc import Sequence
from functools import cache
from pathlib import Path

# Where the wheels for CUDA 13 and 12 have it.
_PLACES = ("cu13/lib/libnvrtc.so.13", "cuda_nvrtc/lib/libnvrtc.so.12")


def compile_cubin(code: str, arch: int, options: Sequence[str] = ()) -> bytes:
    """Machine code for devices of this compute capability (80 is 8.0). RuntimeError with NVRTC's log if it has one.

    A warning is an error, by the log: version 12 has no option for it.
    """
    program = ctypes.c_void_p()
    _call("nvrtcCreateProgram", ctypes.byref(program), code.encode(), b"kernels.cu", 0, None, None)
    try:
        wanted = [option.encode() for option in (f"--gpu-architecture=sm_{arch}", "--std=c++17", *options)]
        result = _library().nvrtcCompileProgram(program, len(wanted), (ctypes.c_char_p * len(wanted))(*wanted))
        log = _fetch("nvrtcGetProgramLog", program).rstrip(b"\0").decode()
        if result or log:
            raise RuntimeError(f"NVRTC refuses the kernels for sm_{arch}: {_meaning(result)}\n{log}")
        return _fetch("nvrtcGetCUBIN", program)
    finally:
        _call("nvrtcDestroyProgram", ctypes.byref(program))


def architectures() -> list[int]:
    """Return the architectures that the installed version compiles for."""
    count = ctypes.c_int()
    _call("nvrtcGetNumSupportedArchs", ctypes.byref(count))
    numbers = (ctypes.c_int * count.value)()
    _call("nvrtcGetSupportedArchs", numbers)
    return list(numbers)


def _fetch(function: str, program: ctypes.c_void_p) -> bytes:
    size = ctypes.c_size_t()
    _call(f"{function}Size", program, ctypes.byref(size))
    buffer = ctypes.create_string_buffer(size.value)
    _call(function, program, buffer)
    return buffer.raw


def _call(function: str, *arguments: object) -> None:
    result = getattr(_library(), function)(*arguments)
    if result:
        raise RuntimeError(f"{function}: {_meaning(result)}")


def _meaning(result: int) -> str:
    return _library().nvrtcGetErrorString(result).decode()


@cache
def _library() -> ctypes.CDLL:
    package = importlib.util.find_spec("nvidia")
    folders = package.submodule_search_locations if package else None
    paths = [Path(folder) / place for folder in folders or () for place in _PLACES]
    found = next((path for path in paths if path.is_file()), None)
    if found is None:
        raise RuntimeError("expected NVRTC, which compiles CUDA kernels; pip install nvidia-cuda-nvrtc")
    library = ctypes.CDLL(str(found))
    library.nvrtcGetErrorString.restype = ctypes.c_char_p
    return library
