"""The page in a real browser, for everyone: by keyboard, for screen readers, light and dark, at every width."""

import time

import numpy as np
import pytest
from PIL import Image

from fastcam.serve import Server
from tests.browser import needed
from tests.serve.camera import filming, frame
from tests.serve.windows import begins, drawn, says, wait_for_picture

pytestmark = needed


@pytest.fixture(scope="module")
def model(load_real):
    return load_real("cifar10_resnet20")


def test_everything_can_be_reached_and_used_by_keyboard(browser, model, tmp_path):
    with Server(model, [frame(0)]) as server:
        browser.open(server.url)
        browser.until("document.querySelectorAll('.bar').length === 5")
        order = []
        for _ in range(16):
            browser.press("Tab", 9)
            order.append(browser.evaluate("document.activeElement.id || document.activeElement.className"))
            ring = "getComputedStyle(document.activeElement.closest('.button') ?? document.activeElement)"
            assert browser.evaluate(f"{ring}.outlineStyle") == "solid", order
            assert browser.evaluate(f"parseFloat({ring}.outlineWidth)") >= 2
        assert order == [
            *("file", "sample", "webcam", "save", *["bar"] * 5, "class", "best"),
            *("method", "convention", "threshold", "colormap", "opacity"),
        ]
        browser.press("ArrowRight", 39)
        assert browser.text("#opacity-value") == "51 %"
        browser.evaluate("document.querySelector('li:nth-child(3) .bar').focus()")
        browser.press("Enter", 13, "\r")
        third = int(model.explain(frame(0), top=5).class_index[0, 2])
        browser.until(begins("#chosen", f"{model.labels[third]} "))


def test_what_a_screen_reader_is_told(browser, model):
    with Server(model, [frame(0)]) as server:
        browser.open(server.url)
        browser.until("document.querySelectorAll('.bar').length === 5")
        browser.until("!document.querySelector('#picture').hidden")
        nodes = browser.call("Accessibility.getFullAXTree")["nodes"]
        found = [
            (node["role"]["value"], node.get("name", {}).get("value", "")) for node in nodes if not node["ignored"]
        ]
        best = model.explain(frame(0), top=5)
        for m, index in enumerate(best.class_index[0]):
            assert ("button", f"{model.labels[index]} {best.score_text(0, m)}") in found
        for role, name in (
            ("heading", "fastcam"),
            ("image", "Live picture with the heatmap and box of the best class"),
            ("button", "Choose a photo"),
            ("button", "Sample photo"),
            ("button", "Webcam"),
            ("link", "Save"),
            ("image", "Colors of the heatmap from its lowest to its highest value: turbo"),
            ("combobox", "Method"),
            ("combobox", "Colors"),
            ("combobox", "Class"),
            ("combobox", "Convention"),
            ("slider", "Threshold"),
            ("slider", "Opacity"),
            ("region", "Best classes"),
            ("form", "View"),
        ):
            assert any(got == role and said.startswith(name) for got, said in found), (role, name, found)
        assert "status" in [role for role, _ in found]
        assert browser.evaluate("document.documentElement.lang") == "en"


def test_a_live_picture_does_not_chatter(browser, model):
    """Live regions change with the state only, while picture and numbers change."""
    with filming(model) as (camera, server):
        browser.open(server.url)
        camera.shoot()
        browser.until(says("#status", "Live."))
        browser.evaluate(
            "window.said = 0; window.changed = 0;"
            "for (const e of document.querySelectorAll('[role=status], [role=alert]'))"
            "  new MutationObserver(() => said++).observe(e, {childList: true, characterData: true, subtree: true});"
            "new MutationObserver(() => changed++).observe(document.querySelector('#bars'), {childList: true, subtree: true})"
        )
        for _ in range(12):
            camera.shoot()
            time.sleep(0.1)
        browser.until("changed > 0")
        assert browser.evaluate("said") == 0


@pytest.mark.parametrize(("width", "height"), [(320, 640), (390, 844), (800, 1000), (1280, 800), (2560, 1800)])
@pytest.mark.parametrize("dark", [False, True])
def test_light_and_dark_at_every_width(browser, model, tmp_path, width, height, dark):
    with Server(model, [frame(0)]) as server:
        browser.open(server.url, width=width, height=height, dark=dark, mobile=width < 500)
        wait_for_picture(browser, tmp_path, drawn(model, 0))
        assert browser.evaluate("document.documentElement.scrollWidth") == width
        with Image.open(tmp_path / "window.png") as window:
            assert window.size == (width, height)
            assert (np.asarray(window.convert("L"))[5, 5] < 60) == dark
        box = "document.querySelector('#picture').getBoundingClientRect()"
        assert browser.evaluate(f"{box}.width") >= 0.6 * width  # the picture dominates
        assert browser.contrast("h1, p, .name, .value, strong, label, output, button, a, #legend span, #box") >= 4.5
