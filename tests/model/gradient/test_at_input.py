"""Gradients at the network input, and what goes back there in other ways: on real models, and on ones made for it."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import fastcam
from fastcam import InputError
from fastcam.classifier.steady import Steady
from fastcam.errors import GradientError
from fastcam.model.gradient.rules import VARIANTS
from tests.arrays.naive import upsample
from tests.model.models import BACKBONE, WEIGHTS, build

PHOTO = np.random.default_rng(0).integers(0, 256, (24, 36, 3)).astype(np.uint8)
RECTIFIED = ("saliency", "deconvolution", "guidedbackprop", "guidedgradcam")
EXCITED = ("excitation", "cmwp")


def in_own_layout(model, values):
    """(N, C, H, W) as the model takes it."""
    return np.ascontiguousarray(values if model.input.layout == "NCHW" else values.transpose(0, 2, 3, 1))


# ---- the gradient ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["cifar10_resnet20", "cifar10_resnet8_keras", "mnist_cnn_flatten_fc"])
def test_the_gradient_is_that_of_differences_of_the_running_model(load_real, photos, name):
    model = load_real(name)
    found = model.input_gradient(photos[3], class_index=[2, 7])
    gradient, x = found.gradients[0].astype(float), found.network_inputs.astype(float)
    assert gradient.shape == (2, *x.shape[1:])
    rng, size = np.random.default_rng(0), 5e-5 * float(np.ptp(x))
    for way in (gradient[0], gradient[1], *rng.standard_normal((3, *x.shape[1:]))):
        step = size / np.sqrt((way**2).mean())  # so many times the direction: its values are a share of the range
        ends = [in_own_layout(model, (x + sign * step * way).astype(np.float32)) for sign in (1, -1)]
        above, below = (model.run(end)[0][0, [2, 7]] for end in ends)
        expected, got = (above - below) / (2 * step), (gradient * way).sum(axis=(1, 2, 3))
        scale = np.sqrt((gradient**2).sum(axis=(1, 2, 3)) * (way**2).sum())
        np.testing.assert_allclose(got / scale, expected / scale, atol=0.03)


def test_another_gradient_is_refused(shared, monkeypatch):
    """What opening holds against differences: here the rules of guided backpropagation pass for those of the gradient."""
    monkeypatch.setitem(VARIANTS, "gradient", VARIANTS["guided"])
    model = fastcam.load(shared / "models" / "cifar10_resnet20.onnx", preprocess="imagenet,fit=stretch")
    with pytest.raises(GradientError, match="the gradient at 'input' isn't that of small differences: off by"):
        model.input_gradient(PHOTO)


def cosine(a, b):
    return float((a * b).sum() / np.sqrt((a**2).sum() * (b**2).sum()))


def test_narrow_models_have_the_gradient_of_the_wide_one(load_real, photos):
    """float16 and int8, of the same weights; the int8 model is quantised, which moves some values over their kinks."""
    wide, half, whole = (
        load_real(f"squeezenet1_1_{kind}").input_gradient(photos[0], class_index=3, method="guidedbackprop").gradients
        for kind in ("nchw", "nchw_fp16", "int8_qdq")
    )
    assert cosine(wide, half) > 0.999
    assert cosine(wide, whole) > 0.95


def test_models_that_take_pixels():
    """The gradient is at the same values in float32: those that a Cast makes of the bytes."""
    body = f"{BACKBONE} p = GlobalMaxPool(maps) q = Flatten(p) logits = Gemm<transB = 1>(q, w, b)"
    floats = build(body, **WEIGHTS)
    bytes_ = build(f"image = Cast<to = 1>(pixels) {body}", inputs="uint8[N, 3, 16, 16] pixels", **WEIGHTS)
    one, other = (fastcam.load(data, preprocess="raw,fit=stretch").input_gradient(PHOTO) for data in (floats, bytes_))
    np.testing.assert_array_equal(one.gradients, other.gradients)
    np.testing.assert_array_equal(one.network_inputs, other.network_inputs)


def test_quantised_pixels_stand_for_real_numbers():
    """The gradient of an image of integers is that of a step of one, and what saturates has none."""
    inner = (
        "f = Conv<pads = [1, 1, 1, 1]>(real, k) c = QuantizeLinear(f, s, z) maps = DequantizeLinear(c, s, z) "
        "p = GlobalAveragePool(maps) q = Flatten(p) logits = Gemm<transB = 1>(q, w, b)"
    )
    held = {"s": np.float32(0.02), "z": np.uint8(40), "t": np.float32(1 / 128), "y": np.uint8(128)}
    quantised = build(
        f"real = DequantizeLinear(image, t, y) {inner}", inputs="uint8[N, 3, 16, 16] image", **WEIGHTS, **held
    )
    found = fastcam.load(quantised, preprocess="raw,fit=stretch").input_gradient(PHOTO, class_index=1)
    plain = build(
        "real = Identity(image) f = Conv<pads = [1, 1, 1, 1]>(real, k) maps = Clip(f, low, high) "
        "p = GlobalAveragePool(maps) q = Flatten(p) logits = Gemm<transB = 1>(q, w, b)",
        **WEIGHTS, low=np.float32(-0.8), high=np.float32(0.02 * 215),
    )  # fmt: skip
    model = fastcam.load(plain, preprocess="inception,fit=stretch")
    real = (found.network_inputs - 128) / 128
    expected = model.vision.attribution.inputs(real, np.array([1]), "gradient") / 128
    np.testing.assert_allclose(found.gradients[0], expected, atol=1e-8)
    assert found.gradients.any()


def test_a_fixed_batch_other_inputs_and_several_images():
    body = "g = Mul(image, factor) f = Conv<pads = [1, 1, 1, 1]>(g, k) maps = Relu(f)" + BACKBONE.split("(f)")[1]
    tail = " p = GlobalMaxPool(maps) q = Flatten(p) logits = Gemm<transB = 1>(q, w, b)"
    inputs = "float[{}, 3, 16, 16] image, float[1] factor"
    models = [
        fastcam.load(
            build(body + tail, inputs=inputs.format(batch), outputs=f"float[{batch}, 5] logits", **WEIGHTS),
            constants={"factor": np.array([2.0], np.float32)},
            preprocess="unit,fit=stretch",
        )
        for batch in ("3", "N")
    ]
    pair = [PHOTO, PHOTO[::-1]]
    for method in ("saliency", "guidedgradcam", "excitation"):
        one, other = (model.input_gradient(pair, top=2, method=method) for model in models)
        np.testing.assert_allclose(one.gradients, other.gradients, atol=1e-6)
        alone = models[1].input_gradient(pair[1], top=2, method=method)
        np.testing.assert_array_equal(alone.gradients[0], other.gradients[1])
        assert other.gradients[1].any()


# ---- methods ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", [*RECTIFIED, *EXCITED])
@pytest.mark.parametrize("name", ["cifar10_resnet8_keras", "mnist_cnn_flatten_fc"])
def test_maps_are_explained_as_any_others(load_real, photos, name, method):
    """The formulas of the methods, and boxes, heatmaps and overlays of what they give."""
    model = load_real(name)
    found = model.input_gradient(photos[5], top=2, method=method)
    e = model.explain(photos[5], top=2, method=method)
    np.testing.assert_array_equal(e.activation_maps, found.activation_maps)
    np.testing.assert_array_equal(e.class_index, found.class_index)
    g = found.gradients
    expected = np.abs(g).max(axis=2) if method in RECTIFIED else np.maximum(g.sum(axis=2), 0)
    np.testing.assert_allclose(e.activation_maps, expected, rtol=1e-4, atol=1e-7)
    assert e.method == found.method == method
    assert (e.boxes.area[0] > 0).all()
    height, width = e.image_sizes[0]
    boxes = fastcam.find_boxes(found.activation_maps, (height, width))
    np.testing.assert_array_equal(boxes.xyxy, e.boxes.xyxy)
    assert fastcam.overlay(photos[5], e).shape == (height, width, 3)


@pytest.mark.parametrize("name", ["cifar10_resnet20", "cifar10_resnet8_keras", "mnist_cnn_flatten_fc"])
def test_winning_probabilities(load_real, photos, name):
    """Nothing negative, and 1 in all: at the layer of 24 places a side, and at the feature maps of the head."""
    model = load_real(name)
    found = model.input_gradient(photos[0], top=3, method="excitation")
    assert min(found.gradients.shape[3:]) >= 24
    assert found.layer != model.input.name
    assert found.gradients.min() >= 0
    np.testing.assert_allclose(found.activation_maps.sum(axis=(2, 3)), 1, rtol=1e-4)
    last = model.input_gradient(photos[0], top=3, method="excitation", layer=model.head.feature_maps)
    assert last.layer == model.head.feature_maps
    np.testing.assert_allclose(last.gradients.sum(axis=(2, 3, 4)), 1, rtol=1e-4)
    contrast = model.input_gradient(photos[0], top=3, method="cmwp")
    assert contrast.gradients.min() < 0
    np.testing.assert_allclose(contrast.gradients.sum(axis=(2, 3, 4)), 0, atol=1e-4)  # of two that add up to 1


def test_the_gradient_at_a_layer_is_that_of_the_head(load_real, photos):
    """Where the head is exact, its closed form."""
    model = load_real("cifar10_resnet20")
    found = model.input_gradient(photos[0], class_index=4, layer=model.head.feature_maps)
    weights = model.head.class_weights[4] / (8 * 8)
    expected = np.broadcast_to(weights[:, None, None], found.gradients.shape[2:])
    np.testing.assert_allclose(found.gradients[0, 0], expected, atol=1e-6)


def test_guided_gradcam_is_a_product(mnist, photos):
    guided = mnist.input_gradient(photos[1], class_index=[1, 8], method="guidedbackprop").gradients[0]
    coarse = mnist.explain(photos[1], class_index=[1, 8], method="gradcam").activation_maps[0]
    found = mnist.input_gradient(photos[1], class_index=[1, 8], method="guidedgradcam").gradients[0]
    expected = guided * np.stack([upsample(one, (28, 28)) for one in coarse])[:, None]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6 * np.abs(expected).max())


def test_smoothgrad_is_the_mean_over_noisy_copies(mnist, photos):
    smooth = mnist.input_gradient(photos[1], class_index=5, samples=4, noise=0.2, seed=3)
    x, rng = smooth.network_inputs, np.random.default_rng(3)
    deviation, inputs = 0.2 * (x.max() - x.min()), mnist.vision.attribution.inputs
    copies = [x + deviation * rng.standard_normal(x.shape) for _ in range(4)]
    expected = np.mean([inputs(in_own_layout(mnist, copy), np.array([5]), "gradient") for copy in copies], axis=0)
    np.testing.assert_allclose(smooth.gradients[0], expected, atol=1e-5 * np.abs(expected).max())
    assert (smooth.samples, smooth.noise, smooth.seed) == (4, 0.2, 3)
    both = mnist.input_gradient([photos[0], photos[1]], class_index=5, samples=4, noise=0.2, seed=3)
    np.testing.assert_array_equal(both.gradients[1], smooth.gradients[0])
    other = mnist.input_gradient(photos[1], class_index=5, samples=4, noise=0.2, seed=4)
    assert np.abs(other.gradients - smooth.gradients).max() > 1e-3 * np.abs(expected).max()


def test_threads_share_one_session(shared):
    model = fastcam.load(shared / "models" / "mnist_cnn_flatten_fc.onnx", preprocess="unit,fit=stretch,channels=grey")
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: model.input_gradient(PHOTO), range(8)))
        sessions = set(pool.map(lambda _: id(model.vision.attribution.inputs.ready("gradient")), range(8)))
    assert len(sessions) == 1
    for one in found[1:]:
        np.testing.assert_array_equal(one.gradients, found[0].gradients)


def test_streams(mnist):
    frames = [PHOTO, PHOTO[::-1]]
    with mnist.stream(frames, method="guidedbackprop") as stream:
        for frame, found in stream:
            alone = mnist.explain(frame, method="guidedbackprop")
            np.testing.assert_array_equal(found.activation_maps, alone.activation_maps)
    with pytest.raises(
        InputError, match="steady: expected a method that weighs the head's feature maps.*'guidedbackprop'"
    ):
        mnist.stream(frames, method="guidedbackprop", steady=Steady())
