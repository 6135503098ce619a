"""The examples run, on real models and photos. That of Ray Data is in test_worker."""

import runpy
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image
from skimage.measure import label, regionprops
from sklearn.model_selection import StratifiedKFold

import fastcam
from fastcam.evaluate import iou

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
checkout = pytest.mark.skipif(not EXAMPLES.exists(), reason="only in a checkout")


@checkout
def test_new_concepts(shared, tmp_path):
    """A person is told from other things better than by always saying the same, with 32 photos to learn from."""
    main = runpy.run_path(str(EXAMPLES / "new_concepts.py"))["main"]
    model, out = shared / "models" / "mobilenet_v1_0.25_128_fp32_nhwc.onnx", tmp_path / "person.png"
    accuracy = main(str(model), str(shared / "photos" / "coco"), str(out), "64")
    assert accuracy["whole photos"] > accuracy["always the same"]
    assert 0.5 < accuracy["with crops"] <= 1
    with Image.open(out) as picture:
        assert np.asarray(picture).shape[2] == 3


# ---- average or max pooling ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pooling(shared):
    """The example's functions; SqueezeNet on small inputs, photos, and what it makes of them by either pooling."""
    names = runpy.run_path(str(EXAMPLES / "average_or_max_pooling.py"))
    names["main"].__globals__.update(RESAMPLES=20, THRESHOLDS=np.arange(10) / 10)  # for time
    path = shared / "models" / "squeezenet1_1_nchw.onnx"
    model = fastcam.load(path, preprocess="caffe-bgr,fit=stretch,size=127")
    photos = names["read_classes"](shared / "photos" / "coco").take(np.arange(24))
    maps = names["feature_maps"](model, photos.paths)
    learned = {
        kind: names["trained"](values[:16], photos.class_index[:16])
        for kind, values in {"average": maps.mean(axis=(2, 3)), "max": maps.max(axis=(2, 3))}.items()
    }
    models = {kind: names["pooled"](model, kind, weights) for kind, weights in learned.items()}
    held_out = photos.take(np.arange(16, 24))
    return SimpleNamespace(names=names, model=model, photos=held_out, maps=maps[16:], learned=learned, models=models)


@checkout
def test_only_the_pooling_and_its_weights_differ(pooling):
    """Heads of the right kinds on the very same feature maps, whose logits are those of NumPy."""
    assert {name: one.head.kind for name, one in pooling.models.items()} == {"average": "cam", "max": "pool-nonlinear"}
    for name, one in pooling.models.items():
        weights, bias = pooling.learned[name]
        features = {"average": pooling.maps.mean(axis=(2, 3)), "max": pooling.maps.max(axis=(2, 3))}[name]
        assert_array_equal(pooling.names["feature_maps"](one, pooling.photos.paths), pooling.maps)
        logits = one.explain(pooling.photos.paths).logits
        assert_allclose(logits, features @ weights.T + bias, rtol=1e-4, atol=1e-4)


@checkout
@pytest.mark.parametrize("kind", ["average", "max"])
def test_maps_are_weighted_sums_of_the_feature_maps_for_both_poolings(pooling, kind):
    """CAM for the average; for the maximum Grad-CAM is its positive part, and HiResCAM what is left of it at maxima."""
    one, maps, (weights, _) = pooling.models[kind], pooling.maps, pooling.learned[kind]
    sums = np.einsum("kc,nchw->nkhw", weights.astype(np.float64), maps)
    highest = (maps == maps.max(axis=(2, 3), keepdims=True)).astype(np.float64)
    at_maxima = highest / highest.sum(axis=(2, 3), keepdims=True) * maps
    expected = {
        "cam": sums,
        "gradcam": np.maximum(sums, 0) / maps[0, 0].size,
        "hirescam": np.maximum(np.einsum("kc,nchw->nkhw", weights.astype(np.float64), at_maxima), 0),
    }
    for method in pooling.names["METHODS"][kind]:
        found = one.explain(pooling.photos.paths, class_index=np.arange(5), method=method)
        assert found.method == method
        assert_allclose(found.activation_maps, expected[method], rtol=1e-4, atol=1e-5 * np.abs(expected[method]).max())


@checkout
def test_figures_of_pooling_are_those_of_opencv_and_scikit_image(pooling):
    """Classification error, mean IoU, pointing game and energy, from maps by NumPy, on photos that weren't trained on."""
    photos = pooling.photos
    for kind, method in (("average", "cam"), ("max", "gradcam")):
        weights, bias = pooling.learned[kind]
        features = {"average": pooling.maps.mean(axis=(2, 3)), "max": pooling.maps.max(axis=(2, 3))}[kind]
        best = (features @ weights.T + bias).argmax(axis=1)
        rows = []
        for n, (path, index) in enumerate(zip(photos.paths, photos.class_index, strict=True)):
            with Image.open(path) as photo:
                size = photo.size
            one = np.einsum("c,chw->hw", weights[index], pooling.maps[n])
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
        found = pooling.names["figures"](pooling.names["measured"](pooling.models[kind], photos, method))
        titles = ("top-1 cls. error", "mean box IoU", "pointing game", "energy in boxes")
        assert_allclose([found[title][0] for title in titles], np.mean(rows, axis=0), atol=2e-3)


@checkout
def test_the_poolings_example_from_end_to_end(pooling, shared, monkeypatch):
    """Each photo by what was trained without it; untrained, no figure of a known class differs from average pooling's."""
    main = pooling.names["main"]
    monkeypatch.setitem(main.__globals__, "METHODS", {"average": ["gradcam"], "max": ["gradcam"]})
    path, coco = shared / "models" / "squeezenet1_1_nchw.onnx", shared / "photos" / "coco"
    learned, own = main(str(path), "caffe-bgr,size=127", str(coco), "0.1", "20", "2").values()
    assert list(learned) == list(own) == ["average, gradcam", "max, gradcam", "max, gradcam: difference"]
    for rows in (learned, own):
        average, largest, difference = rows.values()
        for title, (figure, low, high) in difference.items():
            assert figure == pytest.approx(largest[title][0] - average[title][0])
            assert low <= high
    for title in ("GT-known", "mean box IoU", "MaxBoxAccV2", "pointing game", "energy in boxes"):
        assert own["max, gradcam: difference"][title] == pytest.approx((0, 0, 0), abs=1e-6)

    photos = pooling.names["read_classes"](coco).take(np.arange(20))
    tallies = []
    for train, held_out in StratifiedKFold(2, shuffle=True, random_state=0).split(photos.paths, photos.class_index):
        largest = pooling.names["feature_maps"](pooling.model, photos.take(train).paths).max(axis=(2, 3))
        one = pooling.names["pooled"](
            pooling.model, "max", pooling.names["trained"](largest, photos.class_index[train])
        )
        tallies.append(pooling.names["measured"](one, photos.take(held_out), "gradcam"))
    whole = {name: np.concatenate([one[name] for one in tallies]) for name in tallies[0]}
    expected = {title: figure for title, (figure, _, _) in pooling.names["figures"](whole).items()}
    assert {title: figure for title, (figure, _, _) in learned["max, gradcam"].items()} == pytest.approx(expected)
