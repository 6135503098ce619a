"""The answer that the page of an evaluation opens with, and its chart."""

from functools import partial

import numpy as np
import pytest

from tests.evaluate.reports import numbers, read_report, results


@pytest.fixture
def read(tmp_path):
    return partial(read_report, tmp_path)


def comparison(*found, metric="known"):
    """Return results of methods and baselines from (method, figure, low, high); baselines begin with "c"."""
    given = results(*(name for name, *_ in found), cases=0)
    for row, (name, figure, *ends) in zip(given["rows"], found, strict=True):
        row["model"] = None if name.startswith("center") else "resnet20"
        row["metrics"] = {metric: {"images": 96, "accuracy": figure}}
        row["intervals"] = {metric: {"accuracy": ends or [None, None]}}
    return given


@pytest.mark.parametrize(
    ("found", "metric", "told"),
    [
        (
            [("cam", 0.5, 0.45, 0.55), ("gradcam", 0.3, 0.2, 0.4)],
            "pointing",
            "On 1,234 photos, cam points best: Pointing game, accuracy of all pairs 0.500 (0.45–0.55). "
            "That is 20.0 points better than gradcam, and the intervals don't overlap.",
        ),
        (
            [("gradcam", 0.48, 0.4, 0.56), ("cam", 0.5, 0.45, 0.55), ("center", 0.3, 0.2, 0.4)],
            "known",
            "On 1,234 photos, cam comes first: GT-known localisation, accuracy 0.500 (0.45–0.55). "
            "That is 2.0 points better than gradcam, but the intervals overlap: no difference is shown; it is 20.0 points "
            "better than the baseline center, and the intervals don't overlap.",
        ),
        (
            [("cam", 0.5, 0.45, 0.55), ("center", 0.625, 0.5, 0.7)],
            "known",
            "On 1,234 photos, cam reaches: GT-known localisation, accuracy 0.500 (0.45–0.55). "
            "That is 12.5 points worse than the baseline center, but the intervals overlap: no difference is shown.",
        ),
        (
            [(f"cam{k}", 0.5) for k in range(5)],
            "known",
            "On 1,234 photos, cam0, cam1, cam2 and 2 more are level: GT-known localisation, accuracy 0.500. "
            "There is nothing to compare it with.",
        ),
        (
            [("cam", 0.5), ("gradcam", 0.4), ("center", 0.1)],
            "known",
            "On 1,234 photos, cam comes first: GT-known localisation, accuracy 0.500. "
            "That is 10.0 points better than gradcam and 40.0 points better than the baseline center (no intervals).",
        ),
    ],
)
def test_the_page_opens_with_the_answer(read, found, metric, told):
    page = read(comparison(*found, metric=metric))
    assert next(page.all("h2")).text == "Answer"
    assert next(page.all("p", class_="answer")).text == told


def test_the_chart_has_each_figure_and_its_interval(read):
    found = [("cam", 0.3, 0.2, 0.45), ("center", 0.1, 0.05, 0.2), ("gradcam", 0.4, 0.35, 0.5), ("layercam", None)]
    lines = read(comparison(*found)).table(
        "GT-known localisation, accuracy: more is better; lines are 95 % intervals by bootstrap"
    )
    assert [line[0].text for line in lines] == ["Method", "gradcam", "cam", "center", ""]
    for line, (_, figure, low, high) in zip(lines[1:], (found[2], found[0], found[1]), strict=False):
        assert numbers([line[2]]) == [[figure, low, high]]
        (interval,), (dot,) = line[1].all("line", class_="interval"), line[1].all("circle")
        places = [float(place.removesuffix("%")) / 200 for place in (dot["cx"], interval["x1"], interval["x2"])]
        np.testing.assert_allclose(places, [figure, low, high], atol=1e-4)
    assert [label.text for label in lines[-1][1].all("text")] == ["0", "0.1", "0.2", "0.3", "0.4", "0.5"]


def test_less_is_better_where_it_is(read):
    given = results("cam", "gradcam", cases=0)
    for row, error in zip(given["rows"], (0.4, 0.3), strict=True):
        row["metrics"] = {"localization": {"images": 9, "top": 5, "localization_error": error}}
    answer = next(read(given).all("p", class_="answer")).text
    assert answer.startswith(
        "On 1,234 photos, gradcam comes first: ILSVRC localisation, top-5 localisation error 0.300."
    )
    assert "10.0 points better than cam" in answer
