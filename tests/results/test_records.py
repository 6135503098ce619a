"""Results as plain values: dictionaries, results.json, lines of JSON, and tables of pandas."""

import json
import sys
from dataclasses import replace

import numpy as np
import pytest

import fastcam
from fastcam.export import to_json_line
from tests.cli.explaining import prepare, results, run
from tests.results.explained import LABELS, model, of_rank, photos, without_boxes


@pytest.fixture(scope="module")
def found():
    return model().explain(photos(), top=2)


def test_a_dictionary_is_what_the_command_writes(tmp_path, monkeypatch, capsys):
    prepare(tmp_path, monkeypatch)
    assert run("photos", "--top", 2, "--method", "gradcam") == 0
    files = [one["file"] for one in results()["images"]]
    explanation = fastcam.load("model.onnx", preprocess="imagenet").explain(files, top=2, method="gradcam")
    record = json.loads(json.dumps(explanation.to_dict(), allow_nan=False))
    written = results()
    assert written["problems"] == record["problems"] == []
    for own, line in zip(record["images"], written["images"], strict=True):
        assert {"file", "sha256"} == line.keys() - own.keys()
        del own["image"]  # the file says which it is
        assert [one.pop("overlay") for one in line["maps"]]
        assert {name: line[name] for name in own} == own


def test_a_dictionary_has_plain_values_alone_and_always_the_same(found):
    text = json.dumps(found.to_dict(), allow_nan=False)
    assert json.loads(text) == found.to_dict()
    assert text == json.dumps(model().explain(photos(), top=2).to_dict())
    image = found.to_dict()["images"][0]
    assert image["size"] == {"width": 40, "height": 30}
    assert image["seen"] == [0, 0, 40, 30]
    best = image["maps"][0]
    assert best["label"] == LABELS[best["class_index"]]
    assert (best["rank"], best["is_probability"], best["method"], best["how"]) == (1, True, "cam", "class weights")
    assert {"image": 0, **found[0].to_dict()} == image


def test_dictionaries_are_the_callers_own(found):
    found.to_dict()["images"][0]["maps"][0]["layers"].append("changed")
    found.to_dict()["images"][0]["maps"].clear()
    assert found.to_dict()["images"][0]["maps"][0]["layers"] == []


def test_no_box_and_no_name_are_null():
    explanation = without_boxes(model(None).explain(photos()[0], top=2), 0, 0)
    none, some = explanation.to_dict()["images"][0]["maps"]
    assert (none["box"], none["area"], none["label"]) == (None, 0, None)
    assert some["box"] == explanation.boxes.xyxy[0, 1].tolist()


def test_lines_have_the_same_records():
    with model().stream([(photos()[0], 0.5)], top=2) as stream:
        ((_, found),) = stream
    (image,) = found.to_dict()["images"]
    line = json.loads(to_json_line(found, file="x"))
    assert list(line) == ["frame", "timestamp", "milliseconds", "file", "width", "height", "maps"]
    assert {name: image[name] for name in ("frame", "timestamp", "milliseconds", "maps")} == {
        name: line[name] for name in ("frame", "timestamp", "milliseconds", "maps")
    }


@pytest.mark.parametrize(
    ("rank", "size", "seen"),
    [(1, {"length": 30}, [0, 30]), (3, {"width": 20, "height": 40, "depth": 60}, [0, 0, 0, 20, 40, 60])],
)
def test_other_ranks(found, rank, size, seen):
    others = of_rank(found, rank)
    image = others.to_dict()["images"][1]
    assert (image["size"], image["seen"]) == (size, seen)
    assert image["maps"][0]["box"] == ([0, 10] if rank == 1 else [0, 1, 2, 10, 20, 30])
    columns = ["x0", "x1"] if rank == 1 else ["x0", "y0", "z0", "x1", "y1", "z1"]
    assert others.to_pandas().columns.tolist()[4:-3] == columns


# ---- pandas ----------------------------------------------------------------------------------------------------------


def test_a_row_for_each_image_and_class(found):
    frame = found.to_pandas()
    assert frame.columns.tolist() == [
        *("image", "class_index", "label", "score", "x0", "y0", "x1", "y1", "area", "peak", "method")
    ]
    assert frame["image"].tolist() == [0, 0, 1, 1, 2, 2]
    for row, (n, m) in zip(frame.itertuples(), np.ndindex(3, 2), strict=True):
        item = found[n][m]
        assert (row.class_index, row.label, row.method) == (item.class_index, item.label, "cam")
        assert (row.score, row.area, row.peak) == (item.score, item.area, item.peak)
        assert (row.x0, row.y0, row.x1, row.y1) == item.box
    assert len(found[:0].to_pandas()) == 0
    assert found[:0].to_pandas().columns.equals(frame.columns)


def test_rows_without_a_box_or_a_name(tmp_path):
    explanation = without_boxes(model(None).explain(photos()[0], top=2), 0, 0)
    frame = explanation.to_pandas()
    assert frame["x0"].isna().tolist() == [True, False]
    assert frame["x0"].dtype == "Int64"
    assert frame["label"].isna().all()
    frame.to_csv(tmp_path / "found.csv", index=False)
    assert ",,,,,0," in (tmp_path / "found.csv").read_text()


def test_frames_have_their_number_and_time():
    import pandas

    with model().stream([(one, 0.5 * n) for n, one in enumerate(photos())]) as stream:
        frame = pandas.concat([explanation.to_pandas() for _, explanation in stream])
    assert frame["frame"].tolist() == [0, 1, 2]
    assert frame["timestamp"].tolist() == [0.0, 0.5, 1.0]


def test_without_pandas(found, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(fastcam.BackendError, match="to_pandas needs pandas .*: pip install pandas"):
        found.to_pandas()
    assert replace(found).to_dict() == found.to_dict()


def test_nothing_that_is_heavy_is_loaded_before_it_is_needed():
    import subprocess

    code = (
        "import sys, fastcam.results as r; r.Explanation, r.Found; "
        "print([name for name in ('pandas', 'PIL', 'onnxruntime', 'IPython') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
