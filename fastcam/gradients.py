"""Gradients of a model's logits at its feature maps: in closed form where the head is exact, else by its tail."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastcam.discovery import as_onnx_source, read_graph
from fastcam.errors import FastcamError, GradientError, ModelError
from fastcam.model.backward import backward_model
from fastcam.model.gradient import GRADIENT, SEED
from fastcam.model.graph import Graph
from fastcam.model.head import Head
from fastcam.model.proof import relative_deviation
from fastcam.model.source import Source, on_disk
from fastcam.model.tail import Tail
from fastcam.probes import NORMALISED, image_input, look, probe_images
from fastcam.runtime import ORT_ERRORS, open_session
from fastcam.session import Opening
from fastcam.watch import Watch

# Of the logits by the tail from those of the model; a quantised or float16 model is further from its tail in float32.
TOLERANCE, NARROW_TOLERANCE = 1e-3, 0.3
# Of the gradient from differences along random directions, which meet kinks; a wrong one is off by more.
ROUGH = 0.15
ADVICE = "method='eigencam' needs no gradient"
NOT_TAKEN_APART = (
    "expected a model from a file or bytes for a method that follows the gradient; a session of your own "
    "can't be taken apart"
)


class _Opened(NamedTuple):
    """A session over a tail and its gradient; the batch that it takes, and how many operators it has."""

    session: Any
    start: str
    batch: int
    operators: int


class Gradients:
    """d logit / d feature maps, of a model whose file is at hand. May be used from many threads.

    The session over the tail is made when it is first needed.

    Parameters
    ----------
    source, opening
        The model as it was opened; None for a session of the caller's, which can't be taken apart.
    size
        (height, width) of the network input.
    """

    def __init__(self, source: Source | None, opening: Opening | None, head: Head, size: tuple[int, int]) -> None:
        self._source, self._opening = (None, None) if head.is_exact else (source, opening)
        self._head, self._size = head, size
        self._lock = threading.Lock()
        self._opened: _Opened | FastcamError | None = None

    def describe(self) -> str:
        """Where gradients come from."""
        if self._head.is_exact:
            return "closed form"
        return f"backward through {self._ready().operators} operators"

    def __call__(self, feature_maps: NDArray[Any], class_index: NDArray[np.int64]) -> NDArray[np.float32]:
        """(M, C, h, w) of feature maps (1, ...) in the model's own layout, for classes (M,).

        (M, C, 1, 1) where a class's gradient is the same everywhere.

        Raises
        ------
        GradientError
            The gradient can't be written as ONNX, or isn't finite.
        ModelError
            ONNX Runtime failed while running.
        """
        layout = self._head.arranged(feature_maps.shape)
        if self._head.is_exact:
            chosen = self._head.linear()[0][class_index] / np.float32(layout.height * layout.width)
            return chosen[:, :, None, None] if chosen.ndim == 2 else chosen
        opened = self._ready()
        given = np.repeat(feature_maps[:1].astype(np.float32), opened.batch, axis=0)
        found = []
        for index in class_index.tolist():
            seed = np.zeros((opened.batch, self._head.classes), np.float32)
            seed[0, index] = 1
            found.append(self._run(opened, given, seed)[:1])
        gradients = layout.channels_first(np.concatenate(found))
        if not np.isfinite(gradients).all():
            name = self._head.feature_maps
            raise GradientError(f"the gradient at {name!r}: expected finite values; got NaN or infinity")
        return np.ascontiguousarray(gradients)

    def _run(self, opened: _Opened, given: NDArray[np.float32], seed: NDArray[np.float32]) -> NDArray[np.float32]:
        try:
            (gradient,) = opened.session.run([GRADIENT], {opened.start: given, SEED: seed})
        except ORT_ERRORS as error:
            raise ModelError(f"the tail of the model failed on feature maps of shape {given.shape}: {error}") from error
        return np.asarray(gradient)

    def _ready(self) -> _Opened:
        """The session; what stood in its way stands there for good."""
        with self._lock:
            if self._opened is None:
                try:
                    self._opened = self._opened_now()
                except FastcamError as error:
                    self._opened = error
                self._source = None
            if isinstance(self._opened, FastcamError):
                raise self._opened
            return self._opened

    def _opened_now(self) -> _Opened:
        source, opening = self._source, self._opening
        if source is None or opening is None:
            raise GradientError(NOT_TAKEN_APART)
        with read_again(source, opening, self._head) as (name, graph):
            return self._open(name, graph, opening)

    def _open(self, name: str, graph: Graph, opening: Opening) -> _Opened:
        head = self._head
        start = head.feature_maps if head.feature_maps in graph.data else head.feature_maps.removesuffix("/real")
        image = image_input(graph)
        probe = probe_images(image, self._size, (NORMALISED,))[0]
        options = opening.options if graph.has_custom_operators else None
        with Watch(name, graph.parsed.size, options, task="its gradient", advice=ADVICE) as watch:
            scene, _ = look(graph, probe, [head.output or head.logits], [start, head.logits], image, watch)
            tail = scene.run(start, [head.logits]).tail
            values, logits = scene.values[start], scene.values[head.logits]
            model = backward_model(tail, values, scene.folder, watch)
        session = open_session(
            model.SerializeToString(),
            name=f"gradient of {name}",
            folder=scene.folder,
            providers=opening.providers,
            threads=opening.threads,
            options=opening.options,
        )
        check_tail(session, tail, values, logits)
        return _Opened(session, tail.start, len(values), len(tail.operators))


@contextmanager
def read_again(source: Source, opening: Opening, head: Head) -> Iterator[tuple[str, Graph]]:
    """The name and graph of the file that a head was found in.

    Raises
    ------
    ModelError
        It can't be read, or it has changed since.
    """
    try:
        with on_disk(as_onnx_source(source)) as readable:
            graph = read_graph(readable, opening)
            known = head.sha256
            if known and source.sha256(head.access.files, graph.constants) != known:
                raise ModelError(f"{source.name}: expected the file that was loaded; it has changed since")
            yield readable.name, graph
    except (OSError, MemoryError) as error:
        raise ModelError(f"{source.name}: can't be read ({error})") from error


def check_tail(session: Any, tail: Tail, values: NDArray[Any], logits: NDArray[Any], *, slopes: bool = True) -> None:
    """It gives the model's logits, which depend on the start, and its gradient is that of small differences, if asked.

    Raises
    ------
    GradientError
        It isn't so.
    """
    rng, given = np.random.default_rng(0), values.astype(np.float32)
    expected = logits.reshape(len(values), -1).astype(np.float64)
    seed = rng.standard_normal(expected.shape).astype(np.float32)

    def ask(start: NDArray[np.floating]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        end, gradient = session.run(None, {tail.start: start.astype(np.float32), SEED: seed})
        return np.asarray(end, np.float64).reshape(expected.shape), np.asarray(gradient, np.float64)

    got, gradient = ask(given)
    error = relative_deviation(got, expected, np.zeros(1))
    narrow = tail.floatised or logits.dtype != np.float32
    if not error <= (NARROW_TOLERANCE if narrow else TOLERANCE):
        raise GradientError(f"the tail from {tail.start!r} gives other logits than the model: off by {error:.2g}")
    if not slopes:
        return
    spread = float(given.std(dtype=np.float64)) or 1.0
    if not gradient.any() and not ask(spread * rng.standard_normal(given.shape))[1].any():
        raise GradientError(f"the gradient at {tail.start!r} is zero wherever it was looked at: nothing depends on it")
    # A probe is flat in places, and a maximum of equals has a kink.
    given = given * rng.uniform(0.5, 1.5, given.shape) + 0.3 * spread * np.abs(rng.standard_normal(given.shape))
    got, gradient = ask(given)
    for way in rng.standard_normal((2, *given.shape)):
        slope, errors = float((gradient * way).sum()), []
        for step in (1e-2 * spread, 1e-3 * spread):
            ends = [float((ask(given + sign * step * way)[0] * seed).sum()) for sign in (1, -1)]
            slack = 1e-6 * float(np.abs(got * seed).sum()) / step  # rounding
            size = max(abs(slope), 0.1 * float(np.sqrt((gradient**2).sum())))
            errors.append(max(0.0, abs((ends[0] - ends[1]) / (2 * step) - slope) - slack) / max(size, 1e-30))
        if min(errors) > ROUGH:
            raise GradientError(
                f"the gradient at {tail.start!r} isn't that of small differences: off by {min(errors):.2g} relative; "
                "please report this"
            )
