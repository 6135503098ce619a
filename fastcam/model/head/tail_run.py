"""Runs of a tail as a function, and tests of that function: whether it is affine, and its use of positions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fastcam.model.graph.tail import Tail
from fastcam.model.head.layouts import Layout
from fastcam.model.run.limits import Watch
from fastcam.model.run.runtime import ORT_ERRORS, open_for_probing

TOLERANCE = 1e-4  # of every question, relative; float32 models reach 1e-6, what isn't so is off by 0.01 or more
SCALES = (1.0, 30.0, 1000.0)  # of noise: what bends does so somewhere
# The amplitude at which weights are measured. A power of two, so that scaling is exact, and large, so that a large bias
# costs no digits of the weights.
UNIT = 1024.0
HALF_ULP = 2.0**-24  # the relative error of one rounding to float32, at most

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]


class TailRun:
    """A tail as a function of its start tensor, whatever batch sizes it allows; one array of answers for each end.

    `lead` is the batch size that the model itself runs at (a tail may insist on it), `shape` that of one start tensor.

    Raises
    ------
    ModelError
        ONNX Runtime can't load the tail.
    """

    def __init__(self, tail: Tail, folder: Path | None, lead: int, shape: tuple[int, ...], watch: Watch) -> None:
        self.tail, self.lead, self.shape = tail, lead, shape
        self._session = open_for_probing(
            tail.model.SerializeToString(), name="tail of the model", folder=folder, watch=watch, fold=True
        )
        self._options, self._batches = watch.options, True

    def __call__(self, items: Floats) -> list[Doubles]:
        """Return (n, values) for each end, of n start tensors (n, *shape)."""
        if self._batches and len(items) > 1:
            together = self._run_together(items)
            if together is not None:
                return together
            self._batches = False
        each = [self.run_one(item) for item in items]
        return [np.stack(values) for values in zip(*each, strict=True)]

    def _run_together(self, items: Floats) -> list[Doubles] | None:
        """Run all at once, if the tail allows it and keeps them apart; else return None."""
        try:
            together = self.run(items)
        except ORT_ERRORS:  # a Reshape to a fixed batch
            return None
        for k in (0, -1):
            for answer, alone in zip(together, self.run_one(items[k]), strict=True):
                slack = 1e-5 * np.abs(answer).max(initial=0)
                if len(answer) != len(items) or answer[k].size != alone.size or not np.isfinite(slack):
                    return None
                if not np.allclose(answer[k], alone, rtol=1e-5, atol=slack):
                    return None
        return together

    def run_one(self, item: Floats) -> list[Doubles]:
        """Return (values) for each end, of one start tensor (*shape), at the model's own batch size."""
        answers = self.run(np.repeat(np.asarray(item)[None], self.lead, axis=0))
        return [answer[0] for answer in answers]

    def run(self, items: Floats) -> list[Doubles]:
        """Return (n, values) for each end, as ONNX Runtime gives them."""
        feeds = {self.tail.start: np.ascontiguousarray(items, np.float32)}
        answers = [np.asarray(value, np.float64) for value in self._session.run(None, feeds, self._options)]
        # A model of one image may leave the first axis out.
        return [
            answer.reshape(len(items), -1) if answer.ndim and len(answer) == len(items) else answer.reshape(1, -1)
            for answer in answers
        ]


def deviation(got: Doubles, expected: Doubles, scale: Doubles) -> float:
    """Return max |got - expected| / scale, over classes; infinite where something isn't finite.

    Parameters
    ----------
    scale
        (K,) how much each class varies. A class that hardly does is measured by a thirtieth of what the others do.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        floor = max(float(scale.max(initial=0)) / 30, 1e-30)
        worst = float((np.abs(got - expected) / np.maximum(scale, floor)).max(initial=0))
    return worst if np.isfinite(worst) else float("inf")


def amplitudes(spread: float) -> list[float]:
    """Return amplitudes of the noise for a tail: around the probe's values, and where weights are measured."""
    around = [scale * spread for scale in SCALES]
    return around if around[0] <= UNIT <= around[-1] else [*around, UNIT]


def resolution(bias: NDArray[np.floating], terms: int, sums: NDArray[np.floating] | float = 0.0) -> Doubles:
    """Return the size below which float32 can't tell two logits apart, as a scale: rounding errors over `TOLERANCE`.

    Each of n terms that are added to a bias b is a rounding of up to half an ulp of b, and their errors grow as √n
    (the rule of thumb of Higham 2002, Accuracy and Stability of Numerical Algorithms); the sum Σ|w f| of the terms
    themselves is off by half an ulp or so. Twice that, for two values that are compared.

    Parameters
    ----------
    bias
        What the terms are added to.
    terms
        How many there are at most.
    sums
        Σ|w f|, where it is known.
    """
    rounding = np.sqrt(terms) * np.abs(np.asarray(bias, np.float64)) + sums
    return 2 * HALF_ULP / TOLERANCE * rounding


def affinity(run: TailRun, spread: float, terms: int) -> list[float]:
    """Return each end's deviation from affine, f(x + y) - f(0) = f(x) - f(0) + f(y) - f(0), on noise of mixed signs.

    Rounding errors are relative to the values that are added up, biases included. Infinite for an end that never
    changes, as the softmax of logits that are all the same: that says nothing.

    Parameters
    ----------
    spread
        Of the values that were seen.
    terms
        How many may be added to a bias: the channels.
    """
    rng = np.random.default_rng(0)
    zero = run.run_one(np.zeros(run.shape, np.float32))
    worst, moved = [0.0] * len(zero), [False] * len(zero)
    for amplitude in amplitudes(spread):
        x, y = (amplitude * rng.standard_normal((2, *run.shape))).astype(np.float32)
        for inputs, total in (((x, y), x + y), ((x,), -x)):
            parts = [run.run_one(item) for item in inputs]
            whole = run.run_one(total)
            for end, nothing in enumerate(zero):
                changes = [part[end] - nothing for part in parts]
                expected = changes[0] + changes[1] if len(changes) == 2 else -changes[0]
                size = np.max([np.abs(part) for part in changes], axis=0) + resolution(nothing, terms)
                worst[end] = max(worst[end], deviation(whole[end] - nothing, expected, size))
                moved[end] = moved[end] or bool((np.abs(expected) > 1e-6 * np.abs(nothing).max(initial=0)).any())
        if all(error > TOLERANCE for error in worst):
            break
    return [error if changed else float("inf") for error, changed in zip(worst, moved, strict=True)]


class Positions:
    """Tests of the positions of a map, in one layout, by one end of a tail."""

    def __init__(self, run: TailRun, end: int, layout: Layout, maps: Floats) -> None:
        self._run, self._end, self._layout = run, end, layout
        self._rng = np.random.default_rng(1)
        # Not plain noise: its means would be next to nothing, and so would be what a mean says.
        rows = layout.rows(maps[:1].astype(np.float32))
        spread = float(rows.std(dtype=np.float64)) or 1.0
        level = spread * self._rng.standard_normal((1, 1, rows.shape[2]))
        noise = spread * self._rng.standard_normal(rows.shape)
        self._rows = (rows * self._rng.uniform(0.5, 1.5, rows.shape) + level + noise).astype(np.float32)
        self._answer = self._ask(self._rows)
        if not np.isfinite(self._answer).all():  # made for positive values only, as a root is
            self._rows = np.abs(self._rows)
            self._answer = self._ask(self._rows)
        change = np.abs(self._answer - self._ask(np.zeros_like(self._rows)))
        self._size = np.where(np.isfinite(change), change, np.abs(self._answer))  # 0 / 0 where maps are normalised

    def are_finite(self) -> bool:
        """Return whether the answer is finite on values like the probe's, or on their magnitudes."""
        return bool(np.isfinite(self._answer).all())

    @property
    def _patches(self) -> Floats:
        return self._rows[:, self._layout.prefix :]

    def matter(self) -> bool:
        """Return whether the answer changes with the values at the positions of the grid."""
        change = np.abs(self._asked(self._patches * self._rng.uniform(0.2, 2, self._patches.shape)) - self._answer)
        return bool((change > 1e-6 * (np.abs(self._answer).max(initial=0) + 1e-30)).any())

    def mean_suffices(self) -> bool:
        """Return whether the answer is the same when each channel is its mean everywhere."""
        mean = self._patches.mean(axis=1, keepdims=True, dtype=np.float64)
        return self._same(self._asked(np.broadcast_to(mean, self._patches.shape)))

    def order_is_free(self) -> bool:
        """Return whether the answer is the same when the positions are shuffled."""
        return self._same(self._asked(self._patches[:, self._rng.permutation(self._patches.shape[1])]), 10)

    def prefix_is_ignored(self) -> bool:
        """Return whether the answer doesn't depend on the tokens before those of the grid."""
        if not self._layout.prefix:
            return True
        other = self._rows.copy()
        other[:, : self._layout.prefix] *= -1.5
        return self._same(self._ask(other))

    def _same(self, answer: Doubles, slack: float = 1) -> bool:
        size = self._size + resolution(self._answer, self._layout.channels)
        summed = 2e-7 * self._rows.shape[1]  # rounding errors of a plain float32 sum over so many positions
        return deviation(answer, self._answer, size) <= slack * max(TOLERANCE, summed)

    def _asked(self, patches: NDArray[np.floating]) -> Doubles:
        rows = self._rows.copy()
        rows[:, self._layout.prefix :] = patches
        return self._ask(rows)

    def _ask(self, rows: Floats) -> Doubles:
        return self._run.run_one(self._layout.tensor(rows)[0])[self._end]


def blocks(total: int, step: int) -> Iterator[slice]:
    """Return ranges of at most `step` that cover `total`."""
    return (slice(first, min(first + step, total)) for first in range(0, total, max(1, step)))
