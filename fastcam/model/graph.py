"""The graph of a model: who makes each tensor, who depends on the image, in an order that can be walked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from fastcam.errors import ModelError
from fastcam.model.source import external_location, external_tensors

if TYPE_CHECKING:
    import onnx

QUANTISED = (
    "QuantizeLinear",
    "DequantizeLinear",
    "DynamicQuantize",
    "QLinear",
    "QGemm",
    "ConvInteger",
    "MatMulInteger",
)
SHAPE_OPS = frozenset({"Shape", "Size"})  # their results depend on an image's size, not on its values


@dataclass(frozen=True, eq=False)
class Graph:
    """A model's main graph, local functions inlined, nodes in topological order.

    Attributes
    ----------
    model
        The protobuf that the graph was read from.
    nodes
        In topological order.
    inlined
        The model had local functions, so inner tensors can only be had from `model`, not from the file.
    """

    model: onnx.ModelProto
    nodes: tuple[onnx.NodeProto, ...]
    inlined: bool = False

    @classmethod
    def of(cls, model: onnx.ModelProto) -> Graph:
        """Read a parsed model.

        Raises
        ------
        ModelError
            The graph has a cycle.
        """
        inlined = bool(model.functions)
        if inlined:
            from onnx.inliner import inline_local_functions

            model = inline_local_functions(model)
        return cls(model, tuple(_sorted_nodes(model.graph)), inlined)

    @cached_property
    def producers(self) -> Mapping[str, onnx.NodeProto]:
        """The node that makes each tensor."""
        return {name: node for node in self.nodes for name in node.output if name}

    @cached_property
    def initializers(self) -> Mapping[str, onnx.TensorProto]:
        """Stored tensors by name."""
        return {tensor.name: tensor for tensor in self.model.graph.initializer}

    @cached_property
    def inputs(self) -> tuple[onnx.ValueInfoProto, ...]:
        """What the caller feeds: the inputs that no initializer fills."""
        return tuple(value for value in self.model.graph.input if value.name not in self.initializers)

    @cached_property
    def outputs(self) -> tuple[str, ...]:
        """Names of the model's outputs."""
        return tuple(value.name for value in self.model.graph.output)

    @cached_property
    def external_files(self) -> tuple[str, ...]:
        """Files beside the model that hold weights."""
        return tuple(sorted({external_location(tensor) for tensor in external_tensors(self.model)}))

    @cached_property
    def is_quantised(self) -> bool:
        """Some operators work on integers that stand for real numbers."""
        return any(node.op_type.startswith(QUANTISED) for node in self.nodes)

    @cached_property
    def data(self) -> frozenset[str]:
        """Tensors whose values depend on the values of an input."""
        found = {value.name for value in self.inputs}
        for node in self.nodes:
            if node.op_type not in SHAPE_OPS and any(name in found for name in reads(node)):
                found.update(name for name in node.output if name)
        return frozenset(found)

    def data_inputs(self, node: onnx.NodeProto) -> list[str]:
        """Those inputs of a node that depend on the image."""
        return [name for name in reads(node) if name in self.data]

    def attribute(self, node: onnx.NodeProto, name: str, default: object = None) -> object:
        """Value of a node's attribute."""
        from onnx.helper import get_attribute_value

        return next((get_attribute_value(a) for a in node.attribute if a.name == name), default)


def reads(node: onnx.NodeProto) -> Iterator[str]:
    """Names that a node reads, those that its control-flow bodies capture included."""
    yield from (name for name in node.input if name)
    for attribute in node.attribute:
        for body in (attribute.g, *attribute.graphs) if attribute.type in (5, 10) else ():  # GRAPH, GRAPHS
            own = {value.name for value in (*body.input, *body.initializer)}
            own.update(name for inner in body.node for name in inner.output)
            yield from (name for inner in body.node for name in reads(inner) if name not in own)
            yield from (value.name for value in body.output if value.name not in own)


def _sorted_nodes(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    """Nodes so that each follows those that it reads from; files in the wild aren't always sorted."""
    producer = {name: k for k, node in enumerate(graph.node) for name in node.output if name}
    waits = [{producer[name] for name in reads(node) if name in producer} for node in graph.node]
    readers: dict[int, list[int]] = {}
    for k, sources in enumerate(waits):
        for source in sources:
            readers.setdefault(source, []).append(k)
    ready = [k for k, sources in enumerate(waits) if not sources]
    done = 0
    while done < len(ready):
        k = ready[done]
        done += 1
        yield graph.node[k]
        for reader in readers.get(k, ()):
            waits[reader].discard(k)
            if not waits[reader]:
                ready.append(reader)
    if done < len(graph.node):
        raise ModelError("the model's graph has a cycle; expected operators that can be put in an order")
