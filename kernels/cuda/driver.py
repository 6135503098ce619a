"""Who compiles and launches kernels: CuPy. Tests put a host executor in its place, behind the same few calls."""

from collections.abc import Sequence
from functools import lru_cache
from importlib import import_module
from typing import Any, Protocol

from fastcam.kernels.cuda.source import OPTIONS, source


class Driver(Protocol):
    """What the twins need of a device, the current one."""

    def kernel(self, name: str, function: str, constants: Sequence[tuple[str, int]]) -> Any:
        """The function of `<name>.cu` compiled with these constants, to be called with (grid, block, arguments)."""
        ...

    @property
    def device(self) -> int:
        """Which of the machine's."""
        ...

    @property
    def processors(self) -> int:
        """Multiprocessors, each of which runs a block or more."""
        ...

    @property
    def shared_memory(self) -> int:
        """Bytes that a block may have."""
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
        # What kernels hold in arrays of fixed size comes off it.
        return _attributes(self.device)["MaxSharedMemoryPerBlockOptin"] - 1024


def _cupy() -> Any:
    return import_module("cupy")


@lru_cache(maxsize=16)
def _attributes(device: int) -> dict[str, int]:
    return _cupy().cuda.Device(device).attributes


@lru_cache(maxsize=1024)
def _compiled(device: int, name: str, function: str, constants: tuple[tuple[str, int], ...]) -> Any:
    defined = tuple(f"-D{constant}={value}" for constant, value in constants)
    kernel = _cupy().RawModule(code=source(name), options=(*OPTIONS, *defined)).get_function(function)
    # What a block has without asking is 48 KiB; asking for all that there is costs nothing.
    kernel.max_dynamic_shared_size_bytes = CupyDriver().shared_memory - kernel.shared_size_bytes
    return kernel


current: Driver = CupyDriver()
