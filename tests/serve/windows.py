"""The local page in a browser's window: what to wait for, and the picture that should be seen there."""

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
    """(20, 30, 3): the picture as it stands in a screenshot of the window, coarsely."""
    browser.screenshot(tmp_path / "window.png")
    script = "(r => [r.left, r.top, r.right, r.bottom])(document.querySelector('#picture').getBoundingClientRect())"
    with Image.open(tmp_path / "window.png") as window:
        return coarse(window.convert("RGB").crop(browser.evaluate(script)))


def drawn(model, k, **options):
    """(20, 30, 3): the picture of the k-th frame as it should be, coarsely."""
    opacity = options.pop("opacity", 0.5)
    picture = fastcam.overlay(frame(k), model.explain(frame(k), **options), opacity=opacity, label=False, scale=8)
    return coarse(Image.fromarray(picture))


def wait_for_picture(browser, tmp_path, expected):
    end = time.monotonic() + WAIT
    while (distance := np.abs(shown(browser, tmp_path) - expected).mean()) > 6:
        assert time.monotonic() < end, f"another picture, {distance:.1f} grey levels off"
        time.sleep(0.05)
