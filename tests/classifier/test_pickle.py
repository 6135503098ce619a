"""Models and results that are sent to other processes, and copied."""

import copy
import gc
import multiprocessing
import pickle
import weakref
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import onnxruntime as ort
import pytest

import fastcam
from fastcam import HeadNotFoundError, InputError, ModelError
from fastcam.model.head.head import Head
from tests.model.models import build, classifier

PHOTO = np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)
WAYS = [lambda one: pickle.loads(pickle.dumps(one)), copy.deepcopy, copy.copy]


def assert_same(one, other):
    for name in ("class_index", "scores", "logits", "activation_maps", "image_sizes"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    np.testing.assert_array_equal(one.boxes.xyxy, other.boxes.xyxy)


@pytest.fixture
def file(tmp_path, monkeypatch):
    """A model by a path that holds in its folder only."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.onnx").write_bytes(classifier())
    return "model.onnx"


@pytest.mark.parametrize("way", WAYS, ids=["pickle", "deepcopy", "copy"])
@pytest.mark.parametrize("given", ["path", "bytes"])
def test_a_model_is_what_it_was(file, tmp_path, monkeypatch, way, given):
    data = file if given == "path" else (tmp_path / file).read_bytes()
    model = fastcam.load(data, labels=list("abcde"), preprocess="unit,fit=letterbox", threads=1)
    monkeypatch.chdir("/")
    again = way(model)
    assert type(again) is fastcam.Classifier
    for name in ("labels", "preprocess", "preprocess_origin", "provider", "sha256", "candidates"):
        assert getattr(again, name) == getattr(model, name)
    assert again.head.describe() == model.head.describe()
    assert not again.head.class_weights.flags.writeable
    assert again.vision.session._session.get_session_options().intra_op_num_threads == 1
    assert_same(again.explain(PHOTO, top=2), model.explain(PHOTO, top=2))
    assert_same(again.explain(PHOTO, method="gradcam"), model.explain(PHOTO, method="gradcam"))
    assert (again.vision.session is model.vision.session) == (way is copy.copy)


def test_constants_and_defaults_come_along():
    body = "s = Mul(image, gain) maps = Conv(s, k) p = GlobalAveragePool(maps) q = Flatten(p) logits = Gemm<transB = 1>(q, w, b)"
    weights = {"k": (6, 3, 1, 1), "w": (5, 6), "b": (5,)}
    data = build(body, inputs="float[N, 3, 16, 16] image, float gain", **weights)
    model = fastcam.load(data, constants={"gain": np.float32(3)})
    again = pickle.loads(pickle.dumps(model))
    assert (again.preprocess_origin, again.labels) == ("default", None)
    assert_same(again.explain(PHOTO), model.explain(PHOTO))


def test_nothing_is_searched_again(file, monkeypatch):
    sent = pickle.dumps(fastcam.load(file))
    monkeypatch.setattr("fastcam.model.head.discovery._discover", None)
    assert pickle.loads(sent).explain(PHOTO).method == "cam"


def test_learned_classes_come_along(file):
    model = fastcam.load(file)
    rng = np.random.default_rng(0)
    learned = model.with_classes(rng.standard_normal((2, 6)), [0.0, 1.0], labels=["x", "y"], activation="sigmoid")
    twice = learned.with_classes(rng.standard_normal((3, 6)), np.zeros(3))
    for one in (learned, twice):
        for way in WAYS:
            again = way(one)
            assert (again.labels, again.head.activation) == (one.labels, one.head.activation)
            assert_same(again.explain(PHOTO), one.explain(PHOTO))


def test_spawned_processes_explain_by_a_model_that_is_sent(file):
    model = fastcam.load(file, preprocess="unit", threads=1)
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        (found,) = pool.map(model.explain, [PHOTO])
    assert_same(found, model.explain(PHOTO))
    assert found.head.describe() == model.head.describe()


def test_results_come_along(file):
    model = fastcam.load(file)
    explanation, gradient = model.explain(PHOTO, top=2), model.input_gradient(PHOTO)
    for way in WAYS:
        assert_same(way(explanation), explanation)
        np.testing.assert_array_equal(way(gradient).gradients, gradient.gradients)
        np.testing.assert_array_equal(way(explanation.boxes).area, explanation.boxes.area)


def test_files_that_changed_or_went(file, tmp_path):
    sent = pickle.dumps(fastcam.load(file))
    (tmp_path / file).write_bytes(classifier(seed=1))
    with pytest.raises(HeadNotFoundError, match=r"head: it was found in another model than .*model\.onnx"):
        pickle.loads(sent)
    (tmp_path / file).unlink()
    with pytest.raises(ModelError, match=r"model\.onnx: no such file; expected the path of an \.onnx file"):
        pickle.loads(sent)


@pytest.mark.parametrize("way", WAYS[:2], ids=["pickle", "deepcopy"])
def test_what_can_not_be_sent_says_so(file, way):
    body = "maps = Conv(image, k) p = GlobalAveragePool(maps) q = Flatten(p) logits = Gemm<transB = 1>(q, w, b)"
    data = build(body, outputs="float[N, 5] logits, float[N, 6, 16, 16] maps", k=(6, 3, 1, 1), w=(5, 6), b=(5,))
    head = fastcam.load(data).head
    own = fastcam.load(ort.InferenceSession(data), head=Head("maps", "logits", head.class_weights, head.bias))
    with pytest.raises(
        InputError, match="expected a model without a session of your own, .* fastcam.classifier.Worker"
    ):
        way(own)
    with pytest.raises(InputError, match="expected a model without session_options of your own"):
        way(fastcam.load(file, session_options=ort.SessionOptions()))
    with pytest.raises(InputError, match="expected a model without a session of your own"):
        way(own.with_classes(np.ones((1, 6)), [0.0]))
    with (
        fastcam.load(file).stream([PHOTO]) as stream,
        pytest.raises(InputError, match="expected a Classifier to be pickled or copied, .* got the stream"),
    ):
        way(stream)


def test_a_copy_of_a_model_over_a_session_shares_it(file):
    model = fastcam.load(file, session_options=ort.SessionOptions())
    assert_same(copy.copy(model).explain(PHOTO), model.explain(PHOTO))


@pytest.mark.parametrize("method", [None, "cam", "gradcam", "saliency"])
def test_a_dropped_model_is_freed_at_once(shared, photos, method):
    """The session isn't kept by a circle of references, which the collector breaks at any later time."""
    model = fastcam.load(shared / "models" / "cifar10_resnet20.onnx", preprocess="imagenet,fit=stretch")
    if method is not None:
        model.explain(photos[0], method=method)
    session = weakref.ref(model.vision.session)
    gc.disable()
    try:
        del model
        assert session() is None
    finally:
        gc.enable()
