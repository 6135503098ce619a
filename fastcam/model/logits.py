"""Which tensor before the scores holds the logits, and what the model makes of them: asked of the part in between."""

from __future__ import annotations

import numpy as np

from fastcam.errors import ModelError
from fastcam.model.head import Activation
from fastcam.model.probing import Doubles, Floats, TailRun
from fastcam.model.scene import Scene
from fastcam.runtime import ORT_ERRORS
from fastcam.scores import probabilities

CLASSES = 8  # that are raised, of those there are


def keeps_classes(scene: Scene, logits: str, output: str) -> bool:
    """Raising one class's logit raises its score and no other: softmax, sigmoid, temperature in any spelling."""
    if logits == output:
        return True
    shape = scene.values[logits].shape
    try:
        run = scene.run(logits, [output])
        rng = np.random.default_rng(2)
        base = rng.choice([-1, 1], shape[1:]) * rng.uniform(0.5, 2, shape[1:]).astype(np.float32)
        asked = rng.permutation(base.size)[:CLASSES]
        return all(_raises_alone(run, start, int(k)) for start in (base, -base) for k in asked)
    except (ModelError, *ORT_ERRORS):
        scene.watch.check()
        return False


def _raises_alone(run: TailRun, base: Floats, k: int) -> bool:
    """Raising value k raises that answer, and no other one."""
    before, raised = run.run_one(base)[0], base.copy()
    raised.reshape(-1)[k] += 0.25
    change = run.run_one(raised)[0] - before
    if change.size != base.size or not change[k] > 0:
        return False
    return bool(np.delete(change, k).max(initial=0) <= 1e-6 * np.abs(before).max())


def find_activation(scene: Scene, logits: str, output: str) -> Activation:
    """What the model makes of its logits, by what comes out; "other" for what is none of these functions."""
    if logits == output:
        return "none"
    shape = scene.values[logits].shape
    base = (2 * np.random.default_rng(3).standard_normal(shape[1:])).astype(np.float32)
    given = scene.run(logits, [output]).run_one(base)[0]
    flat = base.reshape(1, -1)
    expected: list[tuple[Activation, Doubles]] = [("none", flat.astype(np.float64))]
    if flat.size > 1:
        softmax = probabilities(flat, "softmax").astype(np.float64)
        expected += [("softmax", softmax), ("softmax", np.log(softmax))]
    expected.append(("sigmoid", probabilities(flat, "sigmoid").astype(np.float64)))
    for activation, values in expected:
        if given.shape == values[0].shape and np.allclose(given, values[0], rtol=1e-4, atol=1e-5):
            return activation
    return "other"
