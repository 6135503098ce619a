"""The baking of a model whose head is known, and the proof that its maps are fastcam's own."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastcam.arrays.maps import heatmaps
from fastcam.errors import HeadNotFoundError, ModelError
from fastcam.export.bake_graph import ModelParts, Recipe, add_maps, maps_said
from fastcam.images.inputs import ImageInput
from fastcam.methods.attribution import Attribution
from fastcam.methods.options import Options, Seen
from fastcam.methods.table import METHODS
from fastcam.model.file.source import Source
from fastcam.model.file.storage import save
from fastcam.model.gradient.at_maps import write_gradient
from fastcam.model.gradient.backward import convert_opset
from fastcam.model.graph.graph import Graph
from fastcam.model.graph.original import CLASS, LOGITS, MAPS, OUTPUTS
from fastcam.model.graph.writer import without_stored_inputs
from fastcam.model.head.discovery import Discovery
from fastcam.model.head.head import OWN
from fastcam.model.head.probes import NORMALIZED, PIXELS, image_input, probe_images
from fastcam.model.head.proof import check_identity
from fastcam.model.opened_model import OpenedModel
from fastcam.model.run.runtime import ORT_ERRORS, open_session, reason_of
from fastcam.model.run.session import Opening
from fastcam.package import __version__

TOLERANCE = 1e-5
KINKS = 1e-2  # for Grad-CAM's maps at a kink of the network; measured on deep networks with ReLU


class Proof(NamedTuple):
    """The largest relative deviation, and for people what is fixed in the file that the model leaves open."""

    deviation: float
    notes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Baker:
    """A model whose head is known, and the maps to bake into it.

    Attributes
    ----------
    graph
        The graph of `source`, as ONNX; it is changed.
    size
        Sizes of the places of probe images, as (height, width), where the model leaves them open.
    """

    found: Discovery
    recipe: Recipe
    opening: Opening
    source: Source
    graph: Graph
    size: tuple[int, ...] | None

    def write(self, path: Path) -> Proof:
        """Write the baked model's file, and compare its maps to fastcam's own.

        Raises
        ------
        ModelError, GradientError
            The gradient can't be written, or the file doesn't give fastcam's maps.
        """
        graph, notes = self._modern_graph(), []
        sides = self.image.sides(self.size)
        if why := self._why_one_size():
            _fix(graph, dict(zip(self.image.axes, sides, strict=True)))
            notes.append(f"images of {'×'.join(map(str, sides))} only: {why}")
        parts = self._parts(graph)
        self._save(graph, parts, path)
        deviation = self._proven(path, self.probes)
        if not self.image.batch and self._takes_two():
            try:
                deviation = max(deviation, self._proven(path, [np.concatenate(self.probes[:2])]))
            except ModelError:
                if self.recipe.method == "cam":
                    raise
                _fix(graph, {0: 1})
                notes.append("one image at a time: the gradient of some operator holds for one only")
                self._save(graph, parts, path)
                deviation = self._proven(path, self.probes)
        return Proof(deviation, tuple(notes))

    # ---- what is written --------------------------------------------------------------------------------------------

    @cached_property
    def image(self) -> ImageInput:
        """The image input of the model."""
        return image_input(self.graph)

    def _modern_graph(self) -> Graph:
        """Return the graph, converted to an opset with the operators of the recipe if needed."""
        without_stored_inputs(self.graph.model)
        newer = convert_opset(self.graph.model, self.recipe.opset(self.found.head))
        if newer is self.graph.model:
            return self.graph
        return Graph.of(replace(self.graph.parsed, model=newer), self.opening.constants)

    def _parts(self, graph: Graph) -> ModelParts:
        head, types = self.found.head, [value.dtype for value in self._observed(self.probes[0])]
        parts = ModelParts(head, (types[0], types[1]), self.image.axes)
        if self.recipe.method == "cam":
            return parts
        sides = self.image.sides(self.size)
        written = write_gradient(self.source.name, graph, self.opening, head, sides)
        return replace(parts, tail=written.tail, gradient=written.model)

    def _save(self, graph: Graph, parts: ModelParts, path: Path) -> None:
        model = add_maps(graph, parts, self.recipe, self._metadata())
        save(model, graph.parsed.folder, path, outside=bool(graph.parsed.files))

    def _metadata(self) -> dict[str, str]:
        head = self.found.head
        said = {
            "fastcam.version": __version__,
            "fastcam.source_sha256": head.sha256,
            "fastcam.method": self.recipe.method,
            "fastcam.head": head.describe(),
            "fastcam.feature_maps": head.feature_maps,
            LOGITS: head.logits,
            OUTPUTS: json.dumps({MAPS: maps_said(self.recipe)}),
        }
        if self.recipe.method == "cam":
            said["fastcam.bias"] = json.dumps([float(f"{value:.9g}") for value in head.bias])
        return said

    # ---- what stays open --------------------------------------------------------------------------------------------

    def _why_one_size(self) -> str:
        """Return the reason why the file takes images of the probes' size only although the model doesn't, or ""."""
        if not self.image.is_open:
            return ""
        if self.recipe.method == "gradcam":
            return "the gradient is written for it"
        *others, last = self.image.sides(self.size)
        larger = probe_images(self.image, (*(side + 64 for side in others), last + 32))[0]
        try:
            maps, logits = self.found.session.run(larger, [self.found.head.feature_maps, self.found.head.logits])
        except ModelError:
            return ""  # the model itself refuses it
        try:
            check_identity(self.found.head, maps, logits.reshape(len(logits), -1).astype(np.float32))
        except HeadNotFoundError:
            return "at others, maps and logits don't belong together"
        return ""

    def _takes_two(self) -> bool:
        """Return whether the model itself runs two images at a time."""
        try:
            self._observed(np.concatenate(self.probes[:2]))
        except ModelError:
            return False
        return True

    # ---- the proof --------------------------------------------------------------------------------------------------

    @cached_property
    def probes(self) -> list[NDArray[Any]]:
        """Probe images on which the model itself is finite."""
        probes = probe_images(self.image, self.size, (NORMALIZED, NORMALIZED, PIXELS))
        sound = [probe for probe in probes if all(np.isfinite(value).all() for value in self._observed(probe))]
        if not sound:
            raise ModelError(f"{self.source.name}: expected finite feature maps and scores; got NaN or infinity")
        return sound

    @cached_property
    def attribution(self) -> Attribution:
        """The source of fastcam's own maps."""
        found, sides = self.found, self.image.sides(self.size)
        return Attribution(OpenedModel(self.source, self.opening, found.head, sides, found.session))

    def _observed(self, images: NDArray[Any], *others: str) -> list[NDArray[Any]]:
        """Return feature maps, the scores by which classes are ranked, and other tensors."""
        head = self.found.head
        ranking = head.output if head.activation in OWN else head.logits
        return self.found.session.run(images, [head.feature_maps, ranking, *others])

    def _proven(self, path: Path, batches: list[NDArray[Any]]) -> float:
        """Return the largest deviation of the file's maps.

        Raises
        ------
        ModelError
            The deviation is too large, a class other than the best is explained, or ONNX Runtime can't run the file.
        """
        session, errors = open_session(path, name="the baked model"), []
        for images in batches:
            seen = self._seen(images)
            for index, found in self._runs(session, images, np.stack([one.scores for one in seen])):
                errors += [_deviation(found[n], *self._expected(seen[n], classes)) for n, classes in enumerate(index)]
        if not are_near(errors, self.recipe.method):
            raise ModelError(
                f"{self.source.name}: expected the baked maps to be those of fastcam to {TOLERANCE} of their maximum; "
                f"they are off by {max(errors):.2g}. Please report this"
            )
        return max(errors)

    def _runs(self, session: Any, images: NDArray[Any], ranking: NDArray[np.float32]) -> Iterator[tuple[Any, Any]]:
        """Yield classes (N, M) and maps (N, M, H, W) of the file: for the best class, all, or some given ones."""
        feeds, count = {self.image.name: images, **self.graph.constants}, ranking.shape[1]
        try:
            if self.recipe.classes == "top":
                maps, index = session.run([MAPS, CLASS], feeds)
                chosen, best = ranking[np.arange(len(index)), index], ranking.max(axis=1)
                if (chosen < best - TOLERANCE * np.abs(best)).any():
                    raise ModelError(f"{self.source.name}: the baked model ranks classes in another way than the model")
                yield index[:, None], maps
            elif self.recipe.classes == "all":
                yield np.repeat(np.arange(count)[None], len(images), axis=0), session.run([MAPS], feeds)[0]
            else:
                for index in (ranking.argmax(axis=1), np.arange(len(images)) % count, np.full(len(images), count - 1)):
                    yield index[:, None], session.run([MAPS], {**feeds, CLASS: index.astype(np.int64)})[0]
        except ORT_ERRORS as error:
            if isinstance(error, ModelError):
                raise
            raise ModelError(f"{self.source.name}: the baked model failed: {reason_of(error)}") from error

    def _seen(self, images: NDArray[Any]) -> list[Seen]:
        """Run images and return what the model makes of each."""
        head, count = self.found.head, len(images)
        maps, ranking, *others = self._observed(images, *([head.logits] if head.activation in OWN else []))
        scores, logits = (one.reshape(count, -1).astype(np.float32) for one in (ranking, *(others or [ranking])))
        return [
            Seen(network_input=images[n : n + 1], feature_maps=maps[n : n + 1], logits=logits[n], scores=scores[n])
            for n in range(count)
        ]

    def _expected(self, seen: Seen, classes: NDArray[np.int64]) -> tuple[NDArray[np.float32], float]:
        """Return fastcam's own maps (M, H, W) of one image, and the unit in which a deviation from them counts."""
        image = seen.network_input
        maps = np.asarray(self.attribution.maps(seen, classes, Options(method=METHODS[self.recipe.method])))
        size = self.recipe.size or maps.shape[1:]
        sides = tuple(image.shape[axis] for axis in self.image.axes) if size == "input" else size
        largest, spread = float(np.abs(maps).max()), float(np.ptp(maps.reshape(len(maps), -1), axis=1).min())
        expected = heatmaps(maps, sides, normalize=self.recipe.normalize)
        if self.recipe.normalize:  # the subtraction loses digits
            return expected, max(1.0, largest / spread) if spread else 1.0
        return expected, largest or 1.0


def are_near(errors: Sequence[float], method: str) -> bool:
    """Return whether the deviations of maps of several images are within `TOLERANCE`.

    A gradient jumps where a ReLU or maximum is at its kink, and two float32 forwards, such as ONNX Runtime's of a whole
    model and of its tail, may be on either side of one: then some images may differ by `KINKS`, but not all.

    Examples
    --------
    >>> are_near([1e-6, 2e-3], "cam"), are_near([1e-6, 2e-3], "gradcam"), are_near([1e-6, 0.1], "gradcam")
    (False, True, False)
    """
    if method == "cam":
        return max(errors) <= TOLERANCE
    return min(errors) <= TOLERANCE and max(errors) <= KINKS


def _deviation(found: NDArray[np.float32], expected: NDArray[np.float32], unit: float) -> float:
    """Return the largest difference of maps, infinite if their shapes differ or one isn't finite."""
    if found.shape != expected.shape or not np.isfinite(found).all():
        return float("inf")
    return float(np.abs(found.astype(np.float64) - expected).max()) / unit


def _fix(graph: Graph, axes: Mapping[int, int]) -> None:
    """Fix the sizes of axes of the image input."""
    value = next(value for value in graph.model.graph.input if value.name == graph.image)
    shape = value.type.tensor_type.shape
    while not shape.dim or len(shape.dim) <= max(axes):  # one of no declared shape takes images
        shape.dim.add()
    for axis, side in axes.items():
        shape.dim[axis].dim_value = side
