"""Operators on integers and narrow floats, each as float32 operators on the real numbers that they stand for."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper

from fastcam.model.graph.graph import Graph
from fastcam.model.graph.quantization import integer_range, is_quantized, result_scale, scale_and_zero

NARROW = frozenset({TensorProto.FLOAT16, TensorProto.BFLOAT16, TensorProto.DOUBLE})
INTEGERS = frozenset({TensorProto.INT8, TensorProto.UINT8, TensorProto.INT16, TensorProto.UINT16})
UNARY = {
    "QLinearGlobalAveragePool": "GlobalAveragePool",
    "QLinearAveragePool": "AveragePool",
    "QLinearSigmoid": "Sigmoid",
    "QLinearLeakyRelu": "LeakyRelu",
    "QLinearSoftmax": "Softmax",
    "QLinearReduceMean": "ReduceMean",
}


class Float32Nodes:
    """Nodes in float32.

    A quantisation also clips. Where that only cuts off what is rare, it is an error of quantisation and left out; where
    a ReLU was folded into it, it is part of the model, and kept. Through many layers errors add up: then all clip.

    Parameters
    ----------
    clipped
        Results of nodes that are clipped from below by their quantisation; None: none is, and what could be is put down
        in `clips`.
    saturating
        All quantisations clip, from below and above.

    Attributes
    ----------
    nodes, stored
        The new nodes, and tensors that they need besides those of the graph.
    changed
        Some operator was put into float32.
    clips
        (result, value before it, least value that it can hold, scale): names of tensors.
    """

    def __init__(
        self,
        graph: Graph,
        nodes: Sequence[NodeProto],
        clipped: Collection[str] | None = None,
        saturating: bool = False,
    ) -> None:
        self.graph, self.clipped, self.saturating = graph, clipped, saturating
        self.clips: list[tuple[str, str, str, str]] = []
        self.nodes: list[NodeProto] = []
        self.stored: list[TensorProto] = []
        self.changed = False
        for node in nodes:
            before = len(self.nodes)
            rule = RULES.get(node.op_type)
            if rule is None or rule(self, node) is False:
                self.nodes.append(_widened(node))
            self.changed = self.changed or len(self.nodes) != before + 1 or self.nodes[before] is not node

    def add(self, operator: str, inputs: Sequence[str], output: str = "", **attributes: Any) -> str:
        """Add a node; return the name of its result."""
        output = output or f"fastcam/float{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, list(inputs), [output], **attributes))
        return output

    def constant(self, values: Sequence[int]) -> str:
        """Store a list of integers; return its name."""
        self.stored.append(numpy_helper.from_array(np.asarray(values, np.int64), f"fastcam/constant{len(self.stored)}"))
        return self.stored[-1].name

    def real(self, integers: str, scale: str, zero: str, shape: Sequence[int] = ()) -> str:
        """Add the real numbers of a stored tensor of integers; scale and zero point are brought into that shape."""

        def arranged(name: str) -> str:
            return self.add("Reshape", [name, self.constant(shape)]) if shape else name

        values = self.add("Cast", [integers], to=TensorProto.FLOAT)
        if zero:
            values = self.add("Sub", [values, arranged(self.add("Cast", [zero], to=TensorProto.FLOAT))])
        return self.add("Mul", [values, arranged(scale)]) if scale else values

    def result(self, node: NodeProto, value: str) -> None:
        """Add the node's own result, clipped where its quantisation clips more than rare values."""
        output, quantised = node.output[0], result_scale(node)
        ends = None if quantised is None else integer_range(self.graph, node, quantised[1])
        keeps = self.saturating or self.clipped is None or output in self.clipped
        if quantised is None or ends is None or not keeps:
            self.add("Identity", [value], output)
            return
        least = self._real_end(output, ends[0], *quantised)
        if self.saturating:
            most = self._real_end(output, ends[1], *quantised)
            self.add("Min", [self.add("Max", [value, least]), most], output)
        elif self.clipped is None:
            self.clips.append((output, value, least, quantised[0]))
            self.add("Identity", [value], output)
        else:
            self.add("Max", [value, least], output)

    def _real_end(self, output: str, integer: int, scale: str, zero: str) -> str:
        """Add the real number that an integer of a result stands for."""
        name = f"{output}/{integer}"
        self.stored.append(numpy_helper.from_array(np.asarray(integer, np.float32), name))
        if zero:
            name = self.add("Sub", [name, self.add("Cast", [zero], to=TensorProto.FLOAT)])
        return self.add("Mul", [name, scale])

    def is_data(self, name: str) -> bool:
        """Return whether a tensor depends on the image."""
        return name in self.graph.data


def _attributes(node: NodeProto) -> dict[str, Any]:
    return {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}


def _input(node: NodeProto, k: int) -> str:
    return node.input[k] if k < len(node.input) else ""


def _quantize(to: Float32Nodes, node: NodeProto) -> bool:
    if to.is_data(node.input[0]):
        to.result(node, node.input[0])
    return to.is_data(node.input[0])


def _dequantize(to: Float32Nodes, node: NodeProto) -> bool:
    if to.is_data(node.input[0]):
        to.add("Identity", [_operand(to, node, 0)], node.output[0])
    return to.is_data(node.input[0])


def _dynamic_quantize(to: Float32Nodes, node: NodeProto) -> None:
    to.add("Identity", [node.input[0]], node.output[0])
    for name, value in zip(node.output[1:], (1.0, 0.0), strict=False):
        if name:
            to.stored.append(numpy_helper.from_array(np.asarray(value, np.float32), name))


def _conv(to: Float32Nodes, node: NodeProto) -> None:
    attributes = _attributes(node)
    channels_last = attributes.pop("channels_last", 0)
    shape = (-1, 1, 1, 1)
    weights = to.real(node.input[3], node.input[4], node.input[5], shape)
    inputs = [_first(to, _operand(to, node, 0), channels_last), weights]
    if _input(node, 8):
        inputs.append(to.real(node.input[8], to.add("Mul", [node.input[1], node.input[4]]), ""))
    to.result(node, _last(to, to.add("Conv", inputs, **attributes), channels_last))


def _matmul(to: Float32Nodes, node: NodeProto) -> None:
    to.result(node, to.add("MatMul", [_operand(to, node, k) for k in (0, 3)]))


def _gemm(to: Float32Nodes, node: NodeProto) -> None:
    attributes = _attributes(node)
    shape = (-1, 1) if attributes.get("transB") else ()
    weights = to.real(node.input[3], node.input[4], node.input[5], shape)
    inputs = [_operand(to, node, 0), weights]
    if _input(node, 6):
        # Its integers count alpha as well: alpha * scale of the data * scale of the weights.
        inputs.append(to.real(node.input[6], to.add("Mul", [node.input[1], node.input[4]]), ""))
        attributes["beta"] = attributes.get("alpha", 1.0)
    to.result(node, to.add("Gemm", inputs, **attributes))


def _unary(to: Float32Nodes, node: NodeProto) -> None:
    attributes = _attributes(node)
    channels_last = attributes.pop("channels_last", 0)
    attributes.pop("opset", None)
    value = to.add(UNARY[node.op_type], [_first(to, _operand(to, node, 0), channels_last)], **attributes)
    to.result(node, _last(to, value, channels_last))


def _binary(to: Float32Nodes, node: NodeProto) -> None:
    operands = [_operand(to, node, k) for k in (0, 3)]
    to.result(node, to.add(node.op_type.removeprefix("QLinear"), operands))


def _operand(to: Float32Nodes, node: NodeProto, k: int) -> str:
    """Return an operand, followed by its scale and zero point, as real numbers, which data are already."""
    if to.is_data(node.input[k]) and scale_and_zero(to.graph, node.input[k]) is not None:
        return node.input[k]
    return to.real(node.input[k], node.input[k + 1], _input(node, k + 2))


def _concat(to: Float32Nodes, node: NodeProto) -> None:
    operands = [_operand(to, node, k) for k in range(2, len(node.input), 3)]
    to.result(node, to.add("Concat", operands, **_attributes(node)))


def _integer(to: Float32Nodes, node: NodeProto) -> None:
    """Sums of products of integers. Their scales follow as nodes of their own; the image's is 1 when it is dynamic."""
    data = node.input[0]
    if (quantised := scale_and_zero(to.graph, data)) is not None:
        data = to.add("Div", [data, quantised[0]])
    rank = (-1, 1, 1, 1) if node.op_type == "ConvInteger" and _input(node, 3) else ()
    weights = to.real(node.input[1], "", _input(node, 3), shape=rank)
    to.add(node.op_type.removesuffix("Integer"), [data, weights], node.output[0], **_attributes(node))


def _integer_to_float(to: Float32Nodes, node: NodeProto) -> None:
    dynamic = node.op_type == "DynamicQuantizeMatMul"
    scale, zero, bias = (2, 3, 4) if dynamic else (3, 5, 6)
    weights = to.real(node.input[1], node.input[scale], _input(node, zero))
    bias_name = _input(node, bias)
    product = to.add("MatMul", [node.input[0], weights], "" if bias_name else node.output[0])
    if bias_name:
        to.add("Add", [product, bias_name], node.output[0])


def _cast(to: Float32Nodes, node: NodeProto) -> bool:
    kind = to.graph.attribute(node, "to")
    # An integer stands for a real number in a quantised model only; elsewhere such a cast rounds.
    stands = kind in INTEGERS and to.is_data(node.input[0]) and is_quantized(to.graph)
    wide = kind in NARROW or stands
    if wide:
        to.add("Cast", [node.input[0]], node.output[0], to=TensorProto.FLOAT)
    return wide


def _first(to: Float32Nodes, name: str, channels_last: int) -> str:
    return to.add("Transpose", [name], perm=[0, 3, 1, 2]) if channels_last else name


def _last(to: Float32Nodes, name: str, channels_last: int) -> str:
    return to.add("Transpose", [name], perm=[0, 2, 3, 1]) if channels_last else name


def _widened(node: NodeProto) -> NodeProto:
    """Return the node with its narrow constants in float32; the very same object where it has none."""
    attributes = [a for a in node.attribute if a.type == a.TENSOR and a.t.data_type in NARROW]
    if not attributes:
        return node
    wide = NodeProto()
    wide.CopyFrom(node)
    for attribute in wide.attribute:
        if attribute.type == attribute.TENSOR and attribute.t.data_type in NARROW:
            values = numpy_helper.to_array(attribute.t).astype(np.float32)
            attribute.t.CopyFrom(numpy_helper.from_array(values, attribute.t.name))
    return wide


RULES: dict[str, Callable[[Float32Nodes, NodeProto], bool | None]] = {
    "QuantizeLinear": _quantize,
    "DequantizeLinear": _dequantize,
    "DynamicQuantizeLinear": _dynamic_quantize,
    "QLinearConv": _conv,
    "QLinearMatMul": _matmul,
    "QGemm": _gemm,
    **dict.fromkeys(UNARY, _unary),
    "QLinearAdd": _binary,
    "QLinearMul": _binary,
    "QLinearConcat": _concat,
    "MatMulInteger": _integer,
    "ConvInteger": _integer,
    "MatMulIntegerToFloat": _integer_to_float,
    "DynamicQuantizeMatMul": _integer_to_float,
    "Cast": _cast,
}
