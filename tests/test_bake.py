"""Baked models: their maps by ONNX Runtime alone are those of `Classifier.explain`, and their files are whole."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx.external_data_helper import convert_model_to_external_data

import fastcam
from fastcam import GradientError, HeadNotFoundError, InputError, ModelError, engines
from fastcam.bake import bake
from fastcam.cli import main
from fastcam.model import storing
from tests.models import BACKBONE, WEIGHTS, build, classifier, make

REAL = [
    *("cifar10_resnet20", "cifar10_resnet8_keras", "mobilenet_v1_0.25_128_fp32_nhwc", "squeezenet1_1_nchw"),
    *("squeezenet1_1_nchw_fp16", "squeezenet1_1_int8_qdq", "mobilenet_v2_1.0_224_nchw_gemm"),
    "mobilenet_v2_1.0_224_quant_q",
]
GENERIC = f"{BACKBONE} p = MaxPool<kernel_shape = [2, 2], strides = [2, 2]>(maps) q = Flatten(p) h = Gemm(q, v) t = Relu(h) logits = Gemm<transB = 1>(t, w, b)"


def small(body, **changes):
    """Bytes of a model with five classes."""
    return build(body, **{**WEIGHTS, **changes})


def generic(body=GENERIC, **changes):
    """Bytes of a model whose head has no class activation maps."""
    return small(body, **{"v": (6 * 64, 6), **changes})


def run(path, **feeds) -> dict[str, Any]:
    """Outputs by name, by ONNX Runtime as anyone would open it."""
    session = ort.InferenceSession(str(path))
    return dict(zip([value.name for value in session.get_outputs()], session.run(None, feeds), strict=True))


def network_input(model, photo):
    return model._explainer.see(photo, engines.named("cpu")).network_input


def noise(count=1, side=16):
    return np.random.default_rng(0).standard_normal((count, 3, side, side)).astype(np.float32)


def expect_near(found, expected):
    assert found.dtype == np.float32
    assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max()


def nothing_else_in(folder, *names):
    assert sorted(path.name for path in folder.iterdir()) == sorted(names)


@pytest.fixture
def model_file(tmp_path):
    """A small model's file, in a folder of its own."""
    (tmp_path / "model.onnx").write_bytes(classifier())
    return tmp_path / "model.onnx"


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
    height, width = model._explainer.target
    raw = model.explain(photo, class_index=[7, 2]).activation_maps[0]
    bake(model.path, tmp_path / "given.onnx", head=model.head, classes="given", size="input", normalise=True)
    for index, expected in zip((7, 2), fastcam.heatmaps(raw, (height, width)), strict=True):
        found = run(tmp_path / "given.onnx", **given, class_index=np.array([index]))
        assert "class_index" not in found
        np.testing.assert_allclose(found["activation_maps"][0, 0], expected, atol=1e-5)
    bake(model.path, tmp_path / "all.onnx", head=model.head, classes="all", size=(50, 33))
    every = run(tmp_path / "all.onnx", **given)["activation_maps"]
    assert every.shape == (1, model.head.classes, 50, 33)
    expect_near(every[:, [7, 2]], fastcam.heatmaps(raw[None], (50, 33), normalise=False))


def test_gradcam_of_a_head_that_is_not_exact(shared, photos, tmp_path):
    path = shared / "models" / "mnist_cnn_flatten_fc.onnx"
    model = fastcam.load(path, preprocess="unit,fit=stretch,channels=grey")
    given = {model.input.name: network_input(model, photos[0])}
    best = model.explain(photos[0])
    assert bake(path, tmp_path / "top.onnx", head=model.head).method == best.method == "gradcam"
    found = run(tmp_path / "top.onnx", **given)
    assert found["class_index"].tolist() == best.class_index[0].tolist()
    expect_near(found["activation_maps"], best.activation_maps)
    bake(path, tmp_path / "given.onnx", head=model.head, classes="given", size="input", normalise=True)
    for index in (0, 8):
        found = run(tmp_path / "given.onnx", **given, class_index=np.array([index]))["activation_maps"]
        expected = fastcam.heatmaps(model.explain(photos[0], class_index=index).activation_maps, (28, 28))
        np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("name", ["squeezenet1_1_int8_qdq", "squeezenet1_1_nchw_fp16", "cifar10_resnet8_keras"])
def test_backward_through_quantised_float16_and_nhwc_tails(load_real, photos, tmp_path, name):
    model = load_real(name)
    height, width = model._explainer.target
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
    """Each image has a map of its own best class, or of the one given for it, as if it were alone."""
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
    expected = fastcam.heatmaps(other.explain(photos[0]).activation_maps, (160, 256), normalise=False)
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
    made = bake(classifier(), tmp_path / "b.onnx", normalise=True, size=(8, 8))
    zeros = np.zeros((1, 3, 16, 16), np.float32)  # there is no bias before the feature maps, so they are zero
    np.testing.assert_array_equal(run(made.path, image=zeros)["activation_maps"], np.zeros((1, 1, 8, 8)))


# ---- classes that there aren't ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", ["identity", "cam", "gradcam"])
def test_given_classes_out_of_range(tmp_path, load_real, body):
    """Refused when the file is run; negative ones count from the end, as everywhere in ONNX."""
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


# ---- the file --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("data", "method"), [(classifier(), "cam"), (generic(), "gradcam")])
def test_only_standard_operators_are_added_and_the_models_own_stay(tmp_path, data, method):
    before = onnx.load_from_string(data)
    made = bake(data, tmp_path / "b.onnx", size="input", normalise=True)
    after = onnx.load(tmp_path / "b.onnx")
    onnx.checker.check_model(after, full_check=True)
    assert made.method == method
    assert [*after.graph.node[: len(before.graph.node)]] == [*before.graph.node]
    assert [*after.graph.initializer[: len(before.graph.initializer)]] == [*before.graph.initializer]
    assert {node.domain for node in after.graph.node} == {""}
    # The forward pass isn't there twice, nor are the weights.
    counts = [sum(node.op_type == "Gemm" for node in one.graph.node) for one in (before, after)]
    assert counts[1] - counts[0] <= (0 if method == "cam" else 2)
    assert len(after.SerializeToString()) - len(data) < 8000


def test_metadata_say_what_the_maps_are(shared, load_real, tmp_path):
    model = load_real("cifar10_resnet20")
    bake(model.path, tmp_path / "b.onnx", head=model.head)
    session = ort.InferenceSession(tmp_path / "b.onnx")
    said = session.get_modelmeta().custom_metadata_map
    assert said["fastcam.version"] == fastcam.__version__
    assert said["fastcam.source_sha256"] == model.sha256
    assert said["fastcam.method"] == "cam"
    assert said["fastcam.head"] == model.head.describe()
    assert said["fastcam.feature_maps"] == model.head.feature_maps
    assert json.loads(said["fastcam.outputs"])["activation_maps"].startswith("class activation map, sum_k W[c, k]")
    place = json.loads(said["fastcam.class_weights"])
    stored = {one.name: one for one in onnx.load(tmp_path / "b.onnx").graph.initializer}[place["initializer"]]
    weights = onnx.numpy_helper.to_array(stored).reshape(model.head.class_weights.shape)
    np.testing.assert_allclose(weights, model.head.class_weights, atol=1e-6)
    np.testing.assert_array_equal(np.float32(json.loads(said["fastcam.bias"])), model.head.bias)
    # With these, anyone can hold the file against its own logits.
    found = run(tmp_path / "b.onnx", input=noise(side=32))
    best = found["class_index"][0]
    logit = found["activation_maps"].mean() + json.loads(said["fastcam.bias"])[best]
    assert abs(logit - found["logits"][0, best]) < 1e-4 * np.abs(found["logits"]).max()


POOLED = f"{BACKBONE} p = GlobalAveragePool(maps) q = Flatten(p) logits = Gemm<transB = 1>(q, w, b)"


@pytest.mark.parametrize("opset", [9, 11, 12, 13, 18])
@pytest.mark.parametrize("method", ["cam", "gradcam"])
def test_opsets(tmp_path, opset, method):
    """Converted only where it is too old for what is added."""
    older = make(POOLED, opset=opset, **WEIGHTS)
    if opset == 9:  # a format in which stored tensors are inputs as well
        older.ir_version = 3
        stored = [onnx.helper.make_tensor_value_info(w.name, w.data_type, w.dims) for w in older.graph.initializer]
        older.graph.input.extend(stored)
    made = bake(older.SerializeToString(), tmp_path / "b.onnx", method=method, normalise=True)
    after = onnx.load(made.path)
    onnx.checker.check_model(after)
    assert after.opset_import[0].version == (opset if method == "cam" or opset >= 16 else 17)
    assert [value.name for value in after.graph.input] == ["image"]
    model = fastcam.load(older.SerializeToString(), preprocess="unit,fit=stretch")
    photo = np.random.default_rng(0).integers(0, 256, (20, 20, 3)).astype(np.uint8)
    expected = fastcam.heatmaps(model.explain(photo, method=method).activation_maps, (16, 16))
    found = run(made.path, image=network_input(model, photo))["activation_maps"]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_other_inputs_stay_inputs(tmp_path):
    body = f"{BACKBONE} p = GlobalAveragePool(maps) q = Flatten(p) s = Mul(q, gain) logits = Gemm<transB = 1>(s, w, b)"
    data = small(body, inputs="float[N, 3, 16, 16] image, float gain")
    bake(data, tmp_path / "b.onnx", method="gradcam", constants={"gain": 2.0})
    session = ort.InferenceSession(tmp_path / "b.onnx")
    assert [value.name for value in session.get_inputs()] == ["image", "gain"]
    one, two = (
        run(tmp_path / "b.onnx", image=noise(), gain=np.array(v, np.float32))["activation_maps"] for v in (1, 3)
    )
    np.testing.assert_allclose(3 * one, two, rtol=1e-5, atol=1e-6)


# ---- external data ---------------------------------------------------------------------------------------------------


@pytest.fixture
def external(tmp_path):
    """A model whose weights lie in a file beside it."""
    (tmp_path / "in").mkdir()
    model = onnx.load_from_string(classifier(side=24))
    convert_model_to_external_data(model, location="weights.bin", size_threshold=0)
    onnx.save_model(model, tmp_path / "in" / "model.onnx")
    return tmp_path / "in" / "model.onnx"


def test_external_data_get_a_file_of_their_own(external, tmp_path):
    before = {path.name: path.read_bytes() for path in external.parent.iterdir()}
    made = bake(external, tmp_path / "baked.onnx")
    assert [path.name for path in made.files] == ["baked.onnx", "baked.onnx.data"]
    nothing_else_in(tmp_path, "in", "baked.onnx", "baked.onnx.data")
    assert {path.name: path.read_bytes() for path in external.parent.iterdir()} == before
    bake(classifier(side=24), tmp_path / "inside.onnx")
    found, expected = (run(tmp_path / f"{name}.onnx", image=noise(side=24)) for name in ("baked", "inside"))
    for name in expected:
        np.testing.assert_array_equal(found[name], expected[name])
    locations = {
        entry.value
        for one in onnx.load(made.path, load_external_data=False).graph.initializer
        for entry in one.external_data
        if entry.key == "location"
    }
    assert locations == {"baked.onnx.data"}


def test_external_data_whole_or_not_at_all(external, tmp_path, monkeypatch):
    (tmp_path / "b.onnx.data").write_text("another file")
    with pytest.raises(InputError, match=r"b\.onnx\.data: expected a name that is free"):
        bake(external, tmp_path / "b.onnx")
    nothing_else_in(tmp_path, "in", "b.onnx.data")
    replace = Path.replace

    def fail(self, target):
        if Path(target).name == "b.onnx":
            raise OSError(28, "No space left on device")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(InputError, match=r"b\.onnx: can't be written \(No space left on device\)"):
        bake(external, tmp_path / "b.onnx", force=True)
    nothing_else_in(tmp_path, "in", "b.onnx.data")
    assert (tmp_path / "b.onnx.data").read_text() == "another file"
    monkeypatch.undo()
    bake(external, tmp_path / "b.onnx", force=True)
    nothing_else_in(tmp_path, "in", "b.onnx", "b.onnx.data")
    run(tmp_path / "b.onnx", image=noise(side=24))


def test_the_models_own_weights_are_never_written_over(external):
    for name in ("weights.onnx", "weights"):
        (external.parent / f"{name}.data").unlink(missing_ok=True)
    os.rename(external.parent / "weights.bin", external.parent / "baked.onnx.data")
    model = onnx.load(external, load_external_data=False)
    for tensor in model.graph.initializer:
        tensor.external_data[0].value = "baked.onnx.data"
    external.write_bytes(model.SerializeToString())
    before = (external.parent / "baked.onnx.data").read_bytes()
    with pytest.raises(InputError, match=r"baked\.onnx\.data: expected another file than the model's own"):
        bake(external, external.parent / "baked.onnx", force=True)
    assert (external.parent / "baked.onnx.data").read_bytes() == before
    nothing_else_in(external.parent, "model.onnx", "baked.onnx.data")


def test_models_too_large_for_one_file(load_real, tmp_path, monkeypatch):
    monkeypatch.setattr(storing, "MOST", 1 << 20)
    model = load_real("cifar10_resnet20")
    made = bake(model.path, tmp_path / "b.onnx", head=model.head)
    assert [path.name for path in made.files] == ["b.onnx", "b.onnx.data"]
    assert made.path.stat().st_size < 1 << 20
    assert all(offset % 4096 == 0 for offset in offsets(made.path))
    run(made.path, input=noise(side=32))


def offsets(path):
    stored = onnx.load(path, load_external_data=False).graph.initializer
    return [int(entry.value) for one in stored for entry in one.external_data if entry.key == "offset"]


# ---- what is refused -------------------------------------------------------------------------------------------------


def test_files_that_are_there(model_file, tmp_path):
    before = model_file.read_bytes()
    out = tmp_path / "out.onnx"
    out.write_text("precious")
    with pytest.raises(InputError, match=r"out\.onnx: expected a name that is free; there is one\. force=True"):
        bake(model_file, out)
    assert out.read_text() == "precious"
    bake(model_file, out, force=True)
    run(out, image=noise())
    (tmp_path / "link.onnx").symlink_to(model_file)
    os.link(model_file, tmp_path / "hard.onnx")
    for name in ("model.onnx", "link.onnx", "hard.onnx"):
        with pytest.raises(InputError, match=rf"{name}: expected another file than the model's own"):
            bake(model_file, tmp_path / name, force=True)
    (tmp_path / "loose.onnx").symlink_to(tmp_path / "nowhere.onnx")
    with pytest.raises(InputError, match=r"loose\.onnx: expected a name that is free"):
        bake(model_file, tmp_path / "loose.onnx")
    (tmp_path / "folder.onnx").mkdir()
    with pytest.raises(InputError, match=r"folder\.onnx: expected a place for a file; there is a directory"):
        bake(model_file, tmp_path / "folder.onnx", force=True)
    with pytest.raises(InputError, match="expected a folder that there is"):
        bake(model_file, tmp_path / "missing" / "out.onnx")
    with pytest.raises(InputError, match=r"expected a name that ends in \.onnx; got '.*out\.ort'"):
        bake(model_file, tmp_path / "out.ort")
    assert model_file.read_bytes() == before
    nothing_else_in(tmp_path, "model.onnx", "out.onnx", "link.onnx", "hard.onnx", "loose.onnx", "folder.onnx")


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"method": "layercam"}, "method: expected one of auto, cam, gradcam; got 'layercam'"),
        ({"classes": "best"}, "classes: expected one of top, given, all; got 'best'"),
        ({"classes": 3}, "classes: expected one of top, given, all; got 3"),
        ({"size": (0, 3)}, r"size: expected \(H, W\) in pixels, 'input' or None; got \(0, 3\)"),
        ({"size": "224"}, r"size: expected \(H, W\) in pixels, 'input' or None; got '224'"),
        ({"size": (1.5, 2)}, r"size: expected \(H, W\)"),
        ({"normalise": 1}, "normalise: expected True or False; got 1"),
        (
            {"method": "gradcam", "classes": "all"},
            r"classes: expected 'top' or 'given' for Grad-CAM.*method='cam' gives",
        ),
    ],
)
def test_options_out_of_range(model_file, tmp_path, options, match):
    with pytest.raises((InputError, HeadNotFoundError), match=match):
        bake(model_file, tmp_path / "out.onnx", **options)
    nothing_else_in(tmp_path, "model.onnx")


def test_models_that_can_not_be_baked(model_file, tmp_path):
    first = bake(model_file, tmp_path / "once.onnx").path
    with pytest.raises(InputError, match=r"it has \['activation_maps', 'class_index', .*Is it baked already"):
        bake(first, tmp_path / "twice.onnx")
    with pytest.raises(InputError, match="model: expected a path or bytes, .*; got InferenceSession"):
        bake(ort.InferenceSession(first), tmp_path / "twice.onnx")  # pyright: ignore[reportArgumentType]
    with pytest.raises(HeadNotFoundError, match="no class activation maps for a head of kind 'generic'"):
        bake(generic(), tmp_path / "twice.onnx", method="cam")
    sums = f"{BACKBONE} q = Flatten(maps) s = MatMul(q, v) z = CumSum(s, one) t = Relu(z) logits = Gemm(t, w, b)"
    with pytest.raises(GradientError, match="no gradient of the operator CumSum"):
        bake(build(sums, k=(6, 3, 3, 3), v=(6 * 256, 6), w=(6, 5), b=(5,), one=np.array(1)), tmp_path / "twice.onnx")
    nothing_else_in(tmp_path, "model.onnx", "once.onnx")


def test_a_file_that_is_not_as_good_as_fastcam_is_not_put_in_its_place(model_file, tmp_path, monkeypatch):
    out = tmp_path / "out.onnx"
    out.write_text("what was there")
    monkeypatch.setattr("fastcam.model.baked.ALIKE", 2.0)  # takes any weights for the head's own
    changed = onnx.load(model_file)
    wrong = onnx.numpy_helper.from_array(np.ones((5, 6), np.float32), "wrong")
    changed.graph.initializer.insert(0, wrong)
    changed.graph.node.append(onnx.helper.make_node("Identity", ["wrong"], ["used"]))
    with pytest.raises(ModelError, match="expected the baked maps to be those of fastcam to 1e-05 of their maximum"):
        bake(changed.SerializeToString(), out, force=True)
    assert out.read_text() == "what was there"
    nothing_else_in(tmp_path, "model.onnx", "out.onnx")


# ---- on the command line ---------------------------------------------------------------------------------------------


def test_the_command(model_file, tmp_path, capsys):
    arguments = [
        "bake",
        str(model_file),
        "-o",
        str(tmp_path / "out.onnx"),
        "--classes",
        "given",
        "--size",
        "8x12",
        "--normalise",
    ]
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    assert "scaled to [0, 1]" in printed
    assert "checked     on probe images: fastcam's own maps to " in printed
    found = run(tmp_path / "out.onnx", image=noise(), class_index=np.array([2]))["activation_maps"]
    assert found.shape == (1, 1, 8, 12)
    assert (found.min(), found.max()) == (0, pytest.approx(1, abs=1e-6))
    assert main(arguments) == 2
    assert "fastcam bake: error: " in capsys.readouterr().err
    assert main([*arguments, "--force"]) == 0
    assert main([*arguments, "--force", "--size", "8"]) == 2
    assert "--size: expected HEIGHTxWIDTH, such as 224x224; got '8'" in capsys.readouterr().err
