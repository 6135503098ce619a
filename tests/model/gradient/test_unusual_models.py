"""Gradients and masks of models that are written in unusual ways: integers throughout, older versions of operators."""

import numpy as np
import pytest

import fastcam
from fastcam import InputError, ModelError
from fastcam.errors import GradientError
from fastcam.model.gradient.rules import VARIANTS
from fastcam.model.run.once import Once
from tests.model.models import BACKBONE, WEIGHTS, build

PHOTO = np.random.default_rng(0).integers(0, 256, (32, 32, 3)).astype(np.uint8)
NONLINEAR = (
    f"{BACKBONE} p = GlobalAveragePool(maps) q = Flatten(p) u = Gemm<transB = 1>(q, v, c) r = Relu(u) "
    "logits = Gemm<transB = 1>(r, w, b) scores = Softmax<axis = 1>(logits)"
)


@pytest.fixture(scope="module")
def integers(tmp_path_factory):
    """A model with a hidden layer, as it is and in ONNX Runtime's QOperator format, whose logits are integers."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static

    class Images(CalibrationDataReader):
        def __init__(self):
            coarse = np.random.default_rng(1).uniform(-2, 2, (32, 1, 3, 2, 2)).astype(np.float32)
            self.left = [{"image": image.repeat(8, axis=2).repeat(8, axis=3)} for image in coarse]

        def get_next(self):  # pyright: ignore
            return self.left.pop() if self.left else None

    folder = tmp_path_factory.mktemp("integers")
    weights = {**WEIGHTS, "v": (16, 6), "c": (16,), "w": (5, 16)}
    (folder / "plain.onnx").write_bytes(build(NONLINEAR, outputs="float[N, 5] scores", **weights))
    quantize_static(folder / "plain.onnx", folder / "integers.onnx", Images(), QuantFormat.QOperator)
    return [fastcam.load(folder / f"{name}.onnx", preprocess="inception,fit=stretch") for name in ("plain", "integers")]


@pytest.mark.parametrize("method", ["gradcam", "layercam", "ablationcam", "reciprocam", "saliency"])
def test_logits_of_integers(integers, method):
    plain, quantised = integers
    assert quantised.head.logits.endswith("/real")
    own = quantised.explain(PHOTO, class_index=[0, 3], method=method).activation_maps
    expected = plain.explain(PHOTO, class_index=[0, 3], method=method).activation_maps
    assert np.abs(own - expected).max() < 0.2 * np.abs(expected).max()


def test_a_layer_by_the_name_that_the_head_has(integers):
    quantised = integers[1]
    found = quantised.explain(PHOTO, layer=quantised.head.feature_maps)
    own = quantised.explain(PHOTO, method="gradcam")
    np.testing.assert_allclose(found.activation_maps, own.activation_maps, atol=0.1 * own.activation_maps.max())
    assert "in float32" in found.how
    gradient = quantised.input_gradient(PHOTO, layer=quantised.head.feature_maps)
    assert gradient.gradients.shape == (1, 1, 6, 16, 16)


def test_another_function_in_float32_is_not_explained(shared):
    """With a wrong preprocessing int8 saturates, and float32 doesn't."""
    model = fastcam.load(shared / "models" / "squeezenet1_1_int8_qdq.onnx")  # imagenet: values of 2, not of 128
    photo = np.random.default_rng(0).integers(0, 256, (227, 227, 3)).astype(np.uint8)
    with pytest.raises(GradientError, match="in float32 .*gives other logits than the model: off by"):
        model.explain(photo, layer=model.head.feature_maps)


@pytest.mark.parametrize("opset", [13, 15])
def test_batch_normalisation_in_training_is_refused(opset):
    made = (
        "n, m1, v1, m2, v2 = BatchNormalization" if opset == 13 else "n, m1, v1 = BatchNormalization<training_mode = 1>"
    )
    body = f"{BACKBONE} {made}(maps, s, t, t, s) g = GlobalMaxPool(n) q = Flatten(g) logits = Gemm<transB = 1>(q, w, b)"
    model = fastcam.load(build(body, opset=opset, **WEIGHTS, s=np.ones(6, np.float32), t=np.zeros(6, np.float32)))
    with pytest.raises(
        GradientError,
        match="BatchNormalization(: statistics of the batch itself have no rule; it can| in training has no gradient)",
    ):
        model.explain(PHOTO, method="saliency")


def test_rectifiers_before_the_layer_do_not_count(load_real):
    model = load_real("squeezenet1_1_nchw")  # a ReLU, then the feature maps, then their mean
    with pytest.raises(GradientError, match="expected a rectifier"):
        model.input_gradient(PHOTO, method="guidedbackprop", layer=model.head.feature_maps)


UNDIFFERENTIABLE = f"{BACKBONE} z = CumSum(maps, one) g = GlobalMaxPool(z) q = Flatten(g) logits = Gemm(q, w, b)"


def test_eigencam_of_a_layer_needs_no_gradient():
    model = fastcam.load(build(UNDIFFERENTIABLE, k=(6, 3, 3, 3), w=(6, 5), b=(5,), one=np.array(1)), head="z")
    found = model.explain(PHOTO, method="eigencam", layer="maps")
    assert found.activation_maps.max() > 0
    assert found.how.startswith("feature maps alone")
    with pytest.raises(GradientError, match="CumSum"):
        model.explain(PHOTO, method="layercam", layer="maps")


def test_remembered_errors_hold_nothing_and_passing_ones_are_forgotten():
    def depth(error):
        frames, trace = 0, error.__traceback__
        while trace is not None:
            frames, trace = frames + 1, trace.tb_next
        return frames

    made = []

    def make(error):
        made.append(error)
        raise error

    lasting, passing = (Once(lambda error=error: make(error)) for error in (GradientError("a"), ModelError("b")))
    depths = []
    for _ in range(5):
        with pytest.raises(GradientError, match="a") as caught:
            lasting()
        depths.append(depth(caught.value))
        with pytest.raises(ModelError, match="b"):
            passing()
    assert len(set(depths[1:])) == 1
    assert [str(error) for error in made].count("a") == 1
    assert [str(error) for error in made].count("b") == 5


def test_two_layers_of_a_variant_stay_open(load_real):
    model = load_real("cifar10_resnet20")
    inputs = model.vision.attribution.inputs
    first = inputs.ready("gradient", 0)
    inputs.ready("gradient", model.head.feature_maps)
    assert inputs.ready("gradient", 0) is first
    with pytest.raises(InputError, match="layer: expected a tensor of feature maps that every path"):
        inputs.ready("gradient", "nothing")
    assert inputs.ready("gradient", 0) is first


def test_hundreds_of_maxima_are_followed_and_wrong_gradients_refused(monkeypatch):
    """Some of the maxima change places between any two differences; here the slope is small as well."""
    maxima = f"{BACKBONE} g = GlobalMaxPool(maps) q = Flatten(g) logits = Gemm<transB = 1>(q, w, b)"
    model = fastcam.load(build(maxima, seed=5, k=(600, 3, 3, 3), w=(5, 600), b=(5,)), preprocess="unit,fit=stretch")
    assert model.explain(PHOTO).method == "gradcam"

    monkeypatch.setitem(VARIANTS, "gradient", VARIANTS["guided"])
    hidden = build(NONLINEAR, outputs="float[N, 5] scores", **{**WEIGHTS, "v": (16, 6), "c": (16,), "w": (5, 16)})
    model = fastcam.load(hidden, preprocess="unit,fit=stretch")
    with pytest.raises(GradientError, match="the gradient at 'maps' isn't that of small differences: off by"):
        model.explain(PHOTO)
