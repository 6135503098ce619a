"""Gradients at inner layers: forward and backward as one graph, as two sessions, and by PyTorch."""

from importlib.util import find_spec

import numpy as np
import pytest

from benchmarks.gradients import BY_NAME, CONTENDERS, network

# Between these layers and the logits are many ReLUs, whose kinks two float32 forwards see from different sides.
KINKS = ("resnet50", "densenet121")


def given(name):
    needed = ("torch", "torchvision", "timm") if BY_NAME[name].network.startswith(".") else ("torch", "torchvision")
    absent = [module for module in needed if find_spec(module) is None]
    if absent:
        pytest.skip(f"not installed: {', '.join(absent)} (pip install 'fastcam[zoo]')")
    return network(BY_NAME[name])


@pytest.mark.filterwarnings("ignore")  # of the peers
@pytest.mark.parametrize("contender", CONTENDERS)
@pytest.mark.parametrize("case", BY_NAME)
def test_gradients(benchmark, case, contender, threads):
    benchmark.group = f"gradient, {case}, threads: {threads}"
    benchmark.pedantic(CONTENDERS[contender](given(case), threads), rounds=15, warmup_rounds=2)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", BY_NAME)
def test_contenders_have_the_same_logits_and_gradients(case):
    here = given(case)
    made = {name: np.asarray(make(here, 1)(), np.float64) for name, make in CONTENDERS.items()}
    logits, one, two, their_logits, theirs = made.values()
    np.testing.assert_allclose(logits, their_logits, atol=1e-4 * np.abs(their_logits).max())
    for gradient in (one, two):
        cosine = (gradient * theirs).sum() / np.sqrt((gradient**2).sum() * (theirs**2).sum())
        assert cosine > (0.99 if case.startswith(KINKS) else 1 - 1e-6)
