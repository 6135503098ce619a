"""What the integers of a quantised model stand for: real = scale * (integer - zero point)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import numpy as np
from onnx import NodeProto

from fastcam.model.graph import Graph

PREFIXES = ("QuantizeLinear", "DequantizeLinear", "DynamicQuantize", "QLinear", "QGemm", "QAttention", "QEmbed")
INTEGER_OPS = frozenset({"ConvInteger", "MatMulInteger", "MatMulIntegerToFloat", "MatMulNBits"})
# Where an operator names the scale and the zero point of its result, among its inputs.
RESULT_SCALE = {
    "QuantizeLinear": (1, 2),
    "QLinearConv": (6, 7),
    "QLinearMatMul": (6, 7),
    "QGemm": (7, 8),
    "QLinearAdd": (6, 7),
    "QLinearMul": (6, 7),
    "QLinearConcat": (0, 1),
    "QLinearGlobalAveragePool": (3, 4),
    "QLinearAveragePool": (3, 4),
    "QLinearSigmoid": (3, 4),
    "QLinearLeakyRelu": (3, 4),
    "QLinearSoftmax": (3, 4),
    "QLinearReduceMean": (3, 4),
}
# Operators that pass integers on without another scale, and nonnegative numbers without a sign.
MOVING = frozenset(
    {"Identity", "Dropout", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Slice", "Split", "Gather"}
    | {"MaxPool", "Concat", "DepthToSpace", "SpaceToDepth", "Expand", "Tile"}
)
RECTIFIED = frozenset(
    {"Relu", "Sigmoid", "HardSigmoid", "Softmax", "Exp", "Abs", "Sqrt", "QLinearSigmoid", "QLinearSoftmax"}
)
AVERAGING = frozenset(
    {"GlobalAveragePool", "AveragePool", "GlobalMaxPool", "ReduceMean", "ReduceSum", "ReduceMax", "Cast", "Add", "Mul"}
    | {
        "DequantizeLinear",
        "QuantizeLinear",
        "QLinearAdd",
        "QLinearMul",
        "QLinearConcat",
        "ReorderOutput",
        "ReorderInput",
    }
    | {"QLinearGlobalAveragePool", "QLinearAveragePool", "QLinearReduceMean", "LpPool", "GlobalLpPool"}
)


def is_quantised(graph: Graph) -> bool:
    """Some operators work on integers that stand for real numbers."""
    return any(node.op_type.startswith(PREFIXES) or node.op_type in INTEGER_OPS for node in graph.nodes)


def scale_and_zero(graph: Graph, tensor: str) -> tuple[str, str] | None:
    """Names of the scale and the zero point of a tensor of integers; None where it holds no such integers."""
    node = graph.producers.get(tensor)
    while node is not None and node.op_type in MOVING:
        node = graph.producers.get(node.input[0])
    if node is None or node.op_type not in RESULT_SCALE:
        return None
    scale, zero = RESULT_SCALE[node.op_type]
    return node.input[scale], node.input[zero] if len(node.input) > zero else ""


def clips_at_zero(graph: Graph, node: NodeProto) -> bool:
    """The zero point of a node's result is the smallest integer: real numbers below zero become zero, as by a ReLU."""
    if node.op_type not in RESULT_SCALE:
        return False
    place = RESULT_SCALE[node.op_type][1]
    if len(node.input) <= place or not node.input[place]:
        return True  # uint8, from zero on
    zero = graph.stored(node.input[place])
    return zero is not None and zero.dtype.kind in "iu" and bool((zero == np.iinfo(zero.dtype).min).all())


def nonnegative(graph: Graph) -> frozenset[str]:
    """Tensors whose real values can't be negative, whatever the image: a clip at zero does nothing to them."""
    found: set[str] = set()
    for node in graph.nodes:
        clips = node.op_type in RECTIFIED or clips_at_zero(graph, node) or _clip_from_zero(graph, node)
        if clips or keeps_nonnegative(node, found):
            found.update(name for name in node.output if name)
    return frozenset(found)


def keeps_nonnegative(node: NodeProto, nonnegative: Collection[str]) -> bool:
    """The node makes no negative numbers out of operands that have none."""
    return node.op_type in MOVING | AVERAGING and all(name in nonnegative for name in _operands(node))


def _operands(node: NodeProto) -> Sequence[str]:
    """The inputs of a node that carry values, without scales and zero points."""
    if node.op_type in ("QLinearAdd", "QLinearMul"):
        return node.input[0], node.input[3]
    if node.op_type == "QLinearConcat":
        return node.input[2::3]
    if node.op_type in ("Add", "Mul", "Concat"):
        return list(node.input)
    return node.input[:1]


def _clip_from_zero(graph: Graph, node: NodeProto) -> bool:
    """A Clip whose lower end isn't below zero; an activation that is fused into a convolution."""
    return any(low >= 0 for low in _lower_ends(graph, node))


def _lower_ends(graph: Graph, node: NodeProto) -> Iterator[float]:
    if node.op_type == "Clip":
        low = graph.attribute(node, "min")
        if low is None and len(node.input) > 1 and node.input[1]:
            low = graph.stored(node.input[1])
        if low is not None and np.size(np.asarray(low)) == 1:
            yield float(np.asarray(low).reshape(()))
    if graph.attribute(node, "activation") in (b"Relu", b"Sigmoid", b"HardSigmoid"):
        yield 0.0
    if graph.attribute(node, "activation") == b"Clip" and graph.attribute(node, "activation_params"):
        yield float(np.ravel(np.asarray(graph.attribute(node, "activation_params")))[0])
