"""Vectors that are no places of the image, and nonlinear classes among many, are no heads for maps."""

import numpy as np
import onnx
import pytest

import fastcam
from fastcam import HeadNotFoundError
from fastcam.model.head.layouts import possible_layouts
from tests.model.heads import GAP, B, K, W
from tests.model.models import BACKBONE, build

HEAD = "logits = Gemm<transB = 1>(q, w, b)"
TAKEN_FOR_MAPS = {
    "the best values of each channel": (
        f"{BACKBONE} flat = Reshape(maps, flatten) best, which = TopK(flat, sixteen) q = ReduceMean<axes = [2], keepdims = 0>(best) {HEAD}",
        {"flatten": [0, 6, -1], "sixteen": [16]},
    ),
    "sixteen experts": (
        f"{GAP} g = Flatten(p) s = Gemm<transB = 1>(g, v) t = Relu(s) experts = Reshape(t, sixteen_by_six) "
        f"q = ReduceMean<axes = [1], keepdims = 0>(experts) {HEAD}",
        {"v": (96, 6), "sixteen_by_six": [0, 16, 6]},
    ),
    "rows": (
        f"{BACKBONE} rows = ReduceMax<axes = [3], keepdims = 0>(maps) q = ReduceMean<axes = [2], keepdims = 0>(rows) {HEAD}",
        {},
    ),
    "a hidden layer in the shape of a map": (
        f"{GAP} g = Flatten(p) s = Gemm<transB = 1>(g, v) t = Relu(s) shaped = Reshape(t, map) "
        f"m = GlobalAveragePool(shaped) q = Flatten(m) {HEAD}",
        {"v": (96, 6), "map": [0, 6, 4, 4]},
    ),
}


@pytest.mark.parametrize("name", TAKEN_FOR_MAPS)
def test_what_does_not_move_with_the_maps_is_no_map(name):
    body, weights = TAKEN_FOR_MAPS[name]
    model = fastcam.load(build(body, k=K, w=W, b=B, **weights))
    assert not model.head.is_exact
    assert any("its positions are no places" in candidate.verdict for candidate in model.candidates)


def test_maps_that_are_turned_behind_the_convolution_are_taken_before_that():
    body = (
        f"{BACKBONE} turned = Transpose<perm = [0, 1, 3, 2]>(maps) p = GlobalAveragePool(turned) q = Flatten(p) {HEAD}"
    )
    model = fastcam.load(build(body, k=K, w=W, b=B))
    assert (model.head.kind, model.head.feature_maps) == ("cam", "maps")
    assert {one.tensor: one.verdict for one in model.candidates}["turned"] == "its rows are columns of the image"


@pytest.mark.parametrize("bent", ["Abs", "Relu"])
def test_one_nonlinear_class_among_a_thousand_is_found(bent):
    body = (
        f"{GAP} q = Flatten(p) s = Gemm<transB = 1>(q, w, b) first, one, last = Split<axis = 1>(s, sizes) "
        f"t = {bent}(one) logits = Concat<axis = 1>(first, t, last)"
    )
    data = build(body, outputs="float[N, 1000] logits", k=K, w=(1000, 6), b=(1000,), sizes=[617, 1, 382])
    assert fastcam.load(data).head.kind == "gap-nonlinear"


def test_an_exact_head_is_not_chosen_over_another_one_silently():
    body = (
        f"{GAP} q = Flatten(p) s = Gemm<transB = 1>(q, v) t = Relu(s) main = Gemm<transB = 1>(t, w, b) "
        "aux = Gemm<transB = 1>(q, w, b)"
    )
    data = build(body, outputs="float[N, 5] main, float[N, 5] aux", k=K, w=W, b=B, v=(6, 6))
    with pytest.raises(HeadNotFoundError, match=r"2 heads fit; choose one by output=, out of \['main', 'aux'\]"):
        fastcam.load(data)
    assert fastcam.load(data, output="main").head.kind == "gap-nonlinear"
    assert fastcam.load(data, output="aux").head.kind == "cam"


def test_images_of_a_fixed_batch_that_hear_of_each_other_are_refused():
    body = f"{GAP} q = Flatten(p) s = Gemm<transB = 1>(q, w, b) all = ReduceMean<axes = [0]>(s) logits = Add(s, all)"
    data = build(body, inputs="float[4, 3, 16, 16] image", outputs="float[4, 5] logits", k=K, w=W, b=B)
    with pytest.raises(HeadNotFoundError):
        fastcam.load(data)


def test_the_callers_session_options_stay_as_they_were(tmp_path):
    import onnxruntime as ort

    options = ort.SessionOptions()
    for name, weights in (("a", W), ("b", -W)):
        (tmp_path / name).mkdir()
        model = onnx.ModelProto.FromString(build(f"{GAP} q = Flatten(p) {HEAD}", k=K, w=weights, b=B))
        onnx.save_model(
            model, tmp_path / name / "m.onnx", save_as_external_data=True, location="w.bin", size_threshold=0
        )
    image = {"image": np.random.default_rng(0).standard_normal((1, 3, 16, 16)).astype(np.float32)}
    expected = ort.InferenceSession(tmp_path / "b" / "m.onnx").run(None, image)[0]
    first = fastcam.load(tmp_path / "a" / "m.onnx", session_options=options)
    np.testing.assert_array_equal(
        ort.InferenceSession(tmp_path / "b" / "m.onnx", options).run(None, image)[0], expected
    )
    assert not np.array_equal(first.run(image["image"])[0], np.asarray(expected))


def test_a_single_row_is_a_map_where_a_convolution_made_such_a_grid():
    """Elsewhere it may be the heads of an attention."""
    assert possible_layouts((1, 1, 3, 32), (96, 128), {(6, 8), (3, 4), (1, 2)}) == []
    assert [one.order for one in possible_layouts((1, 64, 1, 3), (32, 96), {(1, 3)})] == ["NCHW"]
