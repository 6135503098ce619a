"""Shapes of a model's tensors at an image size, before anything is run, and whether it can be run at that size."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import onnx
from onnx import helper

from fastcam.errors import ModelError
from fastcam.model.graph.graph import Graph

SMALL_WEIGHT = 1024  # bytes; larger weights matter by their shape only
MOST_VALUES = 1 << 26  # values of a batch of images
MOST_ELEMENTS = 1 << 29  # elements of one tensor: 2 GiB of float32


def check_size(graph: Graph, shape: Sequence[int]) -> None:
    """Check that no tensor is empty or absurdly large when the image has this shape.

    A network that halves a small image too often ends in empty feature maps; ONNX Runtime doesn't survive pooling them
    (division by zero in native code). A few bytes of nodes can ask for terabytes. Both have to be known before.

    Raises
    ------
    ModelError
        A tensor would be empty, or larger than `MOST_ELEMENTS`.
    """
    if np.prod(shape, dtype=np.float64) > MOST_VALUES:
        raise ModelError(f"expected images of at most {MOST_VALUES} values; the model's input is {tuple(shape)}")
    for tensor in graph.model.graph.initializer:
        if any(side < 0 for side in tensor.dims):  # onnx doesn't survive that
            raise ModelError(f"{tensor.name!r}: expected sides of zero or more; got {list(tensor.dims)}")
    light = _with_input_shape(graph, shape)
    # onnx ends the process where a Slice gets sides below zero, as convolutions make of too small an image: look first.
    unsliced = onnx.ModelProto()
    unsliced.CopyFrom(light)
    kept = [node for node in light.graph.node if node.op_type != "Slice"]
    if len(kept) < len(light.graph.node):
        del unsliced.graph.node[:]
        unsliced.graph.node.extend(kept)
        _check_sides(unsliced, shape)
    _check_sides(light, shape)


def inferred_shapes(graph: Graph, shape: Sequence[int]) -> Mapping[str, tuple[int, ...]]:
    """Return shapes of tensors when the image has that shape; those that can't be inferred are left out."""
    inferred = onnx.shape_inference.infer_shapes(_with_input_shape(graph, shape), data_prop=True).graph
    sides = {value.name: value.type.tensor_type.shape.dim for value in (*inferred.value_info, *inferred.output)}
    known = {name: tuple(side.dim_value for side in some) for name, some in sides.items() if some}
    return {name: made for name, made in known.items() if min(made) > 0}


def peak_bytes(graph: Graph, shape: Sequence[int]) -> int:
    """Return the bytes of all tensors in float32 that are alive at once, at most, when the image has that shape.

    A node's inputs and outputs are alive while it runs; then those that no later node reads are freed. Weights, and
    what a kernel needs for itself, come on top.
    """
    sizes = {name: 4 * math.prod(made) for name, made in inferred_shapes(graph, shape).items() if name in graph.data}
    sizes[graph.image] = 4 * math.prod(shape)
    last = {name: k for k, node in enumerate(graph.nodes) for name in graph.reads(node)}
    alive = peak = sizes[graph.image]
    for k, node in enumerate(graph.nodes):
        made = [name for name in node.output if name in sizes]
        alive += sum(sizes[name] for name in made)
        peak = max(peak, alive)
        done = {name for name in graph.reads(node) if last[name] == k} | {name for name in made if name not in last}
        alive -= sum(sizes.get(name, 0) for name in done)
    return peak


def _check_sides(model: onnx.ModelProto, shape: Sequence[int]) -> None:
    inferred = onnx.shape_inference.infer_shapes(model, data_prop=True)
    for value in (*inferred.graph.value_info, *inferred.graph.output):
        sides = [side.dim_value for side in value.type.tensor_type.shape.dim if side.HasField("dim_value")]
        if np.prod(sides, dtype=np.float64) > MOST_ELEMENTS:
            raise ModelError(
                f"{value.name!r} would have {' × '.join(map(str, sides))} elements for an input of shape "
                f"{tuple(shape)}; expected at most {MOST_ELEMENTS}"
            )
        if len(sides) == 4 == len(value.type.tensor_type.shape.dim) and min(sides) < 1:
            raise ModelError(
                f"an input of shape {tuple(shape)} is too small for this model: {value.name!r} would be empty. "
                "Give a larger one: preprocess='...,size=HEIGHTxWIDTH'"
            )


def _with_input_shape(graph: Graph, shape: Sequence[int]) -> onnx.ModelProto:
    """Return the model with that input shape, its large weights replaced by their shapes."""
    own = graph.model.graph
    weights = {tensor.name: tensor for tensor in own.initializer}
    large = {name for name, tensor in weights.items() if tensor.ByteSize() > SMALL_WEIGHT or tensor.data_location}
    kinds = {value.name: value.type.tensor_type.elem_type for value in own.input}
    inputs = [helper.make_tensor_value_info(graph.image, kinds[graph.image], shape)]
    inputs += [
        helper.make_tensor_value_info(name, weights[name].data_type, weights[name].dims) for name in sorted(large)
    ]
    small = [tensor for name, tensor in weights.items() if name not in large]
    small += [onnx.numpy_helper.from_array(value, name) for name, value in graph.constants.items()]
    outputs = [helper.make_tensor_value_info(v.name, v.type.tensor_type.elem_type, None) for v in own.output]
    body = helper.make_graph(graph.nodes, "shapes", inputs, outputs, small)
    return helper.make_model(body, ir_version=graph.model.ir_version, opset_imports=list(graph.model.opset_import))
