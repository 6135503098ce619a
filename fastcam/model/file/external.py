"""External data: weights in files beside the model. Only files of the model's own folder are ever opened."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING

from fastcam.errors import ModelError

if TYPE_CHECKING:
    import onnx


def tensors(model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    """Yield tensors whose data lie in another file: of initializers, attributes, control-flow bodies, functions."""

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

    found = chain(of_graph(model.graph), *(within(function.node) for function in model.functions))
    return (tensor for tensor in found if tensor.data_location == tensor.EXTERNAL)


def location(tensor: onnx.TensorProto) -> str:
    """Return the path of a tensor's data, as the model gives it."""
    return next((entry.value for entry in tensor.external_data if entry.key == "location"), "")


def relocate(name: str, path: Path, model: onnx.ModelProto) -> Path:
    """Rewrite the model's references to external data relative to their one real folder, and return that.

    Files lie beside the model, as it is named or as its links resolve: the cache of Hugging Face links both the model
    and its data into a folder of blobs, under names of their own.

    Raises
    ------
    ModelError
        A file is missing, outside the folder, or known under several names (hard links): it could be any file of
        the user's.
    """
    folders = (path.resolve().parent, path.parent.resolve())
    files = [(tensor, _file(name, path, tensor)) for tensor in tensors(model)]
    for folder in folders:
        if all(file.is_relative_to(folder) for _, file in files):
            for tensor, file in files:
                entry = next(entry for entry in tensor.external_data if entry.key == "location")
                entry.value = file.relative_to(folder).as_posix()
            return folder
    tensor, file = next((tensor, file) for tensor, file in files if not file.is_relative_to(folders[0]))
    raise ModelError(
        f"{_said(name, tensor)}: expected a file in the model's own folder; the link leads out of it; refused"
    )


def is_inside(where: str) -> bool:
    """Return whether a path is relative and doesn't leave its folder, on any system."""
    parts = {*PurePosixPath(where).parts, *PureWindowsPath(where).parts}
    absolute = PurePosixPath(where).is_absolute() or PureWindowsPath(where).is_absolute()
    return bool(where) and not absolute and ".." not in parts


def _file(name: str, path: Path, tensor: onnx.TensorProto) -> Path:
    """Return the real file that a tensor refers to."""
    where, said = location(tensor), _said(name, tensor)
    if not is_inside(where):
        raise ModelError(f"{said}: expected a file in the model's own folder; refused")
    file = path.parent / where
    if "\0" in where or not file.is_file():
        raise ModelError(f"{said}: no such file; copy it to {path.parent}")
    if file.stat().st_nlink > 1:
        raise ModelError(f"{said}: expected a file with one name; got one with hard links, refused. Copy it")
    return file.resolve()


def _said(name: str, tensor: onnx.TensorProto) -> str:
    return f"{name}: external data of {tensor.name!r} at {location(tensor)!r}"
