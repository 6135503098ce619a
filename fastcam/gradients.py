"""Gradients of a model's logits at its feature maps: in closed form where the head is exact, else by its tail."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastcam.errors import GradientError, ModelError
from fastcam.model.backward import backward_model
from fastcam.model.gradient import GRADIENT, SEED
from fastcam.model.head import Head
from fastcam.model.source import Source
from fastcam.runtime import ORT_ERRORS, open_session
from fastcam.session import Opening
from fastcam.tails import Cut, Once, cut_behind_maps, read_again
from fastcam.watch import Watch

# Of the gradient from differences along random directions, which meet kinks; a wrong one is off by more.
ROUGH = 0.15
ADVICE = "method='eigencam' needs no gradient"


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
        self._head, self._size = head, size
        known = (None, None) if head.is_exact else (source, opening)
        self._ready = Once(partial(self._open, *known))

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

    def _open(self, source: Source | None, opening: Opening | None) -> _Opened:
        if source is None or opening is None:
            raise GradientError(
                "expected a model from a file or bytes for a method that follows the gradient; a session of your own "
                "can't be taken apart"
            )
        with read_again(source, opening, self._head) as (name, graph):
            options = opening.options if graph.has_custom_operators else None
            with Watch(name, graph.parsed.size, options, task="its gradient", advice=ADVICE) as watch:
                cut = cut_behind_maps(graph, self._head, self._size, watch)
                model = backward_model(cut.tail, cut.values, cut.folder, watch)
            session = open_session(
                model.SerializeToString(),
                name=f"gradient of {name}",
                folder=cut.folder,
                providers=opening.providers,
                threads=opening.threads,
                options=opening.options,
            )
            _check_tail(session, cut)
        return _Opened(session, cut.tail.start, len(cut.values), len(cut.tail.operators))


def _check_tail(session: Any, cut: Cut) -> None:
    """It gives the model's logits, which depend on the start, and its gradient is that of small differences."""
    tail, rng, given = cut.tail, np.random.default_rng(0), cut.values.astype(np.float32)
    shape = (len(given), cut.logits.size // len(given))
    seed = rng.standard_normal(shape).astype(np.float32)

    def ask(start: NDArray[np.floating]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        end, gradient = session.run(None, {tail.start: start.astype(np.float32), SEED: seed})
        return np.asarray(end, np.float64).reshape(shape), np.asarray(gradient, np.float64)

    got, gradient = ask(given)
    error = cut.excess(got)
    if error is not None:
        raise GradientError(f"the tail from {tail.start!r} gives other logits than the model: off by {error:.2g}")
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
