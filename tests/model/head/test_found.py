"""Heads that are there are found and proven, on small models written for it."""

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import numpy_helper

import fastcam
from fastcam import HeadNotFoundError
from tests.model.heads import BACKBONE, GAP, HEADS, B, K, W, expect_head
from tests.model.models import build, classifier, make

MEAN = f"{BACKBONE} axes = Constant<value_ints = [2, 3]>()"


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
    assert model.head.quantization_gap is not None
    assert 0 < model.head.quantization_gap < 5e-3


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
    assert fastcam.load(half.SerializeToString()).head.quantization_gap is not None


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


def test_logits_and_probabilities_as_outputs_are_one_head():
    body = f"{GAP} q = Flatten(p) logits = Gemm<transB = 1>(q, w, b) probabilities = Softmax(logits)"
    data = build(body, outputs="float[N, 5] logits, float[N, 5] probabilities", k=K, w=W, b=B)
    assert fastcam.load(data).head.logits == "logits"
