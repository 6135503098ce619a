"""Models that are no classifiers are refused, and told what they seem to be."""

import numpy as np
import pytest

import fastcam
from fastcam import HeadNotFoundError, ModelError
from tests.model.models import build
from tests.zoo import ALL
from tests.zoo.case import GEMM, POOLED, noise, proto
from tests.zoo.others import BACKBONE, OTHERS, embedding, model


@pytest.mark.parametrize("name", OTHERS)
def test_what_it_seems_to_be(name):
    family, make = OTHERS[name]
    with pytest.raises(HeadNotFoundError, match=f"It seems to be {family}: ") as error:
        fastcam.load(make(), preprocess="unit")
    assert "onnxruntime" not in str(error.value).lower()


def test_anchors_are_no_classes_even_where_the_output_is_named():
    with pytest.raises(HeadNotFoundError, match=r"output 'scores' has entries that stand for places, .* changes \d+%"):
        fastcam.load(OTHERS["blaze-face"][1](), preprocess="unit", output="scores")


@pytest.mark.parametrize(("classes", "numbers"), [(10, 4), (4, 4), (7, 5)])
def test_scores_of_classes_may_have_boxes_or_poses_beside_them(classes, numbers):
    """A box for each class: what is made of means has no place of its own."""
    body = f"{POOLED} {GEMM} r = Gemm<transB = 1>(q, v) boxes = Reshape(r, sides)"
    stored = {"w": noise(1, classes, 7), "b": noise(2, classes), "v": noise(3, classes * numbers, 7)}
    outputs = f"float[N, {classes}] logits, float[N, {classes}, {numbers}] boxes"
    data = proto(body, outputs=outputs, stored={**stored, "sides": [0, classes, numbers]}).SerializeToString()
    assert fastcam.load(data, preprocess="unit").head.kind == "cam"


def test_queries_are_no_classes_but_for_who_names_them():
    """One score a query, made of all places, as DETR's of one class: shapes alone can't tell."""
    body = (
        f"{BACKBONE} r = Reshape(p3, flat) s = MatMul(q, r) a = Softmax<axis = -1>(s) t = Transpose<perm = [0, 2, 1]>(r) "
        "o = MatMul(a, t) l = MatMul(o, w) scores = Squeeze(l, two) boxes = MatMul(o, v)"
    )
    stored = {"flat": [0, 8, -1], "q": noise(1, 1, 9, 8), "w": noise(2, 8, 1), "v": noise(3, 8, 4), "two": [2]}
    data = model(body, "float[N, 9] scores, float[N, 9, 4] boxes", **stored)
    with pytest.raises(HeadNotFoundError, match="a detector: output 'boxes' .* holds boxes, and output 'scores'"):
        fastcam.load(data, preprocess="unit")
    assert fastcam.load(data, preprocess="unit", output="scores").head.classes == 9


def test_an_embedding_whose_output_is_named_is_explained_entry_by_entry():
    model = fastcam.load(embedding("features = Relu(e)", name="features"), preprocess="unit", output="features")
    found = model.explain(np.full((64, 96, 3), 80, np.uint8), class_index=3)
    assert found.activation_maps.shape[:2] == (1, 1)


@pytest.mark.parametrize("name", ["features", "image_embeds"])
def test_an_embedding_beside_logits_leaves_them_the_only_ones(name):
    body = f"{POOLED} {GEMM} {name} = Gemm<transB = 1>(q, v)"
    data = proto(body, outputs=f"float[N, 9] {name}, float[N, 5] logits", stored={"v": np.ones((9, 7), np.float32)})
    assert fastcam.load(data.SerializeToString(), preprocess="unit").head.logits == "logits"


@pytest.mark.parametrize("name", ["features_softmax", "hidden_out"])
def test_probabilities_are_none_of_an_embedding(name):
    body = f"{POOLED} {GEMM} {name} = Softmax(logits)"
    model = fastcam.load(proto(body, outputs=f"float[N, 5] {name}").SerializeToString(), preprocess="unit")
    assert model.activation == "softmax"


@pytest.mark.parametrize("name", ["features_logits", "class_of_embedding", "hidden_scores"])
def test_names_that_speak_of_scores_are_none_of_an_embedding(name):
    data = proto(f"{POOLED} {GEMM.replace('logits', name)}", outputs=f"float[N, 5] {name}")
    assert fastcam.load(data.SerializeToString(), preprocess="unit").head.kind == "cam"


def test_logits_of_norm_one_by_chance_are_none_of_an_embedding():
    """Probabilities have no signs; a vector of few entries may have any norm."""
    body = f"{POOLED} s = Gemm<transB = 1>(q, w, b) logits = Softmax(s)"
    assert fastcam.load(proto(body).SerializeToString(), preprocess="unit").head.activation == "softmax"


@pytest.mark.parametrize(
    ("inputs", "seems"),
    [
        ("float[N, 16000] wave", r". It seems to be a model of tables, or of waves: .* \(N, 1, W\)"),
        ("int64[N, L] ids", ". It seems to be a model of text, by its whole numbers"),
        ("float[N, 4, 3, 8, 16, 16] clips", "$"),
    ],
)
def test_inputs_of_other_ranks(inputs, seems):
    name = inputs.split()[-1]
    body = f"c = Cast<to = 1>({name}) logits = ReduceMean<keepdims = 1>(c)"
    axes = inputs.count(",") + 1
    with pytest.raises(ModelError, match=f"expected an input of three to five axes.*{name!r} has {axes}{seems}"):
        fastcam.load(build(body, inputs, "float[A, B] logits", opset=13))


@pytest.mark.parametrize(
    ("name", "axes"),
    [
        ("clip-whose-frames-are-a-batch", "2 axes of places, its input 3"),
        ("signal-folded-into-an-image", "2 axes of places, its input 1"),
    ],
)
def test_maps_of_other_places_than_the_input(name, axes):
    with pytest.raises(HeadNotFoundError, match=f"a model that folds its input: .* has {axes}"):
        fastcam.load(ALL[f"ranks-{name}"]().model)


def test_a_spectrogram_without_scores_is_told_by_its_name():
    body = BACKBONE.replace("(image", "(mel_spectrogram") + " m = ReduceMean<axes = [1, 2, 3], keepdims = 0>(p3)"
    body += " out = Expand(m, sides)"
    stored = {"k1": (8, 1, 5, 5), "k2": (8, 8, 3, 3), "k3": (8, 8, 3, 3), "sides": [1, 3, 5, 7, 1]}
    with pytest.raises(HeadNotFoundError, match="seems to be an audio model: its input is called 'mel_spectrogram'"):
        fastcam.load(build(body, "float[1, 1, 64, 96] mel_spectrogram", "float[1, 3, 5, 7, 1] out", **stored))
