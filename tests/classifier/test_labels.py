"""Class names from JSON and mappings, as others write them."""

import json

import numpy as np
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


@pytest.mark.parametrize("labels", [set(NAMES), frozenset(NAMES), b"abc", bytearray(b"abc"), memoryview(b"abc")])
def test_names_without_an_order_and_bytes_are_refused(labels):
    with pytest.raises(
        InputError, match="labels: expected the names in the order of classes; got (frozen)?[a-z]+, which"
    ):
        read_labels(labels, 3)


def test_numbers_of_numpy_are_numbers():
    numbers = np.arange(3)
    assert read_labels(dict(zip(numbers, NAMES, strict=True)), 3) == NAMES
    assert read_labels(dict(zip(NAMES, numbers, strict=True)), 3) == NAMES
    with pytest.raises(InputError, match="for the classes 0, 1, 2"):
        read_labels({True: "ape", False: "bat"}, 2)


@pytest.mark.parametrize("inside", ["\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"])
def test_names_are_parted_at_ends_of_lines_alone(tmp_path, inside):
    names = (f"ape{inside}x", "bat", "cat")
    for end in ("\n", "\r\n", "\r"):
        (tmp_path / "labels.txt").write_bytes(end.join(names).encode())
        assert read_labels(tmp_path / "labels.txt", 3) == names


@pytest.mark.parametrize("form", BAD)
def test_what_names_no_classes_is_refused(tmp_path, form):
    value, match = BAD[form]
    (tmp_path / "labels.json").write_text(json.dumps(value), encoding="utf-8")
    with pytest.raises(InputError, match=match):
        read_labels(tmp_path / "labels.json", 3)
    if isinstance(value, dict):
        with pytest.raises(InputError, match=match):
            read_labels(value, 3)


FILES = {
    "lines.txt": "ape\nbat\ncat\n",
    "numbered.txt": "2 cat\n0 ape\n1 bat\n",
    "edge_tpu.txt": "0  ape\r\n1  bat\r\n2  cat\r\n",
    "colons.txt": "0:ape\n1: bat\n2:cat",
    "synsets.txt": "n00000001 ape\nn00000002 bat\nn00000003 cat\n",
    "mapped.yaml": "0: ape\n1: bat\n2: cat\n",
    "listed.yml": "- ape\n- bat\n- cat\n",
    "data.yaml": "path: pets\nnc: 3\nnames:\n  0: ape\n  1: bat\n  2: cat\n",
    "names.yaml": "nc: 3\nnames: [ape, bat, cat]\n",
    "class_to_idx.yaml": "{bat: 1, ape: 0, cat: 2}",
    "names.json": '{"names": ["ape", "bat", "cat"]}',
    "by_number.csv": "id,name\n1,bat\n0,ape\n2,cat\n",
    "columns.csv": "Class ID,split,Display Name\n0,train,ape\n1,train,bat\n2,val,cat\n",
    "bare.csv": "0,ape\n1,bat\n2,cat\n",
    "turned.csv": "ape,0\nbat,1\ncat,2\n",
    "one.csv": "ape\nbat\ncat\n",
    "headed.csv": "label\nape\nbat\ncat\n",
    "tabs.tsv": "index\tlabel\n0\tape\n1\tbat\n2\tcat\n",
}
UNCLEAR = {
    "no heading.csv": ("a,b\nc,d\ne,f", "expected a table with a column of names, headed 'name'"),
    "two names.csv": ("name,label\na,b\nc,d\ne,f", "expected a table with a column of names"),
    "from 1.csv": ("id,name\n1,a\n2,b\n3,c", "the table: expected a list of names"),
    "short row.csv": ("id,name\n0,a\n1\n2,c", "expected a table with a column of names"),
    "empty.csv": ("", "expected a table with a column of names"),
    "quote.csv": ("x" * 200_000, "can't be read as a table"),
    "number.yaml": ("3", "expected a list of names"),
    "nested.yaml": ("- [a]\n- b\n- c", "expected a list of names"),
    "gap.yaml": ("0: a\n2: b\n3: c", "for the classes 0, 1, 2"),
    "code.yaml": ("!!python/object/apply:os.system ['false']", "expected 3 names, one a class; got 1"),
    "empty.yaml": ("", "expected a list of names"),
    "gap.txt": ("a\n\nc", "expected a class name on every line; line 2 is empty"),
}


@pytest.mark.parametrize("name", FILES)
def test_files_of_every_form(tmp_path, name):
    (tmp_path / name).write_text(FILES[name], encoding="utf-8-sig", newline="")
    assert read_labels(tmp_path / name, 3) == NAMES


@pytest.mark.parametrize("name", UNCLEAR)
def test_files_that_are_not_clear(tmp_path, name):
    text, match = UNCLEAR[name]
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=rf"labels: .*{match}"):
        read_labels(tmp_path / name, 3)


def test_names_that_look_like_something_else(tmp_path):
    """Numbers at the start of a name, digits as names, and YAML's words for truth and nothing."""
    for text, names in (("0 cat\n2 dogs", ("0 cat", "2 dogs")), ("7 seater\n3 door", ("7 seater", "3 door"))):
        (tmp_path / "labels.txt").write_text(text)
        assert read_labels(tmp_path / "labels.txt", 2) == names
    (tmp_path / "labels.yaml").write_text("0: no\n1: null\n2: 10\n3: 1.0\n4: true")
    assert read_labels(tmp_path / "labels.yaml", 5) == ("no", "null", "10", "1.0", "true")
    (tmp_path / "labels.yaml").write_text("0: 9\n1: 8")
    assert read_labels(tmp_path / "labels.yaml", 2) == ("9", "8")
    assert read_labels({"0": 0, "1": 1, "10": 2, "2": 3}, 4) == ("0", "1", "10", "2")  # folders, in their order
    assert read_labels(["a", "b", "a"], 3) == ("a", "b", "a")
    with pytest.raises(InputError, match="labels: expected 'imagenet', a text, CSV, JSON or YAML file, or the names"):
        read_labels(7, 3)  # pyright: ignore[reportArgumentType]


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
