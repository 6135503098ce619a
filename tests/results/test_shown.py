"""Results as people see them: lines of text, and tables in notebooks."""

import base64
import io
import re
import unicodedata
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

import fastcam
from fastcam.arrays.colors import colormap
from fastcam.results.thumbnails import thumbnail
from tests.markup import parse
from tests.model.models import red_finder
from tests.results.explained import LABELS, model, noise, of_rank, photos, without_boxes

HOSTILE = (
    '<script>alert(1)</script><img src=x onerror="alert(1)">',
    "\x1b[31mred\x1b[0m\r\n\x00next line\x9b2J",
    "\u202ereversed\u2066",
    "x" * 10_000,
    "a\ud800b' \" & &lt;",
)


@pytest.fixture(scope="module")
def found():
    return model().explain(photos(), top=2)


# ---- text ------------------------------------------------------------------------------------------------------------


def test_a_few_lines(found):
    title, *lines = repr(found).splitlines()
    assert title == "Explanation(3 images × 2 classes, method='cam', convention='paper', engine='cpu')"
    assert len(lines) == 6
    for line, (n, m) in zip(lines, np.ndindex(3, 2), strict=True):
        assert line.startswith(f"[{n}]  " if m == 0 else "     ")
        for part in (LABELS[found.class_index[n, m]], found.score_text(n, m), f"box {found.boxes.xyxy[n, m].tolist()}"):
            assert part in line
    assert str(found) == repr(found)


@pytest.mark.parametrize(("count", "top"), [(100, 1), (100, 2), (30, 5), (1, 5), (11, 1)])
def test_long_batches_are_shortened(count, top):
    explanation = model().explain([photos()[0]] * count, top=top)
    lines = repr(explanation).splitlines()
    assert len(lines) <= 12
    shown = sum(line.startswith("[") for line in lines)
    more = count - shown
    assert lines[-1].removesuffix("s") == f"... {more} more image" if more else "box" in lines[-1]


def test_many_classes_are_shortened():
    many = fastcam.load(red_finder(32, 48), preprocess="unit,fit=stretch").explain(photos(), class_index=[0, 1] * 500)
    lines = repr(many).splitlines()
    assert lines[6:] == ["     ... 995 more classes", "... 2 more images"]
    assert len(repr(many)) < 1000
    assert len(repr(many[0]).splitlines()) == 7
    assert many._repr_html_().count("<img") == 15


def test_one_image_and_one_class(found):
    title, *lines = repr(found[1]).splitlines()
    assert title == "ImageExplanation(image 1, size (24, 24), method='cam', convention='paper', engine='cpu')"
    assert lines[0].startswith("[1]  ")
    name, score = LABELS[found.class_index[1, 0]], found.score_text(1, 0)
    box = found.boxes.xyxy[1, 0].tolist()
    assert repr(found[1][0]) == f"Found({found.class_index[1, 0]} {name}, {score}, box {box}, image 1)"


def test_gradients():
    one = model().input_gradient(photos()[0], top=2)
    title, first, _ = repr(one).splitlines()
    assert title == "InputGradient(1 image × 2 classes, method='saliency', layer='image', gradients 3×16×16)"
    index = one.class_index[0, 0]
    assert first.split() == ["[0]", str(index), *LABELS[index].split(), "logit", f"{one.logits[0, index]:.4g}"]


def test_no_boxes_no_names_no_images():
    explanation = model(None).explain(photos()[0])
    assert repr(without_boxes(explanation, 0, 0)).endswith("no box")
    assert f"[0]  class {explanation.class_index[0, 0]}  " in repr(explanation)
    assert repr(explanation[1:]) == "Explanation(0 images × 1 class, method='cam', convention='paper', engine='cpu')"
    assert parse(explanation[1:]._repr_html_())


@pytest.mark.parametrize(
    ("score", "text"),
    [(0.5, "50.0 %"), (1.0, "100.0 %"), (0.0006, "0.1 %"), (0.0004, "<0.1 %"), (1e-30, "<0.1 %"), (0, "0.0 %")],
)
def test_little_is_not_nothing(found, score, text):
    changed = replace(found, scores=np.full((3, 2), score, np.float32))
    assert changed.score_text(1, 1) == changed[1][1].score_text == text
    assert f"  {text}  " in repr(changed)


def test_scores_that_are_no_probabilities(found):
    changed = replace(found, activation="none", scores=np.full((3, 2), -12.3456, np.float32))
    assert "  -12.35  " in repr(changed)
    assert "%" not in repr(changed)


@pytest.mark.parametrize("label", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_names_stay_on_their_line(label):
    explanation = model([label] * 5).explain(photos(), top=2, keep_images=True)
    gradient = model([label] * 5).input_gradient(photos()[0])
    for one in (explanation, explanation[0], explanation[0][0], gradient):
        text = repr(one)
        assert len(text.splitlines()) == 1 + text.count("\n")
        assert len(text) < 1000
        assert not [c for c in text if unicodedata.category(c) in ("Cc", "Cf", "Cs") and c != "\n"]
        text.encode()


def test_joined_letters_and_emoji_stay_whole():
    names = ["क्‍ष", "می‌خواهم", "👩‍🔬", "한국어", "ไทย"]
    text = repr(model(names).explain(photos()[0], top=5))
    assert all(name in text for name in names)


# ---- tables ----------------------------------------------------------------------------------------------------------


def pictures(html):
    sources = [node["src"] for node in parse(html).all("img")]
    return [
        np.asarray(Image.open(io.BytesIO(base64.b64decode(one.removeprefix("data:image/png;base64,")))))
        for one in sources
    ]


def test_a_table_of_small_pictures(found):
    root = parse(found._repr_html_())
    rows = list(root.all("tr"))
    assert len(rows) == 3
    for n, row in enumerate(rows):
        (head,), cells = row.all("th"), list(row.all("td"))
        assert head.text == f"[{n}]" + "×".join(map(str, found.image_sizes[n]))
        for m, cell in enumerate(cells):
            name = LABELS[found.class_index[n, m]]
            assert name in cell.text
            assert found.score_text(n, m) in cell.text
            assert str(found.boxes.xyxy[n, m].tolist()) in cell.text
            (image,) = cell.all("img")
            assert image["alt"] == f"heatmap of {name}"
            assert image["src"].startswith("data:image/png;base64,")
    for picture, (height, width) in zip(pictures(found._repr_html_())[::2], found.image_sizes, strict=True):
        assert max(picture.shape[:2]) == 128
        assert picture.shape[0] * width == pytest.approx(picture.shape[1] * height, rel=0.02)
    assert len(pictures(found[1]._repr_html_())) == 2


def test_nothing_runs_and_nothing_is_loaded(found):
    nodes = list(walk(parse(found._repr_html_())))
    assert {node.tag for node in nodes} <= {"div", "table", "tbody", "tr", "th", "td", "img", "br", "small", "bdi"}
    assert {name for node in nodes for name in node.attributes} <= {"src", "alt", "width", "height", "style"}
    styles = " ".join(node["style"] or "" for node in nodes)
    assert "url" not in styles
    assert not re.search(r"(?<!:inherit)background|color:(?!inherit)", styles)  # text has the color of its theme


def walk(node):
    for child in node.children:
        if not isinstance(child, str):
            yield child
            yield from walk(child)


@pytest.mark.parametrize("label", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_names_are_text(label):
    explanation = model([label] * 5).explain(photos(), top=2)
    root = parse(explanation._repr_html_())
    assert {node.tag for node in walk(root)} == {"div", "table", "tbody", "tr", "th", "td", "img", "br", "small", "bdi"}
    shown = next(root.all("bdi")).text
    assert shown[:3] == " ".join(label.split())[:3].replace("\x1b", "�").replace("\u202e", "�").replace("\ud800", "�")
    assert len(shown) <= 60
    explanation._repr_html_().encode()


def test_the_size_is_bounded():
    many = model().explain([noise(64, 64)] * 40, top=5, keep_images=True)
    html = many._repr_html_()
    assert html.count("<img") == 40
    assert "... 32 more images" in html
    assert len(html) < 1_500_000
    assert len(model().explain(noise(64, 64), top=5, keep_images=True)._repr_html_()) < 400_000


def test_pictures_are_the_heatmap_with_its_box():
    photo = np.full((64, 128, 3), 60, np.uint8)
    photo[16:48, 32:96, 0] = 250
    finder = fastcam.load(red_finder(32, 64), preprocess="unit,fit=stretch")
    explanation = finder.explain(photo, class_index=0, convention="minmax")
    (picture,) = pictures(explanation._repr_html_())
    colors = colormap("turbo")[explanation.heatmap(dtype="u1")]
    x0, y0, x1, y1 = explanation.boxes.xyxy[0, 0]
    assert (picture[y0, x0:x1] == 255).all()
    assert (picture[y1 - 1, x0:x1] == 255).all()
    assert (picture[y0 - 1, x0:x1] == 0).all()
    inside = (slice(y0 + 1, y1 - 1), slice(x0 + 1, x1 - 1))
    assert np.abs(picture[inside].astype(int) - colors[inside]).max() <= 12  # extrema at another size
    kept = finder.explain(photo, class_index=0, convention="minmax", keep_images=True)
    (picture,) = pictures(kept._repr_html_())
    assert np.abs(picture[inside] - (0.5 * photo + 0.5 * colors)[inside]).max() <= 8


def test_beside_a_centre_crop_the_photo_shows_or_nothing():
    cropped = fastcam.load(red_finder(32, 32), preprocess="unit,fit=center-crop")
    photo = noise(40, 128)
    (drawn,) = pictures(cropped.explain(photo, keep_images=True)._repr_html_())
    np.testing.assert_array_equal(drawn[:, :40], photo[:, :40])
    (bare,) = pictures(cropped.explain(photo)._repr_html_())
    assert (bare[:, :40, 3] == 0).all()
    assert (bare[5:35, 60:70, 3] == 255).all()


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 1), (2, 2), (700, 500)])
@pytest.mark.parametrize("fit", ["stretch", "center-crop", "letterbox"])
def test_any_size_has_a_picture(size, fit):
    explanation = fastcam.load(red_finder(16, 16), preprocess=f"unit,fit={fit}").explain(noise(*size), keep_images=True)
    (picture,) = pictures(explanation._repr_html_())
    assert max(picture.shape[:2]) == 128
    assert min(picture.shape[:2]) >= 16


@pytest.mark.parametrize("rank", [1, 3])
def test_signals_and_volumes_have_pictures(found, rank):
    others = of_rank(found, rank)
    assert {picture.shape[:2] for picture in pictures(others._repr_html_())} == {(16, 128) if rank == 1 else (128, 64)}
    assert others._repr_html_().count("<tr>") == 3


def test_images_of_other_channels_are_passed_over():
    activation_map = noise(4, 4).sum(2).astype(np.float32)
    bare = thumbnail(activation_map, (0, 0, 9, 9), (9, 9))
    for image in (np.zeros((9, 9, 4), np.uint8), np.zeros((9, 9), np.uint8), np.zeros((9, 9, 3), np.float32)):
        np.testing.assert_array_equal(thumbnail(activation_map, (0, 0, 9, 9), (9, 9), image=image), bare)
