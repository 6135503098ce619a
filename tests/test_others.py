"""Models that are no classifiers are refused, and told what they seem to be."""

import numpy as np
import pytest

import fastcam
from fastcam import HeadNotFoundError, ModelError
from tests.models import build
from tests.zoo.case import GEMM, POOLED, proto
from tests.zoo.others import BACKBONE, OTHERS, embedding


@pytest.mark.parametrize("name", OTHERS)
def test_what_it_seems_to_be(name):
    family, make = OTHERS[name]
    with pytest.raises(HeadNotFoundError, match=f"It seems to be {family}: ") as error:
        fastcam.load(make(), preprocess="unit")
    assert "onnxruntime" not in str(error.value).lower()


def test_anchors_are_no_classes_even_where_the_output_is_named():
    with pytest.raises(HeadNotFoundError, match="output 'scores' has one entry for each box of output 'boxes'"):
        fastcam.load(OTHERS["blaze-face"][1](), preprocess="unit", output="scores")


def test_an_embedding_whose_output_is_named_is_explained_entry_by_entry():
    model = fastcam.load(embedding("features = Relu(e)", name="features"), preprocess="unit", output="features")
    found = model.explain(np.full((64, 96, 3), 80, np.uint8), class_index=3)
    assert found.activation_maps.shape[:2] == (1, 1)


@pytest.mark.parametrize("name", ["features", "image_embeds"])
def test_an_embedding_beside_logits_leaves_them_the_only_ones(name):
    body = f"{POOLED} {GEMM} {name} = Gemm<transB = 1>(q, v)"
    data = proto(body, outputs=f"float[N, 9] {name}, float[N, 5] logits", stored={"v": np.ones((9, 7), np.float32)})
    assert fastcam.load(data.SerializeToString(), preprocess="unit").head.logits == "logits"


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
        ("float[N, 16000] wave", "audio or tables"),
        ("float[N, 80, T] mel", "audio, or of other sequences"),
        ("int64[N, L] ids", "text, by its whole numbers"),
        ("float[N, 3, 8, 16, 16] clip", "videos or volumes"),
    ],
)
def test_inputs_that_are_no_photos(inputs, seems):
    name = inputs.split()[-1]
    body = f"c = Cast<to = 1>({name}) logits = ReduceMean<keepdims = 1>(c)"
    with pytest.raises(ModelError, match=f"expected an input of four axes.*It seems to be a model of {seems}"):
        fastcam.load(build(body, inputs, "float[A, B] logits", opset=13))


def test_a_spectrogram_without_scores_is_told_by_its_name():
    body = BACKBONE.replace("(image", "(mel_spectrogram") + " m = ReduceMean<axes = [1, 2, 3], keepdims = 0>(p3)"
    body += " out = Expand(m, sides)"
    stored = {"k1": (8, 1, 5, 5), "k2": (8, 8, 3, 3), "k3": (8, 8, 3, 3), "sides": [1, 3, 5, 7, 1]}
    with pytest.raises(HeadNotFoundError, match="seems to be an audio model: its input is called 'mel_spectrogram'"):
        fastcam.load(build(body, "float[1, 1, 64, 96] mel_spectrogram", "float[1, 3, 5, 7, 1] out", **stored))
