"""Findings of fastcam in an exported model, against the truth beside it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tests.exports.truth import NOT_EXACT, Truth, distance, read

WEIGHTS = {"float32": 1e-5, "float16": 2e-3, "int8": 2e-2}
MAPS = {"float32": 1e-3, "float16": 5e-2, "int8": 0.3}
IDENTITY = {"float32": 1e-3, "float16": 2e-2, "int8": 0.5}


@dataclass
class Outcome:
    """The verdict on one model: `found` is the kind or the error; numbers are relative; `wrong` names what is wrong."""

    name: str
    expected: str
    found: str = ""
    tensor: str = "-"
    weights: float = float("nan")
    identity: float = float("nan")
    proven: float = float("nan")
    seconds: float = 0.0
    false_exact: bool = False
    wrong: list[str] = field(default_factory=list)

    def line(self) -> str:
        numbers = [
            f"{value:8.1e}" if value == value else f"{'-':>8}" for value in (self.weights, self.identity, self.proven)
        ]
        verdict = "FALSE EXACT: " if self.false_exact else "WRONG: " if self.wrong else ""
        return (
            f"{self.name:48} {self.expected:14} {self.found:16} {self.tensor:12} {' '.join(numbers)} "
            f"{self.seconds:6.1f}s  {verdict}{'; '.join(self.wrong)}"
        )


HEADER = (
    f"{'model':48} {'expected':14} {'found':16} {'tensor':12} {'weights':>8} {'identity':>8} {'proven':>8} {'load':>7}"
)


def check(folder: Path, name: str) -> Outcome:
    import fastcam

    truth = read(folder, name)
    facts = truth.facts
    outcome = Outcome(name, facts.kinds[0] + ("…" if len(facts.kinds) > 1 else ""))
    height, width = facts.size
    start = time.perf_counter()
    try:
        model = fastcam.load(folder / facts.file, preprocess=f"unit,size={height}x{width}")
        outcome.found = model.head.kind
    except fastcam.HeadNotFoundError as error:
        outcome.found, model = "none", None
        if "none" not in facts.kinds:
            outcome.wrong.append(f"no head: {' '.join(str(error).split())[:200]}")
    except Exception as error:
        outcome.found, model = type(error).__name__, None
        outcome.wrong.append(f"{type(error).__name__}: {' '.join(str(error).split())[:200]}")
    outcome.seconds = time.perf_counter() - start
    if model is not None:
        try:
            compare(model, truth, outcome)
        except Exception as error:
            outcome.wrong.append(f"run: {type(error).__name__}: {' '.join(str(error).split())[:200]}")
    return outcome


def compare(model: Any, truth: Truth, outcome: Outcome) -> None:
    """Kind, tensor, weights and identity of one model."""
    facts, head = truth.facts, model.head
    exact, outcome.proven = head.kind in ("cam", "cam-spatial"), head.identity_error
    if head.kind not in facts.kinds:
        outcome.false_exact = exact and facts.kinds[0] in NOT_EXACT
        outcome.wrong.append(f"kind {head.kind} instead of {' or '.join(facts.kinds)}")
    logits, maps = (np.asarray(a, np.float64)[0] for a in model.run(truth.image))
    if exact:
        weights, bias = np.asarray(head.class_weights, np.float64), np.asarray(head.bias, np.float64)
        spread = np.abs(logits - bias).max()
        full = "kchw,chw->k" if head.kind == "cam-spatial" else "kc,c->k"
        # Weights of each position go with a sum or a mean over the positions: either convention is an identity.
        sums = [np.einsum(full, weights, maps * part if head.kind == "cam-spatial" else maps.mean((1, 2)))
                for part in (1, 1 / maps[0].size)]  # fmt: skip
        outcome.identity = min(distance(one + bias, logits, spread) for one in sums)
        if outcome.identity > max(IDENTITY[facts.dtype], 3 * facts.drift):
            outcome.wrong.append("the identity doesn't hold on the test image")
    if head.kind == "cam" and truth.maps is not None:
        compare_values(head, maps, logits, truth, outcome)


def compare_values(head: Any, maps: np.ndarray, logits: np.ndarray, truth: Truth, outcome: Outcome) -> None:
    """Maps, weights, bias and logits of an exact head against the framework's."""
    assert truth.maps is not None
    assert truth.weights is not None
    assert truth.bias is not None
    dtype, drift, expected = truth.facts.dtype, truth.facts.drift, truth.logits()
    scale = float(np.abs(expected).max())
    far = distance(maps, truth.maps)
    outcome.tensor = "ok" if far <= max(MAPS[dtype], 3 * drift) else "other " + "x".join(map(str, maps.shape))
    if maps.shape == truth.maps.shape:
        outcome.weights = max(distance(head.class_weights, truth.weights), np.abs(head.bias - truth.bias).max() / scale)
        if outcome.weights > WEIGHTS[dtype] and outcome.tensor == "ok":
            outcome.wrong.append("weights or bias")
        elif outcome.weights <= WEIGHTS[dtype] and outcome.tensor != "ok" and dtype != "float32":
            outcome.tensor = f"noisy {far:.0e}"  # rounding, of the same tensor: its weights are those expected
    if distance(logits, expected, scale) > max(IDENTITY[dtype], 3 * drift):
        outcome.wrong.append(f"logits are {distance(logits, expected, scale):.1e} from the framework's")
