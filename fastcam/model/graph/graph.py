"""The graph of a model: the node that makes each tensor, the tensors that depend on the image, in topological order."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastcam.errors import ModelError
from fastcam.images.inputs import EXPECTED, FIRST
from fastcam.model.file.source import Parsed
from fastcam.model.run.constants import misfit

if TYPE_CHECKING:
    import onnx

MOST_NODES = 100_000  # of a model whose local functions are written out
BLOCKED = "com.microsoft.nchwc"  # ONNX Runtime's layout with channels in blocks, found in files that it has optimised
KNOWN_DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml", "com.microsoft", BLOCKED})
SHAPE_OPS = frozenset({"Shape", "Size"})  # their results depend on an image's size, not on its values


@dataclass(frozen=True, eq=False)
class Graph:
    """A model's main graph, local functions inlined, nodes in topological order.

    Attributes
    ----------
    parsed
        The protobuf that the graph was read from, and where its weights are.
    nodes
        In topological order.
    image
        Name of the input that takes the images.
    constants
        Values of the other inputs.
    inlined
        The model had local functions, so inner tensors can only be had from `parsed.model`, not from the file.
    """

    parsed: Parsed
    nodes: tuple[onnx.NodeProto, ...]
    image: str
    constants: Mapping[str, NDArray[Any]]
    inlined: bool = False

    @classmethod
    def of(cls, parsed: Parsed, constants: Mapping[str, NDArray[Any]] | None = None) -> Graph:
        """Read a parsed model.

        Raises
        ------
        ModelError
            The graph has a cycle, or other than one input besides the constants.
        """
        given, model = _constants(parsed.model, constants or {}), parsed.model
        inlined = bool(model.functions)
        if inlined:
            _check_functions(model)
            from onnx.inliner import inline_local_functions

            parsed = replace(parsed, model=inline_local_functions(model))
        image = _image_input(parsed.model.graph, given)
        return cls(parsed, tuple(_sorted_nodes(parsed.model.graph)), image, given, inlined)

    @property
    def model(self) -> onnx.ModelProto:
        """The protobuf, functions inlined."""
        return self.parsed.model

    @cached_property
    def producers(self) -> Mapping[str, onnx.NodeProto]:
        """The node that makes each tensor."""
        return {name: node for node in self.nodes for name in node.output if name}

    @cached_property
    def _reads(self) -> Mapping[int, tuple[str, ...]]:
        return {id(node): tuple(reads_of(node)) for node in self.nodes}

    def reads(self, node: onnx.NodeProto) -> tuple[str, ...]:
        """Return names that one of the graph's nodes reads, those that its control-flow bodies capture included."""
        return self._reads[id(node)]

    @cached_property
    def initializers(self) -> Mapping[str, onnx.TensorProto]:
        """Stored tensors by name."""
        return {tensor.name: tensor for tensor in self.model.graph.initializer}

    @cached_property
    def outputs(self) -> tuple[str, ...]:
        """Names of the model's outputs."""
        return tuple(value.name for value in self.model.graph.output)

    @property
    def has_custom_operators(self) -> bool:
        """True if some operators are neither of ONNX nor of ONNX Runtime itself."""
        return any(node.domain not in KNOWN_DOMAINS for node in self.nodes)

    @cached_property
    def data(self) -> frozenset[str]:
        """Tensors whose values depend on the values of the image."""
        found = {self.image}
        for node in self.nodes:
            if node.op_type not in SHAPE_OPS and not found.isdisjoint(self.reads(node)):
                found.update(name for name in node.output if name)
        return frozenset(found)

    @cached_property
    def blocked(self) -> frozenset[str]:
        """Tensors with channels in blocks: those that ONNX Runtime's own operators make, until they are reordered."""
        found: set[str] = set()
        for node in self.nodes:
            if node.op_type != "ReorderOutput" and (node.domain == BLOCKED or not found.isdisjoint(node.input)):
                found.update(node.output)
        return frozenset(found)

    def before(self, tensors: Collection[str]) -> set[str]:
        """Return names of all that tensors are computed from, themselves included."""
        found = set(tensors)
        for node in reversed(self.nodes):
            if not found.isdisjoint(node.output):
                found.update(self.reads(node))
        return found

    def data_inputs(self, node: onnx.NodeProto) -> list[str]:
        """Return the inputs of a node that depend on the image."""
        return [name for name in self.reads(node) if name in self.data]

    def attribute(self, node: onnx.NodeProto, name: str, default: object = None) -> object:
        """Return the value of a node's attribute."""
        from onnx.helper import get_attribute_value

        return next((get_attribute_value(a) for a in node.attribute if a.name == name), default)

    def stored(self, name: str) -> NDArray[Any] | None:
        """Return a tensor's values, where they are stored in the graph; None where computed or in a file."""
        from onnx import TensorProto, numpy_helper

        tensor, node = self.initializers.get(name), self.producers.get(name)
        if node is not None and node.op_type == "Constant":
            value = next((a for a in node.attribute if a.name.startswith("value")), None)
            if value is None or value.name != "value":
                return None if value is None else np.asarray(self.attribute(node, value.name))
            tensor = value.t
        if tensor is None or tensor.data_location == TensorProto.EXTERNAL:
            return None
        return numpy_helper.to_array(tensor)


def reads_of(node: onnx.NodeProto) -> Iterator[str]:
    """Yield names that a node reads, those that its control-flow bodies capture included."""
    yield from (name for name in node.input if name)
    for attribute in node.attribute:
        for body in (attribute.g, *attribute.graphs) if attribute.type in (5, 10) else ():  # GRAPH, GRAPHS
            own = {value.name for value in (*body.input, *body.initializer)}
            own.update(name for inner in body.node for name in inner.output)
            yield from (name for inner in body.node for name in reads_of(inner) if name not in own)
            yield from (value.name for value in body.output if value.name not in own)


def _constants(model: onnx.ModelProto, given: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return constants in the types that the model's inputs declare."""
    from onnx.helper import tensor_dtype_to_np_dtype

    kinds = {value.name: value.type.tensor_type.elem_type for value in model.graph.input}
    found = {}
    for name, value in given.items():
        if name not in kinds:
            raise ModelError(f"constants: expected names of the model's inputs {list(kinds)}; got {name!r}")
        wanted = np.dtype(tensor_dtype_to_np_dtype(kinds[name]))
        if reason := misfit(value, wanted):
            raise ModelError(f"constants: expected {wanted} for {name!r}; got {reason}")
        found[name] = value.astype(wanted)
    return found


def _check_functions(model: onnx.ModelProto) -> None:
    """Check that a model isn't too large with its local functions written out: each may call others, twice and more."""
    functions = {(function.domain, function.name): function for function in model.functions}
    sizes: dict[tuple[str, str], int] = {}

    def size(key: tuple[str, str], above: tuple[tuple[str, str], ...] = ()) -> int:
        if key not in functions:
            return 1
        if key in above:
            raise ModelError(f"the local function {key[1]!r} calls itself")
        if key not in sizes:
            nodes = functions[key].node
            sizes[key] = sum(size((node.domain, node.op_type), (*above, key)) for node in nodes)
        return sizes[key]

    total = sum(size((node.domain, node.op_type)) for node in model.graph.node)
    if total > MOST_NODES:
        raise ModelError(f"local functions amount to {total} operators; expected at most {MOST_NODES}")


def _image_input(graph: onnx.GraphProto, constants: Mapping[str, NDArray[Any]]) -> str:
    """Return the one input that neither an initializer nor the caller fills."""
    stored = {tensor.name for tensor in graph.initializer}
    inputs = {value.name: value.type.tensor_type for value in graph.input if value.name not in stored}
    left = [name for name in inputs if name not in constants]
    if len(left) != 1:
        hint = ". Give the others: constants={name: value}" if len(left) > 1 else ""
        raise ModelError(f"expected a model with one input, a batch of images; got {len(left)}: {left}{hint}")
    kind = inputs[left[0]]
    if kind.HasField("shape") and len(kind.shape.dim) - 2 not in FIRST:
        raise ModelError(
            f"expected an input of three to five axes, {EXPECTED}; {left[0]!r} has {len(kind.shape.dim)}{_seems(kind)}"
        )
    return left[0]


def _seems(kind: onnx.TypeProto.Tensor) -> str:
    """Return in words the data that an input of two axes seems to take; empty for other numbers of axes."""
    if len(kind.shape.dim) != 2:
        return ""
    if kind.elem_type in (6, 7):  # int32, int64
        return ". It seems to be a model of text, by its whole numbers"
    return ". It seems to be a model of tables, or of waves: of a wave make a signal of one channel, (N, 1, W)"


def _sorted_nodes(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    """Yield nodes in an order in which each follows its sources; files in the wild aren't always sorted."""
    producer = {name: k for k, node in enumerate(graph.node) for name in node.output if name}
    waits = [{producer[name] for name in reads_of(node) if name in producer} for node in graph.node]
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
