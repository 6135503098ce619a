"""Documents from anywhere: literals alone, bounded in size and depth, and nothing in them ever runs."""

import json
import time
import tracemalloc

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from fastcam import InputError
from fastcam.classifier.documents import MOST_BYTES, parse_json, parse_python_names, parse_yaml, read_text
from fastcam.classifier.labels import read_labels
from fastcam.model.file.metadata import model_with, read_metadata
from fastcam.model.file.source import read_source
from tests.classifier.stated.made import ULTRALYTICS, class_label, network

CODE = [
    "__import__('os').system('touch owned')",
    "{0: __import__('os')}",
    "{0: 'a' + 'b'}",
    "{0: f'{1}'}",
    "{0: b'a'}",
    "{0: ['a']}",
    "{0: 'a', 0: 'b'}",
    "{**{}}",
    "{'a': 'b'}",
    "{0: 'a'",
    "{0: 'a\\N{BULLET}'}",
    "{0: 'a' 'b'}",
    "[[" * 10_000,
    "{" * 100_000,
    "('a', 'b')",
    "",
    "{0: 'a'}; exit()",
    "{-1: 'a'}",
    "{9999999999: 'a'}",
    "['a' for _ in range(9)]",
    "[1e9]",
]


@pytest.mark.parametrize("text", CODE)
def test_names_that_are_code_are_refused(text):
    with pytest.raises(InputError, match=r"expected \{0: 'name', ...\} or \['name', ...\]; got"):
        parse_python_names(text)


@given(st.lists(st.text(max_size=12), max_size=6))
def test_names_are_what_python_wrote(names):
    found = dict(enumerate(names))
    assert parse_python_names(str(found)) == found
    assert parse_python_names(str(names)) == found
    assert parse_python_names(f"  {found} \n") == found


def test_many_names_take_linear_time_and_more_are_refused():
    names = dict.fromkeys(range(80000), "n" * 60)
    started = time.process_time()
    assert parse_python_names(str(names)) == names
    assert time.process_time() - started < 5  # a tenth of it, without others; squares would take hours
    for text in ("{0: '" + "a" * MOST_BYTES, "[" + "1," * MOST_BYTES):
        with pytest.raises(InputError, match="expected at most 8 MB; got more"):
            parse_python_names(text)


BOMB = "\n".join(f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 9)}]" if k else "a0: &a0 [x, y]" for k in range(12))
YAML = {
    "bomb": (BOMB, "expected YAML of at most 1048576 values, 64 deep"),
    "deep": ("[" * 100_000, "64 deep|exceeded maximum nesting depth"),  # of libyaml's own
    "deep in blocks": ("- " * 2_000 + "a", "64 deep"),
    "itself": ("a: &a [*a]", "the alias 'a' stands for nothing, or for itself"),
    "unknown": ("a: *b", "stands for nothing"),
    "twice": ("{a: 1, a: 2}", "expected keys that are text, each once; got 'a'"),
    "a key of lists": ("? [a, b]\n: c", "expected keys that are text"),
    "no YAML": ("a: [", "can't be read as YAML"),
    "tab": ("\ta: b", "can't be read as YAML"),
    "null character": ("a\0b", "can't be read as YAML"),
}


@pytest.mark.parametrize("name", YAML)
def test_hostile_yaml(name):
    text, match = YAML[name]
    started = time.process_time()
    with pytest.raises(InputError, match=match):
        parse_yaml(text)
    assert time.process_time() - started < 2


def test_tags_of_yaml_construct_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = "a: !!python/object/apply:os.system ['touch owned']\nb: !!python/name:os.system\nc: !!int 3"
    assert parse_yaml(text) == {"a": ["touch owned"], "b": "", "c": "3"}
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "text", ["a: [1, {b: c}, yes, ~, 'x: y']", "- 1\n- &a {b: [c]}\n- *a", "plain", "", "---\na: |\n  b\n"]
)
def test_values_are_those_of_the_loader_of_text_alone(text):
    assert parse_yaml(text) == yaml.load(text, Loader=yaml.BaseLoader)
    assert parse_yaml(text) == parse_yaml(text + "\n")


def test_files_of_any_size_are_read_in_bounds(tmp_path):
    file = tmp_path / "labels.txt"
    file.write_bytes(b"a\n" * (5 << 20))
    for name in ("labels.txt", "labels.json", "labels.yaml", "labels.csv"):
        (tmp_path / name).write_bytes(file.read_bytes())
        with pytest.raises(InputError, match=rf"labels: .*{name}: expected at most 8 MB; got more"):
            read_labels(tmp_path / name, 5)
    file.write_bytes(b"\xff")
    with pytest.raises(InputError, match="can't be read as text .*utf-8"):
        read_text(file)
    with pytest.raises(InputError, match="can't be read as text .*null"):
        read_text(tmp_path / "a\0b")
    with pytest.raises(InputError, match="can't be read as JSON"):
        parse_json("[" * 100_000)
    long = [f"class {number} {'x' * 100}" for number in range(60_000)]
    file.write_text("\n".join(long))
    started = time.process_time()
    assert read_labels(file, 60_000) == tuple(long)
    (tmp_path / "labels.yaml").write_text(json.dumps(long))  # JSON is YAML
    assert read_labels(tmp_path / "labels.yaml", 60_000) == tuple(long)
    assert time.process_time() - started < 10


def test_metadata_are_read_without_the_weights(tmp_path):
    model = network(ULTRALYTICS)
    weight = model.graph.initializer.add(name="unused", data_type=1, dims=[8 << 20])
    weight.raw_data = np.zeros(8 << 20, np.float32).tobytes()
    data, path = model.SerializeToString(), tmp_path / "model.onnx"
    path.write_bytes(data)
    for given_as in (path, data):
        source = read_source(given_as)
        tracemalloc.start()
        assert read_metadata(source) == ULTRALYTICS
        assert model_with(source, ["ZipMap"]) is None
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 1 << 20
    light = model_with(read_source(class_label("extractor").SerializeToString()), ["ArrayFeatureExtractor"])
    assert light is not None
    assert "ArrayFeatureExtractor" in {node.op_type for node in light.graph.node}


@pytest.mark.parametrize("data", [b"\x00", b"\xff" * 40, b"\x72\xff\xff\xff\xff\x0f", b"\x72\x02\x0a\x09"])
def test_what_is_no_model_has_no_metadata(data):
    assert read_metadata(read_source(data)) == {}
    assert model_with(read_source(data), ["ZipMap"]) is None
