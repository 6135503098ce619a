"""Methods that ask the model again, from every door: threads, streams, sessions, files; and numbers that are none."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import onnxruntime as ort
import pytest

import fastcam
from fastcam import InputError, ModelError, methods
from fastcam.methods.masking import Masking
from fastcam.model.head.head import Head
from fastcam.model.opened_model import OpenedModel
from tests.methods.masks import HIDDEN, PHOTO, assert_close, hidden, result_of, seen_by
from tests.model.models import BACKBONE, WEIGHTS, build, classifier

MASKING = methods.names(methods.MaskingMethod)

# ---- where it is asked -----------------------------------------------------------------------------------------------


def test_threads_share_one_tail():
    model = hidden()
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: model.explain(PHOTO, method="ablationcam").activation_maps, range(8)))
    for one in found[1:]:
        np.testing.assert_allclose(one, found[0], rtol=1e-6)
    assert found[0].any()


@pytest.mark.parametrize("method", MASKING)
def test_streams_ask_again_as_well(method):
    model = hidden()
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
    masking = Masking(OpenedModel(None, None, head, (16, 16), whole.vision.session))
    image, maps = seen_by(whole, PHOTO)
    weights = result_of(masking, "scorecam", image, maps, [1])
    np.testing.assert_allclose(weights.sum(), 1, rtol=1e-5)
    for _ in range(2):
        with pytest.raises(ModelError, match="expected a model from a file or bytes .* can't be taken apart"):
            result_of(masking, "ablationcam", image, maps, [1])


def test_exact_heads_of_sessions_of_ones_own():
    weights = WEIGHTS | {"w": np.ones((5, 6), np.float32), "b": np.zeros(5, np.float32)}
    body = f"{BACKBONE} p = GlobalAveragePool(maps) q = Flatten(p) logits = Gemm<transB = 1>(q, w, b)"
    data = build(body, outputs="float[N, 5] logits, float[N, 6, 16, 16] maps", **weights)
    model = fastcam.load(ort.InferenceSession(data), head=Head("maps", "logits", weights["w"], weights["b"]))
    for method in MASKING:
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
    with pytest.raises(
        InputError,
        match="expected finite logits of changed inputs; got NaN or infinity for 2 of 6. method='gradcam' asks",
    ):
        model.explain(PHOTO, method="scorecam")
    two = np.stack([PHOTO, PHOTO])
    with pytest.raises(InputError, match="image 0 of 2: expected finite logits"):
        model.explain(two, method="scorecam", batch_size=1)


@pytest.mark.parametrize("method", MASKING)
def test_feature_maps_that_are_not_finite(method):
    model = hidden()
    image, maps = seen_by(model, PHOTO)
    maps[0, 1, 2, 3] = np.nan
    with pytest.raises(InputError, match="feature maps: expected finite values"):
        result_of(model.vision.attribution.masking, method, image, maps, [0])
