"""The local page in a browser's window: states to wait for, and the expected picture."""

import time

import numpy as np
from PIL import Image

import fastcam
from tests.serve.camera import frame
from tests.waiting import WAIT


def says(selector, text):
    return f"document.querySelector('{selector}').textContent === {text!r}"


def begins(selector, text):
    return f"document.querySelector('{selector}').textContent.startsWith({text!r})"


def set_to(selector, value, event="input"):
    return (
        f"(e => {{ e.value = {value}; e.dispatchEvent(new Event('{event}')) }})(document.querySelector('{selector}'))"
    )


def coarse(image):
    return np.asarray(image.resize((30, 20), Image.Resampling.BOX), float)


def shown(browser, tmp_path):
    """Return the picture (20, 30, 3) of a screenshot of the window, coarsely."""
    browser.screenshot(tmp_path / "window.png")
    script = "(r => [r.left, r.top, r.right, r.bottom])(document.querySelector('#picture').getBoundingClientRect())"
    with Image.open(tmp_path / "window.png") as window:
        return coarse(window.convert("RGB").crop(browser.evaluate(script)))


def drawn(model, k, **options):
    """Return the expected picture (20, 30, 3) of frame k, coarsely."""
    look = {"opacity": options.pop("opacity", 0.5), "colormap": options.pop("colormap", "turbo")}
    picture = fastcam.overlay(frame(k), model.explain(frame(k), **options), **look, label=False, scale=8)
    return coarse(Image.fromarray(picture))


def wait_for_picture(browser, tmp_path, expected):
    end = time.monotonic() + WAIT
    while (distance := np.abs(shown(browser, tmp_path) - expected).mean()) > 6:
        assert time.monotonic() < end, f"another picture, {distance:.1f} grey levels off"
        time.sleep(0.05)
