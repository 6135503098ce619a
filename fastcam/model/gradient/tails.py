"""The part of a model behind its feature maps, taken out of its file when it is first needed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastcam.errors import ModelError
from fastcam.model.graph.graph import Graph
from fastcam.model.graph.outputs import own_name
from fastcam.model.graph.tail import Tail
from fastcam.model.head.head import Head
from fastcam.model.head.probes import NORMALISED, image_input, look, probe_images
from fastcam.model.head.proof import relative_deviation
from fastcam.model.opened_model import OpenedModel
from fastcam.model.run.batches import Forwards
from fastcam.model.run.limits import Watch
from fastcam.model.run.runtime import ORT_ERRORS, failed, open_session
from fastcam.model.run.session import Opening

if TYPE_CHECKING:
    import onnx

# Of the logits by the tail from those of the model; a quantised or float16 model is further from its tail in float32.
TOLERANCE, NARROW_TOLERANCE = 1e-3, 0.3
ONCE = "method='gradcam' asks the model once"  # where asking it again and again is what can't be done
HELD = 8  # times its feature maps that a tail holds while it runs, about: attention and its MLP


class Cut(NamedTuple):
    """A tail in float32, and what the model gave for a probe image.

    `values` (N, ...) at its start, `logits` (N, ...), and the folder of the model's weights, if they aren't inside.
    """

    tail: Tail
    values: NDArray[np.floating]
    logits: NDArray[np.floating]
    folder: Path | None

    def excess(self, logits: NDArray[np.floating]) -> float | None:
        """How far logits by the tail are from the model's, relative, if that is more than rounding explains."""
        expected = self.logits.reshape(len(self.values), -1).astype(np.float64)
        error = relative_deviation(logits.reshape(expected.shape).astype(np.float64), expected, np.zeros(1))
        narrow = self.tail.floatised or self.logits.dtype != np.float32
        return None if error <= (NARROW_TOLERANCE if narrow else TOLERANCE) else error


def cut_behind_maps(graph: Graph, head: Head, size: tuple[int, int], watch: Watch) -> Cut:
    """The tail from the head's feature maps to its logits.

    Parameters
    ----------
    size
        (height, width) of the probe image, where the model leaves its size open.
    """
    start, logits, scores = (own_name(graph, name) for name in (head.feature_maps, head.logits, head.output))
    image = image_input(graph)
    probe = probe_images(image, size, (NORMALISED,))[0]
    scene, _ = look(graph, probe, [scores or logits], [start, logits], image, watch)
    return Cut(scene.tail(start, [logits]), scene.values[start], scene.values[logits], scene.folder)


def open_written(model: onnx.ModelProto, name: str, folder: Path | None, opening: Opening) -> Any:
    """A session over a model that was written, run as the caller wants his own to be."""
    return open_session(
        model.SerializeToString(),
        name=name,
        folder=folder,
        providers=opening.providers,
        threads=opening.threads,
        options=opening.options,
    )


def open_tail(opened: OpenedModel) -> Forwards:
    """Logits of feature maps (n, ...) in the model's own layout, float32, by a session over the tail.

    Raises
    ------
    ModelError
        The model isn't at hand, its tail can't be cut out, or gives other logits than the model.
    """
    refusal = ModelError(
        "expected a model from a file or bytes for a method that asks its tail; a session of your own can't be "
        "taken apart"
    )
    with opened.read_again(refusal) as (name, graph, how):
        own = how.options if graph.has_custom_operators else None
        with Watch(name, graph.parsed.size, own, task="its tail", advice="method='scorecam' needs none") as watch:
            cut = cut_behind_maps(graph, opened.head, opened.size, watch)
        session = open_written(cut.tail.model, f"tail of {name}", cut.folder, how)

    def run(items: NDArray[np.float32]) -> NDArray[np.float32]:
        try:
            (logits,) = session.run(None, {cut.tail.start: items})
        except ORT_ERRORS as error:
            raise failed("the tail of the model", f"feature maps of shape {items.shape}", error) from error
        return np.asarray(logits)

    error = cut.excess(run(cut.values.astype(np.float32)))
    if error is not None:
        raise ModelError(f"the tail from {cut.tail.start!r} gives other logits than the model: off by {error:.2g}")
    return Forwards(run, len(cut.values), HELD, opened.head.classes, ONCE)
