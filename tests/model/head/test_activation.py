"""Scores are made of logits as the model or the caller says; nothing is invented."""

import json

import numpy as np
import onnxruntime as ort
import pytest

import fastcam
from fastcam import InputError
from fastcam.cli import main
from fastcam.export.lines import to_json_line
from tests.model.models import build
from tests.zoo.case import GEMM, POOLED, B, W, proto
from tests.zoo.others import embedding

PHOTO = np.random.default_rng(0).integers(0, 256, (24, 36, 3), np.uint8)
AGE = {"w": W[:1], "b": np.array([58.0], np.float32)}


def regression(nodes="logits = Identity(s)"):
    body = f"{POOLED} {GEMM.replace('logits =', 's =')} {nodes}"
    return proto(body, outputs="float[N, 1] logits", stored=AGE).SerializeToString()


def test_a_regression_is_a_value():
    model = fastcam.load(regression(), preprocess="unit")
    assert (model.activation, model.head.activation) == ("none", "none")
    assert model.activation_origin == "the model has a single output without softmax or sigmoid"
    found = model.explain(PHOTO)
    assert found.scores[0, 0] == found.logits[0, 0]
    assert 40 < found.scores[0, 0] < 80
    assert found.activation == "none"
    record = json.loads(to_json_line(found))["maps"][0]
    assert record["is_probability"] is False
    assert record["score"] == found.scores[0, 0]
    assert "%" not in found.score_text(0, 0)


@pytest.mark.parametrize(
    ("nodes", "activation"), [("logits = Sigmoid(s)", "sigmoid"), ("m = Neg(s) e = Exp(m) i = Add(e, one) logits = Reciprocal(i)", "sigmoid")]
)  # fmt: skip
def test_a_single_class_that_the_model_gives_a_probability_keeps_it(nodes, activation):
    body = f"{POOLED} {GEMM.replace('logits =', 's =')} {nodes}"
    stored = {"w": W[:1], "b": B[:1], "one": np.float32(1)}
    model = fastcam.load(
        proto(body, outputs="float[N, 1] logits", stored=stored).SerializeToString(), preprocess="unit"
    )
    assert (model.activation, model.activation_origin) == (activation, "the model's own")
    found = model.explain(PHOTO)
    np.testing.assert_allclose(found.scores[0], 1 / (1 + np.exp(-found.logits[0])), rtol=1e-6)
    assert found.score_text(0, 0).endswith("%")


@pytest.mark.parametrize(
    "nodes",
    [
        "y = Softmax(logits) s = Mul(y, most) out = Add(s, little)",
        "y = Sigmoid(logits) n = ReduceSum(y, axis) out = Div(y, n)",
        "y = Softmax(logits) t = Div(logits, two) z = Softmax(t) s = Add(y, z) out = Div(s, two)",
        "y = Softmax(logits) out = Slice(y, first, last, axis)",
    ],
)
def test_probabilities_of_any_making_are_shown_as_the_model_gives_them(nodes):
    body = f"{POOLED} {GEMM} {nodes}"
    stored = {"most": np.float32(0.9), "little": np.float32(0.02), "axis": [1], "two": np.float32(2)}
    stored |= {"first": [1], "last": [5]}
    classes = 4 if "Slice" in nodes else 5
    data = proto(body, outputs=f"float[N, {classes}] out", stored=stored).SerializeToString()
    model = fastcam.load(data, preprocess="unit,fit=stretch")
    assert model.activation == "probabilities"
    found = model.explain(PHOTO)
    image = np.ascontiguousarray(PHOTO.transpose(2, 0, 1)[None], np.float32) / 255
    (own,) = ort.InferenceSession(data).run(None, {"image": image})
    np.testing.assert_allclose(found.scores[0, 0], np.asarray(own).max(), rtol=1e-3)
    assert found.score_text(0, 0).endswith("%")


def test_the_caller_may_say_otherwise():
    data = proto(f"{POOLED} {GEMM}").SerializeToString()
    softmax = fastcam.load(data, preprocess="unit")
    assert (softmax.activation, softmax.activation_origin) == ("softmax", "assumed: the model returns 5 logits")
    np.testing.assert_allclose(softmax.explain(PHOTO, top=5).scores.sum(), 1, rtol=1e-6)
    values = fastcam.load(data, preprocess="unit", activation="none")
    found = values.explain(PHOTO, top=5)
    assert values.activation_origin == "argument"
    np.testing.assert_array_equal(found.scores[0], found.logits[0, found.class_index[0]])
    each = fastcam.load(data, preprocess="unit", activation="sigmoid").explain(PHOTO, top=5)
    np.testing.assert_allclose(each.scores[0], 1 / (1 + np.exp(-each.logits[0, each.class_index[0]])), rtol=1e-6)
    with pytest.raises(InputError, match="activation: expected one of softmax, sigmoid, none; got 'relu'"):
        fastcam.load("no-such-file.onnx", activation="relu")


def test_scores_at_a_layer_are_the_same():
    for activation in (None, "none", "sigmoid"):
        model = fastcam.load(proto(f"{POOLED} {GEMM}").SerializeToString(), preprocess="unit", activation=activation)
        np.testing.assert_allclose(
            model.explain(PHOTO, layer="f", method="gradcam").scores, model.explain(PHOTO).scores, rtol=1e-5
        )


def test_the_entries_of_an_embedding_are_values():
    model = fastcam.load(
        embedding("n = ReduceL2<axes = [1], keepdims = 1>(e) out = Div(e, n)"), preprocess="unit", output="out"
    )
    photo = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)
    found = model.explain(photo, class_index=np.arange(32))
    assert model.activation == "other"
    assert not found.has_probabilities
    np.testing.assert_allclose((found.scores**2).sum(), 1, rtol=1e-5)


def test_a_pickled_model_keeps_it():
    import pickle

    model = fastcam.load(proto(f"{POOLED} {GEMM}").SerializeToString(), preprocess="unit", activation="none")
    again = pickle.loads(pickle.dumps(model))
    assert (again.activation, again.activation_origin) == ("none", "argument")


@pytest.mark.parametrize(("activation", "origin"), [(None, "the model has a single output"), ("sigmoid", "argument")])
def test_on_the_command_line(tmp_path, capsys, activation, origin):
    from PIL import Image

    (tmp_path / "age.onnx").write_bytes(regression())
    Image.fromarray(PHOTO).save(tmp_path / "face.png")
    options = ["--preprocess", "unit", *(["--activation", activation] if activation else [])]
    assert main(["inspect", str(tmp_path / "age.onnx"), *options]) == 0
    assert f"scores      {activation or 'none'}: {origin}" in capsys.readouterr().out
    assert (
        main(["explain", str(tmp_path / "age.onnx"), str(tmp_path / "face.png"), "-o", str(tmp_path / "out"), *options])
        == 0
    )
    printed = capsys.readouterr().out
    assert ("%" in printed) is (activation == "sigmoid")
    results = json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))
    assert results["model"]["scores"]["activation"] == (activation or "none")
    assert results["images"][0]["maps"][0]["is_probability"] is (activation == "sigmoid")


def test_new_classes_may_be_values():
    model = fastcam.load(build("maps = Conv<strides = [4, 4]>(image, k) p = GlobalAveragePool(maps) q = Flatten(p) logits = MatMul(q, w)", k=(6, 3, 4, 4), w=(6, 5)), preprocess="unit")  # fmt: skip
    weights, photo = np.ones((1, 6)), PHOTO[:16, :16]
    value = model.with_classes(weights, [58.0], activation="none").explain(photo)
    assert value.scores[0, 0] == value.logits[0, 0]
    assert not value.has_probabilities
    share = model.with_classes(weights, [0.0]).explain(photo)
    np.testing.assert_allclose(share.scores[0, 0], 1 / (1 + np.exp(-share.logits[0, 0])), rtol=1e-6)
