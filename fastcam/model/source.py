"""A model as it was given: bytes or a file, with external data beside it. Read once, never written."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING

from fastcam.errors import ModelError

if TYPE_CHECKING:
    import onnx


@dataclass(frozen=True)
class Source:
    """The bytes of a model, and the folder where its external data may lie (None for a model given as bytes)."""

    data: bytes
    path: Path | None = None

    def sha256(self, external: Sequence[str] = ()) -> str:
        """Of the model file, followed by its external data files, in the order of their names."""
        total = hashlib.sha256(self.data)
        for location in sorted(set(external)):
            with open(self.path.parent / location if self.path else location, "rb") as file:
                while block := file.read(1 << 20):
                    total.update(block)
        return total.hexdigest()

    @property
    def folder(self) -> Path | None:
        """Where external data lies."""
        return None if self.path is None else self.path.parent

    @property
    def name(self) -> str:
        """For messages."""
        return "model given as bytes" if self.path is None else str(self.path)


def read_source(model: str | os.PathLike[str] | bytes) -> Source:
    """The bytes of a file, or those given.

    Raises
    ------
    ModelError
        No such file, not a regular file, unreadable, or empty.
    """
    if isinstance(model, bytes | bytearray | memoryview):
        source = Source(bytes(model))
    elif isinstance(model, str | os.PathLike):
        source = _read_file(Path(model))
    else:
        raise ModelError(
            f"model: expected a path, bytes or an onnxruntime.InferenceSession; got {type(model).__name__}"
        )
    if not source.data:
        raise ModelError(f"{source.name}: expected an ONNX model; got an empty file")
    return source


def _read_file(path: Path) -> Source:
    try:
        if not path.exists():
            raise ModelError(f"{path}: no such file; expected the path of an .onnx file")
        if not path.is_file():
            raise ModelError(f"{path}: expected the path of an .onnx file; got a directory or device")
        return Source(path.read_bytes(), path)
    except OSError as error:
        raise ModelError(f"{path}: can't be read ({error.strerror})") from error
    except ValueError as error:  # a null character in the path; ModelError is one as well
        raise error if isinstance(error, ModelError) else ModelError(f"model: expected a path; {error}") from error


def parse(source: Source) -> onnx.ModelProto:
    """The model as a protobuf, external data left where it is.

    Raises
    ------
    ModelError
        Not ONNX, truncated, without a graph, or with external data that is missing or outside the model's folder.
    """
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.ModelProto.FromString(source.data)
    except DecodeError as error:
        hint = (
            "an .ort file: give the .onnx file it was made from" if source.data[4:8] == b"ORTM" else "is it truncated?"
        )
        raise ModelError(f"{source.name}: expected an ONNX model; the file can't be parsed ({hint})") from error
    if not model.opset_import or not model.graph.node:
        raise ModelError(f"{source.name}: expected an ONNX model; got a file without operators (is it truncated?)")
    for tensor in external_tensors(model):
        _check_external_data(source, tensor.name, external_location(tensor))
    return model


def external_tensors(model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    """Every tensor whose data lie in another file: initializers, attributes, bodies of control flow, functions."""

    def within(nodes: Iterable[onnx.NodeProto]) -> Iterator[onnx.TensorProto]:
        for node in nodes:
            for attribute in node.attribute:
                yield from (attribute.t, *attribute.tensors)
                for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
                    yield from (sparse.values, sparse.indices)
                for body in (attribute.g, *attribute.graphs):
                    yield from of_graph(body)

    def of_graph(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
        yield from graph.initializer
        for sparse in graph.sparse_initializer:
            yield from (sparse.values, sparse.indices)
        yield from within(graph.node)

    tensors = chain(of_graph(model.graph), *(within(function.node) for function in model.functions))
    return (tensor for tensor in tensors if tensor.data_location == tensor.EXTERNAL)


def external_location(tensor: onnx.TensorProto) -> str:
    """Where a tensor's data lie, as the model says it."""
    return next((entry.value for entry in tensor.external_data if entry.key == "location"), "")


def _check_external_data(source: Source, tensor: str, location: str) -> None:
    """External data must be a file in the model's folder; anything else could read the user's other files."""
    said = f"{source.name}: external data of {tensor!r} at {location!r}"
    if source.folder is None:
        raise ModelError(
            f"{said}: expected a model with its weights inside; give the path of the file instead of bytes"
        )
    parts = {*PurePosixPath(location).parts, *PureWindowsPath(location).parts}
    absolute = PurePosixPath(location).is_absolute() or PureWindowsPath(location).is_absolute()
    if not location or absolute or ".." in parts:
        raise ModelError(f"{said}: expected a file in the model's own folder; refused")
    file = source.folder / location
    if "\0" in location or not file.is_file():
        raise ModelError(f"{said}: no such file; copy it to {source.folder}")
    if not file.resolve().is_relative_to(source.folder.resolve()):
        raise ModelError(f"{said}: expected a file in the model's own folder; the link leads out of it; refused")
