"""Read an inner tensor from outside: an output more, and a node before it where the tensor isn't plain floats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from onnx import NodeProto, TensorProto, helper

from fastcam.model.graph.graph import BLOCKED, Graph
from fastcam.model.graph.quantization import MOVING, scale_and_zero

REAL = "/real"  # behind the name of a tensor whose real numbers are an output


def own_name(graph: Graph, name: str) -> str:
    """Return the graph's tensor behind an output's name, as heads have it."""
    return name if name in graph.data else name.removesuffix(REAL)


@dataclass(frozen=True)
class Exposed:
    """A tensor's name as an output, and the node that makes it plain floats, if it needs one."""

    tensor: str
    name: str
    node: bytes | None = None


def expose(graph: Graph, tensors: Sequence[str]) -> list[Exposed]:
    """Return the outputs with tensors' real values, (N, C, h, w) where the model has channels in blocks."""
    found = []
    for tensor in tensors:
        name = f"{tensor}{REAL}"
        node = _unblocking(graph, tensor, name) if tensor in graph.blocked else _converting(graph, tensor, name)
        found.append(Exposed(tensor, name, node.SerializeToString()) if node else Exposed(tensor, tensor))
    return found


def _unblocking(graph: Graph, tensor: str, name: str) -> NodeProto | None:
    """Return a node that puts channels in order; the next such node behind it has their number without padding."""
    reached = {tensor}
    for node in graph.nodes:
        if not any(read in reached for read in node.input):
            continue
        if node.op_type == "ReorderOutput":
            channels = graph.attribute(node, "channels")
            return helper.make_node("ReorderOutput", [tensor], [name], domain=BLOCKED, channels=channels)
        if node.op_type != "Conv":
            reached.update(node.output)
    return None


def _converting(graph: Graph, tensor: str, name: str) -> NodeProto | None:
    """Return a node that makes floats of integers and of bfloat16, which NumPy doesn't have."""
    quantised = scale_and_zero(graph, tensor)
    if quantised is not None:
        return helper.make_node("DequantizeLinear", [tensor, *(part for part in quantised if part)], [name])
    node = graph.producers.get(tensor)
    while node is not None and node.op_type in MOVING and graph.data_inputs(node):
        node = graph.producers.get(graph.data_inputs(node)[0])
    if node is not None and node.op_type == "Cast" and graph.attribute(node, "to") == TensorProto.BFLOAT16:
        return helper.make_node("Cast", [tensor], [name], to=TensorProto.FLOAT)
    return None
