"""A metric that is added as CONTRIBUTING.md says: a class in a file of its own, and a line in the table."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from fastcam import InputError
from fastcam.evaluate import Protocol, bootstrap, evaluate, markdown, merge_shards
from fastcam.evaluate.metrics import BOXES, METRICS, ClassFigure, Figure, SummedMetric
from fastcam.evaluate.metrics.summed import UNIT, in_units
from fastcam.evaluate.metrics.table import described
from tests.evaluate.reports import read_report

pytestmark = pytest.mark.usefixtures("few_resamples")


@dataclass(frozen=True, slots=True)
class FilledFigures:
    images: int
    filled: float


class FilledPart(SummedMetric[FilledFigures]):
    """The part of the photo that the box of the true class fills."""

    name = "filled"
    title = "Filled part"
    group = BOXES
    figures = (Figure("filled", "part of the photo", -1, column="filled part"),)
    of_classes = (ClassFigure("filled", "filled", "Filled part of the photo"),)
    baselines = ("center-gaussian",)

    def __init__(self):
        super().__init__(1)

    def score(self, sample):
        return self.update(sample.cutter.in_photo(sample.boxes), sample.subject.size)

    def update(self, boxes, size):
        sides = boxes[:, 2:] - boxes[:, :2]
        return self.count(in_units(sides.prod(axis=1, keepdims=True) / np.prod(size)))

    def summarize(self, sums, images):
        return FilledFigures(images, float(sums[0]) / UNIT / images)


@pytest.fixture
def filled(monkeypatch):
    """The line in the table."""
    monkeypatch.setitem(METRICS, FilledPart.name, FilledPart)


@pytest.mark.usefixtures("filled")
def test_a_new_metric_is_computed_and_shown(model_and_data, tmp_path):
    model, data = model_and_data
    protocol = Protocol(metrics=("known", "filled"))
    results = evaluate(model, data, tmp_path / "run", protocol=protocol)

    pairs = data.pairs()
    own = model.explain([data.paths[n] for n in pairs.image], class_index=pairs.class_index[:, None])
    metric, size = FilledPart(), data.sizes[0].tolist()
    tallies = metric.update(own.boxes.xyxy[:, 0].astype(np.float64), size)
    row, baseline = results["rows"]
    assert results["plan"]["metrics"] == ["known", "filled"]
    assert row["metrics"]["filled"] == {"images": len(tallies), "filled": metric.summary().filled}
    assert row["intervals"]["filled"]["filled"] == list(bootstrap(metric, tallies, resamples=20)["filled"])
    assert row["classes"]["3"]["filled"] == metric.of_rows(tallies[pairs.class_index == 3]).filled
    assert baseline["method"] == "center-gaussian"
    assert 0 < baseline["metrics"]["filled"]["filled"] < 1

    table = markdown(results)
    assert "| maps | GT-known | mean box IoU | filled part |" in table
    assert f"{metric.summary().filled:.3f} (" in table
    (tmp_path / "page").mkdir()
    page = read_report(tmp_path / "page", results, lambda row, case: None)
    groups, heads, *_ = page.table("Figures of each method")
    assert [cell.text for cell in groups][-1] == f"Filled partn = {len(tallies)} pairs"
    assert heads[-1].text == "part of the photo\u00a0↓, less is better"
    assert page.table(f"Filled part of the photo of {len(row['classes'])} classes")

    shards = [tmp_path / str(part) for part in (1, 2)]
    for part, shard in enumerate(shards, 1):
        evaluate(model, data, shard, protocol=protocol, shard=(part, 2))
    assert merge_shards(shards, tmp_path / "merged") == results


@pytest.mark.usefixtures("filled")
def test_protocols_have_a_new_metric():
    assert Protocol().asked[-1] == "filled"
    assert Protocol().baselines == ["center", "center-gaussian"]
    assert Protocol(metrics=("filled",)).baselines == ["center-gaussian"]
    assert "| `filled` | photo and class with boxes | The part of the photo that" in described()


def test_without_its_line_there_is_no_such_metric():
    with pytest.raises(InputError, match="metrics: expected some of localization, .*; got filled"):
        Protocol(metrics=("filled",))


def test_the_documentation_has_the_table_of_metrics():
    page = Path(__file__).parents[2] / "docs" / "evaluation.md"
    assert described() in page.read_text(encoding="utf-8")
