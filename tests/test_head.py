"""Finding and proving heads, on small models written for it."""

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import numpy_helper

import fastcam
from fastcam import Head, HeadNotFoundError, ModelError
from tests.models import BACKBONE, IMAGE, WEIGHTS, build, classifier, make

W = np.random.default_rng(5).standard_normal((5, 6)).astype(np.float32)
B = np.random.default_rng(6).standard_normal(5).astype(np.float32)
K = WEIGHTS["k"]
GAP = f"{BACKBONE} p = GlobalAveragePool(maps)"
MEAN = f"{BACKBONE} axes = Constant<value_ints = [2, 3]>()"

# name → (nodes, weights): all have the class weights W and bias B on the feature maps "maps"
HEADS = {
    "gemm": (f"{GAP} q = Flatten(p) logits = Gemm<transB = 1>(q, w, b)", {"w": W, "b": B}),
    "gemm-untransposed": (f"{GAP} q = Flatten(p) logits = Gemm(q, w, b)", {"w": W.T, "b": B}),
    "gemm-alpha-beta": (
        f"{GAP} q = Flatten(p) logits = Gemm<transB = 1, alpha = 0.5, beta = 2.0>(q, w, b)",
        {"w": 2 * W, "b": B / 2},
    ),
    "matmul-add": (f"{GAP} q = Flatten(p) s = MatMul(q, w) logits = Add(b, s)", {"w": W.T, "b": B}),
    "conv1x1-after": (
        f"{GAP} s = Conv(p, w, b) logits = Flatten(s)",
        {"w": W[:, :, None, None], "b": B},
    ),
    "squeeze": (
        f"{GAP} axes = Constant<value_ints = [2, 3]>() q = Squeeze(p, axes) logits = Gemm<transB = 1>(q, w, b)",
        {"w": W, "b": B},
    ),
    "reshape": (f"{GAP} q = Reshape(p, shape) logits = Gemm<transB = 1>(q, w, b)", {"w": W, "b": B, "shape": [0, -1]}),
    "reshape-computed": (
        f"{GAP} s = Shape(p) zero = Constant<value_ints = [0]>() n = Gather(s, zero) "
        "rest = Constant<value_ints = [-1]>() shape = Concat<axis = 0>(n, rest) q = Reshape(p, shape) "
        "logits = Gemm<transB = 1>(q, w, b)",
        {"w": W, "b": B},
    ),
    "reduce-mean": (
        f"{BACKBONE} p = ReduceMean<axes = [2, 3], keepdims = 0>(maps) logits = Gemm<transB = 1>(p, w, b)",
        {"w": W, "b": B},
    ),
    "reduce-mean-negative-axes": (
        f"{BACKBONE} p = ReduceMean<axes = [-1, -2]>(maps) q = Flatten(p) logits = Gemm<transB = 1>(q, w, b)",
        {"w": W, "b": B},
    ),
    "average-pool": (
        f"{BACKBONE} p = AveragePool<kernel_shape = [16, 16]>(maps) q = Flatten(p) logits = Gemm<transB = 1>(q, w, b)",
        {"w": W, "b": B},
    ),
    "two-linear-layers": (
        f"{GAP} q = Flatten(p) s = Gemm<transB = 1>(q, v, c) logits = MatMul(s, u)",
        {"v": np.eye(6, dtype=np.float32) * 2, "c": np.linalg.lstsq(W, B, rcond=None)[0] * 2, "u": W.T / 2},
    ),
    "batch-norm-after": (
        f"{GAP} n = BatchNormalization(p, scale, shift, mean, var) q = Flatten(n) logits = Gemm<transB = 1>(q, w, b)",
        {
            "scale": np.full(6, 2.0, np.float32),
            "shift": np.zeros(6, np.float32),
            "mean": np.zeros(6, np.float32),
            "var": np.full(6, 1 - 1e-5, np.float32),
            "w": W / 2,
            "b": B,
        },
    ),
    "dropout-and-identity": (
        f"{GAP} d = Dropout(p) q = Flatten(d) s = Gemm<transB = 1>(q, w, b) logits = Identity(s)",
        {"w": W, "b": B},
    ),
    "temperature": (
        f"{GAP} q = Flatten(p) s = Gemm<transB = 1>(q, w, b) logits = Div(s, t)",
        {"w": 4 * W, "b": 4 * B, "t": np.float32(4)},
    ),
}


def expect_head(model: fastcam.Classifier, weights, bias, tolerance=1e-6):
    np.testing.assert_allclose(model.head.class_weights, weights, atol=tolerance)
    np.testing.assert_allclose(model.head.bias, bias, atol=tolerance)
    assert model.head.identity_error <= 1e-5


@pytest.mark.parametrize("name", HEADS)
def test_linear_heads_are_found_with_their_weights(name):
    body, weights = HEADS[name]
    model = fastcam.load(build(body, k=K, **weights))
    assert model.head.feature_maps == "maps"
    assert model.head.activation == "none"
    expect_head(model, W, B if name != "two-linear-layers" else W @ np.linalg.lstsq(W, B, rcond=None)[0], 2e-6)


def test_axes_of_reduce_mean_may_be_an_input():
    body = f"{MEAN} p = ReduceMean<keepdims = 0>(maps, axes) logits = Gemm<transB = 1>(p, w, b)"
    expect_head(fastcam.load(build(body, opset=18, k=K, w=W, b=B)), W, B)
    stored = f"{BACKBONE} p = ReduceMean<keepdims = 0>(maps, axes) logits = Gemm<transB = 1>(p, w, b)"
    expect_head(fastcam.load(build(stored, opset=18, k=K, w=W, b=B, axes=np.array([2, 3]))), W, B)


def test_feature_maps_may_be_channels_last():
    body = (
        f"{BACKBONE} last = Transpose<perm = [0, 2, 3, 1]>(maps) p = ReduceMean<axes = [1, 2], keepdims = 0>(last) "
        "logits = Gemm<transB = 1>(p, w, b)"
    )
    model = fastcam.load(build(body, k=K, w=W, b=B))
    assert (model.head.feature_maps, model.head.layout) == ("last", "NHWC")
    expect_head(model, W, B)
    _, maps = model.run(np.ones((1, 3, 16, 16), np.float32))
    assert maps.shape == (1, 6, 16, 16)


def test_the_channels_may_be_the_classes():
    body = "c = Conv(image, k, b) maps = Relu(c) p = GlobalAveragePool(maps) logits = Flatten(p)"
    model = fastcam.load(build(body, k=(5, 3, 1, 1), b=(5,)))
    assert model.head.is_identity
    np.testing.assert_array_equal(model.head.class_weights, np.eye(5))
    assert "the 5 channels are the classes" in model.head.describe()


@pytest.mark.parametrize(
    ("operator", "activation"), [("Softmax", "softmax"), ("LogSoftmax", "softmax"), ("Sigmoid", "sigmoid")]
)
def test_the_activation_inside_the_model_is_known(operator, activation):
    body = f"{GAP} q = Flatten(p) scores = Gemm<transB = 1>(q, w, b) out = {operator}(scores)"
    data = build(body, outputs="float[N, 5] out", k=K, w=W, b=B)
    model = fastcam.load(data)
    assert (model.head.logits, model.head.activation) == ("scores", activation)
    image = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    explanation = model.explain(image, top=5)
    inputs = ((image / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]).transpose(2, 0, 1)[None]
    spec = fastcam.load(data, preprocess="imagenet,fit=stretch").explain(image, class_index=range(5))
    own = np.asarray(ort.InferenceSession(data).run(None, {"image": inputs.astype(np.float32)})[0])
    own = np.exp(own) if operator == "LogSoftmax" else own
    np.testing.assert_allclose(spec.scores, own, rtol=1e-4)
    assert explanation.class_index[0, 0] == explanation.logits[0].argmax()


def test_logits_with_spatial_axes_are_flattened():
    body = f"{GAP} logits = Conv(p, w, b)"
    data = build(body, outputs="float[N, 5, 1, 1] logits", k=K, w=W[:, :, None, None], b=B)
    logits, _ = fastcam.load(data).run(np.zeros((2, 3, 16, 16), np.float32))
    assert logits.shape == (2, 5)


def test_a_large_bias_costs_no_digits_of_the_weights():
    model = fastcam.load(classifier(k=K, w=W, b=B + 5e4))
    np.testing.assert_allclose(model.head.class_weights, W, atol=2e-5)


def test_float16_models_are_proven_on_their_float32_tail():
    half = make(HEADS["gemm"][0], k=K, w=W, b=B)
    for tensor in half.graph.initializer:
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), tensor.name))
    for value in (*half.graph.input, *half.graph.output):
        value.type.tensor_type.elem_type = onnx.TensorProto.FLOAT16
    model = fastcam.load(half.SerializeToString())
    expect_head(model, W.astype(np.float16), B.astype(np.float16))
    assert model.head.quantisation_gap is not None
    assert 0 < model.head.quantisation_gap < 5e-3


def test_nodes_may_be_out_of_order():
    model = make(HEADS["gemm"][0], k=K, w=W, b=B)
    nodes = list(model.graph.node)[::-1]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    expect_head(fastcam.load(model.SerializeToString()), W, B)


def test_a_fixed_batch_of_any_size():
    for batch in (1, 3):
        body = f"{GAP} q = Reshape(p, shape) logits = Gemm<transB = 1>(q, w, b)"
        data = build(
            body,
            inputs=f"float[{batch}, 3, 16, 16] image",
            outputs=f"float[{batch}, 5] logits",
            **{"k": K, "w": W, "b": B, "shape": [batch, 6]},
        )
        model = fastcam.load(data)
        expect_head(model, W, B)
        images = np.random.default_rng(0).integers(0, 256, (4, 16, 16, 3), dtype=np.uint8)
        open_model = fastcam.load(classifier(k=K, w=W, b=B))
        np.testing.assert_allclose(
            model.explain(images).logits, open_model.explain(images).logits, rtol=1e-4, atol=1e-5
        )


# ---- refusals ---------------------------------------------------------------------------------------------------------

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


def test_outputs_without_an_axis_of_images():
    body = f"{GAP} q = Flatten(p) s = Gemm<transB = 1>(q, w, b) zero = Constant<value_ints = [0]>() logits = Squeeze(s, zero)"
    data = build(body, inputs="float[1, 3, 16, 16] image", outputs="float[5] logits", k=K, w=W, b=B)
    model = fastcam.load(data)
    expect_head(model, W, B)
    assert model.explain(np.zeros((9, 9, 3), np.uint8), top=5).scores.shape == (1, 5)


@pytest.mark.parametrize("of", ["image", "f", "maps"])
def test_a_batch_size_that_is_read_off_an_earlier_tensor(of):
    """`x.view(image.size(0), -1)` in PyTorch."""
    body = (
        f"{GAP} s = Shape({of}) zero = Constant<value_ints = [0]>() n = Gather(s, zero) "
        "rest = Constant<value_ints = [-1]>() shape = Concat<axis = 0>(n, rest) q = Reshape(p, shape) "
        "logits = Gemm<transB = 1>(q, w, b)"
    )
    model = fastcam.load(build(body, k=K, w=W, b=B))
    expect_head(model, W, B)
    assert model.run(np.zeros((3, 3, 16, 16), np.float32))[0].shape == (3, 5)


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


def test_local_functions():
    model = make(HEADS["gemm"][0], k=K, w=W, b=B)
    relu = onnx.helper.make_function(
        "mine",
        "MyRelu",
        ["x"],
        ["y"],
        [onnx.helper.make_node("Relu", ["x"], ["y"])],
        [onnx.helper.make_opsetid("", 17)],
    )
    model.functions.append(relu)
    model.opset_import.append(onnx.helper.make_opsetid("mine", 1))
    node = next(node for node in model.graph.node if node.op_type == "Relu")
    node.op_type, node.domain = "MyRelu", "mine"
    expect_head(fastcam.load(model.SerializeToString()), W, B)


def test_a_probe_that_overflows_float16_does_not_count():
    half = make(HEADS["gemm"][0], k=300 * np.random.default_rng(0).standard_normal(K), w=W, b=B)
    for tensor in half.graph.initializer:
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), tensor.name))
    for value in (*half.graph.input, *half.graph.output):
        value.type.tensor_type.elem_type = onnx.TensorProto.FLOAT16
    assert fastcam.load(half.SerializeToString()).head.quantisation_gap is not None


def test_an_embedding_beside_the_logits_is_no_second_head():
    body = f"{GAP} embedding = Flatten(p) logits = Gemm<transB = 1>(embedding, w, b)"
    data = build(body, outputs="float[N, 6] embedding, float[N, 5] logits", k=K, w=W, b=B)
    expect_head(fastcam.load(data), W, B)
    assert fastcam.load(data, output="embedding").head.is_identity


def test_another_size_than_the_proven_one_is_checked_when_it_runs():
    body = f"{BACKBONE} p = AveragePool<kernel_shape = [16, 16], strides = [16, 16]>(maps) q = Reshape(p, shape) logits = MatMul(q, w)"
    data = build(body, inputs="float[N, 3, H, W] image", k=K, w=W.T, shape=[0, 6])
    model = fastcam.load(data, preprocess="unit,size=16")
    assert model.run(np.ones((1, 3, 16, 16), np.float32))[0].shape == (1, 5)
    with pytest.raises(HeadNotFoundError, match="should be 'logits' to 0.0001; off by"):
        model.run(np.random.default_rng(0).standard_normal((1, 3, 28, 28)).astype(np.float32))


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


def test_a_head_cannot_be_changed_after_it_is_proven():
    mine = W.copy()
    head = Head("maps", "logits", mine, B)
    mine[:] = 0
    np.testing.assert_array_equal(head.class_weights, W)
    with pytest.raises(ValueError, match="read-only"):
        head.class_weights[:] = 0


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


def test_logits_and_probabilities_as_outputs_are_one_head():
    body = f"{GAP} q = Flatten(p) logits = Gemm<transB = 1>(q, w, b) probabilities = Softmax(logits)"
    data = build(body, outputs="float[N, 5] logits, float[N, 5] probabilities", k=K, w=W, b=B)
    assert fastcam.load(data).head.logits == "logits"


# ---- given by the caller ----------------------------------------------------------------------------------------------

EINSUM = f'{BACKBONE} p = ReduceMean<axes = [2, 3], keepdims = 0>(maps) s = Einsum<equation = "nc,kc->nk">(p, w) logits = Add(s, b)'


def test_feature_maps_may_be_named_where_the_search_fails():
    data = build(EINSUM, k=K, w=W, b=B)
    with pytest.raises(HeadNotFoundError, match="Einsum 's' stands between") as error:
        fastcam.load(data)
    assert error.value.candidates == ("maps",)
    expect_head(fastcam.load(data, head="maps"), W, B)


def test_a_named_tensor_is_proven_like_any_other():
    data = classifier(k=K, w=W, b=B)
    with pytest.raises(HeadNotFoundError, match="more than the mean|aren't linear"):
        fastcam.load(data, head="f")
    with pytest.raises(HeadNotFoundError, match="expected the name of a tensor that depends on the image; got 'w'"):
        fastcam.load(data, head="w")
    with pytest.raises(HeadNotFoundError, match="expected four axes"):
        fastcam.load(data, head="q")


def test_a_named_tensor_that_other_paths_bypass_is_refused():
    body = f"{GAP} g = GlobalAveragePool(f) s = Add(p, g) q = Flatten(s) logits = Gemm<transB = 1>(q, w, b)"
    with pytest.raises(HeadNotFoundError, match="by a path that doesn't pass 'maps'"):
        fastcam.load(build(body, k=K, w=W, b=B), head="maps")


def test_a_whole_head_may_be_given_and_is_proven():
    data = classifier(k=K, w=W, b=B)
    head = Head("maps", "logits", W, B)
    assert fastcam.load(data, head=head).head.identity_error < 1e-5
    for wrong in (Head("maps", "logits", -W, B, quantisation_gap=0.9), Head("maps", "logits", W[:, :3], B)):
        with pytest.raises(HeadNotFoundError, match="head: expected the class weights and bias of .*; got others"):
            fastcam.load(data, head=wrong)
    with pytest.raises(fastcam.InputError, match="output: a whole Head says itself"):
        fastcam.load(data, head=head, output="logits")
    with pytest.raises(ModelError, match=r"head: expected class_weights \(K, C\) and bias \(K,\)"):
        Head("maps", "logits", W, B[:2])
    for options in ({"class_weights": W * np.nan}, {"bias": B * np.inf}, {"quantisation_gap": 10.0}):
        with pytest.raises(
            ModelError, match="head: expected finite class_weights and bias, and a quantisation_gap below"
        ):
            Head(**{"feature_maps": "maps", "logits": "logits", "class_weights": W, "bias": B, **options})
    with pytest.raises(ModelError, match="head: expected class_weights and bias of numbers"):
        Head("maps", "logits", "abc", B)  # type: ignore[arg-type]
    with pytest.raises(ModelError, match="expected layout NCHW or NHWC"):
        Head("maps", "logits", W, B, layout="CHW")  # type: ignore[arg-type]


def test_a_session_of_the_callers_own():
    model = make(HEADS["gemm"][0], k=K, w=W, b=B)
    model.graph.output.append(onnx.ValueInfoProto(name="maps"))
    session = ort.InferenceSession(model.SerializeToString())
    mine = fastcam.load(session, head=Head("maps", "logits", W, B))
    image = np.random.default_rng(0).integers(0, 256, (20, 20, 3), dtype=np.uint8)
    theirs = fastcam.load(model.SerializeToString()).explain(image)
    np.testing.assert_allclose(mine.explain(image).activation_maps, theirs.activation_maps, atol=1e-5)
    with pytest.raises(HeadNotFoundError, match="should be 'logits' to 0.0001; off by"):
        fastcam.load(session, head=Head("maps", "logits", 1.001 * W, B + 1))
    with pytest.raises(HeadNotFoundError, match="expected 3 channels in 'maps'"):
        fastcam.load(session, head=Head("maps", "logits", W[:, :3], B))
    with pytest.raises(fastcam.InputError, match=r"with a session of your own give head=Head"):
        fastcam.load(session)
    plain = ort.InferenceSession(classifier(k=K, w=W, b=B))
    with pytest.raises(ModelError, match=r"session: expected the outputs \['maps'\]; it returns \['logits'\]"):
        fastcam.load(plain, head=Head("maps", "logits", W, B))


def test_a_head_found_once_opens_the_model_again(load_real):
    found = load_real("mobilenet_v2_1.0_224_quant_q")
    again = fastcam.load(found.path, head=found.head)
    assert again.head.quantisation_gap == found.head.quantisation_gap


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
