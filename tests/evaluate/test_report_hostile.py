"""The page of an evaluation, of whatever comes: names of strangers, next to nothing, results of another form."""

import json
import re
from functools import partial
from typing import Any

import numpy as np
import pytest

from fastcam import InputError
from fastcam.evaluate.report import write_report
from tests.evaluate.reports import picture, read_report, results
from tests.markup import Node

HOSTILE = "<img src=x onerror=alert(1)>\"'&amp;</script></style><!--\u202e\x00\x1b\udcff"


@pytest.fixture
def read(tmp_path):
    return partial(read_report, tmp_path)


# ---- names of strangers ----------------------------------------------------------------------------------------------


def hostile(value: Any) -> Any:
    """All text within is replaced, but for keys."""
    if isinstance(value, str):
        return HOSTILE
    if isinstance(value, dict):
        return {key: hostile(one) for key, one in value.items()}
    return [hostile(one) for one in value] if isinstance(value, list) else value


def test_names_stay_text(read, tmp_path):
    given = hostile(results("cam", "gradcam"))
    for key in ("metrics", "intervals", "curves"):
        given["rows"][0][key] = {HOSTILE: next(iter(given["rows"][0][key].values()))}
    given["rows"][0]["metrics"] = {HOSTILE: {HOSTILE: 0.5}}
    given["plan"][HOSTILE] = [HOSTILE]
    page, tame = read(given), read(results("cam", "gradcam"))
    path = write_report(tmp_path, given, picture)
    kept = HOSTILE.replace("\x00", "␀").replace("\x1b", "␛").replace("\udcff", "\\udcff")
    assert page.text.count(kept) > 40
    assert {"img", "script"} & {node.tag for node in walk(page)} == {"script"}
    assert {node.tag for node in walk(page)} <= {node.tag for node in walk(tame)}
    assert {name for node in walk(page) for name in node.attributes} <= {
        name for node in walk(tame) for name in node.attributes
    }
    assert not re.search(rb"[\x00-\x08\x0b-\x1f]", path.read_bytes())


def walk(node):
    for child in node.children:
        if isinstance(child, Node):
            yield child
            yield from walk(child)


def test_the_page_needs_nothing_else_and_allows_nothing_else(read):
    page = read(results("cam"))
    policy = next(node["content"] for node in page.all("meta") if node["http-equiv"] == "Content-Security-Policy")
    assert re.fullmatch(
        r"default-src 'none'; img-src data:; style-src 'sha256-\S{44}'; script-src 'sha256-\S{44}'", policy
    )
    for node in walk(page):
        assert not {"src", "style", "srcset", "action"} & set(node.attributes)
        assert not any(name.startswith("on") for name in node.attributes)
        assert (node["href"] or "#")[0] == "#" or node["href"].startswith("data:image/jpeg;base64,")
    assert "url(" not in next(page.all("style")).text
    assert "@import" not in next(page.all("style")).text


def test_the_same_results_make_the_same_page(tmp_path):
    first = write_report(tmp_path, results("cam", "gradcam"), picture).read_bytes()
    again = json.loads(json.dumps(results("cam", "gradcam")))
    assert write_report(tmp_path, again, picture).read_bytes() == first


# ---- little, and wrong -----------------------------------------------------------------------------------------------


def test_results_that_have_next_to_nothing(read):
    given = results("cam", cases=0)
    given["rows"][0] |= {"metrics": {}, "intervals": {}, "classes": {}, "curves": {}, "how": None}
    given |= {"plan": {}, "models": []}
    given["data"] |= {"problems": [], "absent_classes": 0}
    text = read(given, lambda row, case: pytest.fail("asked for a picture")).text
    for said in (
        "Models on 1,234 images (coco)",
        "No figure was asked for.",
        "No metric of many thresholds was asked for.",
        "No figures of single classes were asked for.",
        "No worst cases were kept.",
        "No image or box was left out.",
    ):
        assert said in text
    assert "nan" not in text.lower()


def without(*keys):
    def change(given):
        for key in keys[:-1]:
            given = given[key]
        del given[keys[-1]]

    return change


def put(value, *keys):
    def change(given):
        for key in keys[:-1]:
            given = given[key]
        given[keys[-1]] = value

    return change


CURVE = ("rows", 0, "curves", "max_box_acc")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (without("worst"), r"^results: expected 'worst', as in results.json; got fastcam, plan,"),
        (without("rows", 1, "metrics"), r"^results\['rows'\]\[1\]: expected 'metrics', as in results.json; got model"),
        (without("models", 0, "preprocess"), r"^results\['models'\]\[0\]: expected 'preprocess', as in results.json"),
        (put({}, "rows"), r"^results\['rows'\]: expected a list; got {}$"),
        (put([], "rows"), r"^results\['rows'\]: expected at least one row; got none$"),
        (put(None, "labels"), r"^results\['labels'\]: expected a dictionary; got None$"),
        (put("many", "data", "images"), r"^results\['data'\]\['images'\]: expected int; got 'many'$"),
        (put(True, "data", "images"), r"^results\['data'\]\['images'\]: expected int; got True$"),
        (
            put([0.5], *CURVE, "accuracy", 0),
            r"\['max_box_acc'\]\['accuracy'\]: expected lists of \[5, 5\] numbers, one for each delta; got \[1, 5\]$",
        ),
        (put(["a"], *CURVE, "thresholds"), r"\['thresholds'\]\[0\]: expected int or float; got 'a'$"),
        (put({"cat": {}}, "rows", 0, "classes"), r"\['classes'\]: expected class indices as keys"),
        (put(2, "worst", 1, "row"), r"^results\['worst'\]\[1\]\['row'\]: expected a row's number, 0 to 1; got 2$"),
        (put([[1, 2, 3]], "worst", 0, "truth"), r"\['truth'\]: expected boxes of 4 numbers; got \[\[1, 2, 3\]\]$"),
    ],
)
def test_results_of_another_form_are_refused_before_pictures_are_asked_for(tmp_path, change, message):
    given = results("cam", "gradcam")
    change(given)
    with pytest.raises(InputError, match=message):
        write_report(tmp_path, given, lambda row, case: pytest.fail("asked for a picture"))
    assert not list(tmp_path.iterdir())


def test_what_is_no_picture(tmp_path):
    (tmp_path / "report.html").write_text("the one before")
    with pytest.raises(
        InputError, match=r"^picture\(0, 0\): expected \(H, W, 3\) uint8 or None; got \(4, 4\) float64$"
    ):
        write_report(tmp_path, results("cam"), lambda row, case: np.zeros((4, 4)))  # pyright: ignore
    assert [path.read_text() for path in tmp_path.iterdir()] == ["the one before"]


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match=r"report.html: can't be written \(No such file or directory\)"):
        write_report(tmp_path / "nowhere", results("cam"), picture)
