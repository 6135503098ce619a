"""Where a head may be: walk back from an output, through operators that a linear head is made of, to the pooling.

This only proposes; `fastcam.model.proof` decides by running the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from onnx import NodeProto, TensorProto, numpy_helper

from fastcam.errors import HeadNotFoundError
from fastcam.model.graph import Graph
from fastcam.model.head import Activation, Layout

RESHAPING = frozenset({"Identity", "Dropout", "Cast", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose"})
QUANTISING = frozenset({"QuantizeLinear", "DequantizeLinear"})
LINEAR = frozenset({"Gemm", "MatMul", "Conv", "Add", "Sub", "Mul", "Div", "BatchNormalization"})
ACTIVATIONS: dict[str, Activation] = {"Softmax": "softmax", "LogSoftmax": "softmax", "Sigmoid": "sigmoid"}
POOLING = frozenset({"GlobalAveragePool", "AveragePool", "ReduceMean"})
INTEGER = frozenset({TensorProto.UINT8, TensorProto.INT8})


@dataclass(frozen=True)
class Proposal:
    """A head to be proven. `pooled` and `layout` are None when the caller named the feature maps."""

    output: str
    feature_maps: str
    logits: str
    activation: Activation
    pooled: str | None = None
    pooling: str = "mean"
    layout: Layout | None = None


def propose(graph: Graph, output: str | None = None, feature_maps: str | None = None) -> list[Proposal]:
    """Every head that the graph's structure allows, at most one for each logits tensor.

    Raises
    ------
    HeadNotFoundError
        No output leads to one, with the reason for each; or a name that was given isn't in the graph.
    """
    outputs = _chosen_outputs(graph, output)
    if feature_maps is not None and feature_maps not in graph.data:
        raise HeadNotFoundError(
            f"head: expected the name of a tensor that depends on the image; got {feature_maps!r}",
            candidates=pooled_tensors(graph),
        )
    found: dict[str, Proposal] = {}
    reasons = []
    for name in outputs:
        walked = _walk_back(graph, name, feature_maps)
        if isinstance(walked, str):
            reasons.append(walked)
        else:
            found.setdefault(walked.logits, walked)
    if not found:
        raise HeadNotFoundError(
            "no head found for which class activation maps are exact (global average pooling, then only linear layers)",
            reasons=reasons,
            candidates=pooled_tensors(graph),
        )
    return list(found.values())


def pooled_tensors(graph: Graph) -> list[str]:
    """Inputs of the pooling nodes: what a caller may want to try as `head=`."""
    return [node.input[0] for node in graph.nodes if node.op_type in POOLING and node.input[0] in graph.data]


def _chosen_outputs(graph: Graph, output: str | None) -> Sequence[str]:
    if output is None:
        return graph.outputs
    if output not in graph.outputs:
        raise HeadNotFoundError(
            f"output: expected one of the model's outputs {list(graph.outputs)}; got {output!r}",
            candidates=graph.outputs,
        )
    return (output,)


def _walk_back(graph: Graph, output: str, feature_maps: str | None) -> Proposal | str:
    """The head behind an output, or the reason why there is none."""
    tensor = logits = output
    activation: Activation = "none"
    behind_head = False  # past the first operator that may carry weights
    integer = any(v.name == output and v.type.tensor_type.elem_type in INTEGER for v in graph.model.graph.output)
    while tensor != feature_maps:
        node = graph.producers.get(tensor)
        if node is None:
            return f"output {output!r}: the walk back reached the input {tensor!r} without meeting a pooling"
        inputs = graph.data_inputs(node)
        if node.op_type in ACTIVATIONS and not behind_head and activation == "none":
            activation, logits = ACTIVATIONS[node.op_type], node.input[0]
        elif node.op_type == "QuantizeLinear" and integer and not behind_head:
            integer, logits = False, node.input[0]
        elif feature_maps is None and node.op_type in POOLING:
            layout = _pooled_layout(graph, node)
            if layout is None:
                return f"output {output!r}: {_named(node)} doesn't pool just the spatial axes of a 4-D tensor"
            return Proposal(output, node.input[0], logits, activation, tensor, _named(node), layout)
        elif feature_maps is not None and node.op_type not in RESHAPING | QUANTISING:
            break  # the logits are known, and the caller vouches for the rest
        elif len(inputs) != 1 or node.op_type not in RESHAPING | QUANTISING | LINEAR:
            reason = f"has {len(inputs)} inputs that depend on the image" if len(inputs) > 1 else "isn't linear"
            return f"output {output!r}: {_named(node)} stands between it and a global average pooling, and {reason}"
        behind_head = behind_head or node.op_type in LINEAR
        tensor = inputs[0]
    return Proposal(output, str(feature_maps), logits, activation)


def _pooled_layout(graph: Graph, node: NodeProto) -> Layout | None:
    """Which axes of a 4-D input the pooling takes the mean of; None if not exactly the two spatial ones."""
    if node.op_type != "ReduceMean":
        return "NCHW"
    axes = graph.attribute(node, "axes")
    if axes is None and len(node.input) > 1:
        axes = _constant(graph, node.input[1])
    if axes is None:
        return None
    return {(2, 3): "NCHW", (1, 2): "NHWC"}.get(tuple(sorted(int(axis) % 4 for axis in axes)))  # type: ignore[union-attr]


def _constant(graph: Graph, name: str) -> list[int] | None:
    """A stored tensor's values as a list; None where it is computed."""
    if name in graph.initializers:
        return numpy_helper.to_array(graph.initializers[name]).ravel().tolist()
    node = graph.producers.get(name)
    if node is not None and node.op_type == "Constant":
        value = graph.attribute(node, "value")
        if isinstance(value, TensorProto):
            return numpy_helper.to_array(value).ravel().tolist()
        return list(graph.attribute(node, "value_ints", []))  # type: ignore[call-overload]
    return None


def _named(node: NodeProto) -> str:
    return f"{node.op_type} {node.name or node.output[0]!r}"
