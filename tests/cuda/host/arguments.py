"""Arguments of a launch: NumPy's arrays and scalars, checked against the parameters that C++ declares.

A kernel works on copies of the arrays, with guards around them that show stores out of range.
"""

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.cuda.host.library import Entry, Parameter

GUARD = 4096  # bytes; as in race.cpp
_FILL = 0xA5


def check(kernel: str, entry: Entry, arguments: Sequence[Any]) -> list[str]:
    """The names of the parameters, if these arguments fit them."""
    names = entry.parameter_names.decode().split(",") if entry.parameter_count else []
    if len(arguments) != entry.parameter_count:
        raise TypeError(
            f"{kernel}: expected {entry.parameter_count} arguments, got {len(arguments)}: {', '.join(names)}"
        )
    for position, (name, argument) in enumerate(zip(names, arguments, strict=True), start=1):
        problem = _problem(entry.parameters[position - 1], argument)
        if problem:
            raise TypeError(f"{kernel}: argument {position}, {name}: {problem}")
    return names


def _problem(parameter: Parameter, argument: Any) -> str:
    """Why the argument doesn't fit, or nothing."""
    expected = _type_name(parameter)
    if isinstance(argument, np.ndarray):
        return _problem_of_array(parameter, argument, expected)
    if isinstance(argument, np.generic):
        fits = not parameter.is_pointer and argument.dtype.itemsize == parameter.size
        fits = fits and argument.dtype.kind.encode() == parameter.kind
        return "" if fits else f"expected {expected}, got a scalar of {argument.dtype}"
    if isinstance(argument, bool | int | float):
        return f"expected {expected}, got {argument!r} of Python; say its type, as in np.int32({argument!r})"
    return f"expected {expected}, got {type(argument).__name__}"


def _problem_of_array(parameter: Parameter, array: NDArray[Any], expected: str) -> str:
    if not parameter.is_pointer:
        return f"expected {expected}, got an array"
    if not array.flags.c_contiguous:
        return "expected a C-contiguous array"
    scalar = parameter.size // parameter.lanes
    fits = array.dtype.kind.encode() == parameter.kind and array.dtype.itemsize == scalar
    is_mask = parameter.is_constant and parameter.kind == b"u" and scalar == 1 and array.dtype == np.bool_
    is_untyped = parameter.kind == b"V" and (parameter.size == 0 or array.dtype.itemsize == parameter.size)
    if not (fits or is_mask or is_untyped):
        return f"expected {expected}, got an array of {array.dtype}"
    if parameter.size and array.nbytes % parameter.size:
        return f"expected {expected}, got {array.size} numbers"
    return ""


def _type_name(parameter: Parameter) -> str:
    """Name a type for a message, as in "an array of float32"."""
    kind, scalar = parameter.kind.decode(), parameter.size // parameter.lanes
    if kind == "V":
        scalar_name = f"{parameter.size} bytes" if parameter.size else "anything"
    else:
        scalar_name = np.dtype(f"{kind}{scalar}").name
    if parameter.lanes > 1:
        scalar_name += f" in groups of {parameter.lanes}"
    return f"{'an array' if parameter.is_pointer else 'a scalar'} of {scalar_name}"


@dataclass(frozen=True)
class Copy:
    """Memory of one array, or of several that overlap, between guards."""

    names: str
    begin: int  # of the original
    size: int
    buffer: NDArray[np.uint8]
    offset: int  # of the copy in the buffer

    @property
    def address(self) -> int:
        return self.buffer.ctypes.data + self.offset

    def part(self, array: NDArray[Any]) -> NDArray[np.uint8]:
        """The bytes that stand for this array's."""
        start = self.offset + array.ctypes.data - self.begin
        return self.buffer[start : start + array.nbytes]

    def damage(self) -> str:
        """Return what a kernel wrote into the guards, or nothing."""
        end = self.offset + self.size
        before = np.flatnonzero(self.buffer[self.offset - GUARD : self.offset] != _FILL)
        if before.size:
            return f"write {GUARD - before[0]} bytes before the first byte of argument {self.names}"
        after = np.flatnonzero(self.buffer[end : end + GUARD] != _FILL)
        return f"write {after[0]} bytes past the end of argument {self.names}" if after.size else ""


class Arguments:
    """Arguments as a kernel takes them."""

    def __init__(self, entry: Entry, names: Sequence[str], values: Sequence[Any]) -> None:
        arrays = {name: value for name, value in zip(names, values, strict=True) if isinstance(value, np.ndarray)}
        self._constant = {name for i, name in enumerate(names) if entry.parameters[i].is_constant}
        self._arrays = arrays
        self.copies = _copies(arrays)
        self._copy_of = {name: copy for copy in self.copies for name in copy.names.split("/")}
        self._kept = [self._in_memory(name, value) for name, value in zip(names, values, strict=True)]
        addresses = [ctypes.addressof(memory) for memory in self._kept]
        self.pointers = (ctypes.c_void_p * len(addresses))(*addresses)

    def _in_memory(self, name: str, value: Any) -> "ctypes.Array[ctypes.c_char]":
        if isinstance(value, np.ndarray):
            copy = self._copy_of[name]
            value = np.uint64(copy.address + value.ctypes.data - copy.begin)
        return ctypes.create_string_buffer(value.tobytes(), value.nbytes)

    def damage(self) -> str:
        """Stores out of range, or nothing."""
        return next(filter(None, (copy.damage() for copy in self.copies)), "")

    def take_back(self) -> str:
        """Write results into the arrays. Returns which of the others were changed, or nothing."""
        for name, array in self._arrays.items():
            if array.flags.writeable and name not in self._constant:
                _bytes_of(array)[...] = self._copy_of[name].part(array)
        for name, array in self._arrays.items():
            if not np.array_equal(_bytes_of(array), self._copy_of[name].part(array)):
                return f"write to argument {name}, which is read-only"
        return ""


def _copies(arrays: dict[str, NDArray[Any]]) -> list[Copy]:
    """A copy for each array; one for those that overlap, so that they do so in the copy."""
    groups: list[tuple[list[str], int, int]] = []
    for name, array in sorted(arrays.items(), key=lambda item: item[1].ctypes.data):
        begin, end = array.ctypes.data, array.ctypes.data + array.nbytes
        if groups and begin < groups[-1][2]:
            names, first, last = groups[-1]
            groups[-1] = ([*names, name], first, max(last, end))
        else:
            groups.append(([name], begin, end))
    return [_copied(names, begin, end, arrays) for names, begin, end in groups]


def _copied(names: list[str], begin: int, end: int, arrays: dict[str, NDArray[Any]]) -> Copy:
    buffer = np.full(end - begin + 2 * GUARD + 64, _FILL, np.uint8)
    offset = GUARD + (begin - buffer.ctypes.data - GUARD) % 64  # as well aligned as the original, and no better
    copy = Copy("/".join(names), begin, end - begin, buffer, offset)
    for name in names:
        copy.part(arrays[name])[...] = _bytes_of(arrays[name])
    return copy


def _bytes_of(array: NDArray[Any]) -> NDArray[np.uint8]:
    return array.reshape(-1).view(np.uint8)
