"""Real numbers behind the integers of a quantised model: real = scale * (integer - zero point)."""

from __future__ import annotations

from onnx import NodeProto, TensorProto

from fastcam.model.graph.graph import Graph

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
# Operators that pass integers on without another scale.
MOVING = frozenset(
    {"Identity", "Dropout", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Slice", "Split", "Gather"}
    | {"MaxPool", "Concat", "DepthToSpace", "SpaceToDepth", "Expand", "Tile"}
)
RANGES: dict[int, tuple[int, int]] = {
    TensorProto.UINT8: (0, 255),
    TensorProto.INT8: (-128, 127),
    TensorProto.UINT16: (0, 65535),
    TensorProto.INT16: (-32768, 32767),
    TensorProto.UINT4: (0, 15),
    TensorProto.INT4: (-8, 7),
}


def is_quantized(graph: Graph) -> bool:
    """Return whether some operators work on integers that stand for real numbers."""
    return any(node.op_type.startswith(PREFIXES) or node.op_type in INTEGER_OPS for node in graph.nodes)


def scale_and_zero(graph: Graph, tensor: str) -> tuple[str, str] | None:
    """Return names of the scale and the zero point of a tensor of integers; None for any other tensor."""
    node = graph.producers.get(tensor)
    while node is not None and node.op_type in MOVING and graph.data_inputs(node):
        node = graph.producers.get(graph.data_inputs(node)[0])
    return None if node is None else result_scale(node)


def result_scale(node: NodeProto) -> tuple[str, str] | None:
    """Return names of the scale and the zero point of a node's result; None where it makes no such integers."""
    places = RESULT_SCALE.get(node.op_type)
    if places is None or len(node.input) <= places[0] or not node.input[places[0]]:
        return None  # a QGemm may give floats
    scale, zero = places
    return node.input[scale], node.input[zero] if len(node.input) > zero else ""


def integer_range(graph: Graph, node: NodeProto, zero: str) -> tuple[int, int] | None:
    """Return the least and the greatest integer of a node's result, by the type of its zero point; None: not known."""
    kind = graph.attribute(node, "output_dtype", 0) or TensorProto.UINT8
    if not zero and node.op_type in ("QLinearAdd", "QLinearMul"):
        zero = node.input[2] or node.input[5]  # the operands are of the same type
    while zero:
        if zero in graph.initializers:
            kind = graph.initializers[zero].data_type
            break
        made_by = graph.producers.get(zero)
        if made_by is None:
            return None
        if made_by.op_type in ("Constant", "Cast"):
            value = graph.attribute(made_by, "value" if made_by.op_type == "Constant" else "to")
            kind = value.data_type if isinstance(value, TensorProto) else value
            break
        zero = made_by.input[0] if made_by.input else ""
    return RANGES.get(kind) if isinstance(kind, int) else None
