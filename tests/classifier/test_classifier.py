"""`Classifier.explain`: what it takes, what it returns, what it refuses."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from PIL import Image

import fastcam
from fastcam import InputError
from tests.model.models import build, classifier, overflowing

RNG = np.random.default_rng(0)
PHOTO = RNG.integers(0, 256, (21, 34, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def model():
    return fastcam.load(classifier(), labels=list("abcde"))


def test_every_way_to_hand_in_a_photo_is_the_same(model, tmp_path):
    Image.fromarray(PHOTO).save(tmp_path / "photo.png")
    path = tmp_path / "photo.png"
    ways = [PHOTO, Image.fromarray(PHOTO), path, str(path), [PHOTO], [path], (Image.fromarray(PHOTO),), PHOTO[None]]
    expected = model.explain(PHOTO, top=3)
    for way in ways:
        got = model.explain(way, top=3)
        np.testing.assert_array_equal(got.activation_maps, expected.activation_maps)
        np.testing.assert_array_equal(got.boxes.xyxy, expected.boxes.xyxy)


def test_shapes_and_dtypes_of_the_result(model):
    explanation = model.explain([PHOTO, PHOTO[:10], PHOTO[:, :7]], top=2)
    shapes = {
        "class_index": ((3, 2), np.int64),
        "scores": ((3, 2), np.float32),
        "logits": ((3, 5), np.float32),
        "activation_maps": ((3, 2, 16, 16), np.float32),
        "image_sizes": ((3, 2), np.int64),
        "regions": ((3, 4), np.int64),
    }
    for name, (shape, dtype) in shapes.items():
        value = getattr(explanation, name)
        assert (value.shape, value.dtype) == (shape, dtype), name
    boxes = explanation.boxes
    assert (boxes.xyxy.shape, boxes.xyxy.dtype) == ((3, 2, 4), np.int32)
    assert (boxes.area.shape, boxes.area.dtype) == ((3, 2), np.int32)
    assert (boxes.peak.shape, boxes.peak.dtype) == ((3, 2), np.float32)
    assert explanation.image_sizes.tolist() == [[21, 34], [10, 34], [21, 7]]
    with pytest.raises(FrozenInstanceError):
        explanation.method = "x"  # type: ignore[misc]


def test_the_result_says_how_it_was_made(model):
    explanation = model.explain(PHOTO, convention="gradcam", connectivity=4, engine="reference")
    assert (explanation.method, explanation.convention, explanation.threshold) == ("cam", "gradcam", 0.15)
    assert (explanation.connectivity, explanation.engine) == (4, "reference")
    assert (explanation.provider, explanation.head) == ("CPUExecutionProvider", model.head)
    assert explanation.labels == ("a", "b", "c", "d", "e")
    assert "0.485" in explanation.preprocess
    assert "cam head" in repr(model)


def test_top_is_ordered_by_score(model):
    explanation = model.explain(PHOTO, top=5)
    logits = explanation.logits[0]
    assert explanation.class_index[0].tolist() == np.argsort(-logits).tolist()
    expected = np.exp(logits - logits.max())
    np.testing.assert_allclose(explanation.scores[0], np.sort(expected / expected.sum())[::-1], rtol=1e-5)


def test_equal_logits_keep_the_order_of_classes():
    same = fastcam.load(
        classifier(w=np.tile(RNG.standard_normal((1, 6)), (5, 1)).astype(np.float32), b=np.zeros(5, "f4"))
    )
    assert same.explain(PHOTO, top=5).class_index[0].tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("wanted", "expected"), [(3, [[3], [3]]), ([1, 4], [[1, 4], [1, 4]]), ([[0], [2]], [[0], [2]])]
)
def test_classes_that_are_asked_for(model, wanted, expected):
    explanation = model.explain([PHOTO, PHOTO[::-1]], class_index=wanted)
    assert explanation.class_index.tolist() == expected
    for n, m in np.ndindex(2, len(expected[0])):
        c = expected[n][m]
        mean = explanation.activation_maps[n, m].mean(dtype=np.float64)
        assert abs(mean + model.head.bias[c] - explanation.logits[n, c]) < 1e-4


def test_boxes_are_those_of_the_maps(model):
    stretched = fastcam.load(classifier(), preprocess="imagenet,fit=stretch")
    explanation = stretched.explain(PHOTO, top=5, convention="minmax", threshold=0.4)
    boxes = fastcam.find_boxes(explanation.activation_maps, PHOTO.shape[:2], convention="minmax", threshold=0.4)
    np.testing.assert_array_equal(explanation.boxes.xyxy, boxes.xyxy)
    np.testing.assert_array_equal(explanation.boxes.area, boxes.area)


def test_a_single_logit_is_a_class_where_the_caller_says_so():
    data = build(
        "maps = Conv(image, k) p = GlobalAveragePool(maps) q = Flatten(p) logits = MatMul(q, w)",
        outputs="float[N, 1] logits",
        k=(4, 3, 1, 1),
        w=(4, 1),
    )
    explanation = fastcam.load(data, activation="sigmoid").explain(PHOTO)
    np.testing.assert_allclose(explanation.scores[0, 0], 1 / (1 + np.exp(-explanation.logits[0, 0])), rtol=1e-6)


def test_models_that_leave_their_size_open():
    data = build(
        "maps = Conv(image, k) p = GlobalAveragePool(maps) q = Flatten(p) logits = MatMul(q, w)",
        inputs="float[N, 3, H, W] image",
        k=(4, 3, 1, 1),
        w=(4, 5),
    )
    assert fastcam.load(data).explain(PHOTO).activation_maps.shape == (1, 1, 224, 224)
    assert fastcam.load(data, preprocess="unit,size=24x40").explain(PHOTO).activation_maps.shape == (1, 1, 24, 40)


def test_many_threads_give_the_same_bits(model):
    photos = [RNG.integers(0, 256, (40, 50, 3), dtype=np.uint8) for _ in range(32)]
    expected = [model.explain(photo, top=2) for photo in photos]
    with ThreadPoolExecutor(8) as pool:
        for one, other in zip(pool.map(lambda photo: model.explain(photo, top=2), photos), expected, strict=True):
            np.testing.assert_array_equal(one.activation_maps, other.activation_maps)
            np.testing.assert_array_equal(one.boxes.xyxy, other.boxes.xyxy)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"top": 0}, "top: expected 1 to 5, the number of classes; got 0"),
        ({"top": 6}, "top: expected 1 to 5, the number of classes; got 6"),
        ({"top": 2, "class_index": 1}, "top: expected either top or class_index; got both"),
        ({"class_index": 5}, "class_index: expected 0 to 4, the model has 5 classes; got 5"),
        ({"class_index": "f"}, "class_index: expected a number or the name of a class; got 'f'"),
        ({"class_index": [[0], [1]]}, "class_index: expected one row for each of 1 images"),
        ({"method": "grad"}, r"method: expected one of auto, cam, gradcam, gradcam\+\+, .*; got 'grad'"),
        ({"convention": "x"}, "convention: expected one of paper"),
        ({"threshold": 1.0}, "threshold: expected"),
        ({"connectivity": 5}, "connectivity: expected 4 or 8"),
        ({"engine": "numpy"}, "engine: expected one of auto, cpu, reference"),
    ],
)
def test_options_that_are_refused(model, options, match):
    with pytest.raises(InputError, match=match):
        model.explain(PHOTO, **options)


@pytest.mark.parametrize(
    ("images", "match"),
    [
        ([], "images: expected at least one photo; got none"),
        (b"bytes", "image: not an image that Pillow can read by itself"),
        (None, "images, tensors: expected one of them; got none"),
        (np.zeros((2, 3, 8, 8), np.float32), r"image 0 of 2: image: expected \(H, W\), .*transpose\(1, 2, 0\)"),
        ([PHOTO, "none.jpg"], r"image 1 of 2: none\.jpg: no such file"),
        ([PHOTO, 3], "image 1 of 2: image: expected a path"),
    ],
)
def test_images_that_are_refused(model, images, match):
    with pytest.raises(InputError, match=match):
        model.explain(images)


def test_feature_maps_that_are_not_finite_are_an_error_that_names_the_image():
    model = fastcam.load(overflowing(), preprocess={"scale": 10.0})
    dark, white = np.zeros((16, 16, 3), np.uint8), np.full((16, 16, 3), 255, np.uint8)
    assert model.explain(dark).boxes.xyxy.shape == (1, 1, 4)
    with pytest.raises(InputError, match=r"image 1 of 2: expected finite logits; got NaN or infinity"):
        model.explain([dark, white])
