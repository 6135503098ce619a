"""Gradients at the network input that there are none of: by options, operators, sessions and files."""

import numpy as np
import onnxruntime as ort
import pytest

import fastcam
from fastcam import InputError, ModelError
from fastcam.errors import GradientError
from fastcam.model.head.head import Head
from tests.model.models import BACKBONE, WEIGHTS, build, classifier

PHOTO = np.random.default_rng(0).integers(0, 256, (24, 36, 3)).astype(np.uint8)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "gradcam"}, "method: expected one of saliency, deconvolution, .*; got 'gradcam'"),
        ({"method": None}, "method: expected one of saliency"),
        ({"samples": 0}, "samples: expected a whole number of 1 or more; got 0"),
        ({"samples": True}, "samples: expected a whole number"),
        ({"samples": 2.0}, "samples: expected a whole number"),
        ({"noise": 0}, "noise: expected a positive share of the network input's range, as 0.15; got 0"),
        ({"noise": float("nan")}, "noise: expected a positive share"),
        ({"noise": "0.1"}, "noise: expected a positive share"),
        ({"seed": -1}, "seed: expected a whole number of 0 or more; got -1"),
        ({"layer": 3}, "layer: expected a tensor's name or None; got 3"),
        (
            {"layer": "input", "method": "guidedgradcam"},
            "layer: expected None, as guidedgradcam is of the network input",
        ),
        (
            {"layer": "nothing"},
            r"layer: expected a tensor of feature maps that every path .* one of \['input'.*'nothing'",
        ),
        ({"class_index": 10}, "class_index: expected 0 to 9"),
    ],
)
def test_options_out_of_range(mnist, options, message):
    with pytest.raises(InputError, match=message):
        mnist.input_gradient(PHOTO, **options)


def test_models_without_a_rectifier():
    """The plain gradient isn't passed off as another."""
    body = (
        "f = Conv<pads = [1, 1, 1, 1]>(image, k) maps = Sigmoid(f) p = GlobalAveragePool(maps) q = Flatten(p) "
        "logits = Gemm<transB = 1>(q, w, b)"
    )
    model = fastcam.load(build(body, **WEIGHTS), preprocess="unit,fit=stretch")
    for method in ("deconvolution", "guidedbackprop", "guidedgradcam"):
        with pytest.raises(GradientError, match=r"expected a rectifier \(Relu, Clip from 0\).*method='saliency'"):
            model.explain(PHOTO, method=method)
    assert model.explain(PHOTO, method="saliency").activation_maps.any()


def test_operators_without_a_rule_are_named():
    """Each time, without looking again; by variants of their own."""
    gate = (
        "s = Sigmoid(maps) g = Mul(maps, s) p = GlobalAveragePool(g) q = Flatten(p) logits = Gemm<transB = 1>(q, w, b)"
    )
    model = fastcam.load(build(f"{BACKBONE} {gate}", **WEIGHTS), preprocess="unit,fit=stretch")
    for _ in range(2):
        with pytest.raises(GradientError, match="'g', Mul: but for x and a constant"):
            model.explain(PHOTO, method="excitation")
    assert model.explain(PHOTO, method="guidedbackprop").activation_maps.any()
    body = f"r = CumSum(image, one) {BACKBONE.replace('image', 'r')}"
    tail = " p = GlobalAveragePool(maps) q = Flatten(p) logits = Gemm<transB = 1>(q, w, b)"
    model = fastcam.load(build(body + tail, **WEIGHTS, one=np.array(3)), preprocess="unit,fit=stretch")
    with pytest.raises(GradientError, match="'r': there is no gradient of the operator CumSum"):
        model.explain(PHOTO, method="saliency")
    assert model.explain(PHOTO, method="gradcam").activation_maps.any()


def test_a_session_of_ones_own_can_not_be_taken_apart():
    body = f"{BACKBONE} p = GlobalAveragePool(maps) q = Flatten(p) logits = Gemm<transB = 1>(q, w, b)"
    weights = {"k": (6, 3, 3, 3), "w": np.ones((5, 6), np.float32), "b": np.zeros(5, np.float32)}
    session = ort.InferenceSession(build(body, outputs="float[N, 5] logits, float[N, 6, 16, 16] maps", **weights))
    model = fastcam.load(session, head=Head("maps", "logits", weights["w"], weights["b"]))
    with pytest.raises(GradientError, match="expected a model from a file or bytes .* can't be taken apart"):
        model.input_gradient(PHOTO)


def test_a_file_that_was_replaced(tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(classifier())
    model = fastcam.load(path)
    path.write_bytes(classifier(w=(5, 6), b=np.ones(5, np.float32)))
    with pytest.raises(ModelError, match=r"model.onnx: expected the file that was loaded; it has changed since"):
        model.input_gradient(PHOTO)
