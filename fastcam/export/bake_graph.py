"""Nodes of ONNX's own operators that add activation maps to the outputs of a model."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, ValueInfoProto, helper

from fastcam.errors import InputError, ModelError
from fastcam.images.inputs import FIRST, LAST
from fastcam.model.file.storage import values_of
from fastcam.model.gradient.tape import GRADIENT, OLDEST, SEED
from fastcam.model.graph.graph import Graph
from fastcam.model.graph.original import CLASS, MAPS
from fastcam.model.graph.outputs import expose, own_name
from fastcam.model.graph.tail import Tail
from fastcam.model.graph.writer import PREFIX, GraphWriter, join
from fastcam.model.head.head import OWN, Head
from fastcam.model.head.layouts import TOKENS, at_places

Classes = Literal["top", "given", "all"]
CLASSES: tuple[Classes, ...] = ("top", "given", "all")
ALIKE = 1e-6  # largest difference between measured class weights and stored ones, relative to the largest weight
SMALLEST = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True)
class Recipe:
    """The maps to bake: "cam" or "gradcam", their classes, the size to upsample to, whether to scale to [0, 1]."""

    method: str
    classes: Classes
    size: tuple[int, ...] | Literal["input"] | None = None
    normalize: bool = False

    def opset(self, head: Head) -> int:
        """Return the oldest opset with the operators that the maps need."""
        picks = self.method == "cam" and head.is_identity and self.classes != "all"
        needs = {OLDEST: self.method == "gradcam", 12: picks, 11: self.size is not None, 10: head.prefix > 0}
        return max([8, *(version for version, needed in needs.items() if needed)])  # 8: Max that broadcasts


@dataclass(frozen=True)
class ModelParts:
    """Parts of a model: head, dtypes of its feature maps and of the scores that rank classes, tail with gradient.

    `axes`: those of the image's places, as height and width. `gradient` is the model that `backward_model` returns
    for `tail`; both are None without a gradient.
    """

    head: Head
    types: tuple[np.dtype[Any], np.dtype[Any]]
    axes: tuple[int, ...]
    tail: Tail | None = None
    gradient: onnx.ModelProto | None = None


def add_maps(graph: Graph, parts: ModelParts, recipe: Recipe, metadata: Mapping[str, str]) -> onnx.ModelProto:
    """Add the output `MAPS` to the graph's model, and `CLASS` as an output ("top") or an input ("given").

    Parameters
    ----------
    graph
        Graph of the recipe's opset, or newer; it is changed. Large weights stay in their files.
    parts
        Parts of the model.
    recipe
        The maps.
    metadata
        Properties of the model file, beside those of the outputs and the class weights.

    Returns
    -------
    onnx.ModelProto
    """
    to, head = GraphWriter(graph), parts.head
    plain = _plain(to, _inner(graph, head.feature_maps), parts.types[0], [0] * len(head.layout))
    maps = _channels_first(to, head, plain)
    index = _class_index(to, parts, recipe)
    cam = recipe.method == "cam"
    found = _cam(to, head, maps, index) if cam else _gradcam(to, parts, plain, maps, index)
    found = _upsampled(to, parts, found, recipe.size) if recipe.size else found
    to.add("Identity", _normalized(to, found, _places(head)) if recipe.normalize else found, output=MAPS)
    _declare(to, parts, recipe)
    to.describe(metadata)
    return to.model


def check_names(graph: Graph) -> None:
    """Check that a model has no tensors with the names of the new ones.

    Raises
    ------
    InputError
        The model has such tensors; the message names them.
    """
    body = graph.model.graph
    named = {value.name for value in (*body.input, *body.output)} | {*graph.producers, *graph.initializers}
    taken = sorted(name for name in named if name in (MAPS, CLASS) or name.startswith(PREFIX))
    if graph.parsed.logits:  # the opened model is without them
        taken = [MAPS, CLASS]
    if taken:
        raise InputError(
            f"expected a model without tensors named {MAPS!r}, {CLASS!r} or {PREFIX}...; it has {taken[:3]}. "
            "Is it baked already? Bake the original, or rename them"
        )


def _inner(graph: Graph, name: str) -> str:
    """Return the graph's own name of a tensor."""
    own = own_name(graph, name)
    if own not in graph.data:
        raise ModelError(f"{name!r} got lost when the model was converted to a newer opset; please report this")
    return own


def _plain(to: GraphWriter, tensor: str, kind: np.dtype[Any], shape: Sequence[int]) -> str:
    """Return a tensor of the graph as float32, reshaped; 0 keeps a side."""
    (exposed,) = expose(to.graph, [tensor])
    if exposed.node is not None:
        to.model.graph.node.append(NodeProto.FromString(exposed.node))
    if kind == np.float32:
        return to.add("Reshape", exposed.name, [*shape]) if any(shape) else exposed.name
    # Also without a new shape: where ONNX Runtime computes float16 in float32, a Cast alone would undo the rounding.
    return to.add("Cast", to.add("Reshape", exposed.name, [*shape]), to=TensorProto.FLOAT)


def _channels_first(to: GraphWriter, head: Head, maps: str) -> str:
    """Return feature maps as (N, C, *places)."""
    if head.layout in FIRST.values():
        return maps
    if head.layout in LAST.values():
        last = len(head.layout) - 1
        return to.add("Transpose", maps, perm=[0, last, *range(1, last)])
    axis = head.layout.index("L")
    if head.prefix:
        maps = to.add("Slice", maps, [head.prefix], [np.iinfo(np.int64).max], [axis])
    if head.layout == "NLC":
        maps = to.add("Transpose", maps, perm=[0, 2, 1])
    return to.add("Reshape", maps, [0, 0, *(head.feature_shape or ())[1:]])


def _class_index(to: GraphWriter, parts: ModelParts, recipe: Recipe) -> str:
    """Return the name of the class indices (N,); empty for all classes."""
    if recipe.classes == "top":
        head = parts.head
        ranking = head.output if head.activation in OWN else head.logits
        scores = _plain(to, _inner(to.graph, ranking), parts.types[1], [-1, head.classes])
        to.add("ArgMax", scores, output=CLASS, axis=1, keepdims=0)
    return "" if recipe.classes == "all" else CLASS


def _cam(to: GraphWriter, head: Head, maps: str, index: str) -> str:
    """Return `M_c(x, y) = sum_k W[c, k] f_k(x, y)`, (N, 1, *places), or (N, K, *places) without an index."""
    if head.is_identity:
        return to.add("GatherND", maps, to.add("Reshape", index, [-1, 1, 1]), batch_dims=1) if index else maps
    weights, places = head.class_weights, _places(head)
    if index:
        chosen = to.add("Gather", _stored_weights(to, head), index, axis=0)  # (N, C, 1, ...) or (N, C, *places)
        return to.reduce("ReduceSum", to.add("Mul", maps, chosen), 1)
    if weights.ndim == 2:
        return to.add("Conv", maps, _stored_weights(to, head))
    by_place = to.add("Transpose", maps, perm=[*places, 0, 1])  # for each place (N, C) by (C, K)
    stored = to.stored(weights.transpose(*places, 1, 0), f"{PREFIX}class_weights")
    to.describe(_weights_metadata(stored, f"({_letters(head)}, C, K)"))
    rank = len(places)
    return to.add("Transpose", to.add("MatMul", by_place, stored), perm=[rank, rank + 1, *range(rank)])


def _places(head: Head) -> range:
    """Return the axes of places in maps (N, C, *places)."""
    layout = head.layout
    rank = len(head.feature_shape or "Chw") - 1 if layout in TOKENS else len(layout) - 2
    return range(2, rank + 2)


def _letters(head: Head) -> str:
    """Return the letters of the axes of places, as "h, w"."""
    return ", ".join("dhw"[-len(_places(head)) :])


def _stored_weights(to: GraphWriter, head: Head) -> str:
    """Return class weights (K, C, 1, ...), or (K, C, *places): the model's own tensor, if it stores them."""
    weights = head.class_weights
    full = at_places(weights, len(_places(head)))
    ones = f"(K, C, {', '.join('1' for _ in _places(head))})"
    own = _same_weights(to.graph, weights, full.shape)
    if own is None:
        name = to.stored(full, f"{PREFIX}class_weights")
        to.describe(_weights_metadata(name, f"(K, C, {_letters(head)})" if weights.ndim > 2 else ones))
        return name
    to.describe(_weights_metadata(own.name, ones if len(own.dims) > 2 else "(K, C)"))
    return own.name if len(own.dims) > 2 else to.add("Reshape", own.name, [*full.shape])


def _same_weights(graph: Graph, weights: NDArray[np.float32], full: tuple[int, ...]) -> TensorProto | None:
    """Return the stored tensor that equals the class weights (K, C) within `ALIKE`, or None."""
    for tensor in graph.model.graph.initializer if weights.ndim == 2 else ():
        if tensor.data_type == TensorProto.FLOAT and tuple(tensor.dims) in (weights.shape, full):
            values = values_of(tensor, graph.parsed.folder).reshape(weights.shape)
            if np.abs(values - weights).max() <= ALIKE * np.abs(weights).max():
                return tensor
    return None


def _weights_metadata(tensor: str, axes: str) -> dict[str, str]:
    return {"fastcam.class_weights": json.dumps({"initializer": tensor, "axes": axes})}


def _gradcam(to: GraphWriter, parts: ModelParts, plain: str, maps: str, index: str) -> str:
    """Return `ReLU(sum_k alpha_k A_k)` with `alpha_k = mean_xy d logit / d A_k`, (N, 1, *places)."""
    head, tail, gradient = parts.head, parts.tail, parts.gradient
    if tail is None or gradient is None:
        raise ModelError("expected a tail with its gradient for Grad-CAM")
    rows = to.add("Reshape", index, [-1, 1])
    count = to.add("Shape", rows)
    shape = to.add("Concat", to.add("Gather", count, [0]), [head.classes], axis=0)
    one = helper.make_tensor("one", TensorProto.FLOAT, [1], [1.0])
    # ScatterElements refuses a class out of range; OneHot would give zeros.
    seed = to.add("ConstantOfShape", shape)
    seed = to.add("ScatterElements", seed, rows, to.add("ConstantOfShape", count, value=one), axis=1)
    joined = join(to.graph, gradient, {tail.start: plain, SEED: seed}, GRADIENT)
    to.model.graph.node.extend(joined.nodes)
    to.model.graph.initializer.extend(joined.stored)
    alpha = to.reduce("ReduceMean", _channels_first(to, head, joined.names[GRADIENT]), *_places(head))
    return to.add("Relu", to.reduce("ReduceSum", to.add("Mul", maps, alpha), 1))


def _upsampled(to: GraphWriter, parts: ModelParts, maps: str, size: tuple[int, ...] | Literal["input"]) -> str:
    """Upsample linearly along each axis with half-pixel centres, edges replicated."""
    leading = to.add("Gather", to.add("Shape", maps), [0, 1])
    own = size == "input"
    sides = to.add("Gather", to.add("Shape", to.graph.image), [*parts.axes]) if own else to.stored([*size])
    none = "" if to.opset >= 13 else to.stored([])  # region and scales, which older versions require
    sizes = to.add("Concat", leading, sides, axis=0)
    way = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
    return to.add("Resize", maps, none, none, sizes, **way)


def _normalized(to: GraphWriter, maps: str, places: Sequence[int]) -> str:
    """Return `(v - min) / (max - min)` of each map; zeros for a constant map."""
    least = to.reduce("ReduceMin", maps, *places)
    width = to.add("Sub", to.reduce("ReduceMax", maps, *places), least)
    return to.add("Div", to.add("Sub", maps, least), to.add("Max", width, np.float32(SMALLEST)))


def _declare(to: GraphWriter, parts: ModelParts, recipe: Recipe) -> None:
    """Declare the new output, and the class index as an output or an input."""
    body, head = to.model.graph, parts.head
    image = next(value for value in body.input if value.name == to.graph.image).type.tensor_type.shape.dim
    batch = (image[0].dim_value or image[0].dim_param or "N") if len(image) else "N"
    sides = recipe.size
    if sides == "input":
        sides = tuple(image[k].dim_value or None for k in parts.axes) if len(image) else (None, None)
    elif sides is None:
        known = all(image[k].dim_value for k in parts.axes) if len(image) else False
        sides = head.feature_shape[1:] if known and head.feature_shape else (None,) * len(parts.axes)
    count = head.classes if recipe.classes == "all" else 1
    body.output.append(
        helper.make_tensor_value_info(MAPS, TensorProto.FLOAT, [batch, count, *sides], maps_said(recipe))
    )
    if recipe.classes != "all":
        (body.output if recipe.classes == "top" else body.input).append(_class_info(batch, recipe))


def _class_info(batch: int | str, recipe: Recipe) -> ValueInfoProto:
    said = "the class of each image's map" + (": the best" if recipe.classes == "top" else ", 0 to K - 1")
    return helper.make_tensor_value_info(CLASS, TensorProto.INT64, [batch], said)


def maps_said(recipe: Recipe) -> str:
    """Return a description of the maps for people."""
    kind = {
        "cam": "class activation map, sum_k W[c, k] f_k(x, y)",
        "gradcam": "Grad-CAM, ReLU(sum_k mean_xy(d logit / d A_k) A_k(x, y))",
    }[recipe.method]
    classes = {"top": f"of the best class ({CLASS})", "given": f"of the class in {CLASS}", "all": "of every class"}
    words = [f"{kind}, {classes[recipe.classes]}"]
    if recipe.size:
        size = "the network input" if recipe.size == "input" else "×".join(map(str, recipe.size))
        words.append(f"upsampled to {size}, linear along each axis with half-pixel centres")
    words.append("scaled to [0, 1] by each map's minimum and maximum" if recipe.normalize else "raw values")
    return "; ".join(words)
