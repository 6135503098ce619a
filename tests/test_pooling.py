"""Average against max pooling, on a part of the photos: the same maps, and the figures by other people's code."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image
from skimage.measure import label, regionprops
from sklearn.model_selection import StratifiedKFold

import fastcam
from benchmarks import pooling
from fastcam.evaluate import iou


@pytest.fixture(autouse=True, scope="module")
def quick():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pooling, "RESAMPLES", 20)
        patch.setattr(pooling, "THRESHOLDS", np.arange(10) / 10)
        yield


@pytest.fixture(scope="module")
def seen(shared):
    """SqueezeNet on small inputs, photos, and what it makes of them by either pooling."""
    path = shared / "models" / "squeezenet1_1_nchw.onnx"
    model = fastcam.load(path, preprocess="caffe-bgr,fit=stretch,size=127")
    photos = pooling.read_classes(shared / "photos" / "coco").take(np.arange(24))
    maps = pooling.feature_maps(model, photos.paths)
    learned = {
        kind: pooling.trained(values[:16], photos.class_index[:16])
        for kind, values in {"average": maps.mean(axis=(2, 3)), "max": maps.max(axis=(2, 3))}.items()
    }
    models = {kind: pooling.pooled(model, kind, weights) for kind, weights in learned.items()}
    held_out = photos.take(np.arange(16, 24))
    return SimpleNamespace(model=model, photos=held_out, maps=maps[16:], learned=learned, models=models)


def test_only_the_pooling_and_its_weights_differ(seen):
    """Heads of the right kinds on the very same feature maps, whose logits are those of NumPy."""
    assert {name: one.head.kind for name, one in seen.models.items()} == {"average": "cam", "max": "pool-nonlinear"}
    for name, one in seen.models.items():
        weights, bias = seen.learned[name]
        features = {"average": seen.maps.mean(axis=(2, 3)), "max": seen.maps.max(axis=(2, 3))}[name]
        assert_array_equal(pooling.feature_maps(one, seen.photos.paths), seen.maps)
        logits = one.explain(seen.photos.paths).logits
        assert_allclose(logits, features @ weights.T + bias, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", ["average", "max"])
def test_maps_are_weighted_sums_of_the_feature_maps_for_both_poolings(seen, kind):
    """CAM for the average; for the maximum Grad-CAM is its positive part, and HiResCAM what is left of it at maxima."""
    one, maps, (weights, _) = seen.models[kind], seen.maps, seen.learned[kind]
    sums = np.einsum("kc,nchw->nkhw", weights.astype(np.float64), maps)
    highest = (maps == maps.max(axis=(2, 3), keepdims=True)).astype(np.float64)
    at_maxima = highest / highest.sum(axis=(2, 3), keepdims=True) * maps
    expected = {
        "cam": sums,
        "gradcam": np.maximum(sums, 0) / maps[0, 0].size,
        "hirescam": np.maximum(np.einsum("kc,nchw->nkhw", weights.astype(np.float64), at_maxima), 0),
    }
    for method in pooling.METHODS[kind]:
        found = one.explain(seen.photos.paths, class_index=np.arange(5), method=method)
        assert found.method == method
        assert_allclose(found.activation_maps, expected[method], rtol=1e-4, atol=1e-5 * np.abs(expected[method]).max())


def test_figures_of_pooling_are_those_of_opencv_and_scikit_image(seen):
    """Classification error, mean IoU, pointing game and energy, from maps by NumPy, on photos that weren't trained on."""
    photos = seen.photos
    for kind, method in (("average", "cam"), ("max", "gradcam")):
        weights, bias = seen.learned[kind]
        features = {"average": seen.maps.mean(axis=(2, 3)), "max": seen.maps.max(axis=(2, 3))}[kind]
        best = (features @ weights.T + bias).argmax(axis=1)
        rows = []
        for n, (path, index) in enumerate(zip(photos.paths, photos.class_index, strict=True)):
            with Image.open(path) as photo:
                size = photo.size
            one = np.einsum("c,chw->hw", weights[index], seen.maps[n])
            one = cv2.resize(one if method == "cam" else np.maximum(one, 0), size)
            inside, (y, x) = np.zeros(one.shape, bool), np.unravel_index(one.argmax(), one.shape)
            for x0, y0, x1, y1 in photos.truth.of(n).astype(int):
                inside[y0:y1, x0:x1] = True
            regions = regionprops(label(one > 0.2 * one.max(), connectivity=2))
            overlap, energy = 0, np.maximum(one, 0)
            if regions:  # one photo has no positive value
                top, left, bottom, right = max(regions, key=lambda region: region.area).bbox
                overlap = iou([[left, top, right, bottom]], photos.truth.of(n)).max()
            rows.append([best[n] != index, overlap, inside[y, x], energy[inside].sum() / max(energy.sum(), 1e-30)])
        found = pooling.figures(pooling.measured(seen.models[kind], photos, method))
        titles = ("top-1 cls. error", "mean box IoU", "pointing game", "energy in boxes")
        assert_allclose([found[title][0] for title in titles], np.mean(rows, axis=0), atol=2e-3)


def test_from_end_to_end(seen, shared, monkeypatch):
    """Each photo by what was trained without it; untrained, no figure of a known class differs from average pooling's."""
    monkeypatch.setattr(pooling, "METHODS", {"average": ["gradcam"], "max": ["gradcam"]})
    path, coco = shared / "models" / "squeezenet1_1_nchw.onnx", shared / "photos" / "coco"
    learned, own = pooling.main(str(path), "caffe-bgr,size=127", str(coco), "0.1", "20", "2").values()
    assert list(learned) == list(own) == ["average, gradcam", "max, gradcam", "max, gradcam: difference"]
    for rows in (learned, own):
        average, largest, difference = rows.values()
        for title, (figure, low, high) in difference.items():
            assert figure == pytest.approx(largest[title][0] - average[title][0])
            assert low <= high
    for title in ("GT-known", "mean box IoU", "MaxBoxAccV2", "pointing game", "energy in boxes"):
        assert own["max, gradcam: difference"][title] == pytest.approx((0, 0, 0), abs=1e-6)

    photos = pooling.read_classes(coco).take(np.arange(20))
    tallies = []
    for train, held_out in StratifiedKFold(2, shuffle=True, random_state=0).split(photos.paths, photos.class_index):
        largest = pooling.feature_maps(seen.model, photos.take(train).paths).max(axis=(2, 3))
        one = pooling.pooled(seen.model, "max", pooling.trained(largest, photos.class_index[train]))
        tallies.append(pooling.measured(one, photos.take(held_out), "gradcam"))
    whole = {name: np.concatenate([one[name] for one in tallies]) for name in tallies[0]}
    expected = {title: figure for title, (figure, _, _) in pooling.figures(whole).items()}
    assert {title: figure for title, (figure, _, _) in learned["max, gradcam"].items()} == pytest.approx(expected)
