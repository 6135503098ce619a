"""ONNX files as protobuf bytes: leave large weights in the file, add outputs, all without parsing.

A model of 500 MB is read as a few kB in which every large weight has its place in the file instead; ONNX Runtime maps
those parts. An output is added by appending bytes, since protobuf merges what is repeated
(https://protobuf.dev/programming-guides/encoding/#last-one-wins).
"""

from __future__ import annotations

import mmap
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

LARGE_WEIGHT = 1 << 16  # bytes of a weight that is left in the file
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
# Field numbers of onnx.proto.
MODEL_GRAPH, MODEL_METADATA = 7, 14
GRAPH_NODE, GRAPH_INITIALIZER, GRAPH_OUTPUT = 1, 5, 12
TENSOR_RAW_DATA, TENSOR_EXTERNAL_DATA, TENSOR_DATA_LOCATION = 9, 13, 14
EXTERNAL = 1

Buffer = bytes | mmap.mmap  # slices of both are bytes


class Field(NamedTuple):
    """One field of a message: its number, where it starts and ends, and where its payload starts."""

    number: int
    start: int
    payload: int
    end: int


@dataclass(frozen=True)
class Access:
    """The way to read a head's tensors from its model.

    Attributes
    ----------
    appendix
        Bytes that add them to the model's outputs when they are appended to it.
    outputs
        Names of those that are added.
    files
        External data beside the model, as the model names it.
    is_rewritten
        The bytes fit the model as fastcam reads it (local functions inlined, links followed, .ort converted), not its
        file.
    """

    appendix: bytes = b""
    outputs: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    is_rewritten: bool = False


def without_large_weights(data: Buffer, location: str) -> bytes:
    """Return the model with initializers of `LARGE_WEIGHT` bytes and more as external data, in the file of that name.

    Raises
    ------
    ValueError
        Not a protobuf message, or truncated.
    """
    parts: list[bytes] = []
    for field in _fields(data, 0, len(data)):
        if field.number == MODEL_GRAPH:
            graph = b"".join(_light_graph(data, field, location))
            parts.append(_bytes_field(MODEL_GRAPH, graph))
        else:
            parts.append(data[field.start : field.end])
    return b"".join(parts)


def metadata_of(data: Buffer) -> dict[str, str]:
    """Return the model's metadata; what isn't UTF-8 is replaced.

    Raises
    ------
    ValueError
        Not a protobuf message, or truncated.
    """
    found: dict[str, str] = {}
    for entry in _fields(data, 0, len(data)):
        if entry.number == MODEL_METADATA:
            parts = {part.number: data[part.payload : part.end] for part in _fields(data, entry.payload, entry.end)}
            key, value = (parts.get(number, b"").decode(errors="replace") for number in (1, 2))
            found[key] = value
    return found


def has_node(data: Buffer, operators: Collection[bytes]) -> bool:
    """Return whether a node of the model's main graph contains one of these operators' names.

    Raises
    ------
    ValueError
        Not a protobuf message, or truncated.
    """
    graphs = (field for field in _fields(data, 0, len(data)) if field.number == MODEL_GRAPH)
    fields = (field for graph in graphs for field in _fields(data, graph.payload, graph.end))
    nodes = (data[field.payload : field.end] for field in fields if field.number == GRAPH_NODE)
    return any(name in node for node in nodes for name in operators)


def appendix_of(outputs: Sequence[str], nodes: Sequence[bytes] = ()) -> bytes:
    """Return bytes that add nodes (serialised) and outputs to a model when they are appended to it."""
    parts = [_bytes_field(GRAPH_NODE, node) for node in nodes]
    parts += [_bytes_field(GRAPH_OUTPUT, _bytes_field(1, name.encode())) for name in outputs]
    return _bytes_field(MODEL_GRAPH, b"".join(parts)) if parts else b""


def _light_graph(data: Buffer, graph: Field, location: str) -> Iterator[bytes]:
    for field in _fields(data, graph.payload, graph.end):
        if field.number == GRAPH_INITIALIZER and field.end - field.payload >= LARGE_WEIGHT:
            yield _bytes_field(GRAPH_INITIALIZER, b"".join(_light_tensor(data, field, location)))
        else:
            yield data[field.start : field.end]


def _light_tensor(data: Buffer, tensor: Field, location: str) -> Iterator[bytes]:
    """Yield the tensor, its raw data replaced by their place in the file, last: a later field overrules."""
    raw: Field | None = None
    for field in _fields(data, tensor.payload, tensor.end):
        if field.number == TENSOR_RAW_DATA and field.end - field.payload >= LARGE_WEIGHT:
            raw = field
        else:
            yield data[field.start : field.end]
    if raw is not None:
        entries = {"location": location, "offset": str(raw.payload), "length": str(raw.end - raw.payload)}
        for key, value in entries.items():
            entry = _bytes_field(1, key.encode()) + _bytes_field(2, value.encode())
            yield _bytes_field(TENSOR_EXTERNAL_DATA, entry)
        yield _varint(TENSOR_DATA_LOCATION << 3 | VARINT) + _varint(EXTERNAL)


def _fields(data: Buffer, start: int, end: int) -> Iterator[Field]:
    """Yield the fields of a message, one after the other."""
    at = start
    while at < end:
        key, payload = _read_varint(data, at, end)
        kind = key & 7
        if kind == BYTES:
            length, payload = _read_varint(data, payload, end)
            stop = payload + length
        elif kind == VARINT:
            _, stop = _read_varint(data, payload, end)
        elif kind in (FIXED32, FIXED64):
            stop = payload + (4 if kind == FIXED32 else 8)
        else:
            raise ValueError(f"field of wire type {kind} at byte {at}")
        if stop > end:
            raise ValueError(f"field at byte {at} ends behind its message")
        yield Field(key >> 3, at, payload, stop)
        at = stop


def _read_varint(data: Buffer, at: int, end: int) -> tuple[int, int]:
    """Return the number at that place, and the place behind it."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= end:
            raise ValueError("the file ends within a number")
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
    raise ValueError(f"number of more than ten bytes before byte {at}")


def _varint(value: int) -> bytes:
    parts = bytearray()
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    parts.append(value)
    return bytes(parts)


def _bytes_field(number: int, payload: bytes) -> bytes:
    return _varint(number << 3 | BYTES) + _varint(len(payload)) + payload
