"""Baked models: their maps by ONNX Runtime alone are those of `Classifier.explain`."""

import numpy as np
import onnxruntime as ort
import pytest

import fastcam
from fastcam.export.baked_model import bake
from tests.export.baked import expect_near, generic, network_input, noise, run, small
from tests.model.models import BACKBONE, build, classifier

REAL = [
    *("cifar10_resnet20", "cifar10_resnet8_keras", "mobilenet_v1_0.25_128_fp32_nhwc", "squeezenet1_1_nchw"),
    *("squeezenet1_1_nchw_fp16", "squeezenet1_1_int8_qdq", "mobilenet_v2_1.0_224_nchw_gemm"),
    "mobilenet_v2_1.0_224_quant_q",
]


# ---- maps ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", REAL)
def test_the_best_class_of_a_photo(load_real, photos, tmp_path, name, capfd):
    model, photo = load_real(name), photos[3]
    made = bake(model.path, tmp_path / "baked.onnx", head=model.head)
    given, expected = network_input(model, photo), model.explain(photo)
    found = run(made.path, **{model.input.name: given})
    assert found["class_index"].tolist() == [expected.class_index[0, 0]]
    expect_near(found["activation_maps"], expected.activation_maps)
    own = run(model.path, **{model.input.name: given})
    for output in own:
        np.testing.assert_array_equal(found[output], own[output])
    assert [*found] == [*own, "activation_maps", "class_index"]
    assert capfd.readouterr().err == ""  # ONNX Runtime has no complaints


@pytest.mark.parametrize("name", ["cifar10_resnet20", "squeezenet1_1_int8_qdq"])
def test_given_classes_and_all_upsampled_and_scaled(load_real, photos, tmp_path, name):
    model, photo = load_real(name), photos[4]
    given = {model.input.name: network_input(model, photo)}
    height, width = model.vision.target
    raw = model.explain(photo, class_index=[7, 2]).activation_maps[0]
    bake(model.path, tmp_path / "given.onnx", head=model.head, classes="given", size="input", normalize=True)
    for index, expected in zip((7, 2), fastcam.heatmaps(raw, (height, width)), strict=True):
        found = run(tmp_path / "given.onnx", **given, class_index=np.array([index]))
        assert "class_index" not in found
        np.testing.assert_allclose(found["activation_maps"][0, 0], expected, atol=1e-5)
    bake(model.path, tmp_path / "all.onnx", head=model.head, classes="all", size=(50, 33))
    every = run(tmp_path / "all.onnx", **given)["activation_maps"]
    assert every.shape == (1, model.head.classes, 50, 33)
    expect_near(every[:, [7, 2]], fastcam.heatmaps(raw[None], (50, 33), normalize=False))


def test_gradcam_of_a_head_that_is_not_exact(shared, photos, tmp_path):
    path = shared / "models" / "mnist_cnn_flatten_fc.onnx"
    model = fastcam.load(path, preprocess="unit,fit=stretch,channels=grey")
    given = {model.input.name: network_input(model, photos[0])}
    best = model.explain(photos[0])
    assert bake(path, tmp_path / "top.onnx", head=model.head).method == best.method == "gradcam"
    found = run(tmp_path / "top.onnx", **given)
    assert found["class_index"].tolist() == best.class_index[0].tolist()
    expect_near(found["activation_maps"], best.activation_maps)
    bake(path, tmp_path / "given.onnx", head=model.head, classes="given", size="input", normalize=True)
    for index in (0, 8):
        found = run(tmp_path / "given.onnx", **given, class_index=np.array([index]))["activation_maps"]
        expected = fastcam.heatmaps(model.explain(photos[0], class_index=index).activation_maps, (28, 28))
        np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("name", ["squeezenet1_1_int8_qdq", "squeezenet1_1_nchw_fp16", "cifar10_resnet8_keras"])
def test_backward_through_quantised_float16_and_nhwc_tails(load_real, photos, tmp_path, name):
    model = load_real(name)
    height, width = model.vision.target
    made = bake(model.path, tmp_path / "b.onnx", head=model.head, method="gradcam", input_size=(height, width))
    found = run(made.path, **{model.input.name: network_input(model, photos[5])})["activation_maps"]
    expect_near(found, model.explain(photos[5], method="gradcam").activation_maps)


SPATIAL = f"{BACKBONE} q = Flatten(maps) logits = Gemm<transB = 1>(q, w, b)"
TOKENS = (
    "f = Conv<strides = [4, 4]>(image, k) r = Reshape(f, to) t = Transpose<perm = [0, 2, 1]>(r) "
    "n = Shape<start = 0, end = 1>(image) ns = Concat<axis = 0>(n, rest) c = Expand(token, ns) "
    "maps = Concat<axis = 1>(c, t) u = Transpose<perm = [0, 2, 1]>(maps) s = MatMul(maps, u) p = Softmax(s) "
    "a = MatMul(p, maps) o = Add(maps, a) h = Gather<axis = 1>(o, first) logits = Gemm<transB = 1>(h, w, b)"
)
TOKEN_WEIGHTS = {"to": np.array([0, 6, 16]), "rest": np.array([1, 6]), "token": (1, 1, 6), "first": np.array(0)}


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("cam", classifier()),
        ("cam-spatial", small(SPATIAL, w=(5, 6 * 256))),
        ("generic", generic()),
        ("pool-nonlinear", small(TOKENS, k=(6, 3, 4, 4), **TOKEN_WEIGHTS)),
    ],
    ids=["cam", "cam-spatial", "generic", "tokens"],
)
def test_batches(tmp_path, kind, data):
    """Each image has the map of its own best class, or of the one given for it, independent of the others."""
    model = fastcam.load(data, preprocess="unit,fit=stretch")
    assert model.head.kind == kind
    photos = np.random.default_rng(0).integers(0, 256, (4, 20, 20, 3)).astype(np.uint8)
    images = np.concatenate([network_input(model, photo) for photo in photos])
    expected = [model.explain(photo) for photo in photos]
    assert bake(data, tmp_path / "top.onnx").notes == ()
    found = run(tmp_path / "top.onnx", image=images)
    np.testing.assert_array_equal(found["class_index"], [one.class_index[0, 0] for one in expected])
    expect_near(found["activation_maps"], np.concatenate([one.activation_maps for one in expected]))
    bake(data, tmp_path / "given.onnx", classes="given")
    index = np.array([4, 0, 3, 1])
    found = run(tmp_path / "given.onnx", image=images, class_index=index)["activation_maps"]
    expect_near(found, model.explain(photos, class_index=index[:, None]).activation_maps)
    if model.head.is_exact:
        bake(data, tmp_path / "all.onnx", classes="all")
        every = run(tmp_path / "all.onnx", image=images)["activation_maps"]
        expect_near(every, model.explain(photos, class_index=range(5)).activation_maps)


def test_identity_heads_in_batches(load_real, photos, tmp_path):
    model = load_real("squeezenet1_1_nchw")
    images = np.concatenate([network_input(model, photo) for photo in photos[:2]])
    bake(model.path, tmp_path / "given.onnx", head=model.head, classes="given")
    found = run(tmp_path / "given.onnx", input=images, class_index=np.array([281, 9]))["activation_maps"]
    expected = model.explain(photos[:2], class_index=[[281], [9]]).activation_maps
    expect_near(found, expected)


def test_images_of_another_size(load_real, photos, tmp_path):
    model = load_real("squeezenet1_1_nchw")
    other = fastcam.load(model.path, preprocess="caffe-bgr,fit=stretch,size=160x256")
    assert bake(model.path, tmp_path / "b.onnx", head=model.head, size="input").notes == ()
    found = run(tmp_path / "b.onnx", input=network_input(other, photos[0]))["activation_maps"]
    expected = fastcam.heatmaps(other.explain(photos[0]).activation_maps, (160, 256), normalize=False)
    expect_near(found, expected)


MAXIMA = f"{BACKBONE} g = GlobalMaxPool(maps) q = Flatten(g) logits = Gemm<transB = 1>(q, w, b)"


def test_what_can_not_stay_open_is_fixed_and_said(tmp_path):
    made = bake(small(MAXIMA, inputs="float[N, 3, H, W] image"), tmp_path / "a.onnx", input_size=(24, 32))
    assert made.notes == ("images of 24×32 only: the gradient is written for it",)
    assert ort.InferenceSession(made.path).get_inputs()[0].shape == ["N", 3, 24, 32]
    padded = MAXIMA.replace("g = GlobalMaxPool(maps)", 'r = Pad<mode = "reflect">(maps, pads) g = GlobalMaxPool(r)')
    data = small(padded, pads=np.array([0, 0, 1, 1, 0, 0, 1, 1]))
    made = bake(data, tmp_path / "b.onnx")
    assert made.notes == ("one image at a time: the gradient of some operator holds for one only",)
    assert ort.InferenceSession(made.path).get_inputs()[0].shape == [1, 3, 16, 16]
    model = fastcam.load(data, preprocess="unit,fit=stretch")
    photo = np.random.default_rng(0).integers(0, 256, (20, 20, 3)).astype(np.uint8)
    found = run(made.path, image=network_input(model, photo))["activation_maps"]
    expect_near(found, model.explain(photo).activation_maps)


def test_a_constant_map_becomes_zeros(tmp_path):
    made = bake(classifier(), tmp_path / "b.onnx", normalize=True, size=(8, 8))
    zeros = np.zeros((1, 3, 16, 16), np.float32)  # there is no bias before the feature maps, so they are zero
    np.testing.assert_array_equal(run(made.path, image=zeros)["activation_maps"], np.zeros((1, 1, 8, 8)))


# ---- classes that there aren't ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", ["identity", "cam", "gradcam"])
def test_given_classes_out_of_range(tmp_path, load_real, body):
    """Classes out of range are refused when the file is run; negative ones count from the end, as in all of ONNX."""
    if body == "identity":
        data = build("maps = Conv(image, k) p = GlobalAveragePool(maps) logits = Flatten(p)", k=(5, 3, 1, 1))
    else:
        data = classifier() if body == "cam" else generic()
    made = bake(data, tmp_path / "b.onnx", classes="given")
    for index in (5, -6):
        with pytest.raises(Exception, match=r"(?i)indic|index"):
            run(made.path, image=noise(), class_index=np.array([index]))
    last, minus = (run(made.path, image=noise(), class_index=np.array([k]))["activation_maps"] for k in (4, -1))
    np.testing.assert_array_equal(last, minus)
