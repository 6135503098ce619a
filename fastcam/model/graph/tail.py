"""The tail of a model, from one tensor to others, as a small float32 model of its own."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper, numpy_helper

from fastcam.errors import ModelError
from fastcam.model.graph.float32 import NARROW, Float32Nodes
from fastcam.model.graph.graph import BLOCKED, SHAPE_OPS, Graph


@dataclass(frozen=True, eq=False)
class Tail:
    """A model with one input; `is_widened` says whether quantised or float16 operators were put into float32.

    `clips` and `clipped`: as those of `Float32Nodes`. `constants`: the graph's further inputs that it reads; the model
    has their values, and has those as inputs as well that it may be given other values of.
    """

    model: onnx.ModelProto
    start: str
    ends: tuple[str, ...]
    operators: tuple[str, ...]
    is_widened: bool
    clips: tuple[tuple[str, str, str, str], ...] = ()
    clipped: tuple[str, ...] = ()
    constants: tuple[str, ...] = ()


def cut_tail(
    graph: Graph,
    start: str,
    ends: Sequence[str],
    shapes: Mapping[str, NDArray[np.integer]],
    clipped: Collection[str] | None = (),
    saturating: bool = False,
) -> Tail:
    """Cut out the part of the graph between a tensor and the tensors that are computed from it.

    Quantised values become the real numbers that they stand for, float16 and float64 become float32. The start takes
    plain float32 values, whatever the tensor holds in the model.

    Parameters
    ----------
    shapes
        Values of sizes of earlier tensors, which become constants (as by `x.view(image.size(0), -1)`); other dimensions
        stay open.
    clipped
        Tensors that their quantisation clips from below; None: none, and the tail's `clips` name the candidates.
    saturating
        All are clipped, from below and above.

    Raises
    ------
    ModelError
        The ends depend on the image by a path that doesn't pass the start.
    """
    nodes, frozen = _between(graph, start, ends)
    used = {name for node in nodes for name in graph.reads(node)}
    stored = [graph.initializers[name] for name in sorted(used) if name in graph.initializers and name != start]
    casts, stored = _widen(stored)
    stored += [numpy_helper.from_array(np.asarray(shapes[name]), name) for name in frozen]
    constants = {name: _in_float32(value) for name, value in graph.constants.items() if name in used}
    stored += [numpy_helper.from_array(value, name) for name, value in constants.items()]
    sized = graph.before(frozen)  # by whole numbers
    free = [name for name, value in constants.items() if name not in sized or value.dtype.kind == "f"]
    floats = Float32Nodes(graph, nodes, clipped, saturating)
    entry, first = start, []
    if start in graph.blocked:
        entry = f"{start}/plain"
        first = [helper.make_node("ReorderInput", [entry], [start], domain=BLOCKED)]
    body = helper.make_graph(
        [*casts, *first, *floats.nodes],
        "tail",
        [
            helper.make_tensor_value_info(entry, TensorProto.FLOAT, None),
            *(_input(name, constants[name]) for name in free),
        ],
        [helper.make_tensor_value_info(end, TensorProto.FLOAT, None) for end in ends],
        [*stored, *floats.stored],
    )
    version = max(graph.model.ir_version, 4 if free else 0)  # before it, what is stored can't be given
    model = helper.make_model(body, ir_version=version, opset_imports=list(graph.model.opset_import))
    operators = tuple(node.op_type for node in nodes if any(name in graph.data for name in node.output))
    return Tail(
        model,
        entry,
        tuple(ends),
        operators,
        bool(casts) or floats.changed or any(constants[name] is not graph.constants[name] for name in constants),
        tuple(floats.clips),
        tuple(clipped or ()),
        tuple(constants),
    )


def _in_float32(value: NDArray[Any]) -> NDArray[Any]:
    """Return floats in float32; the very same array where it holds none, or is so already."""
    return value.astype(np.float32) if value.dtype.kind == "f" and value.dtype != np.float32 else value


def _input(name: str, value: NDArray[Any]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)


def _between(graph: Graph, start: str, ends: Sequence[str]) -> tuple[list[NodeProto], list[str]]:
    """Return the nodes between start and ends, in order, and the sizes of earlier tensors that they need."""
    behind = {start}
    for node in graph.nodes:
        if not behind.isdisjoint(graph.reads(node)):
            behind.update(node.output)
    needed, frozen, wanted = set(), set(), [end for end in ends if end != start]
    while wanted:
        name = wanted.pop()
        node = graph.producers.get(name)
        if name == graph.image:
            raise ModelError(f"{ends[0]!r} depends on the image by a path that doesn't pass {start!r}")
        if node is None or id(node) in needed:
            continue
        if node.op_type in SHAPE_OPS and graph.data_inputs(node) and node.input[0] not in behind:
            frozen.add(name)
            continue
        needed.add(id(node))
        wanted += [read for read in graph.reads(node) if read != start]
    return [node for node in graph.nodes if id(node) in needed], sorted(frozen)


def _widen(stored: list[TensorProto]) -> tuple[list[NodeProto], list[TensorProto]]:
    """Cast stored float16 and float64 tensors to float32 by a node each, so that external data stay where they are."""
    casts, tensors = [], []
    for tensor in stored:
        if tensor.data_type in NARROW:
            narrow = onnx.TensorProto()
            narrow.CopyFrom(tensor)
            narrow.name = f"{tensor.name}/narrow"
            casts.append(helper.make_node("Cast", [narrow.name], [tensor.name], to=TensorProto.FLOAT))
            tensors.append(narrow)
        else:
            tensors.append(tensor)
    return casts, tensors
