"""Probe images, which mean nothing, and a model's tensors for them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fastcam.errors import ModelError
from fastcam.images.inputs import ImageInput, Likely
from fastcam.model.file.wire import appendix_of
from fastcam.model.graph.graph import SHAPE_OPS, Graph
from fastcam.model.graph.outputs import expose
from fastcam.model.graph.shapes import inferred_shapes
from fastcam.model.head.cuts import find_cuts
from fastcam.model.head.layouts import halves, has_proportions
from fastcam.model.head.places import planes
from fastcam.model.head.scene import Scene
from fastcam.model.run.limits import Watch
from fastcam.model.run.runtime import ORT_ERRORS, failed, open_for_probing

if TYPE_CHECKING:
    import onnx

KINDS = {1: "tensor(float)", 2: "tensor(uint8)", 10: "tensor(float16)", 11: "tensor(double)"}
LAST_CUTS = 150  # tensors before the scores that are looked at, at most
LAST_CONVOLUTIONS = 40  # whose sizes tell which grids there are
CONTRASTS = (1.0, 1 / 16, 1 / 256)  # less where feature maps overflow, as those of float16
NORMALIZED, PIXELS = (-2.0, 2.0), (0.0, 255.0)


def image_input(graph: Graph) -> ImageInput:
    """Return the input that takes the images, or signals or volumes; one of no declared shape takes images.

    Raises
    ------
    ModelError
        It takes something else.
    """
    return _by_shape(graph, _likely(graph))


def says_all(graph: Graph) -> bool:
    """Return whether the input's declared shape alone shows what `image_input` returns."""
    try:
        return _kind(graph).HasField("shape") and _by_shape(graph, None) == image_input(graph)
    except ModelError:
        return False


def _by_shape(graph: Graph, likely: Likely | None) -> ImageInput:
    kind = _kind(graph).elem_type
    return ImageInput.of(graph.image, KINDS.get(kind, f"type {kind}"), _sides(graph), likely)


def volume_values(model: ImageInput, shape: Sequence[int]) -> int:
    """Return the number of values of a network input of that shape, if it is a volume or a clip, else 0."""
    return math.prod(shape) if model.rank == 3 else 0


def probe_images(
    model: ImageInput, size: tuple[int, ...] | None = None, ranges: Sequence[tuple[float, float]] = (NORMALIZED, PIXELS)
) -> list[NDArray[Any]]:
    """Return batches of smooth random network inputs, one for each range of values, of the smallest size."""
    sides, probes = model.sides(size), []
    coarse = [-(-side // 8) for side in sides]
    for seed, (low, high) in enumerate(ranges):
        image = np.random.default_rng(seed).uniform(low, high, (model.batch or 1, model.channels, *coarse))
        for axis, side in enumerate(sides, 2):
            image = image.repeat(8, axis=axis).take(range(side), axis=axis)
        if model.dtype == np.uint8:
            image = np.clip(image * (1 if high > 2 else 64), 0, 255)
        image = np.moveaxis(image, 1, -1) if model.is_channels_last else image
        probes.append(np.ascontiguousarray(image, model.dtype))
    return probes


def probes_of(model: ImageInput, size: tuple[int, ...] | None, contrast: float) -> list[NDArray[Any]]:
    """Return probe images of a contrast: one to search for a head, two to prove it."""
    return probe_images(
        model, size, [(contrast * low, contrast * high) for low, high in (NORMALIZED, NORMALIZED, PIXELS)]
    )


def look(
    graph: Graph,
    probe: NDArray[Any],
    scores: Sequence[str],
    wanted: Sequence[str],
    image: ImageInput,
    watch: Watch,
) -> tuple[Scene, dict[str, list[str]]]:
    """Return the values that the model gives for an image at all cuts before some scores, and these cuts.

    Raises
    ------
    ModelError
        The model can't be run on it.
    """
    paths = {score: find_cuts(graph, score)[-LAST_CUTS:] for score in scores}
    made = {name for name in graph.producers if name in graph.data}
    sized = [node.output[0] for node in graph.nodes if "Conv" in node.op_type and node.output[0] in made]
    sizes = [n.output[0] for n in graph.nodes if n.op_type in SHAPE_OPS and graph.data_inputs(n)]
    names = [name for path in paths.values() for name in path]
    names += [*wanted, *graph.outputs, *sized[:4], *sized[-LAST_CONVOLUTIONS:]]
    values = _values(graph, [*dict.fromkeys(name for name in names if name in made), *sizes], probe, watch)
    values = {graph.image: probe, **values}
    places = tuple(probe.shape[axis] for axis in image.axes)
    placed = planes(graph, image.layout, inferred_shapes(graph, probe.shape))
    seen = {name: values[name].shape[2:] for name in sized if name in values and values[name].ndim == probe.ndim}
    # By construction a map may have any proportions; what else a convolution made may be tokens in a row.
    grids = {grid for grid in halves({seen[name] for name in seen if name in placed}) if np.prod(grid) > 1}
    grids |= {grid for grid in halves(set(seen.values())) if has_proportions(grid, places)}
    return Scene(graph, values, places, frozenset(grids), placed, graph.parsed.folder, watch), paths


def _values(graph: Graph, tensors: Sequence[str], probe: NDArray[Any], watch: Watch) -> Mapping[str, NDArray[Any]]:
    """Return the values of the tensors that are arrays."""
    exposed = expose(graph, tensors)
    names = [one.name for one in exposed if one.name not in graph.outputs]
    appendix = appendix_of(names, [one.node for one in exposed if one.node is not None])
    data = graph.model.SerializeToString() + appendix
    session = open_for_probing(data, name=watch.name, folder=graph.parsed.folder, watch=watch)
    try:
        values = session.run([one.name for one in exposed], {graph.image: probe, **graph.constants}, watch.options)
    except ORT_ERRORS as error:
        watch.check()
        raise failed("the model", f"an input of shape {probe.shape}", error) from error
    return {
        one.tensor: value
        for one, value in zip(exposed, values, strict=True)
        if isinstance(value, np.ndarray | np.generic)
    }


def _likely(graph: Graph) -> Likely | None:
    """Return the axis of the image's channels and their number, by the first operator that mixes them, if one does."""
    sides = _sides(graph)
    name, axes, is_turned = graph.image, len(sides), False
    for node in graph.nodes:
        if name not in node.input or node.op_type in SHAPE_OPS:
            continue
        stored = graph.initializers.get(node.input[1]) if len(node.input) > 1 else None
        if graph.attribute(node, "perm") == [0, axes - 1, *range(1, axes - 1)]:
            is_turned = True
        elif node.op_type == "Conv" and stored is not None and len(stored.dims) == axes:
            group = graph.attribute(node, "group", 1)
            return Likely(is_turned, stored.dims[1] * (group if isinstance(group, int) else 1))
        elif node.op_type == "MatMul" and stored is not None and axes == 3:  # a linear layer on each sample of a signal
            return Likely(not is_turned, stored.dims[0])
        name = node.output[0]
    return Likely(True, sides[-1] or 3) if is_turned else None


def _sides(graph: Graph) -> list[int | None]:
    """Return the sides of the image input, None for open ones; if it declares no shape, as of images."""
    kind = _kind(graph)
    return [side.dim_value or None for side in kind.shape.dim] if kind.HasField("shape") else [None] * 4


def _kind(graph: Graph) -> onnx.TypeProto.Tensor:
    return next(value.type.tensor_type for value in graph.model.graph.input if value.name == graph.image)
