"""Where a head may be: walk back from an output, through operators that a linear head is made of, to the pooling.

This only proposes; `fastcam.model.proof` decides by running the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, numpy_helper

from fastcam.errors import HeadNotFoundError
from fastcam.model.graph import Graph
from fastcam.model.head import Activation, Layout

RESHAPING = frozenset({"Identity", "Dropout", "Cast", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose"})
QUANTISING = frozenset({"QuantizeLinear", "DequantizeLinear"})
LINEAR = frozenset({"Gemm", "MatMul", "Conv", "Add", "Sub", "Mul", "Div", "BatchNormalization"})
WEIGHTED = frozenset({"Gemm", "MatMul", "Conv"})
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
    passed: frozenset[str] = frozenset()  # tensors between the feature maps and the output


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
    walks = {name: _Walk(graph, name, feature_maps).back() for name in outputs}
    reasons = [walked for walked in walks.values() if isinstance(walked, str)]
    proposals = [walked for walked in walks.values() if isinstance(walked, Proposal)]
    # An output that another is computed from (an embedding, logits beside probabilities) is no head of its own.
    passed = {name for proposal in proposals for name in proposal.passed - {proposal.output}}
    found = {proposal.logits: proposal for proposal in proposals if proposal.output not in passed}
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


class _Walk:
    """The walk from one output back to its head."""

    def __init__(self, graph: Graph, output: str, feature_maps: str | None) -> None:
        self.graph, self.output, self.feature_maps = graph, output, feature_maps
        self.logits = output
        self.activation: Activation = "none"
        self.passed = {output}
        self._weighted = False  # past the first operator that may carry weights
        kinds = {value.name: value.type.tensor_type.elem_type for value in graph.model.graph.output}
        self._integer = kinds.get(output) in INTEGER
        self._rectified = ""  # past a quantisation that keeps no negative values

    def back(self) -> Proposal | str:
        """The head behind the output, or the reason why there is none."""
        tensor = self.output
        while tensor != self.feature_maps:
            node = self.graph.producers.get(tensor)
            if node is None:
                return self._reason(f"the walk back reached the input {tensor!r} without meeting a pooling")
            inputs = self.graph.data_inputs(node)
            if not inputs:
                return self._reason("it doesn't depend on the image")
            named = self.feature_maps is not None
            if not named and node.op_type in POOLING:
                return self._pooled(node, tensor, inputs[0])
            if not self._is_final(node):
                if named and node.op_type not in RESHAPING | QUANTISING:
                    break  # the logits are known, and the caller vouches for the rest
                if reason := self._obstacle(node, inputs):
                    return self._reason(f"{_named(node)} stands between it and a global average pooling, and {reason}")
            self._weighted = self._weighted or node.op_type in LINEAR
            tensor = inputs[0]
            self.passed.add(tensor)
        return self._proposal(str(self.feature_maps))

    def _is_final(self, node: NodeProto) -> bool:
        """A softmax, sigmoid or quantisation behind the head: the logits lie before it."""
        if self._weighted:
            return False
        if node.op_type in ACTIVATIONS and self.activation == "none":
            self.activation = ACTIVATIONS[node.op_type]
        elif node.op_type == "QuantizeLinear" and self._integer:
            self._integer = False
        else:
            return False
        self.logits = node.input[0]
        return True

    def _obstacle(self, node: NodeProto, inputs: list[str]) -> str:
        """Why the walk can't pass a node; empty if it can."""
        if len(inputs) > 1:
            return f"has {len(inputs)} inputs that depend on the image"
        if node.op_type not in RESHAPING | QUANTISING | LINEAR:
            return "isn't linear"
        if node.op_type == "QuantizeLinear" and self._weighted and _keeps_no_negatives(self.graph, node):
            self._rectified = _named(node)
        if node.op_type in WEIGHTED and self._rectified:
            return f"{self._rectified} behind it keeps no negative values, as a ReLU would"
        return ""

    def _pooled(self, node: NodeProto, pooled: str, feature_maps: str) -> Proposal | str:
        layout = _pooled_layout(self.graph, node)
        if layout is None:
            return self._reason(f"{_named(node)} doesn't pool just the spatial axes of a 4-D tensor")
        return self._proposal(feature_maps, pooled=pooled, pooling=_named(node), layout=layout)

    def _proposal(self, feature_maps: str, **how: Any) -> Proposal:
        return Proposal(self.output, feature_maps, self.logits, self.activation, passed=frozenset(self.passed), **how)

    def _reason(self, text: str) -> str:
        return f"output {self.output!r}: {text}"


def _keeps_no_negatives(graph: Graph, node: NodeProto) -> bool:
    """The zero point is the smallest integer, so real numbers below zero become zero."""
    zero = _stored(graph, node.input[2]) if len(node.input) > 2 and node.input[2] else np.zeros(1, np.uint8)
    return zero is not None and zero.dtype.kind in "iu" and bool((zero == np.iinfo(zero.dtype).min).all())


def _pooled_layout(graph: Graph, node: NodeProto) -> Layout | None:
    """Which axes of a 4-D input the pooling takes the mean of; None if not exactly the two spatial ones."""
    if node.op_type != "ReduceMean":
        return "NCHW"
    axes = graph.attribute(node, "axes")
    if axes is None and len(node.input) > 1:
        axes = _stored(graph, node.input[1])
    if axes is None:
        return None
    pooled = sorted(int(axis) % 4 for axis in np.ravel(np.asarray(axes)))
    return "NCHW" if pooled == [2, 3] else "NHWC" if pooled == [1, 2] else None


def _stored(graph: Graph, name: str) -> NDArray[Any] | None:
    """A small tensor's values; None where it is computed or lies in another file."""
    tensor = graph.initializers.get(name)
    node = graph.producers.get(name)
    if node is not None and node.op_type == "Constant":
        value = graph.attribute(node, "value")
        if not isinstance(value, TensorProto):
            return np.asarray(graph.attribute(node, "value_ints", graph.attribute(node, "value_int", [])))
        tensor = value
    if tensor is None or tensor.data_location == TensorProto.EXTERNAL:
        return None
    return numpy_helper.to_array(tensor)


def _named(node: NodeProto) -> str:
    return f"{node.op_type} {node.name or node.output[0]!r}"
