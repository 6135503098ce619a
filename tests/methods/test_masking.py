"""Methods that ask the model again: against the papers' formulas, with forwards by plain ONNX Runtime."""

from dataclasses import replace

import numpy as np
import pytest

import fastcam
from fastcam import InputError, methods
from fastcam.methods import ablationcam, reciprocam, scorecam
from fastcam.methods.masking import Masking
from fastcam.model.file.source import read_source
from fastcam.model.opened_model import OpenedModel
from fastcam.model.run.session import Opening
from tests.arrays import naive
from tests.methods.masks import (
    PHOTO,
    assert_close,
    naive_ablationcam,
    naive_reciprocam,
    naive_scorecam,
    plain_session,
    result_of,
    seen_by,
)
from tests.model.models import WEIGHTS, build, class_token

RAW = "raw,fit=stretch"
OF_MAPS = methods.names(methods.MaskingMethod)[1:]  # all but Score-CAM, which masks the image


# ---- the papers' formulas, one forward after another -----------------------------------------------------------------


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
    """Masked pixels of uint8 are rounded."""
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
    index, masking = np.array([281, 7]), model.vision.attribution.masking
    weights = result_of(masking, "scorecam", image, maps, index, progress=lambda *told: asked.append(told))
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


@pytest.mark.parametrize("method", OF_MAPS)
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
    assert found.how.endswith(f"{total} forwards of the tail")


@pytest.mark.parametrize("method", OF_MAPS)
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
    vision = model.vision
    opened = OpenedModel(read_source(model.path), Opening(), head, vision.target, vision.session)
    return Masking(opened)


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
    image, maps = seen_by(model, photos[3])
    both = general(model), model.vision.attribution.masking
    index = model.explain(photos[3], top=2).class_index[0]
    for method in ("ablationcam", "reciprocam"):
        assert model.explain(photos[3], method=method).how == "closed form"
    if model.input.batch is None:  # else it takes its channels one by one
        asked, closed = (result_of(one, "ablationcam", image, maps, index) for one in both)
        assert_close(asked, closed, 1e-3)
    for method in ("reciprocam", "reciprocam-gaussian"):
        asked, closed = (result_of(one, method, image, maps, index) for one in both)
        assert_close(asked, closed, 1e-4)


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
    for method in OF_MAPS:
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
    layout = fastcam.model.head.layouts.Layout("NHWC", 2, (2, 2))
    given = np.ones((1, 2, 2, 2), np.float32)
    found = reciprocam.masked(given, np.array([3]), layout, gaussian=True)
    np.testing.assert_array_equal(found[0, :, :, 1] * 16, [[1, 2], [2, 4]])
