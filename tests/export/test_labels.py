"""Labels, boxes and outlines over pictures: where they stand, how large they are, what they say."""

from dataclasses import replace

import numpy as np
import pytest

import fastcam
from fastcam import InputError
from fastcam.arrays.colors import colormap
from fastcam.arrays.values import Boxes
from fastcam.export.marks import COLORS, letter_size
from tests.model.models import red_finder

GREY = 128


@pytest.fixture(scope="module")
def model():
    return fastcam.load(red_finder(32, 48), preprocess="unit,fit=stretch", labels=["red thing", "green"])


@pytest.fixture(scope="module")
def cropping():
    return fastcam.load(red_finder(32, 48), preprocess="unit")


def plain(height, width):
    return np.full((height, width, 3), GREY, np.uint8)


def boxed(explanation, *boxes):
    """The explanation with other boxes."""
    xyxy = np.array(boxes, np.int32)[None]
    area = ((xyxy[..., 2] - xyxy[..., 0]) * (xyxy[..., 3] - xyxy[..., 1])).astype(np.int32)
    return replace(explanation, boxes=Boxes(xyxy, area, np.ones(area.shape, np.float32)))


def extent(drawn, color=(0, 0, 0)):
    """The rows and columns of a label on a plain picture: the largest block of its paper's color has a corner there."""
    rows, columns = np.nonzero((drawn == color).all(axis=2))
    return rows.min(), rows.max() + 1, columns.min(), columns.max() + 1


@pytest.mark.parametrize("size", [(1, 1), (2, 300), (300, 2), (9, 9), (32, 32), (150, 200), (480, 640), (300, 3000)])
def test_labels_fit_into_pictures_of_any_size(model, size):
    photo = plain(*size)
    drawn = fastcam.overlay(photo, model.explain(photo, class_index=0), opacity=0, box=False)
    assert drawn.shape == photo.shape
    top, bottom, left, right = extent(drawn)
    assert bottom - top >= min(size[0], letter_size(*size))
    if min(size) >= 32:
        assert (drawn[top:bottom, left:right] > 200).any()  # white letters on black
        assert bottom - top <= max(24, min(size) / 4)


def test_letters_grow_with_the_picture():
    assert letter_size(150, 200) == 12  # the smallest that can be read
    for height, width in ((480, 640), (1080, 1920), (6000, 8000)):
        assert letter_size(height, width) == pytest.approx(np.hypot(height, width) / 36, abs=0.5)
    assert letter_size(200, 9000) <= 200 / 8  # a panorama


@pytest.mark.parametrize(
    ("box", "rows", "left"),
    [
        ((50, 100, 150, 180), "above", 50),
        ((50, 5, 150, 180), "inside", 50),
        ((310, 100, 318, 180), "above", None),  # moved to the left, to fit
        ((0, 0, 320, 240), "inside", 0),
        ((0, 0, 4, 4), "inside", 0),
    ],
)
def test_the_label_stands_at_its_box(model, box, rows, left):
    photo = plain(240, 320)
    explanation = boxed(model.explain(photo, class_index=0), box)
    with_label = fastcam.overlay(photo, explanation, opacity=0)
    without = fastcam.overlay(photo, explanation, opacity=0, label=False)
    ys, xs = np.nonzero((with_label != without).any(axis=2))
    if rows == "above":
        assert box[1] - 1 - (ys.max() + 1) in (0, 1, 2)
    else:
        assert ys.min() >= box[1]
    assert xs.max() < 320
    if left is not None:
        assert left <= xs.min() <= left + 1


def test_a_label_without_a_box_is_at_the_part_that_was_seen(cropping):
    photo = plain(200, 400)
    explanation = boxed(cropping.explain(photo, class_index=0), (0, 0, 0, 0))
    x0, y0, _, _ = explanation.regions[0]
    drawn = fastcam.overlay(photo, explanation, opacity=0, outline=False)
    ys, xs = np.nonzero((drawn != photo).any(axis=2))
    assert (ys.min(), xs.min()) == (y0, x0)


def test_several_classes_in_one_picture(model):
    photo = plain(240, 320)
    explanation = boxed(model.explain(photo, top=2), (20, 100, 120, 180), (22, 102, 300, 200))
    drawn = fastcam.overlay(photo, explanation, map=(0, 1), opacity=0)
    for (x0, y0, x1, y1), color in zip(explanation.boxes.xyxy[0], COLORS, strict=False):
        assert (drawn[y0 + 1 : y1, x0] == color).mean() > 0.7  # its edge, but for the other's label
        assert (drawn == color).all(axis=2).sum() > 12 * 60  # and its label
        assert (x1 - x0) > 0
    alone = [fastcam.overlay(photo, explanation, map=m, opacity=0) for m in (0, 1)]
    assert all((one == 255).all(axis=2).any() for one in alone)  # white of a single one


def test_labels_do_not_hide_each_other(model):
    photo = plain(240, 320)
    explanation = boxed(model.explain(photo, top=2), (20, 100, 120, 180), (20, 100, 120, 180))
    drawn = fastcam.overlay(photo, explanation, map=[0, 1], opacity=0, box=False)
    first, second = extent(drawn, COLORS[0]), extent(drawn, COLORS[1])
    assert first[1] <= second[0] or second[1] <= first[0]


def test_the_heatmap_of_several_is_the_highest_of_each():
    """Two maps of different scales, each with a peak of its own."""
    model = fastcam.load(red_finder(32, 48), preprocess="unit,fit=stretch")
    photo = plain(64, 96)
    explanation = model.explain(photo, top=2)
    maps = np.zeros((1, 2, *explanation.activation_maps.shape[2:]), np.float32)
    maps[0, 0, 0, 0], maps[0, 1, -1, -1] = 9, 0.5
    explanation = replace(explanation, activation_maps=maps)
    options = {"colormap": "gray", "opacity": 1, "box": False, "label": False}
    drawn = fastcam.overlay(photo, explanation, map=(0, 1), **options)[..., 0]
    each = [fastcam.overlay(photo, explanation, map=m, **options)[..., 0] for m in (0, 1)]
    np.testing.assert_array_equal(drawn, np.maximum(*each))
    limited = replace(explanation, limits=np.array([[[0, 9], [0, 5]]], np.float32))
    assert fastcam.overlay(photo, limited, map=(1, 0), **options)[-1, -1, 0] in (25, 26)  # a tenth
    assert fastcam.overlay(photo, explanation, map=(1, 0), limits=(0, 1), **options)[-1, -1, 0] in (127, 128)
    with pytest.raises(InputError, match=r"explanation: expected finite values .* got nan"):
        fastcam.overlay(photo, replace(explanation, activation_maps=maps * np.nan), map=(0, 1))


@pytest.mark.parametrize(
    ("map", "match"),
    [
        ([], r"map: expected one index, or several that differ; got \[\]"),
        ((0, 0), r"map: expected one index, or several that differ; got \(0, 0\)"),
        ((0, 2), "map: expected 0 to 1; got 2"),
        ("01", "map: expected 0 to 1; got '01'"),
    ],
)
def test_maps_that_are_refused(model, map, match):
    with pytest.raises(InputError, match=match):
        fastcam.overlay(plain(60, 90), model.explain(plain(60, 90), top=2), map=map)


@pytest.mark.parametrize(("score", "text"), [(0.9312, "93.1 %"), (1.0, "100.0 %"), (0.0004, "<0.1 %"), (0.0, "0.0 %")])
def test_scores_for_people(model, score, text):
    explanation = replace(model.explain(plain(60, 90), class_index=0), scores=np.array([[score]], np.float32))
    assert explanation.score_text(0, 0) == text
    assert replace(explanation, activation="none").score_text(0, 0) == f"{np.float32(score):.4g}"


def test_what_the_network_did_not_see_has_the_color_of_0_behind_a_fine_line(cropping):
    photo = np.random.default_rng(0).integers(0, 256, (200, 400, 3), dtype=np.uint8)
    explanation = cropping.explain(photo, class_index=0)
    x0, y0, x1, y1 = explanation.regions[0]
    assert x0 > 20
    for engine in ("cpu", "reference"):
        drawn = fastcam.overlay(photo, explanation, box=False, label=False, engine=engine)
        tinted = (photo.astype(int) * 128 + colormap("turbo")[0].astype(int) * 128 + 128) >> 8
        np.testing.assert_array_equal(drawn[:, :x0], tinted[:, :x0])
        np.testing.assert_array_equal(drawn[:, x1:], tinted[:, x1:])
        inside = fastcam.overlay(photo, explanation, box=False, label=False, outline=False)
        np.testing.assert_array_equal(drawn[y0 + 1 : y1 - 1, x0 + 1 : x1 - 1], inside[y0 + 1 : y1 - 1, x0 + 1 : x1 - 1])
        for column in (x0, x1 - 1):
            assert set(np.unique(drawn[y0:y1, column])) == {0, 255}  # dashes


def test_where_the_network_saw_everything_there_is_no_line():
    photo = np.random.default_rng(0).integers(0, 256, (40, 400, 3), dtype=np.uint8)
    for fit in ("stretch", "letterbox"):
        explanation = fastcam.load(red_finder(32, 48), preprocess=f"unit,fit={fit}").explain(photo)
        drawn = fastcam.overlay(photo, explanation, outline=True)
        np.testing.assert_array_equal(drawn, fastcam.overlay(photo, explanation, outline=False))
