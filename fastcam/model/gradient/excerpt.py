"""Excerpts of a model: the one way to read it again, look at it, cut a part out of it, write it and open a session."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from fastcam.errors import GradientError, InputError, ModelError
from fastcam.images.inputs import ImageInput
from fastcam.model.graph.graph import Graph
from fastcam.model.graph.outputs import own_name
from fastcam.model.graph.tail import Tail
from fastcam.model.head.head import Head
from fastcam.model.head.probes import NORMALIZED, image_input, look, probe_images, volume_values
from fastcam.model.head.proof import relative_deviation
from fastcam.model.head.scene import Scene
from fastcam.model.opened_model import OpenedModel
from fastcam.model.run.constants import Constants
from fastcam.model.run.limits import Watch
from fastcam.model.run.runtime import open_session
from fastcam.model.run.session import Opening

if TYPE_CHECKING:
    import onnx

# Relative deviation of a tail's logits from those of the model; a quantised or float16 model is further from its tail
# in float32.
LOGITS_TOLERANCE, NARROW_TOLERANCE = 1e-3, 0.3
ADVICE = "method='eigencam' needs no gradient"
AT_HAND = (
    "expected a model from a file or bytes for a method that follows the gradient; a session of your own can't be "
    "taken apart"
)


@dataclass(frozen=True, eq=False)
class Workbench:
    """The graph of a model, and the limits of time and memory under which it is looked at.

    Attributes
    ----------
    size
        Sizes of the places of probe images, as (height, width), where the model leaves them open.
    """

    graph: Graph
    head: Head
    size: tuple[int, ...]
    watch: Watch

    @cached_property
    def image(self) -> ImageInput:
        """The input that takes the images."""
        return image_input(self.graph)

    @property
    def logits(self) -> str:
        """The tensor with the logits."""
        return own_name(self.graph, self.head.logits)

    @property
    def scores(self) -> str:
        """The tensor with the model's own scores."""
        return own_name(self.graph, self.head.output) or self.logits

    def probes(self, *ranges: tuple[float, float]) -> list[NDArray[Any]]:
        """Return a batch of probe images for each range of values."""
        return probe_images(self.image, self.size, ranges)

    def look(self, probe: NDArray[Any], end: str, wanted: Sequence[str]) -> tuple[Scene, list[str]]:
        """Return what the model makes of a probe image, and the tensors that every path to an end crosses."""
        scene, paths = look(self.graph, probe, [end], wanted, self.image, self.watch)
        return scene, paths[end]


@dataclass(frozen=True, eq=False)
class Excerpt:
    """A part of a model, written as a model of its own, and what the whole model gave for a probe image.

    Attributes
    ----------
    model
        The tail, or the tail with gradients.
    tail
        The part of the graph that was cut out, in float32.
    values, logits
        (N, ...) at the start of the tail, and the logits (N, ...) at its end.
    folder
        The folder of the model's weights, if these aren't inside.
    """

    model: onnx.ModelProto
    tail: Tail
    values: NDArray[Any]
    logits: NDArray[np.floating]
    folder: Path | None

    @property
    def is_narrow(self) -> bool:
        """Quantised, or of narrower floats than float32."""
        return self.tail.is_widened or self.logits.dtype != np.float32

    @property
    def tolerance(self) -> float:
        """The largest relative deviation of logits that rounding explains."""
        return NARROW_TOLERANCE if self.is_narrow else LOGITS_TOLERANCE

    def check_logits(self, logits: NDArray[np.floating], kind: type[ModelError] = GradientError) -> None:
        """Check that logits by the tail are the model's, but for rounding, or raise an error of that kind."""
        expected = self.logits.reshape(len(self.values), -1).astype(np.float64)
        error = relative_deviation(logits.reshape(expected.shape).astype(np.float64), expected, np.zeros(1))
        if not error <= self.tolerance:
            raise kind(f"the tail from {self.tail.start!r} gives other logits than the model: off by {error:.2g}")

    @property
    def further(self) -> Further:
        """The model's further inputs in it."""
        names = frozenset(self.tail.constants)
        return Further(names & {value.name for value in self.model.graph.input}, names)


class Further(NamedTuple):
    """Further inputs of a model in an excerpt.

    Attributes
    ----------
    free
        Names of those that it may be given other values of.
    names
        Names of all; of the others, it is written for the values that the model was loaded with.
    """

    free: frozenset[str]
    names: frozenset[str]

    def feeds(self, constants: Constants) -> dict[str, NDArray[Any]]:
        """Return what the excerpt is to be fed where a call has other values.

        Raises
        ------
        InputError
            It is written for the values that the model was loaded with.
        """
        found = {name: value for name, value in constants.items() if name in self.names}
        if fixed := sorted(found.keys() - self.free):
            raise InputError(
                f"constants: expected {fixed[0]!r} as the model was loaded with, as its gradient is written for that "
                "value; got another. Load the model with the other value"
            )
        floats = {name: value.astype(np.float32) for name, value in found.items() if value.dtype.kind == "f"}
        return found | floats


E = TypeVar("E", bound=Excerpt)


@contextmanager
def workbench(
    name: str,
    graph: Graph,
    opening: Opening,
    head: Head,
    size: tuple[int, ...],
    *,
    task: str = "its gradient",
    advice: str = ADVICE,
) -> Iterator[Workbench]:
    """Yield the graph of a model for work that may take as much time and memory as such a model may.

    Parameters
    ----------
    task, advice
        The work, and what the caller may do where it takes too long, for messages.
    """
    options = opening.options if graph.has_custom_operators else None
    image = image_input(graph)
    values = volume_values(image, image.batch_shape(size))
    with Watch(name, graph.parsed.size, options, values=values, task=task, advice=advice) as watch:
        yield Workbench(graph, head, size, watch)


def open_excerpt(
    model: OpenedModel,
    write: Callable[[Workbench], E],
    *,
    kind: str = "gradient",
    refusal: ModelError | None = None,
    task: str = "its gradient",
    advice: str = ADVICE,
) -> tuple[Any, E]:
    """Open a session over a part of a model, which is run as the caller wants the model itself to be run.

    Parameters
    ----------
    write
        Cuts the part out of the graph and writes it.
    kind
        The part's name, for messages.
    refusal
        The error where there is no model but a session of the caller's; None: `AT_HAND`.
    task, advice
        As in `workbench`.

    Returns
    -------
    tuple
        The session, and what `write` returned. The excerpt holds the model's weights: let it go.

    Raises
    ------
    ModelError
        The refusal; the file has changed, or can't be read; it takes too long; or ONNX Runtime can't load the part.
    """
    with model.read_again(refusal or GradientError(AT_HAND)) as (name, graph, opening):
        with workbench(name, graph, opening, model.head, model.size, task=task, advice=advice) as bench:
            excerpt = write(bench)
        session = open_session(
            excerpt.model.SerializeToString(),
            name=f"{kind} of {name}",
            folder=excerpt.folder,
            providers=opening.providers,
            threads=opening.threads,
            options=opening.options,
        )
    return session, excerpt


def cut_behind_maps(bench: Workbench) -> Excerpt:
    """Cut out the tail from the head's feature maps to its logits."""
    start, logits = own_name(bench.graph, bench.head.feature_maps), bench.logits
    (probe,) = bench.probes(NORMALIZED)
    scene, _ = bench.look(probe, bench.scores, [start, logits])
    tail = scene.tail(start, [logits])
    return Excerpt(tail.model, tail, scene.values[start], scene.values[logits], scene.folder)
