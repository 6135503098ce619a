"""Heads without exact class activation maps, and broken graphs, are refused with the reason."""

import numpy as np
import onnx
import pytest

import fastcam
from fastcam import HeadNotFoundError, ModelError
from tests.heads import BACKBONE, GAP, HEADS, B, K, W
from tests.models import IMAGE, build, make

REFUSED = {
    "mlp": (
        f"{GAP} q = Flatten(p) s = Gemm<transB = 1>(q, v) t = Relu(s) logits = Gemm<transB = 1>(t, w, b)",
        {"v": (6, 6), "w": W, "b": B},
        "Relu 't' stands between it and a global average pooling, and isn't linear",
    ),
    "flatten": (
        f"{BACKBONE} q = Flatten(maps) logits = MatMul(q, w)",
        {"w": (6 * 256, 5)},
        "Relu 'maps' stands between it and a global average pooling",
    ),
    "max-pool": (
        f"{BACKBONE} p = GlobalMaxPool(maps) q = Flatten(p) logits = Gemm<transB = 1>(q, w, b)",
        {"w": W, "b": B},
        "GlobalMaxPool 'p' stands between",
    ),
    "average-and-max": (
        f"{GAP} m = GlobalMaxPool(maps) s = Add(p, m) q = Flatten(s) logits = Gemm<transB = 1>(q, w, b)",
        {"w": W, "b": B},
        "Add 's' .* has 2 inputs that depend on the image",
    ),
    "part-of-the-map": (
        f"{BACKBONE} p = AveragePool<kernel_shape = [8, 8], strides = [8, 8]>(maps) q = Flatten(p) "
        "logits = Gemm<transB = 1>(q, w, b)",
        {"w": (5, 24), "b": B},
        r"AveragePool 'p' makes \(6, 2, 2\) of \(6, 16, 16\); expected one number a channel",
    ),
    "mean-over-one-axis": (
        f"{BACKBONE} p = ReduceMean<axes = [3], keepdims = 0>(maps) q = Flatten(p) logits = Gemm<transB = 1>(q, w, b)",
        {"w": (5, 96), "b": B},
        "ReduceMean 'p' doesn't pool just the spatial axes",
    ),
    "no-response": (
        f"{GAP} q = Flatten(p) logits = Gemm<transB = 1>(q, w, b)",
        {"w": np.zeros((5, 6), np.float32), "b": B},
        "the same for every probe image",
    ),
    "not-a-number": (
        f"{GAP} q = Flatten(p) logits = Gemm<transB = 1>(q, w, b)",
        {"w": W * np.nan, "b": B},
        "NaN or infinity",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_other_heads_are_refused_with_the_reason(name):
    body, weights, reason = REFUSED[name]
    with pytest.raises(HeadNotFoundError, match=reason):
        fastcam.load(build(body, k=K, **weights))


def test_a_relu_folded_into_a_quantisation_is_still_a_relu(tmp_path):
    """`quantize_static` leaves the ReLU of an MLP out, since its quantisation clips at zero as well."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static

    class Images(CalibrationDataReader):
        def __init__(self):
            coarse = np.random.default_rng(1).uniform(-2, 2, (32, 1, 3, 2, 2)).astype(np.float32)
            self.images = iter([{"image": image.repeat(8, axis=2).repeat(8, axis=3)} for image in coarse])

        def get_next(self):  # pyright: ignore
            return next(self.images, None)

    body, weights, _ = REFUSED["mlp"]
    for name, text, stored in (("mlp", body, weights), ("linear", *HEADS["gemm"])):
        (tmp_path / f"{name}.onnx").write_bytes(build(text, k=K, **stored))
        quantize_static(tmp_path / f"{name}.onnx", tmp_path / f"{name}-int8.onnx", Images(), QuantFormat.QDQ)
    assert "Relu" not in [node.op_type for node in onnx.load(tmp_path / "mlp-int8.onnx").graph.node][2:]
    with pytest.raises(HeadNotFoundError, match="keeps no negative values, as a ReLU would|float32 to 0.3; off by"):
        fastcam.load(tmp_path / "mlp-int8.onnx")
    with pytest.raises(HeadNotFoundError):
        fastcam.load(tmp_path / "mlp-int8.onnx", head="maps_DequantizeLinear_Output")
    linear = fastcam.load(tmp_path / "linear-int8.onnx").head
    assert linear.quantisation_gap is not None
    np.testing.assert_allclose(linear.class_weights, W, atol=0.02 * np.abs(W).max())


def test_a_head_that_is_not_finite_is_refused():
    body = (
        "f = Conv<pads = [1, 1, 1, 1]>(image, k) maps = Sigmoid(f) p = GlobalAveragePool(maps) s = Div(one, p) "
        "q = Flatten(s) logits = Gemm<transB = 1>(q, w, b)"
    )
    with pytest.raises(HeadNotFoundError, match="aren't finite|aren't linear"):
        fastcam.load(build(body, k=K, w=np.abs(W), b=B, one=np.float32(1)))


def test_a_relu_that_the_maps_never_reach_is_found_by_noise():
    body = f"{GAP} r = Relu(p) q = Flatten(r) logits = Gemm<transB = 1>(q, w, b)"
    with pytest.raises(HeadNotFoundError, match=r"aren't linear in the mean of each channel: off by .* on noise"):
        fastcam.load(build(body, k=K, w=W, b=B), head="maps")


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
    with pytest.raises(HeadNotFoundError, match="the output isn't the softmax of the logits over all classes"):
        fastcam.load(build(body, outputs="float[N, 5] out", k=K, w=W, b=B, **weights))


def test_the_models_own_logits_must_be_those_of_its_tail():
    from fastcam.model.graph import Graph
    from fastcam.model.proof import Observation, prove
    from fastcam.model.structure import propose

    graph = Graph.of(make(HEADS["gemm"][0], k=K, w=W, b=B))
    maps = np.random.default_rng(0).standard_normal((1, 6, 16, 16)).astype(np.float32)
    logits = (maps.mean(axis=(2, 3)) @ W.T + B).astype(np.float32)
    (proposal,) = propose(graph)
    assert prove(graph, proposal, [Observation(maps, logits, logits, {})]).quantisation_gap is None
    other = logits + 1e-3
    with pytest.raises(HeadNotFoundError, match="the model's logits should be those of its tail in float32"):
        prove(graph, proposal, [Observation(maps, other, other, {})])


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


def test_an_image_size_that_leaves_nothing_to_pool_is_an_error(shared):
    """ONNX Runtime divides by zero there, which would end the process."""
    path = shared / "models" / "squeezenet1_1_nchw.onnx"
    with pytest.raises(
        ModelError, match=r"input of shape \(1, 3, 16, 16\) is too small for this model: .* would be empty"
    ):
        fastcam.load(path, preprocess="caffe-bgr,size=16")
    assert fastcam.load(path, preprocess="caffe-bgr,size=17").head.feature_shape == (1000, 1, 1)


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
    with pytest.raises(ModelError, match=r"expected an input of four axes"):
        fastcam.load(build(flat, inputs="float[N, 8] image", w=(1, 5)))
    channels = "p = GlobalAveragePool(image) q = Flatten(p) logits = MatMul(q, w)"
    with pytest.raises(ModelError, match="expected an input of 1 or 3 channels"):
        fastcam.load(build(channels, inputs="float[N, 7, 16, 16] image", w=(7, 5)))
