"""Checks of a written gradient: the logits are the model's, and the slopes are those of small differences."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastcam.errors import GradientError
from fastcam.model.gradient.excerpt import Excerpt
from fastcam.model.gradient.tape import SEED

Doubles = NDArray[np.float64]

# Of the gradient from differences along random directions, which meet kinks; a wrong one is off by more.
ROUGH = 0.15
# Steps of differences, in shares of the values' spread, and the number of points between at which the gradient is
# computed. Where some of a thousand maxima change places within any step, the mean gradient along it is right.
MAP_STEPS = ((1e-2, 1), (1e-3, 1), (1e-2, 32))
INPUT_STEPS = ((1e-2, 1), (1e-3, 1), (1e-4, 1), (1e-5, 1), (1e-6, 1), (1e-2, 12), (1e-3, 12), (1e-4, 12))


class Slope(NamedTuple):
    """A session over a tail and its gradient, run for one seed (N, K).

    `start` is the tail's first tensor.
    """

    session: Any
    start: str
    seed: NDArray[np.float32]

    def run(self, values: NDArray[np.floating]) -> tuple[Doubles, Doubles]:
        """Return logits (N, K) and the gradient (N, ...) at values (N, ...)."""
        logits, gradient = self.session.run(None, {self.start: values.astype(np.float32), SEED: self.seed})
        return np.asarray(logits, np.float64).reshape(self.seed.shape), np.asarray(gradient, np.float64)

    def terms(self, values: NDArray[np.floating]) -> tuple[Doubles, Doubles]:
        """Return seed * logits, the sum of which is differentiated, and its gradient."""
        logits, gradient = self.run(values)
        return logits * self.seed, gradient

    def compare(self, given: Doubles, way: Doubles, length: float, points: int) -> tuple[float, float]:
        """Return the quotient of a difference along a step to either side, and the mean slope of the gradient there.

        The mean is by a Gauss-Legendre quadrature of that number of points.
        """
        above, below = (float(self.terms(given + sign * length * way)[0].sum()) for sign in (1, -1))
        places, weights = np.polynomial.legendre.leggauss(points)
        slopes = [float((self.run(given + length * place * way)[1] * way).sum()) for place in places]
        return (above - below) / (2 * length), float(weights @ slopes) / 2


def check_logits(session: Any, excerpt: Excerpt, rng: np.random.Generator) -> tuple[Slope, Doubles]:
    """Check that a session gives the model's logits; return it with a random seed, and the gradient for that."""
    given = excerpt.values.astype(np.float32)
    shape = (len(given), excerpt.logits.size // len(given))
    slope = Slope(session, excerpt.tail.start, rng.standard_normal(shape).astype(np.float32))
    logits, gradient = slope.run(given)
    excerpt.check_logits(logits)
    return slope, gradient


def check_at_maps(session: Any, excerpt: Excerpt) -> None:
    """Check a gradient at feature maps: the logits depend on these, with slopes as along two random directions.

    Raises
    ------
    GradientError
        It isn't so.
    """
    rng, given = np.random.default_rng(0), excerpt.values.astype(np.float32)
    slope, gradient = check_logits(session, excerpt, rng)
    spread = float(given.std(dtype=np.float64)) or 1.0
    if not gradient.any() and not slope.run(spread * rng.standard_normal(given.shape))[1].any():
        raise GradientError(f"the gradient at {slope.start!r} is zero wherever it was looked at: nothing depends on it")
    given = _varied(given, spread, rng)
    terms, gradient = slope.terms(given)
    norm, rounding = float(np.sqrt((gradient**2).sum())), 1e-6 * float(np.abs(terms).sum())
    for way in rng.standard_normal((2, *given.shape)):
        best = np.inf
        for step, points in MAP_STEPS:
            if best <= ROUGH:
                break
            length = step * spread
            difference, found = slope.compare(given, way, length, points)
            size = max(abs(found), 0.1 * norm, 1e-30)
            best = min(best, max(0.0, abs(difference - found) - rounding / length) / size)
        if best > ROUGH:
            raise _wrong(slope.start, best)


def check_at_input(session: Any, excerpt: Excerpt, layer: str) -> None:
    """Check that the gradient at the image is that of differences, along noise and along itself, where it shows most.

    A deep network has kinks within steps that aren't tiny, and rounding hides the effect of tiny steps. The best step
    counts out of those with a visible effect; if all have kinks, the mean gradient along one. Where differences settle
    nowhere, as of a chaotic network, nothing can be concluded.

    Parameters
    ----------
    layer
        Name of the image, for messages.

    Raises
    ------
    GradientError
        It isn't so.
    """
    rng, values = np.random.default_rng(0), excerpt.values.astype(np.float32)
    spread = float(values.std(dtype=np.float64)) or 1.0
    shape = excerpt.logits.shape
    seed = rng.standard_normal((shape[0], int(np.prod(shape[1:])))).astype(np.float32)
    slope, given = Slope(session, excerpt.tail.start, seed), _varied(values, spread, rng)
    terms, gradient = slope.terms(given)
    norm, rounding = float(np.sqrt((gradient**2).sum())), 1e-6 * float(np.abs(terms).sum())
    along = np.abs(rng.standard_normal(given.shape)) * gradient * np.sqrt(given.size) / (norm or 1.0)

    def settles(way: Doubles) -> bool:
        found = np.array(
            [slope.compare(given, way, spread * step, 1)[0] for step, points in INPUT_STEPS if points == 1]
        )
        return bool((np.abs(np.diff(found)) <= ROUGH * np.abs(found[1:])).any())

    def error(way: Doubles, step: float, points: int) -> float:
        difference, found = slope.compare(given, way, step, points)
        size = max(abs(found), 0.1 * norm, 1e-30)
        if rounding / step > ROUGH * size:
            return np.inf
        return (abs(difference - found) - rounding / step) / size

    for way in (rng.standard_normal(given.shape), along):
        best = np.inf
        for step, points in INPUT_STEPS:
            best = best if best <= ROUGH else min(best, error(way, spread * step, points))
        if ROUGH < best < np.inf and settles(way):
            raise _wrong(layer, best)


def _varied(given: NDArray[np.float32], spread: float, rng: np.random.Generator) -> Doubles:
    """Return values near those of a probe, which is flat in places: a maximum of equals has a kink."""
    return given * rng.uniform(0.5, 1.5, given.shape) + 0.3 * spread * np.abs(rng.standard_normal(given.shape))


def _wrong(tensor: str, error: float) -> GradientError:
    return GradientError(
        f"the gradient at {tensor!r} isn't that of small differences: off by {error:.2g} relative; please report this"
    )
