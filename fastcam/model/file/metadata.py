"""Statements in a model's file beside its network: metadata, and operators that are looked for by name."""

from __future__ import annotations

import mmap
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from fastcam.model.file.source import Source
from fastcam.model.file.wire import Buffer, has_node, metadata_of, without_large_weights

if TYPE_CHECKING:
    import onnx


def read_metadata(source: Source) -> dict[str, str]:
    """Return the `metadata_props` of a model in ONNX's format; none of a file that can't be read as one.

    Nothing else is parsed: a file is mapped, and its network skipped as one field.
    """
    try:
        with _buffer(source) as data:
            return metadata_of(data)
    except (OSError, ValueError):  # whoever opens the model says so
        return {}


def model_with(source: Source, operators: Collection[str]) -> onnx.ModelProto | None:
    """Return the model without its large weights, if its main graph has one of these operators; else None."""
    import onnx
    from google.protobuf.message import DecodeError

    try:
        with _buffer(source) as data:
            if not has_node(data, [name.encode() for name in operators]):
                return None
            return onnx.ModelProto.FromString(without_large_weights(data, "weights"))
    except (OSError, ValueError, DecodeError):  # as above
        return None


@contextmanager
def _buffer(source: Source) -> Iterator[Buffer]:
    if source.data is not None or source.path is None:
        yield source.data or b""
        return
    with open(source.path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        yield mapped
