"""Results as one picture: which cells there are, how large, and what their titles say."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

import fastcam
from fastcam import InputError
from fastcam.export import figure
from fastcam.export.figure import resized
from fastcam.export.sheet import gap_of
from fastcam.results import Failure
from tests.model.models import red_finder

LABELS = ["red thing", "green"]


def photo(k, size=(60, 90)):
    return np.random.default_rng(k).integers(0, 256, (*size, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def model():
    return fastcam.load(red_finder(32, 48), preprocess="unit", labels=LABELS)


@pytest.fixture(scope="module")
def explained(model):
    photos = [photo(0), photo(1, (90, 60)), photo(2)]
    return photos, model.explain(photos, top=2)


@pytest.fixture
def titles(monkeypatch):
    """The titles of the cells that are put on the sheet."""
    found = []
    place = figure.row_of
    monkeypatch.setattr(
        figure, "row_of", lambda cells, *others: found.extend(cell.title for cell in cells) or place(cells, *others)
    )
    return found


def test_one_photo_beside_the_overlays_of_its_classes(model, titles):
    explanation = model.explain(photo(0), top=2)
    picture = fastcam.show(photo(0), explanation, width=200)
    assert isinstance(picture, Image.Image)
    assert picture.mode == "RGB"
    gap = gap_of(200)
    assert picture.width == 3 * 200 + 4 * gap
    names = [LABELS[index] for index in explanation.class_index[0]]
    assert titles == [("image", ""), *((name, explanation.score_text(0, m)) for m, name in enumerate(names))]
    pixels = np.asarray(picture)
    top = next(y for y in range(gap, picture.height) if (pixels[y, gap : gap + 200] != 255).any(axis=1).all())
    shown = np.asarray(Image.fromarray(photo(0)).resize((200, 133), Image.Resampling.BICUBIC, reducing_gap=3))
    np.testing.assert_array_equal(pixels[top : top + 133, gap : gap + 200], shown)
    for m in (0, 1):
        left = gap + (m + 1) * (200 + gap)
        drawn = fastcam.overlay(shown, resized(explanation, 0, (133, 200)), map=m, label=False)
        np.testing.assert_array_equal(pixels[top : top + 133, left : left + 200], drawn)
    picture._repr_png_()  # what a notebook asks for


def test_several_photos_in_a_grid(explained, titles):
    photos, explanation = explained
    narrow = fastcam.show(photos, explanation, width=100, columns=1)
    wide = fastcam.show(photos, explanation, width=100, columns=3)
    assert narrow.width < 1280 / 3 < wide.width
    assert titles[0] == ("image 0", "")
    assert len(titles) == 2 * 3 * 3
    assert fastcam.show(photos, explanation).width <= 1280 + 2 * gap_of(320)
    assert fastcam.show(photos, explanation, original=False, together=True).width < 1280


def test_images_have_the_numbers_that_they_were_handed_in_with(explained, titles):
    photos, explanation = explained
    left_out = replace(explanation, failures=(Failure(1, InputError("broken")),))
    fastcam.show(photos, left_out, width=100)
    assert [name for name, _ in titles[::3]] == ["image 0", "image 2", "image 3"]
    fastcam.show(photos[0], replace(explanation[:1], failures=(Failure(0, InputError("broken")),)), width=100)
    assert titles[9] == ("image 1", "")
    with pytest.raises(InputError, match="a class that is explained for image 2: .*; got 9"):
        fastcam.show(photos, left_out, expected=[0, 9, 0])


def test_predicted_against_expected(explained, titles):
    photos, explanation = explained
    best = explanation.logits.argmax(axis=1)
    right = [int(best[0]), int(1 - best[1]), LABELS[1 - best[2]].upper()]
    fastcam.show(photos, explanation, expected=right, original=False, width=100)
    starts = [[LABELS[index] for index in each] for each in explanation.class_index]
    assert [name for name, _ in titles] == [
        f"predicted, as expected: {starts[0][0]}",
        starts[0][1],
        *(f"{role}: {name}" for n in (1, 2) for role, name in zip(("predicted", "expected"), starts[n], strict=True)),
    ]


def test_expected_names_are_those_that_class_index_takes(explained, titles):
    photos, explanation = explained
    fastcam.show(photos[0], explanation[:1], expected=f" {LABELS[0].title()} ", original=False)
    assert any("expected: " in name for name, _ in titles)
    twins = replace(explanation, labels=("cat", "cat"))
    with pytest.raises(InputError, match=r"expected: expected the name of one class; 'cat' is that of 0 .*, 1 "):
        fastcam.show(photos, twins, expected="cat")
    with pytest.raises(InputError, match="expected: expected class numbers, as no names are known for this model"):
        fastcam.show(photos, replace(explanation, labels=None), expected="cat")


def test_the_order_of_classes_is_the_callers(model, titles):
    best = int(model.explain(photo(0)).class_index[0, 0])
    explanation = model.explain(photo(0), class_index=[1 - best, best])
    fastcam.show(photo(0), explanation, expected=LABELS[1 - best], original=False)
    assert [name for name, _ in titles] == [f"expected: {LABELS[1 - best]}", f"predicted: {LABELS[best]}"]


@pytest.mark.parametrize("size", [(8, 8), (32, 32), (3000, 40), (40, 3000), (1500, 2000)])
def test_tiny_long_and_large_photos(model, size):
    picture = fastcam.show(photo(0, size), model.explain(photo(0, size)), width=64)
    assert picture.width == 2 * 64 + 3 * gap_of(64)
    assert picture.height < 300


def test_files_are_named(model, tmp_path, titles):
    Image.fromarray(photo(0)).save(tmp_path / "dog ñ.png")
    fastcam.show(tmp_path / "dog ñ.png", model.explain(tmp_path / "dog ñ.png"))
    assert titles[0] == ("dog ñ.png", "")


def test_the_legend_says_what_the_colors_and_lines_are(model):
    whole = fastcam.load(red_finder(32, 48), preprocess="unit,fit=stretch").explain(photo(0))
    cut = model.explain(photo(0, (60, 200)))
    assert figure._notes(whole, None) == ["cam, each map by itself", "box: paper, 20 %"]
    assert figure._notes(cut, (0, 1)) == ["cam", "box: paper, 20 %", "dashed line: what the network saw"]
    pictures = [
        fastcam.show(photo(0), whole, limits=limits, colormap=name)
        for limits, name in ((None, "turbo"), ((0, 1), "gray"))
    ]
    assert len({picture.tobytes() for picture in pictures}) == 2


def test_an_explanation_at_another_size(model):
    explanation = model.explain(photo(0, (60, 200)), top=2)
    half = resized(explanation, 0, (30, 100))
    assert half.image_sizes.tolist() == [[30, 100]]
    np.testing.assert_allclose(half.regions, explanation.regions / 2, atol=0.5)
    assert (half.boxes.xyxy[..., 2:] > half.boxes.xyxy[..., :2]).all()
    np.testing.assert_array_equal(explanation.image_sizes, [[60, 200]])
    assert fastcam.show(photo(0, (60, 200)), explanation).tobytes()


@pytest.mark.parametrize(
    ("options", "match"),
    [
        (
            {"expected": 7},
            r"expected: expected a class that is explained for image 0: \d \w+.*; got 7. Explain it as well",
        ),
        ({"expected": "blue"}, "expected: .*; got 'blue'"),
        ({"expected": 0.5}, "expected: .*; got 0.5"),
        ({"expected": [0, 1]}, "expected: expected one class, or one for each of 3 images; got 2"),
        ({"width": 8}, "width: expected a whole number from 16 to 4096; got 8"),
        ({"width": 4096}, "images: expected at most 4 cells of width 4096 in a picture; got 9. Show fewer"),
        ({"columns": 0}, "columns: expected a whole number from 1; got 0"),
        ({"opacity": 2}, "opacity: expected 0 to 1"),
        ({"colormap": "hot"}, "colormap: expected one of"),
        (
            {"font": "no.ttf"},
            r"font: expected the path of a font \(.ttf, .otf, .ttc, .otc\); got 'no.ttf', which is no file",
        ),
    ],
)
def test_options_that_are_refused(explained, options, match):
    with pytest.raises(InputError, match=match):
        fastcam.show(*explained, **options)


def test_images_that_are_refused(explained):
    photos, explanation = explained
    with pytest.raises(InputError, match="images: expected the 3 that were explained; got 1"):
        fastcam.show(photos[0], explanation)
    with pytest.raises(InputError, match="image: expected the one explained, 60×90; got 90×60"):
        fastcam.show(photos[1:] + photos[:1], explanation)
    with pytest.raises(InputError, match="explanation: expected the result of Classifier.explain; got ndarray"):
        fastcam.show(photos[0], explanation.activation_maps)
    with pytest.raises(InputError, match="images: expected those that were explained; got None"):
        fastcam.show(None, explanation)


def test_images_that_the_explanation_keeps(model):
    kept = model.explain([photo(0), photo(2)], keep_images=True)
    assert fastcam.show(None, kept) == fastcam.show([photo(0), photo(2)], kept)


def test_it_can_be_written(explained):
    photos, explanation = explained
    file = io.BytesIO()
    fastcam.show(photos, replace(explanation, labels=None)).save(file, "PNG")
    assert file.tell() > 1000
