"""Methods that follow the gradient: their formulas, and the gradients that they are given, on real models."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import onnxruntime as ort
import pytest

import fastcam
from fastcam import InputError, ModelError, methods
from fastcam.errors import GradientError
from fastcam.methods import layercam
from fastcam.model.file.source import read_source
from fastcam.model.gradient.at_maps import Gradients
from fastcam.model.gradient.tape import one_hot
from fastcam.model.head.head import Head
from fastcam.model.opened_model import OpenedModel
from fastcam.model.run.session import Opening
from tests.methods.masks import weighing
from tests.model.models import BACKBONE, build, class_token

A = np.abs(np.random.default_rng(0).standard_normal((4, 3, 5))).astype(np.float32)
G = np.random.default_rng(1).standard_normal((2, 4, 3, 5)).astype(np.float32)
WEIGHING = methods.names(methods.WeighingMethod)
EXACT = [
    *("cifar10_resnet20", "mobilenet_v2_1.0_224_nchw_gemm", "squeezenet1_1_nchw", "squeezenet1_1_nchw_fp16"),
    *("squeezenet1_1_int8_qdq", "mobilenet_v2_1.0_224_quant_q", "mobilenet_v1_0.25_128_fp32_nhwc"),
]


# ---- formulas, by loops in float64 -----------------------------------------------------------------------------------


def naive(method, a, g):
    """The map of one class, (h, w)."""
    a, g = a.astype(float), np.broadcast_to(g, a.shape).astype(float)
    (channels, h, w), total = a.shape, np.zeros(a.shape[1:])
    for k in range(channels):
        values, slopes = a[k].ravel().tolist(), g[k].ravel().tolist()
        whole = sum(values)
        weight = sum(slopes) / (h * w)
        if method == "gradcam++":
            alphas = [v**2 / (2 * v**2 + whole * v**3) if v else 0.0 for v in slopes]
            weight = sum(alpha * max(v, 0.0) for alpha, v in zip(alphas, slopes, strict=True))
        if method == "xgradcam":
            weight = sum(one * v for one, v in zip(values, slopes, strict=True)) / (whole or 1.0)
        for i, (one, slope) in enumerate(zip(values, slopes, strict=True)):
            factor = {"hirescam": slope, "layercam": max(slope, 0.0)}.get(method, weight)
            total[i // w, i % w] += factor * one
    return np.maximum(total, 0)


def map_of(weights, a):
    weights = weights if weights.ndim == 4 else weights[:, :, None, None]
    return np.maximum((weights * a).sum(axis=1), 0)


@pytest.mark.parametrize("method", ["gradcam", "gradcam++", "xgradcam", "hirescam", "layercam"])
@pytest.mark.parametrize("same", [False, True], ids=["by place", "the same everywhere"])
def test_formulas(method, same):
    gradients = G[:, :, :1, :1] if same else G
    got = map_of(weighing(method).weigh(A, gradients), A)
    for one, expected in zip(got, (naive(method, A, g) for g in gradients), strict=True):
        np.testing.assert_allclose(one, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("method", WEIGHING)
def test_feature_maps_and_gradients_of_nothing(method):
    zeros = np.zeros_like(A)
    assert np.isfinite(weighing(method).weigh(zeros, G)).all()
    assert np.isfinite(weighing(method).weigh(A, np.zeros_like(G))).all()
    assert not map_of(weighing(method).weigh(zeros, G), zeros).any()


def test_eigencam_is_the_first_principal_component():
    rows = A.reshape(4, -1).T.astype(float)
    values, vectors = np.linalg.eigh(rows.T @ rows)
    expected = np.abs(rows @ vectors[:, values.argmax()]).reshape(3, 5)  # of positive values: of one sign
    np.testing.assert_allclose(map_of(weighing("eigencam").weigh(A, G), A)[1], expected, rtol=1e-5)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_values_that_are_none(bad):
    spoilt = A.copy()
    spoilt[1, 2, 3] = bad
    with pytest.raises(InputError, match=r"feature maps: expected finite values .* at item \[1\], position \[2, 3\]"):
        weighing("eigencam").weigh(spoilt, G)
    with pytest.raises(InputError, match=r"maps of a layer: expected finite values .* at position \[2, 3\]"):
        layercam.fused([A[0], spoilt[1]])


def test_feature_maps_without_finite_values():
    """Where logits are, behind a sigmoid."""
    body = (
        "f = Conv(image, k) maps = Exp(f) l = Log(maps) r = Sigmoid(l) g = GlobalMaxPool(r) "
        "q = Flatten(g) logits = Gemm<transB = 1>(q, w, b)"
    )
    kernel = 0.1 * np.random.default_rng(0).standard_normal((6, 3, 3, 3)).astype(np.float32)
    model = fastcam.load(build(body, k=kernel, w=(5, 6), b=(5,)), head="maps", preprocess="raw,fit=stretch")
    with pytest.raises(InputError, match="feature maps: expected finite values"):
        model.explain(np.full((16, 16, 3), 255, np.uint8), method="eigencam")


# ---- on models -------------------------------------------------------------------------------------------------------


def general(model):
    """Gradients by the tail, of a head that has a closed form."""
    head = replace(model.head, kind="generic", class_weights=np.zeros((0, 0)), bias=np.zeros(0))
    vision = model.vision
    opened = OpenedModel(read_source(model.path), Opening(), head, vision.target, vision.session)
    return Gradients(opened)


def feature_maps_of(model, photo):
    """As the model has them."""
    return model.vision.see(photo).feature_maps


@pytest.mark.parametrize("name", EXACT)
def test_the_closed_form_is_the_gradient(load_real, photos, name):
    model = load_real(name)
    maps, seeds = feature_maps_of(model, photos[0]), one_hot(np.array([3, 1]), model.head.classes)
    closed, found = model.vision.attribution.gradients(maps, seeds), general(model)(maps, seeds)
    scale = np.abs(closed).max()
    np.testing.assert_allclose(found, np.broadcast_to(closed, found.shape), atol=1e-6 * scale, rtol=0)
    assert model.vision.attribution.gradients.describe() == "closed form"
    assert general(model).describe().startswith("backward through ")


@pytest.mark.parametrize("name", ["squeezenet1_1_nchw", "mobilenet_v2_1.0_224_nchw_gemm"])
def test_closed_forms_of_the_whole_family(load_real, photos, name):
    """Grad-CAM, XGrad-CAM and HiResCAM are CAM then, but for its scale, and its ReLU."""
    model = load_real(name)
    cam = model.explain(photos[0], top=3, method="cam").activation_maps
    expected = np.maximum(cam, 0) / cam[0, 0].size
    for method in ("gradcam", "xgradcam", "hirescam"):
        found = model.explain(photos[0], top=3, method=method)
        np.testing.assert_allclose(found.activation_maps, expected, atol=2e-6 * expected.max())
        assert found.method == method
    assert model.explain(photos[0]).method == "cam"


@pytest.mark.parametrize("method", WEIGHING)
@pytest.mark.parametrize("name", ["cifar10_resnet20", "mnist_cnn_flatten_fc"])
def test_methods_on_real_models(load_real, name, method):
    """Against the formulas, with gradients by differences of the model's own tail."""
    model = load_real(name)
    photo = np.random.default_rng(0).integers(0, 256, (32, 32, 3)).astype(np.uint8)
    found = model.explain(photo, class_index=[2, 7], method=method)
    maps = feature_maps_of(model, photo)
    first = model.head.arranged(maps.shape).channels_first(maps)[0]
    gradients = model.vision.attribution.gradients(maps, one_hot(np.array([2, 7]), 10))
    if method not in ("eigencam", "finercam", "finercam-weighted"):
        for one, g in zip(found.activation_maps[0], gradients, strict=True):
            expected = naive(method, first, g)
            np.testing.assert_allclose(one, expected, atol=2e-5 * max(1e-6, expected.max()))
    assert found.activation_maps.min() >= 0
    assert found.boxes.xyxy.shape == (1, 2, 4)


def test_gradients_of_a_head_that_is_not_linear(mnist):
    """By differences in the running session over the tail."""
    photo = np.random.default_rng(0).integers(0, 256, (28, 28, 3)).astype(np.uint8)
    maps, gradients = feature_maps_of(mnist, photo), mnist.vision.attribution.gradients
    gradient = gradients(maps, one_hot(np.array([5]), 10))[0]
    opened = gradients._opened()
    rng, layout = np.random.default_rng(1), mnist.head.arranged(maps.shape)

    def logit(values):
        seed = np.zeros((1, mnist.head.classes), np.float32)
        feeds = {opened.start: values.astype(np.float32), "fastcam/seed": seed}
        return float(opened.session.run(None, feeds)[0].reshape(-1)[5])

    for _ in range(5):
        way = rng.standard_normal(maps.shape)
        expected = (logit(maps + 2e-4 * way) - logit(maps - 2e-4 * way)) / 4e-4
        got = float((layout.channels_first(way)[0] * gradient).sum())
        assert abs(got - expected) < 2e-3 * np.abs(gradient).max() * np.sqrt((way**2).sum())


def test_class_tokens_through_attention():
    """What a class token reads by attention has a gradient at every place."""
    model = fastcam.load(class_token(), preprocess="unit,fit=stretch")
    assert model.head.kind == "pool-nonlinear"
    found = model.explain(np.random.default_rng(0).integers(0, 256, (32, 48, 3)).astype(np.uint8), top=5)
    assert found.method == "gradcam"
    assert found.activation_maps.shape == (1, 5, 4, 4)
    assert found.activation_maps.max() > 0


FIXED = f"{BACKBONE} g = GlobalMaxPool(maps) q = Flatten(g) logits = Gemm<transB = 1>(q, w, b)"


def test_a_fixed_batch_and_several_images():
    weights = {"k": (6, 3, 3, 3), "w": (5, 6), "b": (5,)}
    fixed = build(FIXED, inputs="float[3, 3, 16, 16] image", outputs="float[3, 5] logits", **weights)
    models = [fastcam.load(data, preprocess="unit,fit=stretch") for data in (fixed, build(FIXED, **weights))]
    photos = np.random.default_rng(0).integers(0, 256, (2, 20, 20, 3)).astype(np.uint8)
    assert models[0].head.kind == "pool-nonlinear"
    one, other = (model.explain(photos, top=2, method="layercam").activation_maps for model in models)
    np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
    alone = models[1].explain(photos[1], top=2, method="layercam").activation_maps
    np.testing.assert_array_equal(alone[0], other[1])


def test_threads_share_one_session(mnist):
    """Which none of them has opened before."""
    model = fastcam.load(mnist.path, preprocess=mnist.preprocess)
    photo = np.random.default_rng(0).integers(0, 256, (28, 28, 3)).astype(np.uint8)
    with ThreadPoolExecutor(4) as pool:
        maps = [e.activation_maps for e in pool.map(model.explain, [photo] * 8)]
    for one in maps[1:]:
        np.testing.assert_array_equal(one, maps[0])


def test_streams_follow_gradients_as_well(mnist):
    from fastcam.classifier.steady import Steady

    frames = list(np.random.default_rng(0).integers(0, 256, (4, 28, 28, 3)).astype(np.uint8))
    with mnist.stream(iter(frames), method="layercam", steady=Steady(0, 0)) as stream:
        for frame, found in stream:
            alone = mnist.explain(frame, method="layercam")
            np.testing.assert_array_equal(found.activation_maps, alone.activation_maps)


# ---- what is refused -------------------------------------------------------------------------------------------------


def test_a_session_of_ones_own_can_not_be_taken_apart():
    body = f"{BACKBONE} p = GlobalAveragePool(maps) q = Flatten(p) logits = Gemm<transB = 1>(q, w, b)"
    weights = {"k": (6, 3, 3, 3), "w": np.ones((5, 6), np.float32), "b": np.zeros(5, np.float32)}
    data = build(body, outputs="float[N, 5] logits, float[N, 6, 16, 16] maps", **weights)
    session, photo = ort.InferenceSession(data), np.full((16, 16, 3), 99, np.uint8)
    exact = fastcam.load(session, head=Head("maps", "logits", weights["w"], weights["b"]))
    assert exact.explain(photo, method="layercam").method == "layercam"  # its closed form is known
    unknown = replace(exact.head, kind="generic", class_weights=np.zeros((0, 0)), bias=np.zeros(0))
    gradients = Gradients(OpenedModel(None, None, unknown, (16, 16), exact.vision.session))
    with pytest.raises(GradientError, match="expected a model from a file or bytes .* can't be taken apart"):
        gradients(np.zeros((1, 6, 16, 16), np.float32), np.eye(1, 5, dtype=np.float32))


UNDIFFERENTIABLE = (
    f"{BACKBONE} q = Flatten(maps) s = MatMul(q, v) z = CumSum(s, one) t = Relu(z) logits = Gemm(t, w, b)"
)


def test_operators_without_a_gradient_are_named():
    """Each time, without looking again; and Eigen-CAM needs none."""
    weights = {"k": (6, 3, 3, 3), "v": (6 * 256, 6), "w": (6, 5), "b": (5,), "one": np.array(1)}
    model = fastcam.load(build(UNDIFFERENTIABLE, **weights))
    assert model.head.feature_maps == "maps"
    photo = np.random.default_rng(0).integers(0, 256, (16, 16, 3)).astype(np.uint8)
    for _ in range(2):
        with pytest.raises(GradientError, match="no gradient of the operator CumSum"):
            model.explain(photo)
    assert model.explain(photo, method="eigencam").activation_maps.any()


def test_inputs_that_depend_on_the_image_besides_the_first():
    body = (
        f"{BACKBONE} q = GlobalMaxPool(maps) e = Flatten(q) s = ReduceMean<keepdims = 0>(e) "
        "c = Clip(e, s) logits = Gemm<transB = 1>(c, w, b)"
    )
    model = fastcam.load(build(body, k=(6, 3, 3, 3), w=(5, 6), b=(5,)))
    with pytest.raises(GradientError, match="Clip: another input that depends on the image"):
        model.explain(np.random.default_rng(0).integers(0, 256, (16, 16, 3)).astype(np.uint8))


def test_a_file_that_was_replaced(tmp_path):
    """By other weights, after the model was loaded; or taken away."""
    weights = {"k": (6, 3, 3, 3), "w": (5, 6), "b": (5,)}
    (tmp_path / "model.onnx").write_bytes(build(FIXED, **weights))
    photo = np.random.default_rng(0).integers(0, 256, (16, 16, 3)).astype(np.uint8)
    models = [fastcam.load(tmp_path / "model.onnx") for _ in range(3)]
    before = models[0].explain(photo).activation_maps
    (tmp_path / "other.onnx").write_bytes(build(FIXED, seed=1, **weights))
    (tmp_path / "other.onnx").rename(tmp_path / "model.onnx")
    np.testing.assert_array_equal(models[0].explain(photo).activation_maps, before)
    with pytest.raises(ModelError, match=r"model.onnx: expected the file that was loaded; it has changed since"):
        models[1].explain(photo)
    (tmp_path / "model.onnx").unlink()
    with pytest.raises(ModelError, match=r"model.onnx: can't be read"):
        models[2].explain(photo)


@pytest.mark.parametrize("method", ["grad-cam", "", None, 3, "CAM"])
def test_methods_that_there_are_not(load_real, method):
    model = load_real("cifar10_resnet20")
    with pytest.raises(
        InputError, match=r"method: expected one of auto, cam, gradcam, gradcam\+\+, xgradcam, hirescam"
    ):
        model.explain(np.zeros((32, 32, 3), np.uint8), method=method)
