"""The tail of a model, from one tensor to others, as a small float32 model of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

from fastcam.errors import ModelError
from fastcam.model.graph import SHAPE_OPS, Graph, reads

NARROW = frozenset({TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.DOUBLE})


@dataclass(frozen=True, eq=False)
class Tail:
    """A model with one input; `floatised` says whether quantised or float16 operators were put into float32."""

    model: onnx.ModelProto
    start: str
    floatised: bool


def cut_tail(
    graph: Graph, start: str, ends: Sequence[str], shapes: Mapping[str, NDArray[np.integer]] | None = None
) -> Tail:
    """The part of the graph between a tensor and the tensors that are computed from it.

    Quantised values become the real numbers that they stand for (QuantizeLinear and DequantizeLinear of data are left
    out, weights stay dequantised), float16 and float64 become float32.

    Parameters
    ----------
    shapes
        Values of `upstream_shapes`: sizes of earlier tensors become constants.

    Raises
    ------
    ModelError
        The ends depend on the image by a path that doesn't pass the start.
    """
    nodes, frozen = _between(graph, start, ends)
    used = {name for node in nodes for name in reads(node)}
    stored = [graph.initializers[name] for name in sorted(used) if name in graph.initializers and name != start]
    casts, stored = _widen(stored)
    stored += [numpy_helper.from_array(np.asarray((shapes or {})[name]), name) for name in frozen]
    floats = [_in_float32(graph, node) for node in nodes]
    body = helper.make_graph(
        [*casts, *floats],
        "tail",
        [helper.make_tensor_value_info(start, TensorProto.FLOAT, None)],
        [helper.make_tensor_value_info(end, TensorProto.FLOAT, None) for end in ends],
        stored,
    )
    version = graph.model.ir_version
    model = helper.make_model(body, ir_version=version, opset_imports=list(graph.model.opset_import))
    return Tail(model, start, bool(casts) or any(new is not old for new, old in zip(floats, nodes, strict=True)))


def upstream_shapes(graph: Graph, start: str, ends: Sequence[str]) -> list[str]:
    """Sizes of tensors before the start that the ends are computed with, as by `x.view(image.size(0), -1)`."""
    return _between(graph, start, ends)[1]


def _between(graph: Graph, start: str, ends: Sequence[str]) -> tuple[list[NodeProto], list[str]]:
    """The nodes needed for the ends, in order, when the start is given; and the sizes of earlier tensors among them."""
    behind = {start}
    for node in graph.nodes:
        if any(name in behind for name in reads(node)):
            behind.update(node.output)
    needed, frozen, wanted = set(), set(), [end for end in ends if end != start]
    while wanted:
        name = wanted.pop()
        node = graph.producers.get(name)
        if node is None and name in graph.data:
            raise ModelError(f"{ends[0]!r} depends on the image by a path that doesn't pass {start!r}")
        if node is None or id(node) in needed:
            continue
        if node.op_type in SHAPE_OPS and graph.data_inputs(node) and node.input[0] not in behind:
            frozen.add(name)
            continue
        needed.add(id(node))
        wanted += [read for read in reads(node) if read != start]
    return [node for node in graph.nodes if id(node) in needed], sorted(frozen)


def _widen(stored: list[TensorProto]) -> tuple[list[NodeProto], list[TensorProto]]:
    """Stored float16 and float64 tensors, cast to float32 by a node (so that external data stays where it is)."""
    casts, tensors = [], []
    for tensor in stored:
        if tensor.data_type in NARROW:
            narrow = onnx.TensorProto()
            narrow.CopyFrom(tensor)
            narrow.name = f"{tensor.name}/narrow"
            casts.append(helper.make_node("Cast", [narrow.name], [tensor.name], to=TensorProto.FLOAT))
            tensors.append(narrow)
        else:
            tensors.append(tensor)
    return casts, tensors


def _in_float32(graph: Graph, node: NodeProto) -> NodeProto:
    """The node on real numbers; the very same object where there is nothing to change."""
    if node.op_type in ("QuantizeLinear", "DequantizeLinear") and node.input[0] in graph.data:
        return helper.make_node("Identity", [node.input[0]], [node.output[0]])
    if node.op_type == "Cast" and graph.attribute(node, "to") in NARROW:
        return helper.make_node("Cast", list(node.input), list(node.output), to=TensorProto.FLOAT)
    if node.op_type == "Constant":
        value = graph.attribute(node, "value")
        if isinstance(value, TensorProto) and value.data_type in NARROW:
            wide = numpy_helper.from_array(numpy_helper.to_array(value).astype("float32"))
            return helper.make_node("Constant", [], list(node.output), value=wide)
    return node
