"""The logits before the scores, and the activation that the model applies to them, by runs of the part in between."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fastcam.errors import ModelError
from fastcam.model.head.head import Activation
from fastcam.model.head.scene import Scene
from fastcam.model.head.scores import scores_of
from fastcam.model.head.tail_run import Doubles, Floats, TailRun, amplitudes
from fastcam.model.run.runtime import ORT_ERRORS

ALONE = 8  # classes that are raised alone, where raising them with others changed nothing
TURNS = 24  # of raising a random half of the classes: each is in and out about twelve times


def keeps_classes(scene: Scene, logits: str, output: str) -> bool:
    """Return whether raising logits raises the scores of these classes and no other: softmax, sigmoid, temperature.

    Halves of the classes are raised together, drawn anew each time, so that none of many thousands is left out.
    """
    if logits == output:
        return True
    shape = scene.values[logits].shape[1:]
    rng = np.random.default_rng(2)
    try:
        run = scene.tail_run(logits, [output])
        for _ in range(TURNS):
            base = rng.choice([-1, 1], shape) * rng.uniform(0.5, 2, shape)
            raised = rng.integers(0, 2, base.size).astype(bool)
            raised[rng.integers(base.size)] = True
            if not _follow(run, base.astype(np.float32), raised):
                return False
    except (ModelError, *ORT_ERRORS):
        scene.watch.check()
        return False
    return True


def _follow(run: TailRun, base: Floats, raised: NDArray[np.bool_]) -> bool:
    before = run.run_one(base)[0]
    if before.size != base.size:
        return False

    def change(which: NDArray[np.bool_]) -> Doubles:
        return run.run_one((base + 0.25 * which.reshape(base.shape)).astype(np.float32))[0] - before

    together, slack = change(raised), 1e-6 * float(np.abs(before).max())
    if not (together[raised] >= -slack).all() or not (together[~raised] <= slack).all():
        return False
    # A softmax over a group of classes stays as it is when all of them are raised; alone, each has to rise.
    unmoved = np.flatnonzero(raised & (together <= 0))[:ALONE]
    return all(change(np.arange(base.size) == k)[k] > 0 for k in unmoved)


def find_activation(scene: Scene, logits: str, output: str) -> Activation:
    """Return the activation that the model applies to its logits; "probabilities" or "other" for no known function."""
    if logits == output:
        return "none"
    run, shape = scene.tail_run(logits, [output]), scene.values[logits].shape[1:]
    noise = 2 * np.random.default_rng(3).standard_normal((TURNS, *shape))
    bases = [scene.values[logits][0], *noise]
    found: set[Activation] = {_function(run, np.asarray(base, np.float32)) for base in bases}
    return found.pop() if len(found) == 1 else "other"


def _function(run: TailRun, base: Floats) -> Activation:
    given, flat = run.run_one(base)[0], base.reshape(1, -1)
    expected: list[tuple[Activation, Doubles]] = [("none", flat.astype(np.float64))]
    if flat.size > 1:
        softmax = scores_of(flat, "softmax").astype(np.float64)
        expected += [("softmax", softmax), ("softmax", np.log(np.maximum(softmax, 1e-300)))]
    expected.append(("sigmoid", scores_of(flat, "sigmoid").astype(np.float64)))
    for activation, values in expected:
        if given.shape == values[0].shape and np.allclose(given, values[0], rtol=1e-4, atol=1e-5):
            return activation
    return "probabilities" if are_shares(given) else "other"


def are_shares(values: Doubles) -> bool:
    """Return whether all values are in [0, 1], give or take a rounding."""
    return bool(((values > -1e-6) & (values < 1 + 1e-6)).all())


def gives_shares(run: TailRun, spread: float) -> bool:
    """Return whether a tail's results stay in [0, 1] for any input: probabilities whose logits are out of sight."""
    rng = np.random.default_rng(7)
    asked = (amplitude * rng.standard_normal(run.shape) for amplitude in amplitudes(spread))
    return all(are_shares(run.run_one(one.astype(np.float32))[0]) for one in asked)
