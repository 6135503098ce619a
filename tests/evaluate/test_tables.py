"""The tables of an evaluation in Markdown, and on its page, of what data really has."""

from dataclasses import replace

import numpy as np
import pytest

from fastcam.evaluate import Protocol, evaluate, markdown
from tests.evaluate.evaluations import again
from tests.evaluate.reports import read_report

pytestmark = pytest.mark.usefixtures("few_resamples")


def heads_and_rows(text):
    """Titles of columns, and what each row is of."""
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("| ")]
    return lines[0], [line[0] for line in lines[2:]]


def test_the_best_classes_are_told_beside_their_boxes(model_and_data, tmp_path):
    few = model_and_data[0], model_and_data[1].take(np.arange(4))
    results = again(few, tmp_path / "five", protocol=Protocol(metrics=("localization",)))
    titles, _ = heads_and_rows(markdown(results))
    assert titles == ["maps", *(f"top-{n} {kind}. error" for kind in ("loc", "cls") for n in (1, 5))]
    error = results["rows"][0]["metrics"]["localization"]["classification_error"]
    assert f"{error:.3f}" in markdown(results).split("| cam |")[1].split("|")[3]
    results = again(few, tmp_path / "one", protocol=Protocol(metrics=("localization",), top=1))
    assert heads_and_rows(markdown(results))[0] == ["maps", "top-1 loc. error", "top-1 cls. error"]


def test_a_baseline_without_figures_has_no_row(model_and_data, tmp_path):
    """The centre has no mask; in data without boxes nothing is left of it."""
    model, data = model_and_data
    index, none = np.array([int(one[0]) if one else -1 for one in data.mask_class]), np.zeros(len(data) + 1, np.int64)
    masked = replace(data, boxes=np.empty((0, 4)), box_class=none[:0], offsets=none, class_index=index)
    protocol = Protocol(metrics=("px_ap", "pointing"))
    results = evaluate(model, masked.take([0, 3, 6]), tmp_path / "run", protocol=protocol)
    assert [(row["method"], set(row["metrics"])) for row in results["rows"]] == [
        ("cam", {"px_ap"}),
        ("center", set()),
        ("center-gaussian", {"px_ap"}),
    ]
    assert heads_and_rows(markdown(results)) == (["maps", "PxAP"], ["cam", "center-gaussian"])
    (tmp_path / "page").mkdir()
    groups, _, *rows = read_report(tmp_path / "page", results).table("Figures of each method")
    assert [cell.text for cell in groups] == ["Method", "PxAPn = 3 pairs"]
    assert [row[0].text for row in rows] == ["cifar10_resnet20", "camclass weights", "Baselines", "center-gaussian"]
