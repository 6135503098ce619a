"""Methods that ask the model again: against the papers' formulas, with forwards by plain ONNX Runtime."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import onnx
import onnxruntime as ort
import pytest

import fastcam
from fastcam import InputError, ModelError, forwards, methods
from fastcam.explained import Plan
from fastcam.masking import Masking
from fastcam.methods import ablationcam, reciprocam, scorecam
from fastcam.model.head import Head
from fastcam.model.source import read_source
from fastcam.session import Opening
from tests import naive
from tests.models import BACKBONE, WEIGHTS, build, class_token, classifier

PHOTO = np.random.default_rng(0).integers(0, 256, (20, 24, 3)).astype(np.uint8)
RAW = "raw,fit=stretch"
HIDDEN = f"{BACKBONE} g = GlobalMaxPool(maps) q = Flatten(g) logits = Gemm<transB = 1>(q, w, b)"


def seen_by(model, photo):
    """Network input and feature maps (1, ...) of a photo."""
    seen = model._explainer.see(photo, fastcam.engines.named("cpu"))
    return seen.network_input, seen.feature_maps


def plain_session(path_or_bytes, start="", end=""):
    """Plain ONNX Runtime over a model, or over the part between two tensors as `onnx.utils` cuts it out."""
    data = path_or_bytes if isinstance(path_or_bytes, bytes) else path_or_bytes.read_bytes()
    if start:
        model = onnx.shape_inference.infer_shapes(onnx.load_from_string(data))
        data = onnx.utils.Extractor(model).extract_model([start], [end]).SerializeToString()
    session = ort.InferenceSession(data, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda value: np.asarray(session.run(None, {name: value})[0])[0]


def assert_close(got, expected, rtol=1e-4):
    np.testing.assert_allclose(got, expected, rtol=0, atol=rtol * max(1e-12, float(np.abs(expected).max())))


# ---- the papers' formulas, one forward after another -----------------------------------------------------------------


def naive_scorecam(run, image, maps, index, last=False):
    """Score-CAM's algorithm: upsample, scale to [0, 1], mask, ask; softmax of the increase over a black image."""
    size = image.shape[1:3] if last else image.shape[2:]
    increases = []
    for one in maps:
        mask = naive.upsample(one, size).astype(np.float64)
        mask = (mask - mask.min()) / (np.ptp(mask) or 1.0)
        masked = image * (mask[None, :, :, None] if last else mask[None, None])
        masked = np.rint(masked) if image.dtype == np.uint8 else masked
        increases.append(run(masked.astype(image.dtype)) - run(np.zeros_like(image)))
    powers = np.exp(np.array(increases, np.float64)[:, index])
    weights = powers / powers.sum(axis=0)
    return np.maximum(np.einsum("km,kyx->myx", weights, maps), 0)


def naive_ablationcam(run, given, maps, index, channel_axis):
    whole, weights = run(given)[index].astype(float), []
    for k in range(len(maps)):
        without = given.copy()
        without[(slice(None),) * channel_axis + (k,)] = 0
        weights.append((whole - run(without)[index]) / whole)
    return np.maximum(np.einsum("km,kyx->myx", np.array(weights), maps), 0)


def naive_reciprocam(run, given, h, w, index, gaussian, last):
    found = np.empty((len(index), h, w))
    for y in range(h):
        for x in range(w):
            mask = np.zeros((h, w), np.float32)
            for j in range(h):
                for i in range(w):
                    share = {0: {0: 4, 1: 2}, 1: {0: 2, 1: 1}}.get(abs(j - y), {}).get(abs(i - x), 0) / 16
                    mask[j, i] = share if gaussian else float((j, i) == (y, x))
            found[:, y, x] = run(given * (mask[None, :, :, None] if last else mask[None, None]))[index]
    return found - found.min(axis=(1, 2), keepdims=True)


def test_scorecam_on_a_real_photo(load_real, shared):
    path, *_ = sorted((shared / "photos" / "cifar10").glob("*.png"))
    model, index = load_real("cifar10_resnet20"), [3, 8]
    found = model.explain(path, class_index=index, method="scorecam")
    image, maps = seen_by(model, path)
    run = plain_session(shared / "models" / "cifar10_resnet20.onnx")
    assert_close(found.activation_maps[0], naive_scorecam(run, image, maps[0], index))
    assert found.method == "scorecam"
    assert found.boxes.xyxy.shape == (1, 2, 4)


LAST = (
    "t = Transpose<perm = [0, 3, 1, 2]>({image}) f = Conv<pads = [1, 1, 1, 1]>(t, k) maps = Relu(f) "
    "g = GlobalMaxPool(maps) q = Flatten(g) logits = Gemm<transB = 1>(q, w, b)"
)


@pytest.mark.parametrize("dtype", ["float", "uint8"])
def test_scorecam_of_odd_shapes_with_channels_last(dtype):
    """Of uint8, masked pixels are rounded."""
    body = LAST.format(image="c") if dtype == "uint8" else LAST.format(image="image")
    body = f"c = Cast<to = 1>(image) {body}" if dtype == "uint8" else body
    small = {name: 0.02 * np.random.default_rng(3).standard_normal(WEIGHTS[name]).astype(np.float32) for name in "kw"}
    data = build(body, inputs=f"{dtype}[N, 13, 18, 3] image", **WEIGHTS | small)
    model = fastcam.load(data, preprocess=RAW)
    found = model.explain(PHOTO, class_index=[0, 4], method="scorecam")
    image, maps = seen_by(model, PHOTO)
    assert image.dtype == (np.uint8 if dtype == "uint8" else np.float32)
    expected = naive_scorecam(plain_session(data), image, maps[0], [0, 4], last=True)
    assert_close(found.activation_maps[0], expected)


@pytest.mark.parametrize("precision", ["_nchw_fp16", "_int8_qdq"])
def test_scorecam_of_squeezenet(shared, photos, precision):
    """Some channels' weights against forwards of their own; most of its channels see nothing, and mask alike."""
    path = shared / "models" / f"squeezenet1_1{precision}.onnx"
    model, asked = fastcam.load(path, preprocess="caffe-bgr,fit=stretch,size=56"), []
    image, maps = seen_by(model, photos[0])
    plan = plan_of("scorecam", progress=lambda *told: asked.append(told))
    index = np.array([281, 7])
    weights = model._explainer.attribution.masking.scorecam(image, maps, index, plan)
    run, some = plain_session(path), np.argsort(-maps[0].max(axis=(1, 2)))[:300:30]
    logits = []
    for k in some:
        mask = naive.upsample(maps[0, k].astype(np.float32), (56, 56))
        mask = (mask - mask.min()) / np.ptp(mask)
        logits.append(run((image * mask).astype(image.dtype))[index].astype(np.float64))
    gaps = np.log(weights[:, some]) - np.log(weights[:, some[:1]])
    slack = 0.02 if precision.endswith("fp16") else 1e-3
    np.testing.assert_allclose(gaps, (np.array(logits) - logits[0]).T, atol=slack * np.abs(logits).max())
    np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-5)
    assert asked[-1] == (1000, 1000)


def plan_of(method, batch_size=None, progress=None):
    rule = fastcam.conventions.named("paper", None)
    return Plan(method, rule, 8, fastcam.engines.named("cpu"), 1, batch_size=batch_size, progress=progress)


@pytest.mark.parametrize("method", methods.MASKING[1:])
def test_masks_on_feature_maps_of_a_real_tail(shared, method):
    """Flattened maps and a hidden layer, channels last; the tail as onnx itself cuts it out."""
    path = shared / "models" / "mnist_cnn_flatten_fc.onnx"
    model = fastcam.load(path, preprocess="unit,fit=stretch,channels=grey")
    told = []
    found = model.explain(PHOTO, class_index=[2, 7], method=method, progress=lambda *now: told.append(now))
    _, maps = seen_by(model, PHOTO)
    run = plain_session(path, model.head.feature_maps, model.head.logits)
    first = maps[0].transpose(2, 0, 1)
    if method == "ablationcam":
        expected = naive_ablationcam(run, maps, first, [2, 7], 3)
    else:
        expected = naive_reciprocam(run, maps, 12, 12, [2, 7], method.endswith("gaussian"), last=True)
    assert_close(found.activation_maps[0], expected)
    assert found.method == method
    total = 32 if method == "ablationcam" else 144
    assert told[-1] == (total, total)
    assert model._explainer.attribution.masking.describe(method, maps.shape).endswith(f"{total} forwards of the tail")


@pytest.mark.parametrize("method", methods.MASKING[1:])
def test_class_tokens_stay_as_they_are(method):
    """Only what belongs to a place is hidden."""
    data = class_token()
    model = fastcam.load(data, head="maps", preprocess="unit,fit=stretch")
    assert model.head.prefix == 1
    photo = np.random.default_rng(0).integers(0, 256, (32, 48, 3)).astype(np.uint8)
    found = model.explain(photo, class_index=[0, 3], method=method)
    _, maps = seen_by(model, photo)
    run = plain_session(data, "maps", "logits")
    (_, tokens, channels), expected = maps.shape, []
    patches = maps[0, 1:].T.reshape(channels, 4, 4)
    if method == "ablationcam":

        def without(given):  # the token's own channels put back
            restored = given.copy()
            restored[:, 0] = maps[:, 0]
            return run(restored)

        expected = naive_ablationcam(without, maps, patches, [0, 3], 2)
    else:

        def of_patches(given):
            rows = np.concatenate([maps[:, :1], given.reshape(1, channels, 16).transpose(0, 2, 1)], axis=1)
            return run(rows)

        expected = naive_reciprocam(of_patches, patches[None], 4, 4, [0, 3], method.endswith("gaussian"), last=False)
    assert tokens == 17
    assert_close(found.activation_maps[0], expected)


# ---- closed forms ----------------------------------------------------------------------------------------------------


def general(model):
    """Masks on the tail, of a head that has a closed form."""
    head = replace(model.head, kind="generic", class_weights=np.zeros((0, 0)), bias=np.zeros(0))
    explainer = model._explainer
    return Masking(explainer.session, read_source(model.path), Opening(), head, explainer.target)


EXACT = {
    "cifar10_resnet20": "imagenet,fit=stretch",
    "squeezenet1_1_nchw": "caffe-bgr,fit=stretch,size=96",
    "squeezenet1_1_nchw_fp16": "caffe-bgr,fit=stretch,size=96",
    "squeezenet1_1_int8_qdq": "caffe-bgr,fit=stretch,size=96",
    "mobilenet_v2_1.0_224_quant_q": RAW,
    "mobilenet_v1_0.25_128_fp32_nhwc": "inception,fit=stretch",
}


@pytest.mark.parametrize("name", EXACT)
def test_closed_forms_are_what_the_tail_says(shared, photos, name):
    model = fastcam.load(shared / "models" / f"{name}.onnx", preprocess=EXACT[name])
    _, maps = seen_by(model, photos[3])
    closed, asked = model._explainer.attribution.masking, general(model)
    index = model.explain(photos[3], top=2).class_index[0]
    assert closed.describe("ablationcam", maps.shape) == closed.describe("reciprocam", maps.shape) == "closed form"
    if model.input.batch is None:  # else it takes its channels one by one
        plan = plan_of("ablationcam")
        assert_close(asked.ablationcam(maps, index, plan), closed.ablationcam(maps, index, plan), 1e-3)
    for method in methods.RECIPROCAM:
        plan = plan_of(method)
        assert_close(asked.reciprocam(maps, index, plan), closed.reciprocam(maps, index, plan), 1e-4)


def test_reciprocam_of_an_exact_head_is_cam_but_for_scale_and_bias(load_real, photos):
    model = load_real("squeezenet1_1_nchw")
    cam = model.explain(photos[0], top=3, method="cam").activation_maps
    found = model.explain(photos[0], top=3, method="reciprocam")
    expected = (cam - cam.min(axis=(2, 3), keepdims=True)) / cam[0, 0].size
    np.testing.assert_allclose(found.activation_maps, expected, atol=2e-6 * expected.max())


def test_closed_forms_with_weights_for_each_position():
    body = "maps = Conv<pads = [1, 1, 1, 1], strides = [4, 4]>(image, k) q = Flatten(maps) logits = Gemm(q, w, b)"
    data = build(body, k=(4, 3, 3, 3), w=(64, 5), b=(5,))
    model = fastcam.load(data, preprocess="unit,fit=stretch")
    assert model.head.kind == "cam-spatial"
    _, maps = seen_by(model, PHOTO)
    run = plain_session(data, model.head.feature_maps, "logits")
    for method in methods.MASKING[1:]:
        found = model.explain(PHOTO, class_index=[1, 2], method=method).activation_maps[0]
        if method == "ablationcam":
            expected = naive_ablationcam(run, maps, maps[0], [1, 2], 1)
        else:
            expected = naive_reciprocam(run, maps, 4, 4, [1, 2], method.endswith("gaussian"), last=False)
        assert_close(found, expected)


# ---- formulas at their edges -----------------------------------------------------------------------------------------


def test_channels_that_mask_alike_are_asked_once():
    maps = np.zeros((6, 2, 3), np.float32)
    maps[1, 0, 2], maps[2, 0, 2], maps[3] = 4, 0.5, 7  # one place, the same place, everywhere alike
    maps[4], maps[5] = np.arange(6).reshape(2, 3), 3 - 2 * np.arange(6).reshape(2, 3)
    masks, own = scorecam.distinct(maps)
    assert len(masks) == 4
    assert own[1] == own[2]
    assert own[0] == own[3]
    assert not masks[own[0]].any()
    for k in (1, 4, 5):
        np.testing.assert_allclose(masks[own[k]], (maps[k] - maps[k].min()) / np.ptp(maps[k]))


def test_ablation_of_a_logit_that_is_zero():
    assert not ablationcam.weights(np.zeros(1), np.zeros((3, 1))).any()
    with pytest.raises(InputError, match="expected logits other than 0, .* got 0 for class 2 of the 2 wanted"):
        ablationcam.weights(np.array([1.0, 0.0]), np.array([[1.0, 0.5]]))


def test_a_place_at_the_edge_has_fewer_neighbours():
    layout = fastcam.model.layouts.Layout("NHWC", 2, 2, 2)
    given = np.ones((1, 2, 2, 2), np.float32)
    found = reciprocam.masked(given, np.array([3]), layout, gaussian=True)
    np.testing.assert_array_equal(found[0, :, :, 1] * 16, [[1, 2], [2, 4]])


# ---- batches ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", methods.MASKING)
def test_the_batch_size_changes_nothing(method):
    model = fastcam.load(build(HIDDEN, **WEIGHTS), preprocess="unit,fit=stretch")
    expected = model.explain(PHOTO, top=3, method=method).activation_maps
    for batch_size in (1, 4, 1000):
        found = model.explain(PHOTO, top=3, method=method, batch_size=batch_size).activation_maps
        assert_close(found, expected, 1e-5)


FIXED = "float[3, 3, 16, 16] image"
STUBBORN = f"{BACKBONE} g = GlobalMaxPool(maps) q = Reshape(g, one) logits = Gemm<transB = 1>(q, w, b)"
MIXING = f"m = ReduceMax<keepdims = 0>(image) i = Div(image, m) {HIDDEN.replace('Conv<pads = [1, 1, 1, 1]>(image', 'Conv<pads = [1, 1, 1, 1]>(i')}"
MIXING_TAIL = HIDDEN.replace("Flatten(g)", "Flatten(d) ").replace(
    "q =", "m = ReduceMax<keepdims = 0>(g) d = Div(g, m) q ="
)


@pytest.mark.parametrize("method", methods.MASKING)
@pytest.mark.parametrize(
    ("body", "inputs", "weights"),
    [
        (HIDDEN, FIXED, {}),
        (STUBBORN, "float[N, 3, 16, 16] image", {"one": np.array([1, 6])}),
        (MIXING, "float[N, 3, 16, 16] image", {}),
        (MIXING_TAIL, "float[N, 3, 16, 16] image", {}),
    ],
    ids=["a batch of three", "a Reshape to a batch of one", "images scaled together", "feature maps scaled together"],
)
def test_models_that_do_not_keep_a_batch_apart(method, body, inputs, weights):
    """The answer is that of images alone, as the same model gives for one."""
    outputs = "float[3, 5] logits" if inputs is FIXED else "float[N, 5] logits"
    model = fastcam.load(
        build(body, inputs=inputs, outputs=outputs, **WEIGHTS | weights), preprocess="unit,fit=stretch"
    )
    single = inputs.replace("N,", "1,").replace("[3, 3", "[1, 3")
    alone = fastcam.load(
        build(body, inputs=single, outputs="float[1, 5] logits", **WEIGHTS | weights), preprocess="unit,fit=stretch"
    )
    found, expected = (one.explain(PHOTO, top=2, method=method).activation_maps for one in (model, alone))
    assert_close(found, expected, 1e-5)


@pytest.mark.parametrize("batch_size", [6, 3, 2])
def test_items_that_the_others_drown(batch_size):
    """As int8 models that find their ranges while running: where all are alike it doesn't show."""

    def rounded(items):
        step = np.abs(items).max() / 8
        return np.round(items / step) * step

    items = np.tile(np.array([1, 0.3, 1], np.float32), (6, 1))
    items[5] = [100, 1, 1]
    told = []
    asked = forwards.Forwards(rounded, 1, 1, 3)
    found = asked.ask(6, lambda n: items[n], (3,), np.arange(3), batch_size, told.append)
    np.testing.assert_allclose(found, np.concatenate([rounded(item[None]) for item in items]), rtol=1e-6)
    assert told[-1] == 6


def test_a_model_that_keeps_items_apart_is_seldom_asked_twice():
    asked = []
    items = np.random.default_rng(0).standard_normal((64, 3)).astype(np.float32)

    def double(items):
        asked.append(len(items))
        return 2 * items

    found = forwards.Forwards(double, 1, 1, 3).ask(64, lambda n: items[n], (3,), np.arange(3), 2, lambda _: None)
    np.testing.assert_array_equal(found, 2 * items)
    assert sum(asked) <= 64 + 2 * 6  # of batches 1, 2, 3, 5, 9 and 17 out of 32


def test_batches_that_memory_does_not_hold(monkeypatch):
    model = fastcam.load(build(HIDDEN, **WEIGHTS), preprocess="unit,fit=stretch")
    with pytest.raises(InputError, match=r"batch_size: expected at most \d+, which take about 4096 MB .* got 1000000"):
        model.explain(PHOTO, method="scorecam", batch_size=1_000_000)
    told = []
    item = 4 * (3 * 16 * 16 * 49 + 5)
    monkeypatch.setattr(forwards, "BUDGET", 2 * item + 1)
    model.explain(PHOTO, method="scorecam", progress=lambda *now: told.append(now))
    assert told == [(2, 6), (4, 6), (6, 6)]
    monkeypatch.setattr(forwards, "LIMIT", item - 1)
    with pytest.raises(InputError, match="expected a forward that takes less than .* Use method='gradcam'"):
        model.explain(PHOTO, method="scorecam")


@pytest.mark.parametrize("value", [0, -1, 2.0, True, "8", [4]])
@pytest.mark.parametrize("method", ["scorecam", "cam"])
def test_batch_sizes_that_are_none(load_real, method, value):
    with pytest.raises(InputError, match="batch_size: expected a whole number, 1 or more, or None; got"):
        load_real("cifar10_resnet20").explain(PHOTO, method=method, batch_size=value)


# ---- progress --------------------------------------------------------------------------------------------------------


def test_progress_of_several_images(load_real):
    told, model = [], load_real("cifar10_resnet20")
    model.explain(np.stack([PHOTO, 255 - PHOTO]), method="scorecam", batch_size=10, progress=lambda *n: told.append(n))
    done = [n for n, _ in told]
    assert {total for _, total in told} == {128}
    assert done == sorted(set(done))
    assert 64 in done
    assert done[-1] == 128
    assert len(told) >= 8


def test_progress_may_end_the_work():
    model = fastcam.load(build(HIDDEN, **WEIGHTS), preprocess="unit,fit=stretch")
    told = []

    def stop(done, total):
        told.append(done)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        model.explain(PHOTO, method="reciprocam", batch_size=5, progress=stop)
    assert told == [5]
    with pytest.raises(InputError, match=r"progress: expected a function of \(done, total\), or None; got 3"):
        model.explain(PHOTO, method="scorecam", progress=3)  # pyright: ignore


# ---- where it is asked -----------------------------------------------------------------------------------------------


def test_threads_share_one_tail():
    model = fastcam.load(build(HIDDEN, **WEIGHTS), preprocess="unit,fit=stretch")
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: model.explain(PHOTO, method="ablationcam").activation_maps, range(8)))
    for one in found[1:]:
        np.testing.assert_allclose(one, found[0], rtol=1e-6)
    assert found[0].any()


@pytest.mark.parametrize("method", methods.MASKING)
def test_streams_ask_again_as_well(method):
    model = fastcam.load(build(HIDDEN, **WEIGHTS), preprocess="unit,fit=stretch")
    with model.stream(iter([PHOTO, 255 - PHOTO]), method=method, workers=2) as stream:
        for frame, found in stream:
            assert_close(found.activation_maps, model.explain(frame, method=method).activation_maps, 1e-5)
            assert found.method == method


def test_the_command_line_knows_them(tmp_path):
    from PIL import Image

    from fastcam.cli import main

    (tmp_path / "model.onnx").write_bytes(classifier())
    Image.fromarray(PHOTO).save(tmp_path / "photo.png")
    command = ["explain", str(tmp_path / "model.onnx"), str(tmp_path / "photo.png"), "-o", str(tmp_path / "out")]
    assert main([*command, "--method", "scorecam"]) == 0
    assert '"method": "scorecam"' in (tmp_path / "out" / "results.json").read_text(encoding="utf-8")


def test_sessions_of_ones_own():
    """Score-CAM needs nothing but forwards; the tail of a session can't be cut out."""
    data = build(HIDDEN, outputs="float[N, 5] logits, float[N, 6, 16, 16] maps", **WEIGHTS)
    whole = fastcam.load(data, preprocess="unit,fit=stretch")
    head = replace(whole.head, class_weights=np.zeros((0, 0)), bias=np.zeros(0))
    masking = Masking(whole._explainer.session, None, None, head, (16, 16))
    image, maps = seen_by(whole, PHOTO)
    weights = masking.scorecam(image, maps, np.array([1]), plan_of("scorecam"))
    np.testing.assert_allclose(weights.sum(), 1, rtol=1e-5)
    for _ in range(2):
        with pytest.raises(ModelError, match="expected a model from a file or bytes .* can't be taken apart"):
            masking.ablationcam(maps, np.array([1]), plan_of("ablationcam"))


def test_exact_heads_of_sessions_of_ones_own():
    weights = WEIGHTS | {"w": np.ones((5, 6), np.float32), "b": np.zeros(5, np.float32)}
    body = f"{BACKBONE} p = GlobalAveragePool(maps) q = Flatten(p) logits = Gemm<transB = 1>(q, w, b)"
    data = build(body, outputs="float[N, 5] logits, float[N, 6, 16, 16] maps", **weights)
    model = fastcam.load(ort.InferenceSession(data), head=Head("maps", "logits", weights["w"], weights["b"]))
    for method in methods.MASKING:
        assert model.explain(PHOTO, method=method).activation_maps.any()


def test_a_file_that_was_replaced(tmp_path):
    """An error is remembered; a tail that was opened goes on."""
    (tmp_path / "model.onnx").write_bytes(build(HIDDEN, **WEIGHTS))
    models = [fastcam.load(tmp_path / "model.onnx") for _ in range(2)]
    before = models[0].explain(PHOTO, method="reciprocam").activation_maps
    (tmp_path / "model.onnx").write_bytes(build(HIDDEN, seed=1, **WEIGHTS))
    np.testing.assert_array_equal(models[0].explain(PHOTO, method="reciprocam").activation_maps, before)
    for _ in range(2):
        with pytest.raises(ModelError, match=r"model.onnx: expected the file that was loaded; it has changed since"):
            models[1].explain(PHOTO, method="reciprocam")


# ---- numbers that are none -------------------------------------------------------------------------------------------


def test_masked_images_without_finite_logits():
    """The logarithm of an image that is hidden whole, by a channel that is the same everywhere."""
    body = (
        "a = Abs(image) g = ReduceMax<axes = [1, 2, 3]>(a) l = Log(g) f = Conv<pads = [1, 1, 1, 1]>(image, k) n = Sub(f, l) "
        "maps = Relu(n) p = GlobalMaxPool(maps) q = Flatten(p) logits = Gemm<transB = 1>(q, w, b)"
    )
    kernel = np.random.default_rng(0).standard_normal((6, 3, 3, 3)).astype(np.float32)
    kernel[2] = 0
    model = fastcam.load(build(body, k=kernel, w=(5, 6), b=(5,)), preprocess="unit,fit=stretch")
    assert model.explain(PHOTO, method="layercam").activation_maps.any()
    with pytest.raises(InputError, match="expected finite logits of masked items; got NaN or infinity for 2 of 6"):
        model.explain(PHOTO, method="scorecam")
    two = np.stack([PHOTO, PHOTO])
    with pytest.raises(InputError, match="image 0 of 2: expected finite logits"):
        model.explain(two, method="scorecam", batch_size=1)


@pytest.mark.parametrize("method", methods.MASKING)
def test_feature_maps_that_are_not_finite(method):
    model = fastcam.load(build(HIDDEN, **WEIGHTS), preprocess="unit,fit=stretch")
    image, maps = seen_by(model, PHOTO)
    maps[0, 1, 2, 3] = np.nan
    masking, index = model._explainer.attribution.masking, np.array([0])
    ask = {"scorecam": lambda plan: masking.scorecam(image, maps, index, plan)}.get(
        method, lambda plan: getattr(masking, method.split("-")[0])(maps, index, plan)
    )
    with pytest.raises(InputError, match="feature maps: expected finite values"):
        ask(plan_of(method))
