"""Gradients of a model's logits at its feature maps: in closed form where the head is exact, else by its tail."""

from __future__ import annotations

import threading
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastcam.discovery import as_onnx_source, read_graph
from fastcam.errors import GradientError, ModelError
from fastcam.model.backward import backward_model
from fastcam.model.gradient import GRADIENT, SEED
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
        self._source, self._opening, self._head, self._size = source, opening, head, size
        self._lock = threading.Lock()

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
        with self._lock:
            return self._opened

    @cached_property
    def _opened(self) -> _Opened:
        if self._source is None or self._opening is None:
            raise GradientError(
                "expected a model from a file or bytes for a method that follows the gradient; a session of your own "
                "can't be taken apart"
            )
        with on_disk(as_onnx_source(self._source)) as source:
            return self._open(source, self._opening)

    def _open(self, source: Source, opening: Opening) -> _Opened:
        head, graph = self._head, read_graph(source, opening)
        start = head.feature_maps if head.feature_maps in graph.data else head.feature_maps.removesuffix("/real")
        image = image_input(graph)
        probe = probe_images(image, self._size, (NORMALISED,))[0]
        with Watch(source.name, graph.parsed.size, opening.options if graph.has_custom_operators else None) as watch:
            scene, _ = look(graph, probe, [head.output or head.logits], [start, head.logits], image, watch)
            tail = scene.run(start, [head.logits]).tail
            values, logits = scene.values[start], scene.values[head.logits]
            model = backward_model(tail, values, scene.folder, watch)
        session = open_session(
            model.SerializeToString(),
            name=f"gradient of {source.name}",
            folder=scene.folder,
            providers=opening.providers,
            threads=opening.threads,
            options=opening.options,
        )
        _check_tail(session, tail, values, logits)
        return _Opened(session, tail.start, len(values), len(tail.operators))


def _check_tail(session: Any, tail: Tail, values: NDArray[Any], logits: NDArray[Any]) -> None:
    """It gives the model's logits, which depend on the start."""
    expected = logits.reshape(len(values), -1).astype(np.float64)
    seed = np.random.default_rng(0).standard_normal(expected.shape).astype(np.float32)
    got, gradient = (
        np.asarray(value) for value in session.run(None, {tail.start: values.astype(np.float32), SEED: seed})
    )
    error = relative_deviation(got.reshape(expected.shape).astype(np.float64), expected, np.zeros(1))
    narrow = tail.floatised or logits.dtype != np.float32
    if not error <= (NARROW_TOLERANCE if narrow else TOLERANCE):
        raise GradientError(
            f"the tail from {tail.start!r} gives other logits than the model: off by {error:.2g} relative"
        )
    if not gradient.any():
        raise GradientError(f"the gradient at {tail.start!r} is zero for all classes: the logits don't depend on it")
