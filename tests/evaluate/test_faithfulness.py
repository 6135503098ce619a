"""Faithfulness of maps: orders that are known to be best, shards, batches, and what is refused."""

import pickle
from dataclasses import replace
from functools import partial
from importlib.resources import files

import numpy as np
import pytest
from onnxruntime.quantization import QuantType, quantize_dynamic

import fastcam
from fastcam import InputError
from fastcam.evaluate import AverageDrop, Deletion, Insertion, Road, impute
from tests.model.models import build, red_finder

MEASURES = {
    "drop": AverageDrop,
    "deletion": lambda **options: Deletion(steps=8, **options),
    "insertion": lambda **options: Insertion(steps=8, **options),
    "road": lambda **options: Road(fractions=(0.2, 0.6), **options),
}


@pytest.fixture(scope="module")
def cifar(load_real, shared):
    """A real network, three photos that it knows, and their explanation for two classes each."""
    model, found = load_real("cifar10_resnet20"), sorted(shared.glob("photos/cifar10/*.png"))[:3]
    return model, found, model.explain(found, top=2)


# ---- known answers ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def linear(tmp_path_factory):
    """The model whose logit 0 is the mean of red, a photo of which red is all that there is, and its true map."""
    path = tmp_path_factory.mktemp("linear") / "red.onnx"
    path.write_bytes(red_finder(16, 16))
    model = fastcam.load(path, preprocess="unit,fit=stretch")
    photo = np.zeros((16, 16, 3), np.uint8)
    photo[..., 0] = np.random.default_rng(0).permutation(256).reshape(16, 16)
    return model, photo, model.explain(photo, class_index=0)


def random_maps(explanation, seed):
    maps = np.random.default_rng(seed).standard_normal(explanation.activation_maps.shape).astype(np.float32)
    return replace(explanation, activation_maps=maps)


def reversed_maps(explanation):
    return replace(explanation, activation_maps=-explanation.activation_maps)


def test_the_deletion_curve_of_a_linear_model_is_known(linear):
    model, photo, explanation = linear
    measure = Deletion(steps=16)
    measure.update(model, photo, explanation)
    red = np.sort(photo[..., 0].ravel() / 255)[::-1]
    means = [red[16 * k :].sum() / 256 for k in range(17)]
    expected = [1 / (1 + np.exp(-0.5 - mean - 0.5)) for mean in means]  # softmax of two logits; green is 0
    np.testing.assert_allclose(measure.curves[0], expected, atol=1e-6)


@pytest.mark.parametrize(
    ("measure", "name", "sign"),
    [
        (Deletion(steps=16), "deletion_auc", -1),
        (Insertion(steps=16, baseline="zero"), "insertion_auc", 1),
        (Road(noise=0), "road", 1),
    ],
    ids=["deletion", "insertion", "road"],
)
def test_the_true_order_is_best_and_its_reverse_worst(linear, measure, name, sign):
    model, photo, explanation = linear

    def value(explained):
        one = pickle.loads(pickle.dumps(measure))
        one.update(model, photo, explained)
        return sign * one.summary()[name]

    best, worst = value(explanation), value(reversed_maps(explanation))
    others = [value(random_maps(explanation, seed)) for seed in range(3)]
    assert worst < min(others) <= max(others) < best


def test_a_map_of_everything_drops_nothing(linear):
    """A map of ones shows all of the photo; a constant map, which has no range, shows nothing."""
    model, photo, explanation = linear
    dark = photo.copy()
    dark[:, 8:] = 0
    left = np.zeros((1, 1, 16, 16), np.float32)
    left[..., :8] = 1
    measure = AverageDrop()
    measure.update(model, dark, replace(model.explain(dark, class_index=0), activation_maps=left))
    assert measure.summary()["average_drop"] == 0
    blank = AverageDrop()
    blank.update(model, photo, replace(explanation, activation_maps=np.ones((1, 1, 16, 16), np.float32)))
    before, after = (1 / (1 + np.exp(-1 - mean)) for mean in (photo[..., 0].mean() / 255, 0))
    assert blank.summary()["average_drop"] == pytest.approx((before - after) / before, abs=1e-5)


def test_maps_of_a_real_network_beat_random_ones(cifar):
    model, found, explanation = cifar
    values = []
    for one in (explanation, random_maps(explanation, 0)):
        measure = Insertion(steps=8, baseline="blur")
        measure.update(model, found, one)
        values.append(measure.summary()["insertion_auc"])
    assert values[0] > values[1]


# ---- batches, shards, progress ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", MEASURES)
def test_batches_change_nothing(cifar, kind):
    model, found, explanation = cifar
    seen, measures = [], [MEASURES[kind](), MEASURES[kind](batch_size=1), MEASURES[kind](batch_size=7)]
    for measure in measures:
        measure.update(model, found, explanation, progress=lambda *one: seen.append(one))
    for other in measures[1:]:
        np.testing.assert_allclose(other.scores, measures[0].scores, atol=1e-5)
    total = 6 * measures[0].points
    expected = [*range(7, total, 7), total]
    assert [done for done, _ in seen[-len(expected) :]] == expected
    assert {one for _, one in seen} == {total}


@pytest.fixture(scope="module")
def mixing(tmp_path_factory, photos):
    """A real network whose operators find their ranges while running, over all items of a batch, and two photos."""
    path = tmp_path_factory.mktemp("dynamic") / "squeezenet.onnx"
    quantize_dynamic(str(files("fastcam.data") / "squeezenet1_1.onnx"), path, weight_type=QuantType.QUInt8)
    model = fastcam.load(path, preprocess="caffe-bgr,fit=stretch,size=227")
    return model, photos[:2], model.explain(photos[:2])


@pytest.mark.parametrize(
    "make", [AverageDrop, partial(Deletion, steps=4), partial(Insertion, steps=4), partial(Road, fractions=(0.1,))]
)
def test_no_batch_size_changes_the_scores_of_a_model_that_mixes_the_items_of_a_batch(mixing, make):
    model, found, explanation = mixing
    scores, told = [], []
    for batch_size in (1, 2, 8, None):
        measure = make(batch_size=batch_size)
        measure.update(model, found, explanation, progress=lambda *now: told.append(now))
        scores.append(measure.scores)
    assert {total for _, total in told} == {2 * measure.points}
    assert told[-1] == (2 * measure.points, 2 * measure.points)
    for others in scores[1:]:
        np.testing.assert_allclose(others, scores[0], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("kind", MEASURES)
def test_shards_add_up_in_any_order(cifar, kind):
    model, found, explanation = cifar
    whole, parts = MEASURES[kind](batch_size=1), []
    for n in range(3):
        part = MEASURES[kind](batch_size=1)
        part.update(model, found[n], model.explain(found[n], class_index=explanation.class_index[n : n + 1]))
        whole.update(model, found[n], model.explain(found[n], class_index=explanation.class_index[n : n + 1]))
        parts.append(pickle.loads(pickle.dumps(part)))
    merged = MEASURES[kind]()
    for part in (parts[2], parts[0], parts[1]):
        before, merged = merged, merged.merge(part)
        assert merged is not before
    with pytest.raises(InputError, match="expected at least one map"):
        MEASURES[kind]().merge(MEASURES[kind]()).summary()
    assert parts[0].summary()["maps"] == 2
    assert merged.summary() == whole.summary()
    assert merged.summary()["maps"] == 6


def test_memory_is_bounded_by_the_batch(cifar):
    """No more than a batch of 64 changed images is in memory at once."""
    import tracemalloc

    model, found, explanation = cifar
    measure = Deletion(steps=64, batch_size=2)
    tracemalloc.start()
    try:
        measure.update(model, found, explanation)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    one = 4 * 3 * 32 * 32
    assert peak < 64 * one


# ---- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: AverageDrop(batch_size=0), "batch_size: expected a whole number, 1 or more, or None; got 0"),
        (lambda: AverageDrop(batch_size=True), "batch_size: .* got True"),
        (lambda: Deletion(steps=0), "steps: expected a whole number from 1; got 0"),
        (lambda: Insertion(baseline="black"), "baseline: expected one of zero, mean, blur; got 'black'"),
        (lambda: Road(fractions=()), "fractions: expected numbers in .0, 1., at least one"),
        (lambda: Road(fractions=(0.5, 1)), "fractions: .* got .0.5, 1.0"),
        (
            lambda: Road(fractions="half"),  # pyright: ignore
            "fractions: expected numbers",
        ),
        (lambda: Road(noise=-1), "noise: expected a standard deviation from 0; got -1"),
        (lambda: impute(np.zeros((3, 4, 4), np.float32), np.ones((4, 4), bool)), "removed: .* not all True"),
        (lambda: impute(np.zeros((3, 4, 4), np.float32), np.ones((3, 4), bool)), r"removed: expected \(4, 4\) bool"),
        (lambda: Deletion().summary(), "summary: expected at least one map; call update first"),
        (lambda: Deletion().merge(Deletion(steps=9)), r"merge: expected another Deletion\(.*steps=100"),
        (
            lambda: Deletion(baseline="blur").merge(Insertion()),  # pyright: ignore
            "merge: expected another Deletion",
        ),
    ],
)
def test_what_is_refused(make, match):
    with pytest.raises(InputError, match=match):
        make()


def test_what_does_not_fit_is_refused_and_not_counted(cifar, linear):
    model, found, explanation = cifar
    measure = Deletion(steps=2)
    with pytest.raises(InputError, match="expected one of these 2 images and 10 classes; got one of 3 images"):
        measure.update(model, found[:2], explanation)
    with pytest.raises(InputError, match="expected one of these 1 images and 10 classes; got .* 2 classes"):
        measure.update(model, found[0], linear[2])
    bad = replace(explanation, activation_maps=np.full((3, 2, 8, 8), np.nan, np.float32))
    with pytest.raises(InputError, match="expected finite"):
        measure.update(model, found, bad)
    with pytest.raises(InputError, match=r"expected activation_maps \(3, 2, 'h', 'w'\); got \(3, 8, 8\)"):
        measure.update(model, found, replace(explanation, activation_maps=np.zeros((3, 8, 8), np.float32)))
    with pytest.raises(InputError, match="summary: expected at least one map"):
        measure.summary()
    measure.update(model, found, explanation)
    with pytest.raises(InputError, match="expected the method 'cam', as before; got 'layercam'"):
        measure.update(model, found, replace(explanation, method="layercam"))
    other = Deletion(steps=2)
    other.update(model, found, replace(explanation, method="layercam"))
    with pytest.raises(InputError, match="merge: expected maps of the method 'cam', as here; got 'layercam'"):
        measure.merge(other)


def test_scores_that_are_not_finite_are_refused():
    """Zeros in place of the photo make this model divide by zero; the photo itself doesn't."""
    body = "s = ReduceMean<axes = [1, 2, 3]>(image) f = Conv(image, k) maps = Div(f, s) p = GlobalAveragePool(maps) q = Flatten(p) logits = Gemm<transB = 1>(q, w, b)"
    data = build(body, k=(4, 3, 1, 1), w=(5, 4), b=(5,))
    model = fastcam.load(data, preprocess="unit,fit=stretch")
    photo = np.random.default_rng(0).integers(1, 256, (16, 16, 3)).astype(np.uint8)
    with pytest.raises(InputError, match="expected finite logits of changed inputs; got NaN or infinity for 1 of 2"):
        Deletion(steps=2).update(model, photo, model.explain(photo, method="eigencam"))
