"""Nodes behind those of a graph, in the form that its version of ONNX has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from numpy.typing import ArrayLike
from onnx import helper, numpy_helper

from fastcam.model.graph.graph import Graph
from fastcam.model.graph.joining import PREFIX


class Writer:
    """Adds nodes behind those of a graph, in the form that its opset has; the graph's own model stays as it is."""

    def __init__(self, graph: Graph) -> None:
        self.graph, self.count = graph, 0
        self.model = onnx.ModelProto()
        self.model.CopyFrom(graph.model)
        self.opset = next(one.version for one in self.model.opset_import if one.domain in ("", "ai.onnx"))
        least = helper.find_min_ir_version_for(list(self.model.opset_import), ignore_unknown=True)
        self.model.ir_version = max(self.model.ir_version, least)

    def add(self, operator: str, *inputs: str | ArrayLike, output: str = "", **attributes: Any) -> str:
        """A node; inputs that are values become stored ones. Returns the name of its result."""
        names = [value if isinstance(value, str) else self.stored(value) for value in inputs]
        output = output or self.name()
        self.model.graph.node.append(helper.make_node(operator, names, [output], **attributes))
        return output

    def name(self) -> str:
        """A new one."""
        self.count += 1
        return f"{PREFIX}bake/{self.count}"

    def stored(self, value: ArrayLike, name: str = "") -> str:
        """The name of a stored array: integers as int64, else float32."""
        array = np.asarray(value)
        array = array.astype(np.int64 if array.size and array.dtype.kind == "i" else np.float32)
        name = name or self.name()
        self.model.graph.initializer.append(numpy_helper.from_array(array, name))
        return name

    def reduce(self, operator: str, value: str, *axes: int) -> str:
        """Over those axes, which stay, with one entry."""
        if self.opset >= (13 if operator == "ReduceSum" else 18):
            return self.add(operator, value, list(axes), keepdims=1)
        return self.add(operator, value, axes=list(axes), keepdims=1)

    def describe(self, metadata: Mapping[str, str]) -> None:
        """Add to the model's metadata, in place of what has the same keys."""
        kept = {entry.key: entry.value for entry in self.model.metadata_props} | dict(metadata)
        helper.set_model_props(self.model, kept)


def without_stored_inputs(model: onnx.ModelProto) -> None:
    """Before version 4 of its format, stored tensors had to be inputs as well; kept so, they would be no constants."""
    if model.ir_version < 4:
        stored = {tensor.name for tensor in model.graph.initializer}
        inputs = [value for value in model.graph.input if value.name not in stored]
        del model.graph.input[:]
        model.graph.input.extend(inputs)
        model.ir_version = 4
