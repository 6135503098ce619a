"""Additions to a graph: nodes of its own version of ONNX, and parts that were written anew."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
import onnx
from numpy.typing import ArrayLike
from onnx import AttributeProto, GraphProto, NodeProto, TensorProto, helper, numpy_helper

from fastcam.model.graph.graph import SHAPE_OPS, Graph, reads_of

PREFIX = "fastcam/"


class GraphWriter:
    """Adds nodes behind those of a graph, in the form that its opset has; the graph's own model stays as it is."""

    def __init__(self, graph: Graph) -> None:
        self.graph, self.count = graph, 0
        self.model = onnx.ModelProto()
        self.model.CopyFrom(graph.model)
        self.opset = next(one.version for one in self.model.opset_import if one.domain in ("", "ai.onnx"))
        least = helper.find_min_ir_version_for(list(self.model.opset_import), ignore_unknown=True)
        self.model.ir_version = max(self.model.ir_version, least)

    def add(self, operator: str, *inputs: str | ArrayLike, output: str = "", **attributes: Any) -> str:
        """Add a node, values among its inputs stored; return the name of its result."""
        names = [value if isinstance(value, str) else self.stored(value) for value in inputs]
        output = output or self.name()
        self.model.graph.node.append(helper.make_node(operator, names, [output], **attributes))
        return output

    def name(self) -> str:
        """Return a new name."""
        self.count += 1
        return f"{PREFIX}bake/{self.count}"

    def stored(self, value: ArrayLike, name: str = "") -> str:
        """Store an array, integers as int64, else as float32; return its name."""
        array = np.asarray(value)
        array = array.astype(np.int64 if array.size and array.dtype.kind == "i" else np.float32)
        name = name or self.name()
        self.model.graph.initializer.append(numpy_helper.from_array(array, name))
        return name

    def reduce(self, operator: str, value: str, *axes: int) -> str:
        """Reduce a value over axes, which stay with one entry."""
        if self.opset >= (13 if operator == "ReduceSum" else 18):
            return self.add(operator, value, list(axes), keepdims=1)
        return self.add(operator, value, axes=list(axes), keepdims=1)

    def describe(self, metadata: Mapping[str, str]) -> None:
        """Add to the model's metadata, in place of what has the same keys."""
        kept = {entry.key: entry.value for entry in self.model.metadata_props} | dict(metadata)
        helper.set_model_props(self.model, kept)


def without_stored_inputs(model: onnx.ModelProto) -> None:
    """Remove stored tensors from a model's inputs, where version 3 of the format wanted them: they are constants."""
    if model.ir_version < 4:
        stored = {tensor.name for tensor in model.graph.initializer}
        inputs = [value for value in model.graph.input if value.name not in stored]
        del model.graph.input[:]
        model.graph.input.extend(inputs)
        model.ir_version = 4


class Joined(NamedTuple):
    """Nodes and stored tensors to be added to the whole, and the part's tensors by their names there."""

    nodes: list[NodeProto]
    stored: list[TensorProto]
    names: dict[str, str]


def join(graph: Graph, part: onnx.ModelProto, given: Mapping[str, str], wanted: str) -> Joined:
    """Return the additions that give a graph a tensor of a part, a model that was cut out of it.

    An operator that both have, with the same attributes and inputs, is the graph's own, and so are stored tensors with
    the same values, sizes of earlier tensors that the part holds as constants, and other inputs than the images.

    Parameters
    ----------
    given
        Tensors of the graph that are the part's inputs.
    wanted
        Tensor of the part.
    """
    own = {*graph.constants, *(node.output[0] for node in graph.nodes if node.op_type in SHAPE_OPS)}
    names, nodes, stored = dict(given), [], {}
    for tensor in part.graph.initializer:
        names[tensor.name] = tensor.name if tensor.name in own else _same_stored(graph, tensor)
        if not names[tensor.name]:
            names[tensor.name] = _prefixed(tensor.name)
            stored[names[tensor.name]] = tensor
    for node in part.graph.node:
        renamed = NodeProto()
        renamed.CopyFrom(node)
        _rename_reads(renamed, names)
        shared = _shared(graph, renamed)
        names.update((name, name if name in shared else _prefixed(name)) for name in node.output if name)
        if len(shared) < sum(map(bool, node.output)):
            # Where the part asks for one result more (a pooling for its indices), the others are the graph's own.
            renamed.output[:] = [_prefixed(name) if name else "" for name in node.output]
            renamed.name = ""
            nodes.append(renamed)
    nodes, used = _needed(nodes, names[wanted])
    return Joined(nodes, [_named(tensor, name) for name, tensor in stored.items() if name in used], names)


def _shared(graph: Graph, node: NodeProto) -> set[str]:
    """Return the results of a node that the graph has from the same operator on the same inputs."""
    own = graph.producers.get(node.output[0])
    if own is None or (own.op_type, own.domain, [*own.input]) != (node.op_type, node.domain, [*node.input]):
        return set()
    first, other = ({a.name: a.SerializeToString() for a in one.attribute} for one in (own, node))
    return set(own.output) & set(node.output) - {""} if first == other else set()


def _same_stored(graph: Graph, tensor: TensorProto) -> str:
    """Return the name of an equal stored tensor of the graph; a tail has another name for a float16 one."""
    for name in (tensor.name, tensor.name.removesuffix("/narrow")):
        own = graph.initializers.get(name)
        if own is not None and _named(own, "").SerializeToString() == _named(tensor, "").SerializeToString():
            return name
    return ""


def _needed(nodes: Iterable[NodeProto], wanted: str) -> tuple[list[NodeProto], set[str]]:
    """Return the nodes that lead to a tensor, in order, and all names that they read."""
    kept, used = [], {wanted}
    for node in reversed([*nodes]):
        if not used.isdisjoint(node.output):
            kept.append(node)
            used.update(reads_of(node))
    return kept[::-1], used


def _rename_reads(node: NodeProto, names: Mapping[str, str]) -> None:
    node.input[:] = [names.get(name, name) for name in node.input]
    for attribute in node.attribute:
        if attribute.type in (AttributeProto.GRAPH, AttributeProto.GRAPHS):
            for body in (attribute.g, *attribute.graphs):
                _rename_captured(body, names)


def _rename_captured(body: GraphProto, names: Mapping[str, str]) -> None:
    """Rename the tensors that a body of control flow reads from outside."""
    own = {value.name for value in (*body.input, *body.initializer)}
    own.update(name for node in body.node for name in node.output)
    outer = {name: new for name, new in names.items() if name not in own}
    for node in body.node:
        _rename_reads(node, outer)
    for value in body.output:
        value.name = outer.get(value.name, value.name)


def _prefixed(name: str) -> str:
    return f"{PREFIX}{name.removeprefix(PREFIX)}"


def _named(tensor: TensorProto, name: str) -> TensorProto:
    copy = TensorProto()
    copy.CopyFrom(tensor)
    copy.name = name
    return copy
