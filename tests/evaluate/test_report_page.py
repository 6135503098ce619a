"""The page of an evaluation in a real browser: what it shows on screen, on paper, by keyboard and to screen readers."""

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image

from fastcam.evaluate.metrics.table import METRICS
from fastcam.evaluate.report import write_report
from tests.browser import needed
from tests.evaluate.reports import picture, results

pytestmark = needed


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    given = results(*(f"method{k}" for k in range(8)), classes=30, thresholds=20)
    given["models"][0]["path"] = "a/" * 100 + "very_long_name_without_a_place_to_break_it_anywhere" * 3
    given["worst"][0]["id"] = "<img src=x onerror=document.title='hacked'>" * 5
    return given, write_report(folder, given, picture).as_uri()


def pixels(browser, tmp_path, selector):
    """(H, W, 3) int, the middle of an element as it stands in the window."""
    box = browser.evaluate(
        f"(e => {{ e.scrollIntoView({{block: 'center'}}); const r = e.getBoundingClientRect();"
        f" return [r.left, r.top, r.right, r.bottom].map(Math.round) }})(document.querySelector({json.dumps(selector)}))"
    )
    browser.screenshot(tmp_path / "window.png")
    with Image.open(tmp_path / "window.png") as window:
        return np.asarray(window.convert("RGB").crop(box)).astype(int)


@pytest.mark.parametrize("dark", [False, True])
def test_light_and_dark_at_every_width(browser, page, tmp_path, dark):
    for width, height in ((320, 640), (1280, 800)):
        browser.open(page[1], width=width, height=height, dark=dark, mobile=width < 500)
        assert browser.evaluate("document.documentElement.scrollWidth") == width
        browser.screenshot(tmp_path / "window.png")
        with Image.open(tmp_path / "window.png") as window:
            assert (np.asarray(window.convert("L"))[2, 2] < 60) == dark
        assert browser.contrast("h1, h2, p, th, td, small, a, li, dt, dd, summary") >= 4.5
        assert browser.contrast(".plot text", "fill") >= 4.5
        assert browser.contrast("polyline", "stroke") >= 3
    colours = browser.evaluate(
        "[...document.querySelectorAll('.panel:first-child polyline')].map(e => getComputedStyle(e).stroke)"
    )
    assert len(set(colours)) == 8


def test_the_main_table_fits_a_window(browser, tmp_path):
    """Results of all metrics, and methods with the longest names."""
    given = results("reciprocam-gaussian", "finercam-weighted", "guidedbackprop", cases=0, thresholds=0)
    for row in given["rows"]:
        row["metrics"] = {
            name: dict.fromkeys((one.name for one in kind.figures), 0.625) for name, kind in METRICS.items()
        }
        for figures in row["metrics"].values():
            figures["images"] = 100_000
        row["intervals"] = {
            name: {key: [0.25, 0.88] for key in row["metrics"][name] if key != "images"} for name in row["metrics"]
        }
    browser.open(write_report(tmp_path, given, picture).as_uri())
    widths = browser.evaluate(
        "[...document.querySelectorAll('.wide:has(.figures)')].map(e => [e.scrollWidth, e.clientWidth])"
    )
    assert len(widths) == 2
    assert all(inner <= outer for inner, outer in widths)
    order = browser.evaluate("[...document.querySelectorAll('h2')].map(e => e.textContent)")
    assert order == ["Answer", "Figures", "Curves", "Classes", "Worst cases", "Left out", "Setup"]


def test_a_worst_case_is_large(browser, page):
    browser.open(page[1])
    width = "document.querySelectorAll('.cases')[2].querySelector('li figure:nth-child(%d) svg').clientWidth"
    own, other = browser.evaluate(width % 3), browser.evaluate(width % 1)
    assert own > 450 > other > 150


def test_overlays_are_drawn_with_the_true_boxes_over_them(browser, page, tmp_path):
    browser.open(page[1])
    for row in (0, 3):
        drawn = pixels(browser, tmp_path, f".cases > li:first-child figure:nth-child({row + 1}) svg")
        height, width = drawn.shape[:2]
        expected = picture(row, 0)[0, 0]
        assert width > 150
        assert np.abs(drawn[height - 12, width // 2] - expected).max() <= 6
        x0, y0, x1, y1 = (np.array([5, 6, 25.5, 16]) * width / 60).round().astype(int)
        magenta = (drawn[..., 0] > 200) & (drawn[..., 1] < 120) & (drawn[..., 2] > 200)
        y, x = np.nonzero(magenta)
        np.testing.assert_allclose([x.min(), y.min(), x.max(), y.max()], [x0, y0, x1, y1], atol=3)


def test_classes_sort_by_mouse_and_keyboard(browser, page):
    given, url = page
    browser.open(url)
    head = "table.sortable th:nth-child(%d) button"
    column = "[...document.querySelector('table.sortable').tBodies[0].rows].map(r => r.cells[%d].textContent)"
    sorts = "[...document.querySelectorAll('table.sortable')[0].tHead.rows[0].cells].map(c => c.ariaSort)"
    accuracy = [given["rows"][1]["classes"][str(k)]["accuracy"] for k in range(30)]
    browser.click(head % 5)
    assert browser.evaluate(column % 0) == [str(k) for k in np.argsort(accuracy)]
    assert browser.evaluate(sorts) == [None] * 4 + ["ascending"] + [None] * 7
    browser.press("Enter", 13, "\r")
    assert browser.evaluate(column % 0) == [str(k) for k in np.argsort(accuracy)[::-1]]
    assert browser.evaluate(sorts)[4] == "descending"
    browser.click(head % 2)
    assert browser.evaluate(column % 1) == [f"kind {k}" for k in range(30)]


def test_what_a_screen_reader_is_told(browser, page):
    given, url = page
    browser.open(url)
    nodes = browser.call("Accessibility.getFullAXTree")["nodes"]
    found = [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in nodes if not node["ignored"]]
    for expected in (
        ("heading", "Evaluation of class activation maps"),
        ("navigation", "Contents"),
        ("region", "Worst cases"),
        ("table", "Figures of each method"),
        ("columnheader", "accuracy\u00a0 , more is better"),
        ("rowheader", "method3 class weights"),
        ("table", "Best accuracy, MaxBoxAcc, IoU ≥ 0.5"),
        ("image", "photo1, kind 1, by method2"),
    ):
        assert expected in found
    assert sum(role == "image" and name.startswith("MaxBoxAcc, IoU ≥ ") for role, name in found) == 2
    assert len([name for role, name in found if role == "image"]) == 2 + 8 * 2 * 8  # nothing of what is only embedded
    assert browser.evaluate("[document.documentElement.lang, document.title, document.images.length]") == [
        "en",
        "resnet20 on 1,234 images (coco), convention paper – fastcam",
        0,
    ]
    assert browser.text(".cases .path") == f"{given['worst'][0]['id']}: 0.jpg"
    browser.evaluate("document.querySelector('.wide').focus()")
    assert browser.evaluate("document.activeElement.ariaLabel") == "Figures of each method"


def test_paper_is_light_and_as_wide_as_it_is(browser, page, tmp_path):
    browser.open(page[1], width=794, height=1123, dark=True)
    dark = {"name": "prefers-color-scheme", "value": "dark"}
    browser.call("Emulation.setEmulatedMedia", media="print", features=[dark])
    browser.screenshot(tmp_path / "window.png")
    cut = "[...document.querySelectorAll('.wide, .panel')].filter((e) => e.scrollWidth > e.clientWidth).length"
    assert browser.evaluate(cut) == 0
    browser.call("Emulation.setEmulatedMedia", media="", features=[])
    with Image.open(tmp_path / "window.png") as window:
        assert np.asarray(window.convert("L"))[2, 2] > 240
    printed = base64.b64decode(browser.call("Page.printToPDF")["data"])
    assert printed.startswith(b"%PDF")
    assert io.BytesIO(printed).getbuffer().nbytes > 10_000
