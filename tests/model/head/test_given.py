"""Feature maps named by the caller, whole heads, and sessions of the caller's own."""

import numpy as np
import onnx
import onnxruntime as ort
import pytest

import fastcam
from fastcam import Head, HeadNotFoundError, ModelError
from tests.model.heads import BACKBONE, GAP, HEADS, B, K, W, expect_head
from tests.model.models import build, classifier, make

EINSUM = f'{BACKBONE} p = ReduceMean<axes = [2, 3], keepdims = 0>(maps) s = Einsum<equation = "nc,kc->nk">(p, w) logits = Add(s, b)'


def test_feature_maps_may_be_named():
    data = build(EINSUM, k=K, w=W, b=B)
    expect_head(fastcam.load(data, head="maps"), W, B)
    expect_head(fastcam.load(data), W, B)


def test_a_named_tensor_is_proven_like_any_other():
    data = classifier(k=K, w=W, b=B)
    assert fastcam.load(data, head="f").head.kind == "pool-nonlinear"
    with pytest.raises(HeadNotFoundError, match="expected the name of a tensor that depends on the image; got 'w'"):
        fastcam.load(data, head="w")
    with pytest.raises(HeadNotFoundError, match=r"expected feature maps of floats, .*\n.*'q' \(1, 6\): it has no axes"):
        fastcam.load(data, head="q")


def test_a_named_tensor_that_other_paths_bypass_is_refused():
    body = f"{GAP} g = GlobalAveragePool(f) s = Add(p, g) q = Flatten(s) logits = Gemm<transB = 1>(q, w, b)"
    with pytest.raises(HeadNotFoundError, match="by a path that doesn't pass 'maps'"):
        fastcam.load(build(body, k=K, w=W, b=B), head="maps")


def test_a_whole_head_may_be_given_and_is_proven():
    data = classifier(k=K, w=W, b=B)
    head = Head("maps", "logits", W, B)
    assert fastcam.load(data, head=head).head.identity_error < 1e-5
    for wrong in (Head("maps", "logits", -W, B, quantization_gap=0.9), Head("maps", "logits", W[:, :3], B)):
        with pytest.raises(HeadNotFoundError, match="head: expected the class weights and bias of .*; got others"):
            fastcam.load(data, head=wrong)
    with pytest.raises(fastcam.InputError, match="output: a whole Head says itself"):
        fastcam.load(data, head=head, output="logits")
    with pytest.raises(ModelError, match=r"head: expected class_weights \(K, C\) and bias \(K,\)"):
        Head("maps", "logits", W, B[:2])
    for options in ({"class_weights": W * np.nan}, {"bias": B * np.inf}, {"quantization_gap": 10.0}):
        with pytest.raises(
            ModelError, match="head: expected (finite class_weights and bias|a quantization_gap below 1)"
        ):
            Head(**{"feature_maps": "maps", "logits": "logits", "class_weights": W, "bias": B, **options})
    with pytest.raises(ModelError, match="head: expected class_weights and bias of numbers"):
        Head("maps", "logits", "abc", B)  # type: ignore[arg-type]
    with pytest.raises(ModelError, match="expected layout NCW, NWC, NCHW, NHWC, NCDHW, NDHWC, NLC, NCL, activation"):
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
    assert again.head.quantization_gap == found.head.quantization_gap


def test_a_head_cannot_be_changed_after_it_is_proven():
    mine = W.copy()
    head = Head("maps", "logits", mine, B)
    mine[:] = 0
    np.testing.assert_array_equal(head.class_weights, W)
    with pytest.raises(ValueError, match="read-only"):
        head.class_weights[:] = 0
