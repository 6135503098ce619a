"""Compilation and launch of the kernels: by CuPy, in whose place tests put a host executor with the same calls."""

import atexit
import hashlib
import os
from collections.abc import Sequence
from contextlib import suppress
from functools import cache, lru_cache
from importlib import import_module
from pathlib import Path
from shutil import rmtree
from tempfile import NamedTemporaryFile, mkdtemp
from typing import Any, Protocol

from fastcam.kernels.cuda.source import OPTIONS, source

FIXED = 1024  # most bytes of shared memory in arrays of fixed size, in kernels that ask for more


class Driver(Protocol):
    """The interface of the current device for the twins."""

    def kernel(self, name: str, function: str, constants: Sequence[tuple[str, int]]) -> Any:
        """Return a function of `<name>.cu`, compiled with these constants and called with (grid, block, arguments)."""
        ...

    @property
    def device(self) -> int:
        """Number of the device."""
        ...

    @property
    def processors(self) -> int:
        """Number of multiprocessors, each of which runs a block or more."""
        ...

    @property
    def shared_memory(self) -> int:
        """Bytes that a block may ask for, besides arrays of fixed size."""
        ...


class CupyDriver:
    """The device that is current for CuPy."""

    def kernel(self, name: str, function: str, constants: Sequence[tuple[str, int]]) -> Any:
        return _compiled(self.device, name, function, tuple(constants))

    @property
    def device(self) -> int:
        return _cupy().cuda.runtime.getDevice()

    @property
    def processors(self) -> int:
        return _attributes(self.device)["MultiProcessorCount"]

    @property
    def shared_memory(self) -> int:
        return _attributes(self.device)["MaxSharedMemoryPerBlockOptin"] - FIXED


def _cupy() -> Any:
    return import_module("cupy")


@lru_cache(maxsize=16)
def _attributes(device: int) -> dict[str, int]:
    return _cupy().cuda.Device(device).attributes


@lru_cache(maxsize=1024)
def _compiled(device: int, name: str, function: str, constants: tuple[tuple[str, int], ...]) -> Any:
    defined = tuple(f"-D{constant}={value}" for constant, value in constants)
    kernel = _cupy().RawModule(path=str(_machine_code(device, name, (*OPTIONS, *defined)))).get_function(function)
    # A block has 48 KiB unless it asks for more; to ask for all costs nothing.
    most = _attributes(device)["MaxSharedMemoryPerBlockOptin"]
    kernel.max_dynamic_shared_size_bytes = most - kernel.shared_size_bytes
    return kernel


def _machine_code(device: int, name: str, options: tuple[str, ...]) -> Path:
    """Return the file of a kernel's machine code, in CuPy's cache; compile it if there is none."""
    arch, text = _cupy().cuda.Device(device).compute_capability, source(name)
    key = hashlib.sha256(repr((text, options, arch, _cupy().cuda.nvrtc.getVersion())).encode()).hexdigest()
    file = _folder() / f"fastcam-{name}-{key[:32]}.cubin"
    if not file.is_file():
        code = machine_code(text, f"{name}.cu", options, int(arch))
        with NamedTemporaryFile(dir=file.parent, delete=False) as part:
            part.write(code)
        os.replace(part.name, file)  # whole, or not there
    return file


@cache
def _folder() -> Path:
    """Return the folder of CuPy's cache, or where it can't be written to, a new one for this process."""
    wanted = Path(os.environ.get("CUPY_CACHE_DIR") or Path.home() / ".cupy" / "kernel_cache")
    with suppress(OSError):
        wanted.mkdir(parents=True, exist_ok=True)
        if os.access(wanted, os.W_OK):
            return wanted
    made = mkdtemp(prefix="fastcam-")
    atexit.register(rmtree, made, ignore_errors=True)
    return Path(made)


def machine_code(text: str, name: str, options: Sequence[str], arch: int) -> bytes:
    """Compile a text with NVRTC for a compute capability (80 is 8.0); for a newer one than it knows, to PTX.

    CuPy's functions for NVRTC are used, not its `RawModule(code=...)`, which always adds -ftz=true: then numbers below
    the smallest normal one, small halves among them, would be zeros on a device and not on the CPU.

    Returns
    -------
    bytes
        CUBIN, or PTX, which the driver compiles further.

    Raises
    ------
    RuntimeError
        NVRTC refuses the text; the message has its log.
    """
    nvrtc = _cupy().cuda.nvrtc
    known = max((one for one in nvrtc.getSupportedArchs() if one <= arch), default=arch)
    program = nvrtc.createProgram(text, name, [], [])
    try:
        target = f"sm_{arch}" if known == arch else f"compute_{known}"
        nvrtc.compileProgram(program, [*options, f"--gpu-architecture={target}"])
        return nvrtc.getCUBIN(program) if known == arch else nvrtc.getPTX(program)
    except nvrtc.NVRTCError as error:
        raise RuntimeError(f"NVRTC can't compile {name}: {error}\n{nvrtc.getProgramLog(program)}") from error
    finally:
        nvrtc.destroyProgram(program)


current: Driver = CupyDriver()
