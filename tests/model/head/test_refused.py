"""Heads without exact class activation maps, and broken graphs, are refused with the reason."""

import numpy as np
import onnx
import pytest

import fastcam
from fastcam import HeadNotFoundError, ModelError
from tests.model.heads import BACKBONE, GAP, HEADS, B, K, W
from tests.model.models import IMAGE, build, make

MLP = f"{GAP} q = Flatten(p) s = Gemm<transB = 1>(q, v) t = Relu(s) logits = Gemm<transB = 1>(t, w, b)"

# name → (nodes, weights, kind, a part of the reason)
INEXACT = {
    "mlp": (MLP, {"v": (6, 6), "w": W, "b": B}, "gap-nonlinear", "Gemm → Relu → Gemm isn't linear at all"),
    "max-pool": (
        f"{BACKBONE} p = GlobalMaxPool(maps) q = Flatten(p) logits = Gemm<transB = 1>(q, w, b)",
        {"w": W, "b": B},
        "pool-nonlinear",
        "GlobalMaxPool → Flatten → Gemm is off by",
    ),
    "average-and-max": (
        f"{GAP} m = GlobalMaxPool(maps) s = Add(p, m) q = Flatten(s) logits = Gemm<transB = 1>(q, w, b)",
        {"w": W, "b": B},
        "pool-nonlinear",
        "the same wherever things stand",
    ),
    "flatten-mlp": (
        f"{BACKBONE} q = Flatten(maps) s = MatMul(q, v) t = Relu(s) logits = Gemm<transB = 1>(t, w, b)",
        {"v": (6 * 256, 6), "w": W, "b": B},
        "generic",
        "neither linear nor indifferent",
    ),
}


@pytest.mark.parametrize("name", INEXACT)
def test_heads_without_exact_maps_load_and_their_cam_is_refused(name):
    body, weights, kind, reason = INEXACT[name]
    model = fastcam.load(build(body, k=K, **weights))
    assert (model.head.kind, model.head.is_exact, model.head.classes) == (kind, False, 5)
    assert model.head.feature_maps == "maps"
    logits, maps = model.run(np.ones((2, 3, 16, 16), np.float32))
    assert (logits.shape, maps.shape) == ((2, 5), (2, 6, 16, 16))
    # Refused before the photo is even read.
    with pytest.raises(HeadNotFoundError, match=f"head of kind '{kind}'.*{reason}.*method='gradcam'.* maps 'maps'"):
        model.explain("no-such-photo.jpg", method="cam")
    assert model.explain(np.zeros((16, 16, 3), np.uint8)).method == "gradcam"


@pytest.mark.parametrize(
    ("weights", "reason"),
    [
        (np.zeros((5, 6), np.float32), "the scores don't depend on it, position by position"),
        (W * np.nan, "the scores aren't finite"),
    ],
)
def test_scores_that_say_nothing(weights, reason):
    body = f"{GAP} q = Flatten(p) logits = Gemm<transB = 1>(q, w, b)"
    with pytest.raises(HeadNotFoundError, match=f"no head found: .*\n.*'maps'.*{reason}"):
        fastcam.load(build(body, k=K, w=weights, b=B))


def test_a_relu_folded_into_a_quantisation_is_still_a_relu(tmp_path):
    """`quantize_static` leaves the ReLU of an MLP out, since its quantisation clips at zero as well."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static

    class Images(CalibrationDataReader):
        def __init__(self):
            coarse = np.random.default_rng(1).uniform(-2, 2, (32, 1, 3, 2, 2)).astype(np.float32)
            self.images = iter([{"image": image.repeat(8, axis=2).repeat(8, axis=3)} for image in coarse])

        def get_next(self):  # pyright: ignore
            return next(self.images, None)

    layers = {"v": (6, 6), "w": W, "b": B}
    for name, text, stored in (("mlp", MLP, layers), ("linear", *HEADS["gemm"])):
        (tmp_path / f"{name}.onnx").write_bytes(build(text, k=K, **stored))
        quantize_static(tmp_path / f"{name}.onnx", tmp_path / f"{name}-int8.onnx", Images(), QuantFormat.QDQ)
    assert "Relu" not in [node.op_type for node in onnx.load(tmp_path / "mlp-int8.onnx").graph.node][2:]
    assert fastcam.load(tmp_path / "mlp-int8.onnx").head.kind == "gap-nonlinear"
    named = fastcam.load(tmp_path / "mlp-int8.onnx", head="maps_DequantizeLinear_Output")
    assert named.head.kind == "gap-nonlinear"
    linear = fastcam.load(tmp_path / "linear-int8.onnx").head
    assert linear.quantization_gap is not None
    np.testing.assert_allclose(linear.class_weights, W, atol=0.02 * np.abs(W).max())


def test_a_head_that_is_not_finite_is_refused():
    body = (
        "f = Conv<pads = [1, 1, 1, 1]>(image, k) maps = Sigmoid(f) p = GlobalAveragePool(maps) s = Div(one, p) "
        "q = Flatten(s) logits = Gemm<transB = 1>(q, w, b)"
    )
    assert fastcam.load(build(body, k=K, w=np.abs(W), b=B, one=np.float32(1))).head.kind == "gap-nonlinear"


def test_a_relu_that_the_maps_never_reach_is_found_by_noise():
    body = f"{GAP} r = Relu(p) q = Flatten(r) logits = Gemm<transB = 1>(q, w, b)"
    assert fastcam.load(build(body, k=K, w=W, b=B)).head.kind == "gap-nonlinear"
    assert not fastcam.load(build(body, k=K, w=W, b=B), head="maps").head.is_exact


@pytest.mark.parametrize("softmax", ["Reshape", "axis"])
def test_a_softmax_over_something_else_than_the_classes_is_refused(softmax):
    if softmax == "axis":
        body = f"{GAP} q = Flatten(p) s = Gemm<transB = 1>(q, w, b) out = Softmax<axis = 0>(s)"
        weights: dict = {}
    else:
        body = (
            f"{GAP} q = Flatten(p) s = Gemm<transB = 1>(q, w, b) g = Reshape(s, groups) t = Softmax<axis = 2>(g) "
            "out = Reshape(t, back)"
        )
        weights = {"groups": [0, 5, 1], "back": [0, 5]}
    with pytest.raises(HeadNotFoundError, match="the scores don't depend on it"):
        fastcam.load(build(body, outputs="float[N, 5] out", k=K, w=W, b=B, **weights))


def test_two_heads_are_named_and_the_caller_chooses():
    body = (
        f"{GAP} q = Flatten(p) logits = Gemm<transB = 1>(q, w, b) "
        "p2 = GlobalAveragePool(f) q2 = Flatten(p2) other = Gemm<transB = 1>(q2, w2, b)"
    )
    data = build(body, outputs="float[N, 5] logits, float[N, 5] other", k=K, w=W, b=B, w2=(5, 6))
    with pytest.raises(
        HeadNotFoundError, match=r"2 heads fit; choose one by output=, out of \['logits', 'other'\]"
    ) as error:
        fastcam.load(data)
    assert error.value.candidates == ("logits", "other")
    assert len(error.value.reasons) == 2
    assert fastcam.load(data, output="logits").head.feature_maps == "maps"
    assert fastcam.load(data, output="other").head.feature_maps == "f"
    with pytest.raises(
        HeadNotFoundError, match=r"output: expected one of the model's outputs \['logits', 'other'\]; got 'x'"
    ):
        fastcam.load(data, output="x")


def test_outputs_that_are_no_scores():
    segmentation = f"{BACKBONE} out = Conv(maps, w, b)"
    boxes = f"{segmentation} flat = Reshape(out, shape) rows = Transpose<perm = [0, 2, 1]>(flat)"
    cases: tuple[tuple[str, str, dict], ...] = (
        (segmentation, "float[N, 5, 16, 16] out", {}),
        (boxes, "float[N, 256, 5] rows", {"shape": [0, 5, -1]}),
    )
    for body, output, weights in cases:
        with pytest.raises(
            HeadNotFoundError, match=r"no output holds one score for each class, \(N, K\)\..*\n.* has shape \(1, "
        ):
            fastcam.load(build(body, outputs=output, k=K, w=(5, 6, 1, 1), b=B, **weights))
    both = f"{segmentation} p = GlobalAveragePool(maps) q = Flatten(p) logits = Gemm<transB = 1>(q, v, b)"
    data = build(both, outputs="float[N, 5, 16, 16] out, float[N, 5] logits", k=K, w=(5, 6, 1, 1), b=B, v=W)
    assert fastcam.load(data).head.kind == "cam"


def test_an_image_size_that_leaves_nothing_to_pool_is_an_error(shared):
    """ONNX Runtime divides by zero there, which would end the process."""
    path = shared / "models" / "squeezenet1_1_nchw.onnx"
    with pytest.raises(
        ModelError, match=r"input of shape \(1, 3, 16, 16\) is too small for this model: .* would be empty"
    ):
        fastcam.load(path, preprocess="caffe-bgr,size=16")
    assert not fastcam.load(path, preprocess="caffe-bgr,size=17").head.is_exact  # a map of one cell isn't one


@pytest.mark.parametrize("damage", ["no-inputs", "recursion", "bytes", "axes"])
def test_graphs_that_break_the_rules_of_onnx(damage):
    model = make(HEADS["reduce-mean"][0] if damage == "axes" else HEADS["gemm"][0], k=K, w=W, b=B)
    data = model.SerializeToString()
    if damage == "no-inputs":
        del next(node for node in model.graph.node if node.op_type == "GlobalAveragePool").input[:]
    elif damage == "axes":
        attribute = next(node for node in model.graph.node if node.op_type == "ReduceMean").attribute[0]
        attribute.CopyFrom(onnx.helper.make_attribute("axes", 2.5))
    elif damage == "recursion":
        node = onnx.helper.make_node("F", ["x"], ["y"], domain="mine")
        opset = onnx.helper.make_opsetid("mine", 1)
        model.functions.append(onnx.helper.make_function("mine", "F", ["x"], ["y"], [node], [opset]))
        model.opset_import.append(opset)
        model.graph.node[0].op_type, model.graph.node[0].domain = "F", "mine"
    data = data.replace(b"Conv", b"Co\xffv") if damage == "bytes" else model.SerializeToString()
    with pytest.raises(ModelError):
        fastcam.load(data)


def test_inputs_that_are_no_images():
    two = f"{BACKBONE} t = Mul(maps, factor) p = GlobalAveragePool(t) logits = Flatten(p)"
    with pytest.raises(
        ModelError, match=r"expected a model with one input, a batch of images; got 2: \['image', 'factor'\]"
    ):
        fastcam.load(build(two, inputs=f"{IMAGE}, float[1] factor", outputs="float[N, 6] logits", k=K))
    flat = "p = ReduceMean<axes = [1], keepdims = 1>(image) logits = MatMul(p, w)"
    with pytest.raises(ModelError, match=r"expected an input of three to five axes"):
        fastcam.load(build(flat, inputs="float[N, 8] image", w=(1, 5)))
    given = fastcam.load(
        build(two, inputs=f"{IMAGE}, float[1] factor", outputs="float[N, 6] logits", k=K),
        constants={"factor": np.ones(1, np.float32)},
    )
    assert given.head.kind == "cam"
    assert given.explain(np.zeros((16, 16, 3), np.uint8)).logits.shape == (1, 6)
    with pytest.raises(ModelError, match=r"constants: expected names of the model's inputs \['image'\]; got 'x'"):
        fastcam.load(build(BACKBONE, outputs="float[N, 6, 16, 16] maps", k=K), constants={"x": 1.0})
    channels = "p = GlobalAveragePool(image) q = Flatten(p) logits = MatMul(q, w)"
    with pytest.raises(HeadNotFoundError, match="its sides are those of no grid"):
        fastcam.load(build(channels, inputs="float[N, 7, 16, 16] image", w=(7, 5)))
