"""Gradients of a model's logits at its feature maps: in closed form where the head is exact, else by its tail."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastcam.errors import GradientError
from fastcam.model.gradient.backward import backward_model
from fastcam.model.gradient.tails import Cut, cut_behind_maps, open_written
from fastcam.model.gradient.tape import GRADIENT, SEED
from fastcam.model.graph.graph import Graph
from fastcam.model.head.head import Head
from fastcam.model.opened_model import OpenedModel
from fastcam.model.run.limits import Watch
from fastcam.model.run.once import Once
from fastcam.model.run.runtime import ORT_ERRORS, failed
from fastcam.model.run.session import Opening

if TYPE_CHECKING:
    import onnx

# Of the gradient from differences along random directions, which meet kinks; a wrong one is off by more.
ROUGH = 0.15
ADVICE = "method='eigencam' needs no gradient"
AT_HAND = (
    "expected a model from a file or bytes for a method that follows the gradient; a session of your own can't be "
    "taken apart"
)

Ask = Callable[[NDArray[np.float64]], tuple[NDArray[np.float64], NDArray[np.float64]]]  # terms, and their gradient


class _Opened(NamedTuple):
    """A session over a tail and its gradient; the batch that it takes, and how many operators it has."""

    session: Any
    start: str
    batch: int
    operators: int


class Gradients:
    """Gradients of logits with regard to feature maps, of a model whose file is at hand. May be used from many threads.

    The session over the tail is made when it is first needed.
    """

    def __init__(self, model: OpenedModel) -> None:
        self._model, self._head = model, model.head
        self._opened = Once(self._open)

    def describe(self) -> str:
        """Where gradients come from."""
        if self._head.is_exact:
            return "closed form"
        return f"backward through {self._opened().operators} operators"

    def __call__(self, feature_maps: NDArray[Any], seeds: NDArray[np.float32]) -> NDArray[np.float32]:
        """(M, C, h, w): d sum(seed * logits) / d feature maps, of these (1, ...) in the model's layout; seeds (M, K).

        (M, C, 1, 1) where the gradient is the same everywhere.

        Raises
        ------
        GradientError
            The gradient can't be written as ONNX, or isn't finite.
        ModelError
            ONNX Runtime failed while running.
        """
        layout = self._head.arranged(feature_maps.shape)
        if self._head.is_exact:
            return _closed_form(self._head, seeds, layout.height * layout.width)
        opened = self._opened()
        given = np.repeat(feature_maps[:1].astype(np.float32), opened.batch, axis=0)
        found = []
        for one in seeds:
            seed = np.zeros((opened.batch, self._head.classes), np.float32)
            seed[0] = one
            found.append(_run(opened, given, seed)[:1])
        gradients = layout.channels_first(np.concatenate(found))
        if not np.isfinite(gradients).all():
            name = self._head.feature_maps
            raise GradientError(f"the gradient at {name!r}: expected finite values; got NaN or infinity")
        return np.ascontiguousarray(gradients)

    def _open(self) -> _Opened:
        with self._model.read_again(GradientError(AT_HAND)) as (name, graph, how):
            model, cut = written_gradient(name, graph, how, self._head, self._model.size)
            session = open_written(model, f"gradient of {name}", cut.folder, how)
        check_tail(session, cut)
        return _Opened(session, cut.tail.start, len(cut.values), len(cut.tail.operators))


def written_gradient(
    name: str, graph: Graph, opening: Opening, head: Head, size: tuple[int, int]
) -> tuple[onnx.ModelProto, Cut]:
    """The tail of a model with its gradient, and the tail alone, for network inputs of (height, width) `size`.

    Raises
    ------
    GradientError, ModelError
        As `backward_model`.
    """
    options = opening.options if graph.has_custom_operators else None
    with Watch(name, graph.parsed.size, options, task="its gradient", advice=ADVICE) as watch:
        cut = cut_behind_maps(graph, head, size, watch)
        return backward_model(cut.tail, cut.values, cut.folder, watch), cut


def _closed_form(head: Head, seeds: NDArray[np.float32], places: int) -> NDArray[np.float32]:
    """Class weights over the number of places: (M, C, 1, 1), or (M, C, h, w) of weights for each position."""
    used = np.flatnonzero(seeds.any(axis=0))  # a few of many classes
    weights = np.tensordot(seeds[:, used], head.linear()[0][used], 1) / np.float32(places)
    return weights[:, :, None, None] if weights.ndim == 2 else weights


def _run(opened: _Opened, given: NDArray[np.float32], seed: NDArray[np.float32]) -> NDArray[np.float32]:
    try:
        (gradient,) = opened.session.run([GRADIENT], {opened.start: given, SEED: seed})
    except ORT_ERRORS as error:
        raise failed("the tail of the model", f"feature maps of shape {given.shape}", error) from error
    return np.asarray(gradient)


def check_tail(session: Any, cut: Cut, *, slopes: bool = True) -> None:
    """It gives the model's logits, which depend on the start, and its gradient is that of small differences, if asked.

    Raises
    ------
    GradientError
        It isn't so.
    """
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
    if not slopes:
        return
    spread = float(given.std(dtype=np.float64)) or 1.0
    if not gradient.any() and not ask(spread * rng.standard_normal(given.shape))[1].any():
        raise GradientError(f"the gradient at {tail.start!r} is zero wherever it was looked at: nothing depends on it")
    # A probe is flat in places, and a maximum of equals has a kink.
    given = given * rng.uniform(0.5, 1.5, given.shape) + 0.3 * spread * np.abs(rng.standard_normal(given.shape))

    def seeded(start: NDArray[np.floating]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        end, slopes = ask(start)
        return end * seed, slopes

    _check_slopes(seeded, tail.start, given, spread, rng)


def _check_slopes(ask: Ask, start: str, given: NDArray[np.float64], spread: float, rng: np.random.Generator) -> None:
    """The gradient is that of differences along two random directions."""
    terms, gradient = ask(given)
    norm, rounding = float(np.sqrt((gradient**2).sum())), 1e-6 * float(np.abs(terms).sum())
    for way in rng.standard_normal((2, *given.shape)):
        best = np.inf
        # Where some of a thousand maxima change places within any step, its mean gradient tells.
        for step, points in ((1e-2, 1), (1e-3, 1), (1e-2, 32)):
            if best <= ROUGH:
                break
            length = step * spread
            difference, slope = compared(ask, given, way, length, points)
            size = max(abs(slope), 0.1 * norm, 1e-30)
            best = min(best, max(0.0, abs(difference - slope) - rounding / length) / size)
        if best > ROUGH:
            raise GradientError(
                f"the gradient at {start!r} isn't that of small differences: off by {best:.2g} relative; "
                "please report this"
            )


def compared(
    ask: Ask,
    given: NDArray[np.float64],
    way: NDArray[np.float64],
    length: float,
    points: int = 1,
) -> tuple[float, float]:
    """The quotient of a difference along a step of that length to either side, and the mean slope of the gradient.

    `ask` tells terms, whose sum is differentiated, and their gradient; its mean is by so many points of Gauss-Legendre.
    """
    above, below = (float(ask(given + sign * length * way)[0].sum()) for sign in (1, -1))
    places, weights = np.polynomial.legendre.leggauss(points)
    slopes = [float((ask(given + length * place * way)[1] * way).sum()) for place in places]
    return (above - below) / (2 * length), float(weights @ slopes) / 2
