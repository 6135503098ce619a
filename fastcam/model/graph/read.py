"""Graphs of model files, in whatever format these are."""

from __future__ import annotations

from fastcam.errors import ModelError
from fastcam.model.file.source import Source, parse
from fastcam.model.graph.graph import Graph
from fastcam.model.graph.original import CLASS, original_model
from fastcam.model.run.runtime import as_onnx
from fastcam.model.run.session import Opening


def as_onnx_source(source: Source) -> Source:
    """Return the source in ONNX's own format."""
    return Source(source.path, as_onnx(source.read(), source.name)) if source.is_ort else source


def read_graph(source: Source, opening: Opening) -> Graph:
    """Return a source's graph, other inputs filled in; for a baked model the graph of the model that was baked.

    Raises
    ------
    ModelError
        It can't be read; names the source.
    """
    try:
        parsed = original_model(parse(source))
        return Graph.of(parsed, {k: v for k, v in opening.constants.items() if k != CLASS or not parsed.logits})
    except ModelError as error:
        raise error if str(error).startswith(source.name) else ModelError(f"{source.name}: {error}") from error
