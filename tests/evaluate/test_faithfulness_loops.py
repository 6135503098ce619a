"""Faithfulness of maps, against loops over plain ONNX Runtime."""

import numpy as np
import onnxruntime as ort
import pytest
from sklearn.metrics import auc

import fastcam
from fastcam.evaluate import AverageDrop, Deletion, Insertion, Road, impute
from fastcam.images import frames


@pytest.fixture(scope="module")
def cifar(load_real, shared):
    """A real network, three photos that it knows, and their explanation for two classes each."""
    model, found = load_real("cifar10_resnet20"), sorted(shared.glob("photos/cifar10/*.png"))[:3]
    return model, found, model.explain(found, top=2)


def plain(model, photo):
    """The network input (1, ...) of a photo that is stretched, and how to ask ONNX Runtime for scores of others."""
    session = ort.InferenceSession(model.path)
    pixels = np.asarray(fastcam.images.photos.read_photo(photo))
    given = frames.network_input(pixels, (0, 0, pixels.shape[1], pixels.shape[0]), model.preprocess, model.input)

    def ask(image):
        out = np.asarray(session.run(None, {session.get_inputs()[0].name: image.astype(given.dtype)})[0]).reshape(-1)
        if model.head.activation != "none":
            return out
        powers = np.exp(out.astype(np.float64) - out.max())
        return powers / powers.sum()

    return given, ask


def curve_by_loops(model, photo, maps, wanted, steps, first, last):
    """Scores as pixels of the last image come into the first, one by one; channels first."""
    given, ask = plain(model, photo)
    images = {"image": given, "zero": np.zeros_like(given)}
    image, target = images[first].copy(), images[last]
    height, width = given.shape[2:]
    relevance = fastcam.heatmaps(maps, (height, width), normalize=False)
    places = sorted(range(relevance.size), key=lambda place: -relevance.ravel()[place])
    scores = [ask(image)[wanted]]
    for k in range(1, steps + 1):
        for place in places[(k - 1) * len(places) // steps : k * len(places) // steps]:
            y, x = divmod(place, width)
            image[:, :, y, x] = target[:, :, y, x]
        scores.append(ask(image)[wanted])
    return scores


def test_average_drop_by_loops(cifar):
    model, found, explanation = cifar
    drops, increases = [], []
    for photo, maps, classes in zip(found, explanation.activation_maps, explanation.class_index, strict=True):
        given, ask = plain(model, photo)
        for one, wanted in zip(maps, classes, strict=True):
            heat = fastcam.heatmaps(one, (32, 32))
            before, after = ask(given)[wanted], ask(given * heat)[wanted]
            drops.append(max(0.0, before - after) / before)
            increases.append(after > before)
    measure = AverageDrop()
    measure.update(model, found, explanation)
    summary = measure.summary()
    assert summary["maps"] == 6
    assert summary["method"] == "cam"
    assert summary["average_drop"] == pytest.approx(np.mean(drops), abs=1e-5)
    assert summary["increase_in_confidence"] == np.mean(increases)
    np.testing.assert_allclose(measure.values()["average_drop"], drops, atol=1e-4)


@pytest.mark.parametrize("kind", [Deletion, Insertion])
def test_deletion_and_insertion_by_loops(cifar, kind):
    model, found, explanation = cifar
    measure = kind(steps=16, baseline="zero")
    measure.update(model, found[:2], model.explain(found[:2]))
    ends = ("image", "zero") if kind is Deletion else ("zero", "image")
    for n in range(2):
        wanted = int(explanation.class_index[n, 0])
        expected = curve_by_loops(model, found[n], explanation.activation_maps[n, 0], wanted, 16, *ends)
        np.testing.assert_allclose(measure.curves[n], expected, atol=1e-5)
        area = auc(np.linspace(0, 1, 17), expected)
        (got,) = measure.values().values()
        assert got[n] == pytest.approx(area, abs=1e-5)


@pytest.mark.parametrize("name", ["mobilenet_v1_0.25_128_fp32_nhwc", "mobilenet_v2_1.0_224_quant_q"])
def test_layouts_and_pixels(load_real, photos, name):
    """Channels last in float32, and in uint8 with a batch of one: deleting everything leaves zeros."""
    model = load_real(name)
    explanation = model.explain(photos[0])
    measure = Deletion(steps=2, batch_size=3)
    measure.update(model, photos[0], explanation)
    given, ask = plain(model, photos[0])
    zeros = ask(np.zeros_like(given))
    if model.input.dtype == np.uint8:  # the scores, too, of which fastcam takes the logits
        zeros = model.vision.run(np.zeros_like(given)).scores[0]
    assert measure.scores[0, -1] == pytest.approx(zeros[explanation.class_index[0, 0]], abs=1e-5)
    assert measure.scores[0, 0] == explanation.scores[0, 0]
    drop = AverageDrop()
    drop.update(model, photos[0], explanation)  # pixels between levels are rounded
    assert 0 <= drop.summary()["average_drop"] <= 1


def imputed_by_loops(image, removed):
    height, width = removed.shape
    places = [(y, x) for y in range(height) for x in range(width) if removed[y, x]]
    matrix, right = np.zeros((len(places), len(places))), np.zeros((len(places), len(image)))
    for row, (y, x) in enumerate(places):
        for dy in (-1, 0, 1):
            for dx in (-1, 0, 1):
                weight = {0: 0.0, 1: 1 / 6, 2: 1 / 12}[abs(dy) + abs(dx)]
                if not weight or not (0 <= y + dy < height and 0 <= x + dx < width):
                    continue
                matrix[row, row] += weight
                if removed[y + dy, x + dx]:
                    matrix[row, places.index((y + dy, x + dx))] -= weight
                else:
                    right[row] += weight * image[:, y + dy, x + dx]
    filled = image.copy()
    for (y, x), value in zip(places, np.linalg.solve(matrix, right), strict=True):
        filled[:, y, x] = value
    return filled


@pytest.mark.parametrize("share", [0.1, 0.5, 0.97])
def test_imputation_by_loops(share):
    rng = np.random.default_rng(0)
    image = rng.standard_normal((3, 9, 7)).astype(np.float32)
    removed = np.zeros(63, bool)
    removed[rng.permutation(63)[: int(share * 63)]] = True
    removed = removed.reshape(9, 7)
    got = impute(image, removed)
    np.testing.assert_allclose(got, imputed_by_loops(image, removed), atol=2e-6)
    np.testing.assert_array_equal(got[:, ~removed], image[:, ~removed])


def test_road_removes_and_imputes(cifar):
    model, found, explanation = cifar
    measure = Road(fractions=(0.25,), noise=0)
    measure.update(model, found[0], model.explain(found[0]))
    given, ask = plain(model, found[0])
    relevance = fastcam.heatmaps(explanation.activation_maps[0, 0], (32, 32), normalize=False).ravel()
    order, expected = np.argsort(-relevance, kind="stable"), []
    for places in (order[:256], order[-256:]):
        removed = np.isin(np.arange(1024), places).reshape(32, 32)
        expected.append(ask(impute(given[0], removed)[None])[explanation.class_index[0, 0]])
    np.testing.assert_allclose(measure.scores[0, 1:], expected, atol=1e-5)
    summary = measure.summary()
    assert summary["road"] == pytest.approx((summary["road_lerf"] - summary["road_morf"]) / 2)
