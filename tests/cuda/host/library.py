"""A built library as ctypes sees it: its kernels, their parameters, and the variables that they share."""

import ctypes
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_ENTRY = "cuda_host_entry_"


class Parameter(ctypes.Structure):
    """Parameter of a kernel, laid out as in entry.h."""

    _fields_ = (
        ("is_pointer", ctypes.c_uint8),
        ("is_constant", ctypes.c_uint8),
        ("kind", ctypes.c_char),
        ("lanes", ctypes.c_uint8),
        ("size", ctypes.c_uint32),
    )


class Entry(ctypes.Structure):
    """Entry of a kernel, laid out as in entry.h."""

    _fields_ = (
        ("call", ctypes.c_void_p),
        ("parameters", ctypes.POINTER(Parameter)),
        ("parameter_names", ctypes.c_char_p),
        ("parameter_count", ctypes.c_uint),
        ("most_threads", ctypes.c_uint),
    )


class Region(ctypes.Structure):
    """Region of memory, laid out as in runtime.h."""

    _fields_ = (("begin", ctypes.c_void_p), ("size", ctypes.c_uint64), ("name", ctypes.c_char_p))


class Launch(ctypes.Structure):
    """Launch of a kernel, laid out as in runtime.h."""

    _fields_ = (
        ("kernel", ctypes.c_void_p),
        ("arguments", ctypes.POINTER(ctypes.c_void_p)),
        ("regions", ctypes.POINTER(Region)),
        ("region_count", ctypes.c_uint64),
        ("shared", ctypes.POINTER(Region)),
        ("shared_count", ctypes.c_uint64),
        ("patience", ctypes.c_double),
        ("seed", ctypes.c_uint64),
        ("grid", ctypes.c_uint * 3),
        ("block", ctypes.c_uint * 3),
        ("dynamic_size", ctypes.c_uint),
        ("order", ctypes.c_uint),
    )


@dataclass(frozen=True)
class SharedVariable:
    """A `__shared__` variable of fixed size: where it lies in the library."""

    function: str
    name: str
    offset: int
    size: int


class Library:
    """The kernels of one module."""

    def __init__(self, path: Path) -> None:
        # PyDLL holds the interpreter's lock: the state of a launch is the library's, so there is one at a time.
        self._library = ctypes.PyDLL(str(path))
        self._launch = self._library.cuda_host_launch
        self._launch.restype = ctypes.c_char_p
        self.kernels, self.shared, base_offset = _symbols(path)
        base = ctypes.cast(self._launch, ctypes.c_void_p).value
        assert base is not None
        self._regions = regions(
            [(base - base_offset + item.offset, item.size, f"shared variable {item.name}") for item in self.shared]
        )

    def entry(self, name: str) -> Entry | None:
        """The kernel of that name."""
        try:
            return Entry.in_dll(self._library, _ENTRY + name)
        except ValueError:
            return None

    def launch(self, launch: Launch) -> str | None:
        """Run it; the error, if there was one."""
        launch.shared, launch.shared_count = self._regions, len(self.shared)
        error = self._launch(ctypes.byref(launch))
        return None if error is None else error.decode()


def regions(items: Sequence[tuple[int, int, str]]) -> "ctypes.Array[Region]":
    """Address, size and name of each."""
    return (Region * len(items))(*(Region(address, size, name.encode()) for address, size, name in items))


@cache
def _symbols(path: Path) -> tuple[frozenset[str], list[SharedVariable], int]:
    """The library's kernels and `__shared__` variables, and where `cuda_host_launch` lies.

    Kernels have no variables of static storage within functions but those, so they are known by their names.
    """
    listing = _output("nm", "--format=sysv", str(path))
    rows = [[field.strip() for field in line.split("|")] for line in listing.splitlines() if line.count("|") == 6]
    (base_offset,) = (int(row[1], 16) for row in rows if row[0] == "cuda_host_launch")
    kernels = frozenset(row[0].removeprefix(_ENTRY) for row in rows if row[0].startswith(_ENTRY))
    found = [
        row for row in rows if row[0].startswith("_ZZ") and "cuda_host" not in row[0] and row[6] in (".bss", ".data")
    ]
    names = _output("c++filt", *(row[0] for row in found)).splitlines() if found else []
    shared = []
    for row, full_name in zip(found, names, strict=True):
        function, _, name = full_name.rpartition("::")
        shared.append(SharedVariable(function, name, offset=int(row[1], 16), size=int(row[4], 16)))
    return kernels, shared, base_offset


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, encoding="utf-8", check=True).stdout
