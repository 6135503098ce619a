"""Operators into which ONNX Runtime fuses several, taken apart again: into those of ONNX's own set."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import onnx
from onnx import NodeProto, helper

from fastcam.errors import GradientError

# What an activation's parameters are, in the order of `activation_params`.
PARAMETERS = {"Relu": (), "Tanh": (), "Sigmoid": (), "LeakyRelu": ("alpha",), "HardSigmoid": ("alpha", "beta")}


def taken_apart(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model without `FusedConv`, `FusedGemm` and `BiasGelu`.

    Raises
    ------
    GradientError
        An activation that isn't known.
    """
    if not any(node.domain == "com.microsoft" and node.op_type in RULES for node in model.graph.node):
        return model
    written = onnx.ModelProto()
    written.CopyFrom(model)
    nodes = []
    for node in model.graph.node:
        fused = node.domain == "com.microsoft" and node.op_type in RULES
        nodes += RULES[node.op_type](node) if fused else [node]
    del written.graph.node[:]
    written.graph.node.extend(nodes)
    return written


def _with_activation(node: NodeProto, operator: str, *inputs: str) -> Iterator[NodeProto]:
    """Conv or Gemm, what is added to it, and the activation behind both."""
    attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    activation = attributes.pop("activation", b"").decode()
    given, output = attributes.pop("activation_params", ()), node.output[0]
    named = [name for name in attributes if name.startswith("activation_")]
    parameters = {name.removeprefix("activation_"): attributes.pop(name) for name in named}
    names = [f"{output}/{k}" for k in range(3)]
    yield helper.make_node(operator, list(inputs), [names[0]], **attributes)
    added = node.input[3] if operator == "Conv" and len(node.input) > 3 else ""
    if added:
        yield helper.make_node("Add", [names[0], added], [names[1]])
    value = names[1] if added else names[0]
    if activation == "Clip":
        yield helper.make_node("Constant", [], [f"{output}/low"], value_float=given[0])
        yield helper.make_node("Constant", [], [f"{output}/high"], value_float=given[1])
        yield helper.make_node("Clip", [value, f"{output}/low", f"{output}/high"], [output])
    elif activation in PARAMETERS:
        parameters = dict(zip(PARAMETERS[activation], given, strict=False)) or parameters
        yield helper.make_node(activation, [value], [output], **parameters)
    elif not activation:
        yield helper.make_node("Identity", [value], [output])
    else:
        raise GradientError(f"{node.name or output!r}: {node.op_type} with the activation {activation!r} has no rule")


def _conv(node: NodeProto) -> Iterator[NodeProto]:
    return _with_activation(node, "Conv", *node.input[:3])


def _gemm(node: NodeProto) -> Iterator[NodeProto]:
    return _with_activation(node, "Gemm", *node.input)


def _bias_gelu(node: NodeProto) -> Iterator[NodeProto]:
    output = node.output[0]
    yield helper.make_node("Add", list(node.input), [f"{output}/0"])
    yield helper.make_node("Gelu", [f"{output}/0"], [output], domain="com.microsoft")


RULES: dict[str, Callable[[NodeProto], Iterator[NodeProto]]] = {
    "FusedConv": _conv,
    "FusedGemm": _gemm,
    "BiasGelu": _bias_gelu,
}
