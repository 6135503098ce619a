"""Photos on the local server, and classes, settings and drawings of its pictures."""

import base64
import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

import fastcam
from fastcam.arrays.conventions import named
from fastcam.serve import Server
from fastcam.serve.picture import ExplainedPicture, Settings, explain, settings_of, under_rule
from tests.serve.camera import frame
from tests.serve.client import ask, ask_json, assert_alike, png

pytestmark = pytest.mark.usefixtures("nothing_left_running")


@pytest.fixture(scope="module")
def model(load_real):
    return load_real("cifar10_resnet20")


@pytest.fixture(scope="module")
def server(model):
    """A server for photos only."""
    with Server(model) as server:
        ask_json(server, "/photo", "POST", png(frame()))  # starts the thread
        yield server


# ---- photos ----------------------------------------------------------------------------------------------------------


def test_a_photo_is_answered_with_its_classes_and_overlay(server, model):
    photo = frame()
    got = ask_json(server, "/photo?convention=minmax&threshold=0.4&opacity=0.3", "POST", png(photo))
    expected = model.explain(photo, top=5, convention="minmax", threshold=0.4)
    assert (got["found"]["width"], got["found"]["height"]) == (60, 40)
    for m, record in enumerate(got["found"]["maps"]):
        assert record["class_index"] == expected.class_index[0, m]
        assert record["label"] == model.labels[record["class_index"]]
        assert record["score"] == expected.scores[0, m]
        assert record["box"] == expected.boxes.xyxy[0, m].tolist()
    assert got["found"]["chosen"] == got["found"]["maps"][0]
    drawn = fastcam.overlay(photo, expected, opacity=0.3, label=False, scale=8)
    head, data = got["picture"].split(",")
    assert head == "data:image/jpeg;base64"
    assert_alike(base64.b64decode(data), drawn)


@pytest.mark.parametrize("index", range(10))
def test_every_class_can_be_chosen(server, model, index):
    photo = frame(1)
    got = ask_json(server, f"/photo?class={index}", "POST", png(photo))
    expected = model.explain(photo, class_index=index)
    assert got["found"]["chosen"]["class_index"] == index
    assert got["found"]["chosen"]["score"] == expected.scores[0, 0]
    assert got["found"]["chosen"]["area"] == expected.boxes.area[0, 0]
    assert (got["found"]["chosen"]["box"] or [0] * 4) == expected.boxes.xyxy[0, 0].tolist()
    drawn = fastcam.overlay(photo, expected, label=False, scale=8)
    assert_alike(base64.b64decode(got["picture"].split(",")[1]), drawn)


@pytest.mark.parametrize("index", [None, 0, 9])
@pytest.mark.parametrize("method", ["gradcam", "eigencam"])
def test_every_method_and_color_map_can_be_chosen(server, model, method, index):
    photo = frame(1)
    chosen = "" if index is None else f"&class={index}"
    got = ask_json(server, f"/photo?method={method}&colormap=gray{chosen}", "POST", png(photo))
    best = model.explain(photo, top=5).class_index[0].tolist()
    assert [record["class_index"] for record in got["found"]["maps"]] == best
    assert {record["method"] for record in got["found"]["maps"]} == {method}
    expected = model.explain(photo, class_index=best[0] if index is None else index, method=method)
    assert got["found"]["chosen"]["score"] == pytest.approx(expected.scores[0, 0])
    drawn = fastcam.overlay(photo, expected, label=False, scale=8, colormap="gray")
    assert_alike(base64.b64decode(got["picture"].split(",")[1]), drawn)


def test_a_method_that_does_not_suit_the_model(shared):
    with Server(fastcam.load(shared / "models" / "mnist_cnn_flatten_fc.onnx")) as server:
        methods = ask_json(server, "/model.json")["methods"]
        assert methods[:2] == ["auto", "gradcam"]
        answer = ask_json(server, "/photo?method=cam", "POST", png(frame()), status=500)
    assert "cam" in answer["error"]


def test_the_sample_photo_is_one(server):
    status, head, data = ask(server, "/sample.jpg")
    assert (status, head["Content-Type"]) == (200, "image/jpeg")
    with Image.open(io.BytesIO(data)) as image:
        assert image.size == (600, 400)


def test_large_photos_are_reduced_for_the_browser_and_boxed_in_their_own_pixels(server, model):
    photo = np.asarray(Image.fromarray(frame()).resize((3000, 2000)))
    got = ask_json(server, "/photo", "POST", png(photo))
    assert got["found"]["chosen"]["box"] == model.explain(photo).boxes.xyxy[0, 0].tolist()
    with Image.open(io.BytesIO(base64.b64decode(got["picture"].split(",")[1]))) as image:
        assert image.size == (1920, 1280)


def test_a_head_without_exact_maps_follows_the_gradient(shared):
    model = fastcam.load(shared / "models" / "mnist_cnn_flatten_fc.onnx")
    with Server(model) as server:
        found = ask_json(server, "/photo", "POST", png(frame()))["found"]
    assert {record["method"] for record in found["maps"]} == {"gradcam"}


BAD = {
    "class=10": "class: expected an index from 0 to 9; got '10'",
    "class=-1": "class: expected an index",
    "class=%C2%B2": "class: expected an index",
    "class=": "class: expected an index",
    "class=" + "1" * 5000: "class: expected an index",
    "convention=x": "convention: expected one of paper, gradcam, minmax; got 'x'",
    "threshold=1": "threshold: expected a fraction",
    "threshold=nan": "threshold: expected a fraction",
    "threshold=x": "threshold: expected a number; got 'x'",
    "opacity=2": "opacity: expected 0 to 1",
    "opacity=nan": "opacity: expected 0 to 1",
    "x=1": "settings: expected convention, threshold, opacity, class, method, colormap, each once; got x",
    "method=x": "method: expected one of auto, cam, gradcam",
    "method=": "method: expected one of auto",
    "colormap=hot": "colormap: expected one of jet, turbo, viridis, inferno, gray; got 'hot'",
    "class=1&class=2": "each once; got class, class",
}


@pytest.mark.parametrize("query", BAD)
def test_settings_that_are_refused(server, query):
    answer = ask_json(server, f"/photo?{query}", "POST", png(frame()), status=400)
    assert answer["error"].find(BAD[query]) >= 0


@pytest.mark.parametrize("body", [b"", b"no photo", png(frame())[:900], b"<svg xmlns='...'/>"])
def test_bad_photos(server, body):
    assert "photo: " in ask_json(server, "/photo", "POST", body, status=400)["error"]


def test_texts_in_a_photo_that_unpack_to_much_more(server):
    """A small PNG file with 64 MB of zeros in a comment."""
    data = png(frame())
    content = b"zTXtcomment\0\0" + zlib.compress(bytes(1 << 26))
    chunk = struct.pack(">I", len(content) - 4) + content + struct.pack(">I", zlib.crc32(content))
    assert "photo: " in ask_json(server, "/photo", "POST", data[:33] + chunk + data[33:], status=400)["error"]


# ---- the parts -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fit", ["center-crop", "stretch", "letterbox"])
@pytest.mark.parametrize(("convention", "threshold"), [("paper", 0.4), ("gradcam", None), ("minmax", 0.7)])
def test_another_convention_gives_the_boxes_of_explaining_again(shared, fit, convention, threshold):
    model = fastcam.load(shared / "models" / "cifar10_resnet20.onnx", preprocess=f"imagenet,fit={fit}")
    again = under_rule(model.explain(frame(), top=10), named(convention, threshold))
    expected = model.explain(frame(), top=10, convention=convention, threshold=threshold)
    np.testing.assert_array_equal(again.boxes.xyxy, expected.boxes.xyxy)
    np.testing.assert_array_equal(again.boxes.area, expected.boxes.area)
    assert again.boxes.xyxy.dtype == np.int32
    assert (again.convention, again.threshold) == (expected.convention, expected.threshold)


def test_the_network_runs_once_more_for_a_class_that_is_not_among_the_best(model):
    class Counting:
        head, labels, calls = model.head, model.labels, 0

        def explain(self, *arguments, **options):
            self.calls += 1
            return model.explain(*arguments, **options)

    counting = Counting()
    picture = explain(counting, frame())  # pyright: ignore[reportArgumentType]
    order = np.argsort(-picture.explanation.logits[0])
    assert counting.calls == 1
    for index in (order[0], order[4], order[9], order[9]):
        settings = Settings(named("paper"), 0.5, int(index))
        assert picture.record(settings)["chosen"]["class_index"] == index
        assert picture.jpeg(settings) == picture.jpeg(settings)
    assert counting.calls == 2
    for index in (None, int(order[4]), int(order[9]), int(order[9])):
        settings = Settings(named("paper"), 0.5, index, "gradcam")
        assert picture.record(settings)["chosen"]["method"] == "gradcam"
        assert picture.jpeg(settings) == picture.jpeg(settings)
    assert counting.calls == 4


def test_drawings_of_a_picture_are_not_kept_without_end(model):
    picture = ExplainedPicture(model, frame(), model.explain(frame(), top=5))
    for k in range(40):
        picture.jpeg(Settings(named("paper"), k / 40, k % 10))
    assert len(picture._drawn) <= 8


def test_settings_of_an_empty_query():
    assert settings_of("", 5) == Settings(named("paper"), 0.5, None)
