"""A model with random parameters in place of its own: from the logits down, or one layer alone."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Literal, NamedTuple

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, numpy_helper

from fastcam.model.graph.graph import Graph

Noise = Literal["permuted", "normal"]
PARAMETERS = {
    *(TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE, TensorProto.BFLOAT16),
    *(TensorProto.INT8, TensorProto.UINT8),
}
# Operators whose vectors are parameters; those of others, such as scales of Resize, are settings.
AFFINE = frozenset({"Conv", "Gemm", "BatchNormalization", "LayerNormalization", "Add", "Sub", "Mul", "Div", "PRelu"})


class Layer(NamedTuple):
    """An operator with a matrix or kernel of weights, and the names of its stored tensors.

    The tensors are weights, biases, and the parameters of the normalisation of its result.
    """

    name: str
    tensors: tuple[str, ...]


def layers(graph: Graph) -> list[Layer]:
    """Return the layers of a model, last first."""
    stored, found = stored_tensors(graph.model), list[Layer]()
    vectors: list[str] = []
    seen: set[str] = set()
    for node in reversed(graph.nodes):
        if not graph.data.intersection(node.output):
            continue
        own = [name for value in node.input if value not in graph.data for name in _behind(graph, value, stored)]
        own = [name for name in dict.fromkeys(own) if name not in seen and stored[name].data_type in PARAMETERS]
        seen.update(own)
        sides = {name: sum(side > 1 for side in stored[name].dims) for name in own}
        vectors += [name for name in own if sides[name] == 1 and node.op_type in AFFINE]
        if matrices := [name for name in own if sides[name] > 1]:
            found.append(Layer(node.name or node.output[0], (*vectors, *matrices)))
            vectors = []
    return found


def stored_tensors(model: onnx.ModelProto) -> dict[str, TensorProto]:
    """Return initializers and the values of Constant nodes, by name; to be changed in place."""
    found = {tensor.name: tensor for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Constant":
            found.update((node.output[0], attribute.t) for attribute in node.attribute if attribute.name == "value")
    return found


def randomize(
    model: onnx.ModelProto, names: Collection[str], noise: Noise, rng: np.random.Generator
) -> onnx.ModelProto:
    """Return a copy of a model with random values in those stored tensors, of the same mean and variance."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    stored = stored_tensors(copy)
    for name in names:
        values = numpy_helper.to_array(stored[name])
        random = _random(values, noise, rng)
        stored[name].CopyFrom(numpy_helper.from_array(np.ascontiguousarray(random), stored[name].name))
    return copy


def _random(values: NDArray[Any], noise: Noise, rng: np.random.Generator) -> NDArray[Any]:
    """Return random values; vectors are always permuted, since some must stay positive, and so are integers."""
    if noise == "normal" and values.dtype.kind == "f" and sum(side > 1 for side in values.shape) > 1:
        wide = values.astype(np.float64)
        return rng.normal(wide.mean(), wide.std(), values.shape).astype(values.dtype)
    return rng.permutation(values.reshape(-1)).reshape(values.shape)


def _behind(graph: Graph, name: str, stored: Mapping[str, TensorProto]) -> Iterator[str]:
    """Yield stored tensors that a tensor is made of, as dequantised weights are; none for shapes of the image."""
    if name in stored:
        yield name
    elif (node := graph.producers.get(name)) is not None and graph.data.isdisjoint(node.input):
        yield from (one for value in node.input for one in _behind(graph, value, stored))
