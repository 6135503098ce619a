"""Pooled features, and classes that are learned from them."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

import fastcam
from fastcam import GradientError, InputError, methods
from fastcam.classifier.steady import Steady
from fastcam.export.baked_model import bake
from fastcam.images import frames

NEW = ["animal", "vehicle"]


@pytest.fixture(scope="module")
def cifar(load_real, shared):
    """A network, twenty photos, and whether each is of an animal, (20,)."""
    photos = sorted(shared.glob("photos/cifar10/*.png"))
    classes = [int(path.stem[-1]) for path in photos]
    return load_real("cifar10_resnet20"), photos, np.isin(classes, (2, 3, 4, 5, 6, 7))


# ---- features --------------------------------------------------------------------------------------------------------


def test_features_are_what_the_network_pools(cifar):
    """Of an exact head: what its own last layer reads, by a plain session over the file."""
    model, photos, _ = cifar
    graph = onnx.load(model.path)
    gemm = next(node for node in graph.graph.node if node.op_type == "Gemm")
    graph.graph.output.append(onnx.ValueInfoProto(name=gemm.input[0]))
    session = ort.InferenceSession(graph.SerializeToString())
    expected = []
    for path in photos[:3]:
        pixels = np.asarray(fastcam.images.photos.read_photo(path))
        given = frames.network_input(pixels, (0, 0, 32, 32), model.preprocess, model.input)
        expected.append(np.asarray(session.run([gemm.input[0]], {session.get_inputs()[0].name: given})[0])[0])
    got = model.features(photos[:3])
    assert got.shape == (3, 64)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, expected, atol=1e-6)
    np.testing.assert_array_equal(model.features(photos[1])[0], got[1])


@pytest.mark.parametrize(
    "name", ["mnist_cnn_flatten_fc", "mobilenet_v1_0.25_128_fp32_nhwc", "mobilenet_v2_1.0_224_quant_q"]
)
def test_features_are_means_of_the_feature_maps(load_real, photos, name):
    """Of a head that isn't exact, one with channels last, and a quantised one."""
    model = load_real(name)
    seen = model.vision.see(photos[0])
    maps = model.run(seen.network_input)[1]
    np.testing.assert_allclose(model.features(photos[0]), maps.mean(axis=(2, 3), dtype=float), rtol=1e-6)


def test_photos_that_can_not_be_read_are_named(cifar, tmp_path):
    model, photos, _ = cifar
    with pytest.raises(InputError, match="image 1 of 2: .*no such file"):
        model.features([photos[0], tmp_path / "none.png"])
    with pytest.raises(InputError, match=r"^.*none.png: no such file"):
        model.features(tmp_path / "none.png")


# ---- classes ---------------------------------------------------------------------------------------------------------


def test_the_models_own_classes_come_back(cifar):
    """With its own class weights, a model explains as it did."""
    model, photos, _ = cifar
    again = model.with_classes(*model.head.linear(), labels=model.labels)
    ours, theirs = (one.explain(photos[:4], top=3) for one in (model, again))
    np.testing.assert_array_equal(ours.class_index, theirs.class_index)
    np.testing.assert_allclose(ours.logits, theirs.logits, atol=1e-5)
    np.testing.assert_allclose(ours.scores, theirs.scores, atol=1e-6)
    np.testing.assert_array_equal(ours.activation_maps, theirs.activation_maps)
    np.testing.assert_array_equal(ours.boxes.xyxy, theirs.boxes.xyxy)
    assert theirs.labels == model.labels
    assert theirs.method == "cam"


@pytest.mark.parametrize("learner", [LinearSVC(C=0.1), LogisticRegression(C=0.1)], ids=["svm", "logistic"])
def test_a_classifier_of_scikit_learn_becomes_one_of_ours(cifar, learner):
    """Its decisions are the logits, and its maps add up to them; of photos that it hasn't seen, most are right."""
    model, photos, animal = cifar
    features, train = model.features(photos), np.arange(20) % 2 == 0
    learner.fit(features[train], animal[train])
    animals = model.with_classes(learner.coef_, learner.intercept_, labels=["animal"])
    found = animals.explain(photos)
    np.testing.assert_allclose(found.logits[:, 0], learner.decision_function(features), atol=1e-4)
    means = found.activation_maps.mean(axis=(2, 3)) + learner.intercept_
    np.testing.assert_allclose(means, found.logits, atol=1e-4)
    assert ((found.logits[:, 0] > 0) == animal)[~train].mean() >= 0.8
    if isinstance(learner, LogisticRegression):
        np.testing.assert_allclose(found.scores[:, 0], learner.predict_proba(features)[:, 1], atol=1e-5)


def test_several_classes_and_any_head(mnist):
    """Of a network of flattened maps, which has no exact maps of its own classes: of these there are."""
    rng = np.random.default_rng(0)
    photos = rng.integers(0, 256, (6, 28, 28, 3)).astype(np.uint8)
    learner = LogisticRegression().fit(mnist.features(photos), [0, 1, 2, 0, 1, 2])
    ours = mnist.with_classes(learner.coef_, learner.intercept_, labels=["a", "b", "c"])
    found = ours.explain(photos, top=3)
    assert mnist.head.kind == "generic"
    assert ours.head.kind == "cam"
    expected = np.sort(learner.predict_proba(mnist.features(photos)), axis=1)[:, ::-1]
    np.testing.assert_allclose(found.scores, expected, atol=1e-5)
    means = found.activation_maps.mean(axis=(2, 3)) + learner.intercept_[found.class_index]
    np.testing.assert_allclose(means, np.take_along_axis(found.logits, found.class_index, 1), atol=1e-4)


def test_new_classes_in_streams_methods_and_overlays(cifar):
    model, photos, animal = cifar
    learner = LogisticRegression().fit(model.features(photos), animal)
    animals = model.with_classes(
        np.concatenate([learner.coef_, -learner.coef_]), [1, -1] * learner.intercept_, labels=NEW, activation="sigmoid"
    )
    frame = np.asarray(fastcam.images.photos.read_photo(photos[0]))
    alone = animals.explain(frame)
    for steady in (None, Steady(0, 0)):
        with animals.stream([frame, frame], steady=steady) as stream:
            for _, found in stream:
                np.testing.assert_array_equal(found.activation_maps, alone.activation_maps)
                np.testing.assert_array_equal(found.boxes.xyxy, alone.boxes.xyxy)
    assert fastcam.overlay(frame, alone).shape == frame.shape
    gradcam = animals.explain(frame, method="gradcam")
    np.testing.assert_allclose(gradcam.activation_maps, np.maximum(alone.activation_maps, 0) / 64, atol=1e-6)
    np.testing.assert_allclose(alone.scores, 1 / (1 + np.exp(-alone.logits.max(axis=1, keepdims=True))), atol=1e-6)


def test_both_models_answer_from_many_threads(cifar):
    model, photos, _ = cifar
    other = model.with_classes(np.eye(64)[:3], np.zeros(3))
    with ThreadPoolExecutor(4) as pool:
        both = list(pool.map(lambda n: (model, other)[n % 2].explain(photos[0]).logits, range(8)))
    for n, logits in enumerate(both):
        np.testing.assert_array_equal(logits, both[n % 2])
    np.testing.assert_allclose(both[1], model.features(photos[0])[:, :3], atol=1e-6)


@pytest.mark.parametrize(
    ("weights", "bias", "options", "match"),
    [
        (np.ones((2, 63)), np.ones(2), {}, r"expected \(K, 64\) and \(K,\), for the 64 features .* got \(2, 63\)"),
        (np.ones((2, 64)), np.ones(3), {}, r"got \(2, 64\) and \(3,\)"),
        (np.ones(64), np.ones(1), {}, r"got \(64,\) and \(1,\)"),
        (np.ones((0, 64)), np.ones(0), {}, r"got \(0, 64\)"),
        (np.full((1, 64), np.nan), [0], {}, "expected finite numbers; got NaN or infinity"),
        ([["a"] * 64], [0], {}, "expected arrays of numbers"),
        ([[1.0], [1.0, 2.0]], [0], {}, "expected arrays of numbers"),
        (np.ones((2, 64)), np.ones(2), {"labels": ["one"]}, "labels: expected 2 names"),
        (
            np.ones((2, 64)),
            np.ones(2),
            {"activation": "tanh"},
            "activation: expected one of softmax, sigmoid, none; got 'tanh'",
        ),
    ],
)
def test_what_is_refused(cifar, weights, bias, options, match):
    with pytest.raises(InputError, match=match):
        cifar[0].with_classes(weights, bias, **options)


@pytest.mark.parametrize("method", methods.names(methods.MaskingMethod))
def test_methods_that_ask_again_ask_the_new_classes(cifar, method):
    """With its own class weights, a model answers as it did."""
    model, photos, _ = cifar
    again = model.with_classes(*model.head.linear())
    ours, theirs = (one.explain(photos[0], method=method, top=2) for one in (model, again))
    np.testing.assert_allclose(theirs.activation_maps, ours.activation_maps, atol=1e-4 * ours.activation_maps.max())
    assert theirs.how == ours.how


def test_what_goes_through_the_file_knows_nothing_of_new_classes(cifar):
    ours = cifar[0].with_classes(np.ones((1, 64)), [0.0])
    photo, match = np.zeros((32, 32, 3), np.uint8), "no layer, for a classifier made by with_classes.* got method "
    with pytest.raises(GradientError, match=f"{match}'auto', layer .'any',"):
        ours.explain(photo, layer="any")
    for ask in (ours.explain, ours.input_gradient):
        with pytest.raises(GradientError, match=f"{match}'saliency', layer None"):
            ask(photo, method="saliency")


def test_a_head_of_new_classes_is_no_head_of_the_file(cifar, tmp_path):
    """It is refused where it would be saved, loaded or baked with the file, which has no such logits."""
    model = cifar[0]
    head, match = model.with_classes(np.ones((1, 64)), [0.0]).head, "head: expected one .* got one of with_classes"
    with pytest.raises(InputError, match=match):
        head.save(tmp_path / "head.npz")
    with pytest.raises(InputError, match=match):
        fastcam.load(model.path, head=head)
    with pytest.raises(InputError, match=match):
        bake(model.path, tmp_path / "baked.onnx", head=head)
    assert not list(tmp_path.iterdir())


# ---- average pooling against maximum pooling -------------------------------------------------------------------------


def with_maximum(path):
    """The same network with the maximum in place of the mean."""
    model = onnx.load(path)
    for node in model.graph.node:
        if node.op_type == "GlobalAveragePool":
            node.op_type = "GlobalMaxPool"
    return model.SerializeToString()


def test_the_maximum_lights_up_a_single_place(shared, load_real):
    """The maps are the same, and the boxes smaller: the effect of the paper's table 3, GoogLeNet-GMP."""
    mean = load_real("squeezenet1_1_nchw")
    maximum = fastcam.load(with_maximum(mean.path), preprocess=mean.preprocess)
    assert (mean.head.kind, maximum.head.kind) == ("cam", "pool-nonlinear")
    photos = sorted(shared.glob("photos/openimages_cc/*.jpg"))[:3]
    whole = mean.explain(photos)
    point = maximum.explain(photos, class_index=whole.class_index, method="hirescam")
    lit = (point.activation_maps > 0).sum(axis=(2, 3))
    np.testing.assert_array_equal(lit, 1)
    np.testing.assert_array_equal(
        point.activation_maps.reshape(3, -1).argmax(axis=1), whole.activation_maps.reshape(3, -1).argmax(axis=1)
    )
    assert (point.boxes.area < 0.1 * whole.boxes.area).all()
