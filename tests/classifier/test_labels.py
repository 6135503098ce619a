"""Class names from JSON and mappings, as others write them."""

import json

import pytest

import fastcam
from fastcam import InputError
from fastcam.classifier.labels import read_labels
from fastcam.cli import main
from tests.model.models import classifier

NAMES = ("ape", "bat", "cat")
FORMS = {
    "list": list(NAMES),
    "numbers as text": {"2": "cat", "0": "ape", "1": "bat"},
    "class_to_idx": {"bat": 1, "ape": 0, "cat": 2},
    "config.json": {"model_type": "vit", "id2label": {"0": "ape", "1": "bat", "2": "cat"}, "label2id": {"ape": 0}},
    "imagenet_class_index.json": {"0": ["n1", "ape"], "1": ["n2", "bat"], "2": ["n3", "cat"]},
    "names that are numbers": {"0": "ape", "1": "bat", "2": "cat"},
}
BAD = {
    "a class is missing": ({"0": "ape", "2": "cat"}, "expected a list of names, .* for the classes 0, 1, 2, ...; got"),
    "from 1": ({"1": "ape", "2": "bat", "3": "cat"}, "for the classes 0, 1, 2"),
    "two names of one": ({"ape": 0, "bat": 0, "cat": 1}, "for the classes 0, 1, 2"),
    "other keys": ({"things": ["ape", "bat", "cat"]}, "for the classes 0, 1, 2"),
    "no text": ({"0": None, "1": "bat", "2": "cat"}, "for the classes 0, 1, 2"),
    "none": ({}, "for the classes 0, 1, 2"),
    "numbers": ([1, 2, 3], "for the classes 0, 1, 2"),
    "one word": ("ape", "for the classes 0, 1, 2"),
    "too few": (["ape", "bat"], "labels: expected 3 names, one a class; got 2"),
}


@pytest.mark.parametrize("form", FORMS)
def test_json_and_mappings_name_the_classes(tmp_path, form):
    file = tmp_path / "labels.JSON"
    file.write_text(json.dumps(FORMS[form]), encoding="utf-8-sig")
    assert read_labels(file, 3) == read_labels(str(file), 3) == NAMES
    assert read_labels(FORMS[form], 3) == NAMES
    assert read_labels(dict(enumerate(NAMES)), 3) == NAMES


@pytest.mark.parametrize("form", BAD)
def test_what_names_no_classes_is_refused(tmp_path, form):
    value, match = BAD[form]
    (tmp_path / "labels.json").write_text(json.dumps(value), encoding="utf-8")
    with pytest.raises(InputError, match=match):
        read_labels(tmp_path / "labels.json", 3)
    if isinstance(value, dict):
        with pytest.raises(InputError, match=match):
            read_labels(value, 3)


def test_files_that_are_no_json(tmp_path):
    (tmp_path / "labels.json").write_text("ape\nbat\ncat\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"labels: .*labels\.json: can't be read as JSON"):
        read_labels(tmp_path / "labels.json", 3)
    with pytest.raises(InputError, match=r"labels: .*none\.json: can't be read as text \(No such file"):
        read_labels(tmp_path / "none.json", 3)


def test_models_and_commands_take_them(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.onnx").write_bytes(classifier())
    (tmp_path / "labels.json").write_text(json.dumps({str(k): f"class {k}" for k in range(5)}), encoding="utf-8")
    assert fastcam.load("model.onnx", labels="labels.json").labels == tuple(f"class {k}" for k in range(5))
    assert main(["inspect", "model.onnx", "--labels", "labels.json"]) == 0
    (tmp_path / "labels.json").write_text(json.dumps({"ape": 0}), encoding="utf-8")
    assert main(["inspect", "model.onnx", "--labels", "labels.json"]) == 2
    assert "labels: expected 5 names, one a class; got 1" in capsys.readouterr().err
