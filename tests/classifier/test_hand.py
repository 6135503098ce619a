"""Small inputs that failed in strangers' hands, with the truth by construction; and further cases of their kinds."""

import dataclasses
from typing import Any

import numpy as np
import onnx
import pytest

import fastcam
from fastcam import HeadNotFoundError
from tests.model.models import build
from tests.zoo.case import GEMM, MAPS, POOLED, B, W, noise, proto

# name → (size, kind, (C, h, w))
RIGHT = {
    "aniso_strides_gap_fc": ("48x192", "cam", (48, 3, 96)),
    "aniso_mlp_head": ("48x192", "gap-nonlinear", None),
    "aniso_flatten_fc": ("32x128", "cam-spatial", (32, 16, 16)),
    "height1_maxpool_gap_fc": ("32x128", "cam", (48, 1, 32)),
    "isotropic_pool2_to_1row": ("16x64", "cam", (32, 1, 4)),
    "resize_in_graph_96x128_to_64x64": ("96x128", "cam", (32, 8, 8)),
    "one_ulp_of_bias_gap_fc": (None, "cam", (32, 8, 8)),
    "tiny_spread_hardswish_head": (None, "gap-nonlinear", (32, 8, 8)),
}
REFUSED = {
    "time_first_ctc_TNK": ("32x96", r"a reader of sequences: output 'out' \(12, 1, 11\)"),
    "priors_first_PK": (None, r"a detector: output 'out' \(192, 2\) has an entry for each box"),
    "tencrop_in_graph": (None, r"makes a batch inside its graph: .* holds 2 images for each one that goes in"),
}


def opened(shared, name, size):
    return fastcam.load(shared / "hand" / f"{name}.onnx", preprocess="unit" + (f",size={size}" if size else ""))


@pytest.mark.parametrize("name", RIGHT)
def test_heads_that_were_wrong_or_missing(shared, name):
    size, kind, shape = RIGHT[name]
    model = opened(shared, name, size)
    assert model.head.kind == kind
    if shape:
        assert model.head.feature_shape == shape
    height, width = model.preprocess.size or model.input.sides()
    photo = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    found = model.explain(photo, top=2)
    assert np.isfinite(found.activation_maps).all()
    assert found.boxes.xyxy.shape == (1, 2, 4)
    if kind == "cam":
        logits, maps = model.run(np.ascontiguousarray(photo.transpose(2, 0, 1)[None], np.float32) / 255)
        np.testing.assert_allclose(
            maps.mean((2, 3)) @ model.head.class_weights.T + model.head.bias, logits, atol=1e-5 * np.abs(logits).max()
        )


@pytest.mark.parametrize("name", REFUSED)
def test_outputs_that_are_no_scores(shared, name):
    size, says = REFUSED[name]
    with pytest.raises(HeadNotFoundError, match=says) as error:
        opened(shared, name, size)
    assert "onnxruntime" not in str(error.value)


STEPS = "c = Conv<strides = [4, 4]>(image, k) r = Relu(c) line = ReduceMean<axes = [2], keepdims = 0>(r)"


@pytest.mark.parametrize("images", ["N", "1", "4"])
def test_an_axis_of_time_first_is_none_of_images(images):
    body = f"{STEPS} t = Transpose<perm = [2, 0, 1]>(line) out = MatMul(t, w)"
    inputs, outputs = f"float[{images}, 3, 32, 96] image", f"float[24, {images}, 11] out"
    with pytest.raises(HeadNotFoundError, match="seems to be a reader of sequences"):
        fastcam.load(build(body, inputs, outputs, k=(6, 3, 4, 4), w=(6, 11)))


def test_patches_that_are_made_a_batch_are_no_maps():
    """Tensors on the way with one entry for each image are maps, before and behind."""
    body = (
        "c = Conv<strides = [4, 4], pads = [1, 1, 1, 1]>(image, k) f = Relu(c) t = Transpose<perm = [0, 2, 3, 1]>(f) "
        "patches = Reshape(t, apart) n = LayerNormalization<axis = -1>(patches, gain) maps = Reshape(n, back) "
        f"q = ReduceMean<axes = [1], keepdims = 0>(maps) {GEMM}"
    )
    stored = {"gain": np.ones(7, np.float32), "apart": [-1, 1, 7], "back": [-1, 54, 7]}
    model = fastcam.load(proto(body, stored=stored).SerializeToString(), preprocess="unit")
    assert (model.head.kind, model.head.feature_maps, model.head.layout) == ("cam", "maps", "NLC")
    asked = {one.tensor: one.verdict for one in model.candidates if not one.fits}
    assert asked.get("n", "its first axis") == "its first axis"  # behind the head nothing is asked any more


STAGES = "a = Conv<strides = [{0}], pads = [1, 1, 1, 1]>(image, k1) b1 = Relu(a) c = Conv<strides = [{1}], pads = [1, 1, 1, 1]>(b1, k2) maps = Relu(c)"
KERNELS = {"k1": noise(1, 8, 3, 3, 3) / 4, "k2": noise(2, 8, 8, 3, 3) / 4}
SHUFFLED = (
    STAGES.replace("maps = Relu(c)", "x = Relu(c)")
    + " g = Reshape(x, groups) s = Transpose<perm = [0, 2, 1, 3, 4]>(g) y = Reshape(s, flat) z = Conv(y, k3) maps = Relu(z)"
)
LAST = STAGES.replace("maps = Relu(c)", "x = Relu(c)") + (
    " l = Transpose<perm = [0, 2, 3, 1]>(x) n = LayerNormalization<axis = -1>(l, gain) m = MatMul(n, v) "
    "e = Gelu(m) maps = Transpose<perm = [0, 3, 1, 2]>(e)"
)
HEAD = "p = GlobalAveragePool(maps) q = Flatten(p) logits = Gemm<transB = 1>(q, w, b)"
GELU = {"opset": 20}


@pytest.mark.parametrize(
    ("nodes", "strides", "grid"),
    [
        (STAGES, ("2, 1", "2, 1"), (8, 64)),
        (STAGES, ("1, 2", "1, 2"), (32, 16)),
        (STAGES, ("4, 1", "8, 1"), (1, 64)),
        (STAGES, ("1, 4", "1, 16"), (32, 1)),
        (SHUFFLED, ("2, 1", "2, 1"), (8, 64)),
        (LAST, ("2, 1", "4, 1"), (4, 64)),
    ],
)
def test_maps_of_any_proportions_that_convolutions_made(nodes, strides, grid):
    height, width = grid
    arrays = {
        **KERNELS,
        "k3": noise(3, 8, 8, 1, 1),
        "groups": [0, 2, 4, height, width],
        "flat": [0, 8, height, width],
        "gain": np.ones(8, np.float32),
        "v": noise(4, 8, 8),
        "w": noise(5, 5, 8),
        "b": B,
    }
    body = f"{nodes.format(*strides)} {HEAD}"
    data = build(
        body, "float[N, 3, 32, 64] image", **GELU, **{name: v for name, v in arrays.items() if f"{name}" in body}
    )
    model = fastcam.load(data, preprocess="unit")
    assert (model.head.kind, model.head.feature_shape) == ("cam", (8, *grid))
    np.testing.assert_allclose(model.head.class_weights, arrays["w"], atol=1e-5)


@pytest.mark.parametrize("perm", [[0, 1, 3, 2], [0, 3, 2, 1]])
def test_what_turns_rows_into_columns_has_no_places_any_more(perm):
    """The turned maps would add up as well."""
    inputs = "float[N, 3, 24, 36] image" if perm[1] == 1 else "float[N, 24, 36, 3] image"
    first = "maps" if perm[1] == 1 else "image"
    body = f"{MAPS} t = Transpose<perm = {perm}>({first}) g = Conv<pads = [1, 1, 1, 1]>(t, k2) turned = Relu(g)"
    body = body if perm[1] == 1 else body[body.index("t = ") :]
    body += f" p = GlobalAveragePool(turned) q = Flatten(p) {GEMM}"
    channels = 7 if perm[1] == 1 else 3
    data = proto(body, inputs=inputs, stored={"k2": noise(8, 7, channels, 3, 3) / 8}).SerializeToString()
    try:
        head = fastcam.load(data, preprocess="unit").head
    except HeadNotFoundError:
        return
    assert head.kind == "generic"
    assert head.feature_maps == "maps"


def test_tensors_that_were_rejected_by_shape_are_named_and_may_be_given():
    """Tokens in a row, made by a reshape: nothing says that they are places, but the caller may."""
    body = (
        "c = Conv<strides = [4, 4], pads = [1, 1, 1, 1]>(image, k) f = Relu(c) row = Reshape(f, aside) "
        "p = GlobalMaxPool(row) q = Flatten(p) s = Gemm<transB = 1>(q, w, b) logits = Relu(s)"
    )
    data = proto(body, stored={"aside": [0, 7, 2, 27]}).SerializeToString()
    model = fastcam.load(data, preprocess="unit")
    assert model.head.feature_maps == "f"
    rejected = {one.tensor: one.verdict for one in model.candidates if not one.fits}
    assert rejected["row"] == "its sides are those of no grid of places"
    assert fastcam.load(data, preprocess="unit", head="row").head.feature_shape == (7, 2, 27)


@pytest.mark.parametrize("bias", [0.016, 1.0, 1e4])
def test_a_bias_that_dwarfs_the_sums(bias):
    """The feature maps add a few ulps of the bias."""
    signal = 64 * bias * 2.0**-23
    stored = {"w": W * signal, "b": np.full(5, bias, np.float32)}
    head = fastcam.load(proto(f"{POOLED} {GEMM}", stored=stored).SerializeToString(), preprocess="unit").head
    assert head.kind == "cam"
    np.testing.assert_allclose(head.class_weights, stored["w"], atol=1e-3 * np.abs(stored["w"]).max())


def test_a_bias_doesnt_hide_what_isnt_linear():
    body = f"{POOLED} z = Gemm<transB = 1>(q, v) t = Relu(z) logits = Gemm<transB = 1>(t, w, b)"
    stored = {"v": noise(6, 7, 7), "b": np.full(5, 1e4, np.float32)}
    assert fastcam.load(proto(body, stored=stored).SerializeToString(), preprocess="unit").head.kind == "gap-nonlinear"


@pytest.mark.parametrize("spread", [1e-5, 1e-3, 1.0])
@pytest.mark.parametrize("bend", ["HardSwish", "Tanh", "Gelu", "Softplus"])
def test_what_is_nearly_linear_for_small_maps_isnt(spread, bend):
    body = f"{POOLED.replace('maps = Relu(f)', 'big = Relu(f) maps = Mul(big, small)')} " + (
        f"z = MatMul(q, v) t = {bend}(z) logits = MatMul(t, u)"
    )
    stored = {"small": np.float32(spread), "v": noise(5, 7, 7), "u": noise(6, 7, 5)}
    data = proto(body, opset=22, stored=stored).SerializeToString()
    model = fastcam.load(data, preprocess="unit")
    assert model.head.kind == "gap-nonlinear"
    assert model.explain(np.full((24, 36, 3), 90, np.uint8)).method == "gradcam"


def half_precision(gain, weights=1.0):
    """A float16 model whose feature maps are so many times as large."""
    body = (
        "f = Conv<strides = [4, 4], pads = [1, 1, 1, 1]>(image, k) big = Relu(f) loud = Mul(big, gain) "
        "maps = Mul(loud, small) p = GlobalAveragePool(maps) q = Flatten(p) logits = Gemm<transB = 1>(q, w, b)"
    )
    arrays = {"k": noise(1, 7, 3, 5, 5) / 8, "gain": gain, "small": 1e-3, "w": W * weights, "b": B}
    halves: dict[str, Any] = {name: np.asarray(value, np.float16) for name, value in arrays.items()}
    return build(body, "float16[N, 3, 24, 36] image", "float16[N, 5] logits", **halves)


def test_float16_maps_that_overflow_on_the_probes_are_asked_with_less_contrast():
    model = fastcam.load(half_precision(30000.0), preprocess="unit")
    assert (model.head.kind, model.head.feature_maps) == ("cam", "maps")
    assert np.isfinite(model.explain(np.full((24, 36, 3), 3, np.uint8)).activation_maps).all()


def test_float16_maps_that_overflow_late_are_asked_with_less_contrast():
    """Earlier tensors are finite, and would do for an explanation: of another layer than is meant."""
    body = (
        "f = Conv<strides = [4, 4], pads = [1, 1, 1, 1]>(image, k) early = Relu(f) g = Conv(early, k2) big = Relu(g) "
        "maps = Mul(big, gain) p = GlobalAveragePool(maps) q = Flatten(p) logits = Gemm<transB = 1>(q, w, b)"
    )
    arrays = {"k": noise(1, 7, 3, 5, 5) / 8, "k2": noise(2, 7, 7, 1, 1), "gain": 60000.0, "w": W / 1000, "b": B}
    halves: dict[str, Any] = {name: np.asarray(value, np.float16) for name, value in arrays.items()}
    data = build(body, "float16[N, 3, 24, 36] image", "float16[N, 5] logits", **halves)
    for wanted in (None, "maps"):
        head = fastcam.load(data, preprocess="unit", head=wanted).head
        assert (head.kind, head.feature_maps) == ("cam", "maps")
    # With another ONNX Runtime than then it is proven anew.
    other = dataclasses.replace(head, proven_with="onnxruntime 1.0, CPUExecutionProvider")
    assert fastcam.load(data, preprocess="unit", head=other).head.identity_error < 1e-3


def test_float16_maps_that_always_overflow_are_named():
    with pytest.raises(HeadNotFoundError, match=r"(?s)aren't finite, .*float32.*'maps' .*float16 ends at 65504"):
        fastcam.load(half_precision(np.inf), preprocess="unit")


def test_a_batch_that_is_made_inside_says_no_word_of_cpp():
    """ONNX Runtime's error of a model that doesn't run is put in our words, and its exception is kept."""
    body = f"{POOLED} r = Reshape(q, two) {GEMM.replace('(q', '(r')}"
    model = onnx.ModelProto.FromString(proto(body, stored={"two": [2, 7]}).SerializeToString())
    with pytest.raises(fastcam.ModelError, match="operator Reshape: .*cannot be reshaped") as error:
        fastcam.load(model.SerializeToString(), preprocess="unit")
    assert ".h:" not in str(error.value)
    assert error.value.__cause__ is not None
