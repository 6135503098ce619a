"""Probe images, which mean nothing, and a model's tensors for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcam.images.inputs import ImageInput
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

KINDS = {1: "tensor(float)", 2: "tensor(uint8)", 10: "tensor(float16)", 11: "tensor(double)"}
LAST_CUTS = 150  # tensors before the scores that are looked at, at most
LAST_CONVOLUTIONS = 40  # whose sizes tell which grids there are
CONTRASTS = (1.0, 1 / 16, 1 / 256)  # less where feature maps overflow, as those of float16
NORMALIZED, PIXELS = (-2.0, 2.0), (0.0, 255.0)


def image_input(graph: Graph) -> ImageInput:
    """Return the input that takes the images.

    Raises
    ------
    ModelError
        It takes something else.
    """
    value = next(value for value in graph.model.graph.input if value.name == graph.image)
    kind = value.type.tensor_type
    shape = [side.dim_value or None for side in kind.shape.dim] if kind.HasField("shape") else [None] * 4
    return ImageInput.of(value.name, KINDS.get(kind.elem_type, f"type {kind.elem_type}"), shape, _likely(graph))


def says_all(graph: Graph) -> bool:
    """Return whether the input's declared shape alone shows what `image_input` returns."""
    value = next(value for value in graph.model.graph.input if value.name == graph.image)
    kind = value.type.tensor_type
    shape = [side.dim_value or None for side in kind.shape.dim]
    if not kind.HasField("shape") or shape[1] is shape[3] is None:
        return False
    return ImageInput.of(value.name, KINDS[kind.elem_type], shape) == image_input(graph)


def probe_images(
    model: ImageInput, size: tuple[int, int] | None = None, ranges: Sequence[tuple[float, float]] = (NORMALIZED, PIXELS)
) -> list[NDArray[Any]]:
    """Return batches of smooth random network inputs, one for each range of values, of the smallest size."""
    height, width = model.sides(size)
    probes = []
    for seed, (low, high) in enumerate(ranges):
        coarse = np.random.default_rng(seed).uniform(
            low, high, (model.batch or 1, model.channels, -(-height // 8), -(-width // 8))
        )
        image = coarse.repeat(8, axis=2).repeat(8, axis=3)[:, :, :height, :width]
        if model.dtype == np.uint8:
            image = np.clip(image * (1 if high > 2 else 64), 0, 255)
        image = image if model.layout == "NCHW" else image.transpose(0, 2, 3, 1)
        probes.append(np.ascontiguousarray(image, model.dtype))
    return probes


def probes_of(model: ImageInput, size: tuple[int, int] | None, contrast: float) -> list[NDArray[Any]]:
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
    height, width = probe.shape[2:] if image.layout == "NCHW" else probe.shape[1:3]
    placed = planes(graph, image.layout, inferred_shapes(graph, probe.shape))
    seen = {name: values[name].shape[2:] for name in sized if name in values and values[name].ndim == 4}
    # By construction a map may have any proportions; what else a convolution made may be tokens in a row.
    grids = {grid for grid in halves({seen[name] for name in seen if name in placed}) if np.prod(grid) > 1}
    grids |= {grid for grid in halves(set(seen.values())) if has_proportions(grid, (height, width))}
    return Scene(graph, values, (height, width), frozenset(grids), placed, graph.parsed.folder, watch), paths


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


def _likely(graph: Graph) -> tuple[str, int] | None:
    """Return layout and channels of the image, by the first operators that depend on them; None if none does."""
    name, layout = graph.image, "NCHW"
    for node in graph.nodes:
        if name not in node.input or node.op_type in SHAPE_OPS:
            continue
        if graph.attribute(node, "perm") == [0, 3, 1, 2]:
            layout = "NHWC"
        if node.op_type == "Conv" and node.input[1] in graph.initializers:
            group = graph.attribute(node, "group", 1)
            return layout, graph.initializers[node.input[1]].dims[1] * (group if isinstance(group, int) else 1)
        name = node.output[0]
    return ("NHWC", 3) if layout == "NHWC" else None
