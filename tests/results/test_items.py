"""Images and classes of an explanation, by `for`, by index and by slice."""

import copy
import pickle
import tracemalloc
from dataclasses import FrozenInstanceError, fields, replace
from itertools import pairwise

import numpy as np
import pytest

import fastcam
from fastcam.results import Failure, Found, ImageExplanation
from tests.model import ranks
from tests.results.explained import LABELS, SIZES, model, of_rank, photos, without_boxes


@pytest.fixture(scope="module")
def found():
    return model().explain(photos(), top=2, keep_images=True)


def test_classes_image_by_image(found):
    assert len(found) == 3
    seen = 0
    for n, image in enumerate(found):
        assert (len(image), image.image_index, image.image_size) == (2, n, SIZES[n])
        for m, item in enumerate(image):
            index = found.class_index[n, m]
            assert (item.image_index, item.map_index, item.class_index, item.label) == (n, m, index, LABELS[index])
            assert (item.score, item.logit) == (found.scores[n, m], found.logits[n, index])
            assert item.box == tuple(found.boxes.xyxy[n, m])
            assert (item.area, item.peak) == (found.boxes.area[n, m], found.boxes.peak[n, m])
            np.testing.assert_array_equal(item.activation_map, found.activation_maps[n, m])
            np.testing.assert_array_equal(item.heatmap(dtype="u1"), found.heatmap(n, m, dtype="u1"))
            assert item.score_text == found.score_text(n, m)
            seen += 1
    assert seen == 6


def test_values_are_those_of_python(found):
    item = found[0][0]
    values = (item.class_index, item.score, item.logit, item.area, item.peak, item.rank, *item.box)
    assert {type(value) for value in values} == {int, float}


def test_an_index_is_what_iterating_yields(found):
    for n, image in enumerate(found):
        assert isinstance(image, ImageExplanation)
        assert repr(found[n]) == repr(image)
        assert repr(found[n - 3]) == repr(found[np.int64(n)]) == repr(image)
    assert [image.image_index for image in reversed(found)] == [2, 1, 0]
    assert isinstance(found[0][-1], Found)
    assert [item.map_index for item in found[0][:]] == [0, 1]
    for index in (3, -4):
        with pytest.raises(IndexError, match=f"expected the index of an image, 0 to 2; got {index}"):
            found[index]
    with pytest.raises(TypeError, match="'str' object cannot be interpreted as an integer"):
        found["dog"]


def test_slices_are_explanations(found):
    one = found[1:2]
    assert isinstance(one, fastcam.Explanation)
    assert one.to_dict()["images"] == [found.to_dict()["images"][1] | {"image": 0}]
    np.testing.assert_array_equal(fastcam.overlay(photos()[1], one), fastcam.overlay(photos()[1], found, item=1))
    assert (len(found[3:]), list(found[3:])) == (0, [])
    assert [image.image_size for image in found[::-2]] == [SIZES[2], SIZES[0]]


def test_slices_have_a_part_of_everything_that_is_of_images(found):
    """A field of one entry an image that slices forget would break here."""
    steady = replace(found, limits=np.zeros((3, 2, 2), np.float32))
    for field in fields(steady):
        whole, part = getattr(steady, field.name), getattr(steady[:1], field.name)
        if isinstance(whole, np.ndarray | tuple) and len(whole) == len(found):
            assert len(part) == 1, field.name
    assert len(found[:1].boxes.area) == len(found[:1].boxes.peak) == 1


def test_nothing_is_copied(found):
    for view in (found[1], found[1:3]):
        for array in (view.logits, view.image if isinstance(view, ImageExplanation) else view.images[0]):
            assert any(np.shares_memory(array, own) for own in (found.logits, *found.images))
    assert np.shares_memory(found[1][1].activation_map, found.activation_maps)
    assert np.shares_memory(found[1:].activation_maps, found.activation_maps)


def test_views_are_frozen(found):
    with pytest.raises(FrozenInstanceError):
        found[0][0].label = "dog"
    with pytest.raises(FrozenInstanceError):
        found[0].found = ()
    assert not hasattr(found[0][0], "__dict__")
    assert not hasattr(found[0], "__dict__")
    assert not hasattr(found, "__dict__")


@pytest.mark.parametrize("way", [lambda one: pickle.loads(pickle.dumps(one)), copy.deepcopy, copy.copy])
def test_views_are_copied_and_sent(found, way):
    for one in (found, found[1:], found[1], found[1][0]):
        assert repr(way(one)) == repr(one)
    np.testing.assert_array_equal(way(found[1:]).images[1], found.images[2])


def test_a_class_that_is_sent_takes_its_own_map_along_alone():
    large = model().explain([photos()[0]] * 50)
    assert len(pickle.dumps(large[3][0])) < len(pickle.dumps(large)) / 10


def test_equality_is_identity_as_ever(found):
    assert found == found
    assert found != found[:]
    assert len({found, found[:]}) == 2


def test_the_class_of_rank_1_is_predicted():
    """A picture of predicted against expected classes needs it."""
    explanation = model().explain(photos(), top=5)
    for image in explanation:
        assert [item.rank for item in image] == [1, 2, 3, 4, 5]
    expected = [[int(row[0]), 3] for row in explanation.class_index]
    for image in model().explain(photos(), class_index=expected):
        predicted, wanted = image
        assert predicted.rank == 1
        assert wanted.rank == 1 + [item.class_index for item in explanation[image.image_index]].index(3)


def test_ranks_of_equal_logits_are_those_of_top(found):
    equal = replace(found, logits=np.zeros((3, 5), np.float32), class_index=np.array([[2, 0]] * 3))
    assert [item.rank for item in equal[0]] == [3, 1]


def test_classes_without_names_and_maps_without_boxes():
    explanation = without_boxes(model(None).explain(photos()[0], top=2), 0, 0)
    none, some = explanation[0]
    assert (none.label, none.name) == (None, f"class {none.class_index}")
    assert (none.box, none.area, none.box_text) == (None, 0, "no box")
    assert some.box is not None


def test_images_that_were_left_out_are_counted(found):
    left_out = replace(found, failures=(Failure(1, fastcam.InputError("broken")),))
    assert [image.image_index for image in left_out] == [0, 2, 3]
    assert [item.image_index for image in left_out for item in image][::2] == [0, 2, 3]
    assert [image["image"] for image in left_out.to_dict()["images"]] == [0, 2, 3]
    assert left_out.to_dict()["problems"] == [{"image": 1, "reason": "broken"}]
    assert "1 left out" in repr(left_out)
    assert left_out[1:].failures == ()


def test_frames_of_a_stream():
    with model().stream([photos()[0]] * 3, top=2) as stream:
        frames = [explanation for _, explanation in stream]
    assert [explanation[0].moment["frame"] for explanation in frames] == [0, 1, 2]
    assert all(repr(one) == repr(other) for one, other in pairwise([e[0][0] for e in frames]))
    assert repr(frames[2]).startswith("Explanation(frame 2: 1 image × 2 classes, method='cam'")


@pytest.mark.parametrize(("rank", "box"), [(1, (0, 10)), (3, (0, 1, 2, 10, 20, 30))])
def test_boxes_of_other_ranks(found, rank, box):
    others = of_rank(found, rank)
    assert others[1][0].box == box
    assert len(others[1:].boxes.area) == 2
    assert f"box {list(box)}" in repr(others)


# ---- images that are kept --------------------------------------------------------------------------------------------


def test_nothing_large_is_held_for_each_image():
    """Network inputs would take 3 kB, and feature maps 6 kB, of each."""
    peaks, classifier, photo = [], model(), photos()[0]
    for count in (10, 110):
        tracemalloc.start()
        classifier.explain([photo] * count)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] - peaks[0] < 100 * 9000  # maps of 1 kB, twice while they are gathered, and some objects


def test_pixels_are_kept_on_request_only(found):
    assert [image.shape[:2] for image in found.images] == list(SIZES)
    for image, kept, own in zip(found, found.images, photos(), strict=True):
        assert image.image is kept
        np.testing.assert_array_equal(kept, own)
    explanation = model().explain(photos())
    assert explanation.images is explanation[0].image is None


def test_what_is_kept_does_not_follow_the_callers_array():
    frame = photos()[0]
    before = frame.copy()
    kept = model().explain(frame, keep_images=True)[0].image
    assert kept is not None
    frame[:] = 0
    np.testing.assert_array_equal(kept, before)
    with pytest.raises(ValueError, match="read-only"):
        kept[:] = 0


def test_files_are_kept_upright_as_the_network_sees_them(tmp_path):
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(photos()[0]).save(tmp_path / "photo.png", exif=exif)
    kept = model().explain(tmp_path / "photo.png", keep_images=True)[0].image
    assert kept is not None
    np.testing.assert_array_equal(kept, np.rot90(photos()[0], -1))


def test_kept_images_of_files_that_are_mapped_are_copies(tmp_path):
    values, file = photos()[0], tmp_path / "photo.npy"
    np.save(file, values)
    explanation = model().explain(file, keep_images=True)
    with file.open("r+b") as written:
        written.seek(-values.nbytes, 2)
        written.write(bytes(values.nbytes))
    kept = explanation[0].image
    assert kept is not None
    np.testing.assert_array_equal(kept, values)


def test_keep_images_is_checked():
    with pytest.raises(fastcam.InputError, match="keep_images: expected True or False; got 'yes'"):
        model().explain(photos(), keep_images="yes")  # pyright: ignore[reportArgumentType]
    tensor = np.zeros((1, 3, 16, 16), np.float32)
    with pytest.raises(fastcam.InputError, match="keep_images: expected with images alone, as tensors have no pixels"):
        model().explain(tensors=tensor, keep_images=True)
    signals = fastcam.load(ranks.network(1).model, preprocess="raw")
    with pytest.raises(fastcam.InputError, match="keep_images: expected with images alone, as signals, volumes and"):
        signals.explain(ranks.array(1), keep_images=True)
