"""The page in a real browser: what it shows, says and does, of a live source and of photos."""

import time

import numpy as np
import pytest
from PIL import Image

import fastcam
from fastcam.serve import Server
from tests.browser import needed
from tests.model.models import classifier
from tests.serve.camera import filming, frame
from tests.serve.client import port_of
from tests.serve.windows import begins, drawn, says, set_to, wait_for_picture

pytestmark = needed


@pytest.fixture(scope="module")
def model(load_real):
    return load_real("cifar10_resnet20")


@pytest.fixture
def photo(tmp_path):
    Image.fromarray(frame(7)).save(tmp_path / "noise.png")
    return tmp_path / "noise.png"


# ---- live ------------------------------------------------------------------------------------------------------------


def test_live_picture_bars_and_a_click_on_a_class(browser, model, tmp_path):
    with filming(model) as (camera, server):
        browser.open(server.url)
        browser.until(says("#status", "Waiting for the first frame."))
        camera.shoot()
        browser.until(says("#status", "Live."))
        expected = model.explain(frame(0), top=5)
        wait_for_picture(browser, tmp_path, drawn(model, 0))
        names = browser.evaluate("[...document.querySelectorAll('.bar .name')].map(e => e.textContent)")
        assert names == [model.labels[index] for index in expected.class_index[0]]
        values = browser.evaluate("[...document.querySelectorAll('.bar .value')].map(e => e.textContent)")
        assert values == [expected.score_text(0, m) for m in range(5)]
        widths = browser.evaluate(
            "[...document.querySelectorAll('.track')].map(e => e.firstChild.offsetWidth / e.offsetWidth)"
        )
        np.testing.assert_allclose(widths, expected.scores[0], atol=0.02)
        camera.shoot()
        wait_for_picture(browser, tmp_path, drawn(model, 1))

        second = int(model.explain(frame(1), top=5).class_index[0, 1])
        browser.until(f"document.querySelector('li:nth-child(2) .bar').dataset.index === '{second}'")
        browser.click("li:nth-child(2) .bar")
        wait_for_picture(browser, tmp_path, drawn(model, 1, class_index=second))
        browser.until(begins("#chosen", f"{model.labels[second]} "))
        browser.until(f"document.querySelector('[aria-pressed=true]')?.dataset.index === '{second}'")
        assert browser.evaluate("document.querySelector('#class').value") == model.labels[second]
        browser.click("[aria-pressed=true]")  # back to the best class
        wait_for_picture(browser, tmp_path, drawn(model, 1))


WATCH = """(() => {
  window.seen = [];
  const picture = document.querySelector("#picture");
  new MutationObserver(() => window.seen.push([picture.src, document.querySelector("#chosen").textContent]))
    .observe(document.querySelector("#chosen"), { childList: true, characterData: true, subtree: true });
})()"""


def test_numbers_are_those_of_the_picture_that_is_shown(browser, model, tmp_path):
    """Each text belongs to its picture, in order, while frames follow each other."""
    told = {}
    for k in range(12):
        found = model.explain(frame(k))
        index = found.class_index[0, 0]
        told[f"{model.labels[index]} {100 * found.scores[0, 0]:.1f} %"] = k
    with filming(model) as (camera, server):
        browser.open(server.url)
        camera.shoot()
        browser.until(says("#status", "Live."))
        browser.until(begins("#chosen", next(iter(told))))
        browser.evaluate(WATCH)
        for _ in range(11):
            camera.shoot()
            time.sleep(0.1)
        browser.until(says("#chosen", list(told)[-1]))
        wait_for_picture(browser, tmp_path, drawn(model, 11))
        seen = browser.evaluate("window.seen")
    assert len({source for source, _ in seen}) == len(seen) >= 3
    order = [told[text] for _, text in seen]
    assert order == sorted(order)


def test_settings_change_the_picture(browser, model, tmp_path):
    with Server(model, [frame(0)]) as server:
        browser.open(server.url)
        browser.until(says("#status", "The source has ended. This is its last frame."))
        wait_for_picture(browser, tmp_path, drawn(model, 0))
        browser.evaluate(set_to("#opacity", 100))
        wait_for_picture(browser, tmp_path, drawn(model, 0, opacity=1.0))
        browser.evaluate(set_to("#opacity", 0))
        browser.evaluate(set_to("#threshold", 70))
        wait_for_picture(browser, tmp_path, drawn(model, 0, opacity=0.0, threshold=0.7))
        browser.evaluate(set_to("#convention", "'gradcam'", "change"))
        assert browser.text("#threshold-value") == "15 %"  # the convention's own
        expected = model.explain(frame(0), convention="gradcam")
        x0, y0, x1, y1 = expected.boxes.xyxy[0, 0].tolist()
        browser.until(says("#box", f"box {x0}, {y0} to {x1}, {y1} of 60 × 40 pixels"))
        wait_for_picture(browser, tmp_path, drawn(model, 0, opacity=0.0, convention="gradcam"))


def test_classes_by_name_and_number(browser, model):
    with Server(model, [frame(0)]) as server:
        browser.open(server.url)
        browser.until("document.querySelectorAll('.bar').length === 5")
        for typed, name in (("9", model.labels[9]), (model.labels[2].upper(), model.labels[2])):
            browser.evaluate("document.querySelector('#class').select()")
            browser.click("#class")
            browser.evaluate("document.querySelector('#class').select()")
            browser.type(typed)
            browser.press("Enter", 13, "\r")
            browser.until(begins("#chosen", f"{name} "))
            assert browser.evaluate("document.querySelector('#class').value") == name
        for typed in ("10", "gnu"):
            browser.evaluate("document.querySelector('#class').select()")
            browser.type(typed)
            browser.press("Tab", 9)
            browser.until(begins("#problem", f"There is no class “{typed}”; expected a name from the list, or 0 to 9"))
            assert browser.evaluate("document.querySelector('#class').getAttribute('aria-invalid')") == "true"
            assert browser.text("#chosen").startswith(model.labels[2])
            browser.evaluate("document.querySelector('#class').focus()")
        browser.click("#best")
        best = model.labels[model.explain(frame(0)).class_index[0, 0]]
        browser.until(begins("#chosen", f"{best} "))
        assert browser.evaluate("document.querySelector('#problem').hidden")


def test_a_camera_that_is_gone(browser, model):
    with filming(model) as (camera, server):
        browser.open(server.url)
        camera.shoot()
        browser.until(says("#status", "Live."))
        camera.end(OSError("camera <b>unplugged</b>"))
        text = "The source failed: OSError: camera <b>unplugged</b> This is its last frame."
        browser.until(says("#status", text))
        assert browser.evaluate("document.querySelector('#picture').naturalWidth") == 480


def test_a_camera_that_has_gone_quiet(browser, model, monkeypatch):
    monkeypatch.setattr("fastcam.serve.live.QUIET", 0.3)
    with filming(model) as (camera, server):
        browser.open(server.url)
        camera.shoot()
        browser.until(says("#status", "No new frame for some seconds; the source may be gone."))
        assert not browser.evaluate("document.querySelector('#picture').hidden")
        monkeypatch.setattr("fastcam.serve.live.QUIET", 60)
        camera.shoot()
        browser.until(says("#status", "Live."))


def test_a_source_without_a_frame(browser, model):
    with Server(model, []) as server:
        browser.open(server.url)
        browser.until(says("#status", "The source has ended."))
        browser.until(says("#empty", "No picture. Drop a photo here, or choose one."))
        assert browser.evaluate("document.querySelector('#picture').hidden")


def test_a_server_that_ends_and_comes_back(browser, model, tmp_path):
    with Server(model, [frame(0)]) as server:
        browser.open(server.url)
        wait_for_picture(browser, tmp_path, drawn(model, 0))
    browser.until(says("#status", "fastcam doesn't answer. Is it still running?"))
    with Server(model, [frame(1)], port=port_of(server)):
        browser.until(begins("#status", "The source has ended."))
        wait_for_picture(browser, tmp_path, drawn(model, 1))
    browser.until(says("#status", "fastcam doesn't answer. Is it still running?"))


def test_a_lost_stream_begins_anew(browser, model, tmp_path, monkeypatch):
    monkeypatch.setattr("fastcam.serve.handler.SEND_BUFFER", 12345)
    with filming(model) as (camera, server):
        browser.open(server.url)
        camera.shoot()
        wait_for_picture(browser, tmp_path, drawn(model, 0))
        streams = [one for one in server._listener._open if one.getsockopt(1, 7) == 2 * 12345]  # SOL_SOCKET, SO_SNDBUF
        assert len(streams) == 1
        streams[0].shutdown(2)
        camera.shoot()
        wait_for_picture(browser, tmp_path, drawn(model, 1))


# ---- photos ----------------------------------------------------------------------------------------------------------


def test_a_dropped_photo(browser, model, tmp_path, photo):
    best = model.explain(frame(7))
    caption = f"{model.labels[best.class_index[0, 0]]} {100 * best.scores[0, 0]:.1f} %"
    with Server(model) as server:
        browser.open(server.url)
        browser.until(says("#status", "No photo yet."))
        assert browser.text("#empty") == "Drop a photo here, or choose one."
        browser.drop_file(photo, 300, 300)
        browser.until(says("#status", "noise.png: explained."))
        assert browser.text("#chosen") == caption
        assert browser.evaluate("document.body.innerText").count(caption) == 1
        assert browser.evaluate("document.querySelector('#found').ariaLive") == "polite"
        wait_for_picture(browser, tmp_path, drawn(model, 7))
        browser.evaluate(set_to("#opacity", 90))
        wait_for_picture(browser, tmp_path, drawn(model, 7, opacity=0.9))
        browser.evaluate(set_to("#opacity", 50))
        fourth = int(model.explain(frame(7), top=5).class_index[0, 3])
        browser.click("li:nth-child(4) .bar")
        wait_for_picture(browser, tmp_path, drawn(model, 7, class_index=fourth))
        assert browser.evaluate("document.querySelector('#back').hidden")


def test_a_photo_in_place_of_the_live_picture_and_back(browser, model, tmp_path, photo):
    with filming(model) as (camera, server):
        browser.open(server.url)
        camera.shoot()
        wait_for_picture(browser, tmp_path, drawn(model, 0))
        browser.choose_file("#file", photo)
        browser.until(begins("#status", "noise.png: "))
        wait_for_picture(browser, tmp_path, drawn(model, 7))
        camera.shoot()
        time.sleep(0.6)  # the live picture goes on, but not on this page
        wait_for_picture(browser, tmp_path, drawn(model, 7))
        browser.click("#back")
        browser.until(says("#status", "Live."))
        wait_for_picture(browser, tmp_path, drawn(model, 1))


def test_method_and_colors_change_the_picture_and_the_legend(browser, model, tmp_path, photo):
    with Server(model) as server:
        browser.open(server.url)
        browser.until(says("#status", "No photo yet."))
        assert browser.evaluate("document.querySelector('#legend').hidden")
        browser.drop_file(photo, 300, 300)
        wait_for_picture(browser, tmp_path, drawn(model, 7))
        assert browser.text("#method-hint") == "The map is by cam."
        browser.evaluate(set_to("#colormap", "'viridis'", "change"))
        wait_for_picture(browser, tmp_path, drawn(model, 7, colormap="viridis"))
        legend = "document.querySelector('#colors')"
        assert browser.evaluate(f"{legend}.ariaLabel").endswith("lowest to its highest value: viridis")
        assert browser.evaluate(f"{legend}.style.background").startswith("linear-gradient(to right, rgb(68, 1, 84)")
        browser.evaluate(set_to("#method", "'eigencam'", "change"))
        wait_for_picture(browser, tmp_path, drawn(model, 7, colormap="viridis", method="eigencam"))
        assert browser.text("#method-hint") == "The map is by eigencam."


def test_a_sample_photo_and_its_overlay_to_save(browser, model):
    with Server(model) as server:
        browser.open(server.url)
        browser.until(says("#status", "No photo yet."))
        browser.click("#sample")
        browser.until(says("#status", "coffee.jpg: explained."))
        link = "document.querySelector('#save')"
        assert browser.evaluate(f"{link}.download") == "coffee-overlay.jpg"
        size = browser.evaluate(
            f"new Promise(r => {{ const i = new Image(); i.onload = () => r([i.width, i.height]); i.src = {link}.href }})"
        )
        assert size == [600, 400]


def test_the_webcam_is_followed_until_it_is_pressed_again(browser, model):
    with Server(model) as server:
        browser.open(server.url)
        browser.until(says("#status", "No photo yet."))
        browser.click("#webcam")
        browser.until(says("#status", "Webcam."))
        first = browser.evaluate("document.querySelector('#picture').src")
        browser.until(f"document.querySelector('#picture').src !== {first!r}")
        assert browser.evaluate("document.querySelector('#webcam').ariaPressed") == "true"
        assert browser.evaluate("document.querySelector('#found').ariaLive") == "off"
        browser.click("#webcam")
        browser.until("document.querySelector('#webcam').ariaPressed === 'false'")
        time.sleep(0.5)  # a picture may be under way
        last = browser.evaluate("document.querySelector('#picture').src")
        time.sleep(0.5)
        assert browser.evaluate("document.querySelector('#picture').src") == last
        browser.click("#sample")
        browser.until(says("#status", "coffee.jpg: explained."))


def test_a_webcam_that_is_not_there(browser, model):
    with Server(model) as server:
        browser.open(server.url)
        browser.until(says("#status", "No photo yet."))
        for name, said in (("NotAllowedError", "The browser doesn't allow"), ("NotFoundError", "This computer has no")):
            browser.evaluate(
                f"navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('x', '{name}'))"
            )
            browser.click("#webcam")
            browser.until(begins("#problem", said))
            assert browser.evaluate("document.querySelector('#webcam').ariaPressed") == "false"


def test_bad_photos_are_named_and_change_nothing(browser, model, tmp_path, photo):
    (tmp_path / "text.png").write_text("no photo")
    with (tmp_path / "huge.png").open("wb") as file:
        file.truncate(33 * 2**20)
    with Server(model) as server:
        browser.open(server.url)
        browser.until(says("#status", "No photo yet."))
        browser.drop_file(tmp_path / "text.png", 300, 300)
        browser.until(begins("#problem", "text.png: not an image that Pillow can read by itself; expected JPEG, PNG"))
        assert browser.text("#status") == "No photo yet."
        browser.drop_file(photo, 300, 300)
        browser.until(begins("#status", "noise.png: "))
        assert browser.evaluate("document.querySelector('#problem').hidden")
        before = browser.text("#status")
        browser.choose_file("#file", tmp_path / "huge.png")
        browser.until(says("#problem", "huge.png is too large: expected at most 32 MB."))
        browser.drop_file(tmp_path / "text.png", 300, 300)
        browser.until(begins("#problem", "text.png: "))
        assert browser.text("#status") == before
        wait_for_picture(browser, tmp_path, drawn(model, 7))


def test_names_are_text(browser, tmp_path):
    """Names of files, classes and models don't become HTML."""
    name = "<img src=x onerror=document.title='hacked'>"
    (tmp_path / f"{name}.onnx").write_bytes(classifier())
    hostile = fastcam.load(tmp_path / f"{name}.onnx", labels=[f"{name}{k}" for k in range(5)])
    Image.fromarray(frame()).save(tmp_path / f"{name}.png")
    with Server(hostile) as server:
        browser.open(server.url)
        browser.until(says("#status", "No photo yet."))
        browser.drop_file(tmp_path / f"{name}.png", 300, 300)
        browser.until(says("#status", f"{name}.png: explained."))
        assert browser.text("#chosen").startswith(name)
        assert browser.text("#model") == f"{name}.onnx, 5 classes"
        assert browser.evaluate("document.images.length") == 1
        assert browser.evaluate("document.title") == f"{name}.onnx – fastcam"
