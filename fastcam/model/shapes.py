"""Whether an image size fits a model, without running it."""

from __future__ import annotations

from collections.abc import Sequence

import onnx
from onnx import helper

from fastcam.errors import ModelError
from fastcam.model.graph import Graph

SMALL = 1024  # bytes; larger weights matter by their shape only


def check_size(graph: Graph, shape: Sequence[int]) -> None:
    """No tensor is empty when the input has this shape.

    A network that halves a small image too often ends in empty feature maps; ONNX Runtime doesn't survive pooling them
    (division by zero in native code), so this has to be known before.

    Raises
    ------
    ModelError
        A tensor would be empty.
    """
    inferred = onnx.shape_inference.infer_shapes(_with_input_shape(graph, shape))
    for value in inferred.graph.value_info:
        sides = value.type.tensor_type.shape.dim
        if len(sides) == 4 and any(side.HasField("dim_value") and side.dim_value < 1 for side in sides):
            raise ModelError(
                f"an input of shape {tuple(shape)} is too small for this model: {value.name!r} would be empty. "
                "Give a larger one: preprocess='...,size=HEIGHTxWIDTH'"
            )


def _with_input_shape(graph: Graph, shape: Sequence[int]) -> onnx.ModelProto:
    """The model with that input shape, its large weights replaced by their shapes."""
    own = graph.model.graph
    weights = {tensor.name: tensor for tensor in own.initializer}
    large = {name for name, tensor in weights.items() if tensor.ByteSize() > SMALL or tensor.data_location}
    image = graph.inputs[0]
    inputs = [helper.make_tensor_value_info(image.name, image.type.tensor_type.elem_type, shape)]
    inputs += [
        helper.make_tensor_value_info(name, weights[name].data_type, weights[name].dims) for name in sorted(large)
    ]
    small = [tensor for name, tensor in weights.items() if name not in large]
    body = helper.make_graph(graph.nodes, "shapes", inputs, list(own.output), small)
    return helper.make_model(body, ir_version=graph.model.ir_version, opset_imports=list(graph.model.opset_import))
