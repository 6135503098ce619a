"""Reverse-mode differentiation of a graph, written as ONNX nodes: it runs wherever the model runs, with no framework.

Of a tail from one tensor (`start`) to the logits (`end`), the nodes that make `gradient = d sum(seed * end) / d start`
are added to those of the tail itself; a one-hot seed asks for one class. Operators have a rule each
(`fastcam.model.gradient.rules`); all nodes are of ONNX's own set, version 16 or newer.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import onnx
from numpy.typing import ArrayLike, NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

from fastcam.errors import GradientError
from fastcam.model.graph.graph import SHAPE_OPS, reads_of

OLDEST = 16  # opset with ScatterElements that adds
SEED, GRADIENT = "fastcam/seed", "fastcam/gradient"
BACKWARD = "fastcam/backward"  # what tensors that rules make are called, with a number behind it


def gradient_names(count: int) -> list[str]:
    """Return names of the outputs with gradients at a number of tensors."""
    return [GRADIENT, *(f"{GRADIENT}/{k}" for k in range(1, count))]


class Known(NamedTuple):
    """Shape and dtype of a tensor in a reference run. Rules read the number of axes from it; batches stay open.

    `value`: of small tensors that aren't between start and end, which are the same in every run.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    value: NDArray[Any] | None = None


class Tape:
    """The nodes that carry a gradient from the end of a graph back to its start.

    Parameters
    ----------
    nodes
        Nodes of the graph, in topological order; they may be changed (a pooling returns its indices too).
    stored
        The graph's initializers.
    starts
        The tensors that the gradient is wanted of.
    known
        Shape and dtype of every tensor between starts and end.
    free
        Inputs of the graph whose values are stored, and may be others in a run.
    """

    def __init__(
        self,
        nodes: Sequence[NodeProto],
        stored: Sequence[TensorProto],
        starts: Sequence[str],
        known: Mapping[str, Known],
        free: Collection[str] = (),
    ) -> None:
        self.nodes: list[NodeProto] = []
        self.stored: list[TensorProto] = []
        self._known = known
        self._values = {tensor.name: tensor for tensor in stored}
        self._values |= {node.output[0]: a.t for node in nodes for a in node.attribute if _is_constant(node, a)}
        self._gradients: dict[str, list[str]] = {}
        self._small: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        self._stand_ins: dict[str, str] = {}
        self._dependent = _behind(nodes, starts)  # of any dtype
        self.free = _behind(nodes, free)  # may be others in a run, but for what rules read
        self.read: set[str] = set()

    # ---- what rules ask ---------------------------------------------------------------------------------------------

    def wants(self, name: str) -> bool:
        """Return whether a tensor depends on the start and is of real numbers: else it has no gradient."""
        return name in self._dependent and name in self._known and self._known[name].dtype == np.float32

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of a tensor of the graph, or of its stand-in."""
        name = self._stand_ins.get(name, name)
        return self._known[name].shape if name in self._known else tuple(self._values[name].dims)

    def rank(self, name: str) -> int:
        """Return the number of a tensor's axes."""
        return len(self.shape(name))

    def axis(self, node: NodeProto, name: str, default: int, of: str) -> int:
        """Return an attribute that is an axis, counted from the first one."""
        return attribute(node, name, default) % self.rank(of)

    def values(self, node: NodeProto, k: int, needed: bool = True) -> NDArray[Any] | None:
        """Return input k of a node, if it is the same in every run; None where it isn't, or isn't given.

        Parameters
        ----------
        needed
            The rule can't do without. Then inputs of the graph that may be others are the same in every run from now
            on; else None is returned for them.
        """
        name = node.input[k] if k < len(node.input) else ""
        if name in self.free and not needed:
            return None
        self.read.add(name)
        if name in self._known:
            return None if name in self._dependent else self._known[name].value
        tensor = self._values.get(name)
        return None if tensor is None else numpy_helper.to_array(tensor)

    # ---- what rules write -------------------------------------------------------------------------------------------

    def add(self, operator: str, *inputs: str | ArrayLike, **attributes: Any) -> str:
        """Add a node, values among its inputs as constants; return the name of its result."""
        names = [value if isinstance(value, str) else self.constant(value) for value in inputs]
        output = f"{BACKWARD}{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, names, [output], **attributes))
        return output

    def constant(self, value: ArrayLike) -> str:
        """Store an array, integers as int64, else as float32; return its name."""
        array = np.asarray(value)
        array = np.ascontiguousarray(array, np.int64 if array.dtype.kind == "i" else np.float32).reshape(array.shape)
        key = (array.dtype.str, array.shape, array.tobytes() if array.size <= 64 else b"")
        if array.size > 64 or key not in self._small:
            self._small[key] = f"fastcam/stored{len(self.stored)}"
            self.stored.append(numpy_helper.from_array(array, self._small[key]))
        return self._small[key]

    def stand_in(self, made: str, name: str) -> None:
        """Let rules take a new result for a tensor of the graph: for weights, of the same shape."""
        self._stand_ins[made] = name

    def zeros(self, shape: str | ArrayLike) -> str:
        """Add zeros of a shape that is computed, or known."""
        value = helper.make_tensor("zero", TensorProto.FLOAT, [1], [0.0])
        return self.add("ConstantOfShape", shape, value=value)

    def where(self, condition: str, value: str) -> str:
        """Add a choice: the value where the condition is true, else 0."""
        return self.add("Where", condition, value, 0.0)

    def sum(self, value: str, axes: Sequence[int], keepdims: bool = True) -> str:
        """Sum a value over axes; without axes return it as it is."""
        return self.add("ReduceSum", value, list(axes), keepdims=int(keepdims)) if len(axes) else value

    def like(self, value: str, name: str) -> str:
        """Reshape a value to the shape of a tensor."""
        return self.add("Reshape", value, self.add("Shape", name), allowzero=1)

    def unbroadcast(self, gradient: str, name: str, shape: Sequence[int]) -> str:
        """Sum the gradient of a tensor that was broadcast to a shape, down to the tensor's own shape."""
        own = self.shape(name)
        extra = len(shape) - len(own)
        gradient = self.sum(gradient, range(extra), keepdims=False)
        return self.sum(gradient, [k for k, side in enumerate(own) if side == 1 and shape[k + extra] > 1])

    # ---- the way back -----------------------------------------------------------------------------------------------

    def give(self, name: str, gradient: str | None) -> None:
        """Add a part of the gradient of a tensor."""
        if gradient is not None and self.wants(name):
            self._gradients.setdefault(name, []).append(gradient)

    def taken(self, name: str) -> str | None:
        """Return the sum of all parts of a tensor's gradient; None where there are none."""
        parts = self._gradients.get(name, [])
        if len(parts) > 1:
            self._gradients[name] = parts = [self.add("Sum", *parts)]
        return parts[0] if parts else None


Rule = Callable[[Tape, NodeProto, Sequence[str | None]], Sequence[str | None]]
"""Gradients of a node's results to those of its inputs, None for those that have none."""


def differentiate(
    model: onnx.ModelProto,
    start: str,
    end: str,
    known: Mapping[str, Known],
    rules: Mapping[str, Rule],
    others: Sequence[str] = (),
) -> onnx.ModelProto:
    """Write a model with the outputs end and `GRADIENT`, d sum(seed * end) / d start, and one more input, `SEED`.

    Parameters
    ----------
    model
        A model of opset 16 or newer, in float32, its nodes in topological order.
    start
        An input of the model, or a tensor in it.
    known
        Shape and dtype of every tensor between start and end, as in a run of the model.
    rules
        Rules by operator, with the domain in front where it isn't ONNX's own ("com.microsoft.Gelu").
    others
        Tensors besides the start whose gradients are wanted: outputs more, as `gradient_names` has them.

    Inputs with a stored value that a rule has read, or what is computed of it, are inputs no longer.

    Raises
    ------
    GradientError
        An operator has no rule, or the end doesn't depend on the start.
    """
    written = onnx.ModelProto()
    written.CopyFrom(model)
    nodes, starts = list(written.graph.node), (start, *others)
    free = {tensor.name for tensor in model.graph.initializer} & {value.name for value in model.graph.input}
    tape = Tape(nodes, written.graph.initializer, starts, known, free)
    tape.give(end, tape.like(SEED, end))
    for node in reversed(nodes):
        gradients = [tape.taken(name) if name else None for name in node.output]
        if any(gradients) and any(tape.wants(name) for name in node.input):
            for name, gradient in zip(node.input, _back(tape, node, gradients, rules), strict=False):
                tape.give(name, gradient)
    outputs = gradient_names(len(starts))
    for name, output in zip(starts, outputs, strict=True):
        found = tape.taken(name)
        if found is None:
            raise GradientError(f"{end!r} doesn't depend on {name!r}: there is no gradient between them")
        tape.nodes.append(helper.make_node("Identity", [found], [output]))
    _close(written, tape.read & tape.free)
    written.graph.node.extend(tape.nodes)
    written.graph.initializer.extend(tape.stored)
    written.graph.input.append(helper.make_tensor_value_info(SEED, TensorProto.FLOAT, None))
    del written.graph.output[:], written.graph.value_info[:]
    written.graph.output.extend(
        helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in (end, *outputs)
    )
    return written


def _behind(nodes: Sequence[NodeProto], tensors: Collection[str]) -> set[str]:
    """Return tensors, and those whose values depend on theirs; nodes are in topological order."""
    found = set(tensors)
    for node in nodes:
        if node.op_type not in SHAPE_OPS and not found.isdisjoint(reads_of(node)):
            found |= {name for name in node.output if name}
    return found


def _close(model: onnx.ModelProto, read: set[str]) -> None:
    """Remove inputs whose stored values are read, or are needed for tensors that are."""
    for node in reversed(model.graph.node):
        if not read.isdisjoint(node.output):
            read.update(reads_of(node))
    stored = {tensor.name for tensor in model.graph.initializer}
    kept = [value for value in model.graph.input if value.name not in read & stored]
    del model.graph.input[:]
    model.graph.input.extend(kept)


def _back(
    tape: Tape, node: NodeProto, gradients: Sequence[str | None], rules: Mapping[str, Rule]
) -> Sequence[str | None]:
    operator = f"{node.domain}.{node.op_type}" if node.domain not in ("", "ai.onnx") else node.op_type
    if operator not in rules:
        raise GradientError(
            f"{node.name or node.output[0]!r}: there is no gradient of the operator {operator}; it can be had up to "
            f"what the operator makes, {node.output[0]!r}"
        )
    try:
        return rules[operator](tape, node, gradients)
    except GradientError as error:
        raise GradientError(
            f"{node.name or node.output[0]!r}, {operator}: {error}; it can be had up to what the operator makes, "
            f"{node.output[0]!r}"
        ) from None


def attribute(node: NodeProto, name: str, default: Any = None) -> Any:
    """Return the value of a node's attribute, text as `str`."""
    value = next((helper.get_attribute_value(a) for a in node.attribute if a.name == name), default)
    return value.decode() if isinstance(value, bytes) else value


def _is_constant(node: NodeProto, attribute: onnx.AttributeProto) -> bool:
    return node.op_type == "Constant" and attribute.name == "value"


def one_hot(class_index: NDArray[np.int64], classes: int) -> NDArray[np.float32]:
    """Return seeds (M, K) float32 of single classes (M,)."""
    found = np.zeros((len(class_index), classes), np.float32)
    found[np.arange(len(class_index)), class_index] = 1
    return found
