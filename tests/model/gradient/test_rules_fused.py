"""Rules of operators of ONNX Runtime's own domain, which it writes into files that it has optimised."""

import numpy as np
import onnx
import pytest
from onnx import helper

from fastcam.errors import GradientError
from fastcam.model.gradient.backward import unfuse
from tests.model.gradient.differences import by_onnxruntime, check, model, node, noise, session


def own(*nodes, shape, **stored):
    """A model with operators of that domain, which ONNX's reference implementation doesn't know."""
    written = model(list(nodes), shape, **stored)
    written.opset_import.append(helper.make_opsetid("com.microsoft", 1))
    return written


def held(written, x, step=3e-4, tolerance=5e-3):
    """Taken apart it gives the same; its gradient is that of differences of the original."""
    plain = unfuse(written)
    np.testing.assert_allclose(
        session(plain).run(None, {"x": x})[0], session(written).run(None, {"x": x})[0], rtol=2e-5, atol=1e-6
    )
    check(plain, x, forward=by_onnxruntime(written), step=step, tolerance=tolerance)


ACTIVATIONS = [("Relu", []), ("Tanh", []), ("Sigmoid", []), ("LeakyRelu", [0.2]), ("Clip", [-0.5, 1.5])]


@pytest.mark.parametrize(("activation", "parameters"), [*ACTIVATIONS, ("HardSigmoid", [0.1, 0.4])])
@pytest.mark.parametrize("added", [False, True])
def test_fused_conv(activation, parameters, added):
    options = {"activation": activation, "pads": [1, 1, 1, 1]} | (
        {"activation_params": parameters} if parameters else {}
    )
    inputs = ["x", "w", "b", "z"] if added else ["x", "w", "b"]
    stored = {"w": noise(4, 3, 3, 3), "b": noise(4)} | ({"z": noise(1, 4, 5, 6)} if added else {})
    written = own(node("FusedConv", *inputs, domain="com.microsoft", **options), shape=(1, 3, 5, 6), **stored)
    held(written, noise(1, 3, 5, 6))


def test_fused_gemm():
    fused = node("FusedGemm", "x", "w", "b", domain="com.microsoft", transB=1, alpha=0.7, activation="Relu")
    held(own(fused, shape=(2, 4), w=noise(3, 4), b=noise(3)), noise(2, 4))
    leaky = {"activation": "LeakyRelu", "activation_alpha": 0.3}
    held(own(node("FusedGemm", "x", "w", domain="com.microsoft", **leaky), shape=(2, 4), w=noise(4, 3)), noise(2, 4))


@pytest.mark.parametrize("turned_a", [0, 1])
@pytest.mark.parametrize("turned_b", [0, 1])
def test_fused_matmul(turned_a, turned_b):
    a, b = ((2, 4, 3) if turned_a else (2, 3, 4)), ((5, 4) if turned_b else (4, 5))
    options = {"transA": turned_a, "transB": turned_b, "alpha": 0.7, "domain": "com.microsoft"}
    held(own(node("FusedMatMul", "x", "w", **options), shape=a, w=noise(*b)), noise(*a), 0.5)
    held(own(node("FusedMatMul", "w", "x", **options), shape=b, w=noise(*a)), noise(*b), 0.5)


@pytest.mark.parametrize("operator", ["Gelu", "FastGelu", "QuickGelu"])
def test_kinds_of_gelu(operator):
    held(own(node(operator, "x", domain="com.microsoft"), shape=(3, 5)), 2 * noise(3, 5))


def test_bias_gelu():
    held(own(node("BiasGelu", "x", "b", domain="com.microsoft"), shape=(3, 5), b=noise(5)), 2 * noise(3, 5))


def test_what_has_no_rule():
    fused = node("FusedGemm", "x", "w", domain="com.microsoft", activation="Softplus")
    with pytest.raises(GradientError, match="'y': FusedGemm with the activation 'Softplus' has no rule"):
        unfuse(own(fused, shape=(2, 4), w=noise(4, 3)))


def test_models_without_such_operators_stay_as_they_are():
    plain = model(node("Relu", "x"), (2, 3))
    assert unfuse(plain) is plain
    assert isinstance(plain, onnx.ModelProto)
