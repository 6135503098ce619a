"""The tail of a model, from one tensor to others, as a small float32 model of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import onnx
from onnx import NodeProto, TensorProto, helper

from fastcam.errors import ModelError
from fastcam.model.graph import Graph, reads

NARROW = frozenset({TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.DOUBLE})


@dataclass(frozen=True, eq=False)
class Tail:
    """A model with one input; `floatised` says whether quantised or float16 operators were put into float32."""

    model: onnx.ModelProto
    start: str
    floatised: bool


def cut_tail(graph: Graph, start: str, ends: Sequence[str]) -> Tail:
    """The part of the graph between a tensor and the tensors that are computed from it.

    Quantised values become the real numbers that they stand for (QuantizeLinear and DequantizeLinear of data are left
    out, weights stay dequantised), float16 and float64 become float32.

    Raises
    ------
    ModelError
        The ends depend on the image by a path that doesn't pass the start.
    """
    nodes = _between(graph, start, ends)
    used = {name for node in nodes for name in reads(node)}
    stored = [graph.initializers[name] for name in sorted(used) if name in graph.initializers and name != start]
    casts, stored = _widen(stored)
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


def _between(graph: Graph, start: str, ends: Sequence[str]) -> list[NodeProto]:
    """The nodes needed for the ends, in order, when the start is given."""
    needed, wanted = set(), [end for end in ends if end != start]
    while wanted:
        name = wanted.pop()
        node = graph.producers.get(name)
        if node is None and name in graph.data:
            raise ModelError(f"{ends[0]!r} depends on the image by a path that doesn't pass {start!r}")
        if node is not None and id(node) not in needed:
            needed.add(id(node))
            wanted += [read for read in reads(node) if read != start]
    return [node for node in graph.nodes if id(node) in needed]


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
            wide = onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(value).astype("float32"))
            return helper.make_node("Constant", [], list(node.output), value=wide)
    return node
