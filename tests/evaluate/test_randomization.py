"""The sanity check of maps: random parameters, from the logits down."""

import pickle
from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from scipy.stats import rankdata

import fastcam
from fastcam import InputError, ModelError
from fastcam.evaluate import Randomization, randomized_models
from fastcam.model.file.source import Parsed
from fastcam.model.graph.graph import Graph
from fastcam.model.graph.randomization import layers, randomize
from tests.model.models import build, classifier, make


@pytest.fixture(scope="module")
def cifar(load_real, shared):
    return load_real("cifar10_resnet20"), sorted(shared.glob("photos/cifar10/*.png"))[:4]


@pytest.fixture(scope="module")
def measured(cifar):
    model, photos = cifar
    measure, done = Randomization(stages=3), []
    measure.update(model, photos, model.explain(photos), progress=lambda *one: done.append(one))
    return measure, done


# ---- which parameters ------------------------------------------------------------------------------------------------


def test_layers_of_a_real_network_from_the_logits_down(cifar):
    """Each convolution and the linear layer, 20 of them, with their biases; nothing is left out."""
    whole = onnx.load(cifar[0].path)
    found = layers(Graph.of(Parsed(whole)))
    assert found[0].tensors == ("linear.bias", "linear.weight")
    assert found[-1].name == "/conv1/Conv"
    kernels = {tensor.name for tensor in whole.graph.initializer if len(tensor.dims) > 1}
    assert kernels == {name for layer in found for name in layer.tensors} & kernels
    assert len([layer for layer in found if "onv" in layer.name or "linear" in layer.name]) >= 20


def test_settings_are_no_parameters():
    """Scales of Resize, shapes that are computed, and constants of whole numbers stay; weights in Constant nodes don't."""
    body = (
        "r = Resize(image, , scales) f = Conv<pads = [1, 1, 1, 1]>(r, k) n = BatchNormalization(f, s, t, m, v) "
        "maps = Relu(n) p = GlobalAveragePool(maps) sh = Shape(p) b1 = Gather(sh, zero) b2 = Concat<axis = 0>(b1, minus) "
        "q = Reshape(p, b2) c = Constant<value = float[6, 2] {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}>() "
        "logits = MatMul(q, c)"
    )
    vector = np.arange(1, 7, dtype=np.float32)
    model = make(
        body,
        outputs="float[N, 2] logits",
        scales=np.array([1, 1, 2, 2], np.float32),
        zero=np.array([0]),
        minus=np.array([-1]),
        k=(6, 3, 3, 3),
        s=vector,
        t=vector,
        m=vector,
        v=vector,
    )
    found = layers(Graph.of(Parsed(model)))
    assert [set(layer.tensors) for layer in found] == [{"c"}, {"s", "t", "m", "v", "k"}]
    changed = randomize(model, ["c", "v"], "permuted", np.random.default_rng(0))
    before, after = (
        next(node for node in one.graph.node if node.output[0] == "c").attribute[0].t for one in (model, changed)
    )
    before, after = numpy_helper.to_array(before), numpy_helper.to_array(after)
    assert sorted(before.ravel()) == sorted(after.ravel())
    assert (before != after).any()
    for one, other in zip(model.graph.initializer, changed.graph.initializer, strict=True):
        assert (one == other) == (one.name != "v")


def test_normal_noise_has_the_same_moments():
    model = make("f = Conv(image, k) maps = Relu(f) g = GlobalAveragePool(maps) logits = Flatten(g)", k=(50, 3, 8, 8))
    model.graph.initializer[0].CopyFrom(
        numpy_helper.from_array(3 + numpy_helper.to_array(model.graph.initializer[0]), "k")
    )
    changed = randomize(model, ["k"], "normal", np.random.default_rng(0))
    values = numpy_helper.to_array(changed.graph.initializer[0])
    assert (values != numpy_helper.to_array(model.graph.initializer[0])).all()
    assert values.mean() == pytest.approx(3, abs=0.05)
    assert values.std() == pytest.approx(1, abs=0.05)


# ---- models ----------------------------------------------------------------------------------------------------------


def test_models_become_random_layer_by_layer(cifar):
    model, photos = cifar
    names, others = zip(*randomized_models(model, stages=2), strict=True)
    assert names == ("/linear/Gemm", "/conv1/Conv")
    features = [other.features(photos[:1]) for other in (model, *others)]
    np.testing.assert_array_equal(features[0], features[1])  # below the last layer nothing has changed yet
    assert np.abs(features[0] - features[2]).max() > 0.1
    ours, theirs = model.head.class_weights, others[0].head.class_weights
    np.testing.assert_allclose(np.sort(ours.ravel()), np.sort(theirs.ravel()), atol=1e-6)
    assert np.corrcoef(ours.ravel(), theirs.ravel())[0, 1] < 0.3
    ((_, alone),) = randomized_models(model, stages=1, cascading=False)
    np.testing.assert_array_equal(alone.head.class_weights, theirs)  # a seed for each layer


def test_maps_of_a_random_model_are_others(measured):
    measure, done = measured
    summary = measure.summary()
    assert summary["maps"] == 4
    assert summary["layers"][0] == "/linear/Gemm"
    assert summary["layers"][-1] == "/conv1/Conv"
    assert np.abs(summary["spearman"]).max() < 0.6
    assert np.abs(summary["ssim"]).max() < 0.6
    assert done == [(1, 3), (2, 3), (3, 3)]


def test_similarities_by_hand(cifar, measured):
    """Rank correlation is the correlation of ranks; a map that doesn't depend on the parameters fails the check."""
    from fastcam.evaluate.metrics.randomization import _similarities

    model, photos = cifar
    explanation = model.explain(photos)
    _, other = next(randomized_models(model, stages=1))
    again = other.explain(photos, class_index=explanation.class_index)
    for n in range(4):
        ranks = [rankdata(e.activation_maps[n, 0]).ravel() for e in (explanation, again)]
        expected = np.corrcoef(*ranks)[0, 1]
        assert measured[0].values()["spearman"][n, 0] == pytest.approx(expected, abs=1e-6)
    np.testing.assert_allclose(_similarities(explanation, explanation, (32, 32)), 1, atol=1e-6)
    flat = replace(explanation, activation_maps=np.ones_like(explanation.activation_maps))
    assert (_similarities(explanation, flat, (32, 32))[:, 0] == 0).all()


def test_shards_add_up(cifar, measured):
    model, photos = cifar
    parts = [Randomization(stages=3) for _ in range(2)]
    for part, some in zip(parts, (photos[:1], photos[1:]), strict=True):
        part.update(model, some, model.explain(some))
    merged = Randomization(stages=3)
    for part in reversed(parts):
        merged = merged.merge(pickle.loads(pickle.dumps(part)))
    assert merged.summary() == measured[0].summary()


# ---- what is refused -------------------------------------------------------------------------------------------------


def test_what_is_refused(cifar, measured, tmp_path):
    model, photos = cifar
    with pytest.raises(InputError, match="stages: expected a whole number from 1; got 0"):
        Randomization(stages=0)
    with pytest.raises(InputError, match="noise: expected 'permuted' or 'normal'; got 'white'"):
        next(randomized_models(model, noise="white"))  # pyright: ignore
    with pytest.raises(InputError, match="expected one that was loaded from a file"):
        next(randomized_models(fastcam.load(classifier())))
    with pytest.raises(InputError, match="expected one of these 1 images"):
        Randomization().update(model, photos[0], model.explain(photos))
    other = Randomization(stages=3)
    other.layers, other.method = ("a", "b", "c"), "cam"
    with pytest.raises(InputError, match="merge: expected maps of the layers .* as here; got .'a', 'b', 'c'."):
        measured[0].merge(other)
    path = tmp_path / "bare.onnx"
    path.write_bytes(
        build("maps = Relu(image) g = GlobalAveragePool(maps) logits = Flatten(g)", outputs="float[N, 3] logits")
    )
    with pytest.raises(ModelError, match="bare.onnx: expected a model with stored weights; got one without"):
        next(randomized_models(fastcam.load(path)))


def test_a_random_model_that_can_not_be_explained_is_named(tmp_path):
    """Large weights, which met nothing but zeros, meet one another: the logits are infinite."""
    body = (
        "e = Conv(image, k) f = Conv(e, j) maps = Relu(f) g = GlobalAveragePool(maps) q = Flatten(g) "
        "logits = Gemm<transB = 1>(q, w, b)"
    )
    rng = np.random.default_rng(0)
    first, second = rng.standard_normal((2, 4, 4, 1, 1)).astype(np.float32)
    first[:2] *= 1e25
    first[2:] = 0
    second[:, :2] *= 1e-25
    second[:, 2:] *= 1e25
    path = tmp_path / "large.onnx"
    path.write_bytes(build(body, k=first[:, :3], j=second, w=(5, 4), b=(5,)))
    model = fastcam.load(path, preprocess="unit")
    with pytest.raises(ModelError, match=r"large.onnx, random down to 'f': "):
        list(randomized_models(model))
