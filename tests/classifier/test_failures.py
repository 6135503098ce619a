"""Broken images among others: named as an error, or left out with their reason."""

import pickle
import traceback

import numpy as np
import pytest
from PIL import Image

import fastcam
from fastcam import InputError
from tests.model.models import classifier, overflowing

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def model():
    return fastcam.load(classifier(), labels=list("abcde"), preprocess="unit")


@pytest.fixture
def photos(tmp_path):
    """Six photos: number 1 is text, number 4 isn't there."""
    found = [tmp_path / f"{n}.png" for n in range(6)]
    for path in found:
        Image.fromarray(RNG.integers(0, 256, (20, 24, 3), np.uint8)).save(path)
    found[1].write_text("no photo")
    found[4].unlink()
    return found


def test_the_others_are_explained_and_rows_say_which_they_are(model, photos):
    index = [[0], [1], [2], [3], [4], [0]]
    found = model.explain(photos, class_index=index, on_error="skip")
    expected = model.explain([photos[n] for n in (0, 2, 3, 5)], class_index=[[0], [2], [3], [0]])
    np.testing.assert_array_equal(found.activation_maps, expected.activation_maps)
    np.testing.assert_array_equal(found.boxes.xyxy, expected.boxes.xyxy)
    assert found.class_index.tolist() == [[0], [2], [3], [0]]
    assert found.image_index.tolist() == [0, 2, 3, 5]
    assert [one.index for one in found.failures] == [1, 4]
    assert "1.png: not an image" in str(found.failures[0].error)
    assert "4.png: no such file" in str(found.failures[1].error)


def test_errors_keep_nothing_that_was_at_hand_and_can_be_sent(model, photos):
    found = pickle.loads(pickle.dumps(model.explain(photos, on_error="skip")))
    for one in found.failures:
        assert isinstance(one.error, InputError)
        assert len(traceback.format_exception(one.error)) == 1


def test_without_a_failure_all_is_as_ever(model, photos):
    found = model.explain(photos[2:4], on_error="skip")
    assert found.failures == ()
    assert found.image_index.tolist() == [0, 1]
    assert model.explain(photos[0]).image_index.tolist() == [0]


def test_unless_told_otherwise_the_first_is_an_error(model, photos):
    with pytest.raises(InputError, match="image 1 of 6: .*1.png: not an image"):
        model.explain(photos)


def test_an_error_if_none_is_left(model, photos):
    with pytest.raises(
        InputError, match="expected an image that can be explained; none of 2 can: .*1.png: not an image"
    ):
        model.explain([photos[1], photos[4]], on_error="skip")


def test_an_image_that_overflows_the_model_is_left_out():
    white, dark = np.full((16, 16, 3), 255, np.uint8), np.zeros((16, 16, 3), np.uint8)
    model = fastcam.load(overflowing(), preprocess={"scale": 10.0, "mean": [0] * 3, "std": [1] * 3})
    found = model.explain([dark, white], on_error="skip")
    assert [one.index for one in found.failures] == [1]
    assert "expected finite logits" in str(found.failures[0].error)


def test_options_are_errors_all_the_same(model, photos):
    with pytest.raises(InputError, match="on_error: expected 'raise' or 'skip'; got 'ignore'"):
        model.explain(photos, on_error="ignore")
    with pytest.raises(InputError, match="top: expected"):
        model.explain(photos, top=9, on_error="skip")
