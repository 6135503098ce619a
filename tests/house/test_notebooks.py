"""Notebooks of the examples: every cell runs, and shows what is stored with it."""

import json
from pathlib import Path

import pytest

from tests.house.notebook import EXAMPLES, PICTURE, code_cells, compare, notebooks, read, run

pytestmark = pytest.mark.skipif(not EXAMPLES.exists(), reason="only in a checkout")


def test_there_is_one():
    assert [path.name for path in notebooks()] == ["first_look.ipynb"]


@pytest.mark.parametrize("path", notebooks(), ids=lambda path: path.name)
def test_cells_show_what_is_stored(path: Path):
    notebook = read(path)
    assert (notebook["nbformat"], notebook["nbformat_minor"]) == (4, 5)
    assert len({cell["id"] for cell in notebook["cells"]}) == len(notebook["cells"])
    cells = code_cells(notebook)
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    assert path.stat().st_size < 300_000
    for cell, outputs in zip(cells, run(notebook), strict=True):
        compare(outputs, cell["outputs"])


def test_what_differs_is_found():
    shown = code_cells(read(EXAMPLES / "first_look.ipynb"))[1]["outputs"]
    compare(shown, json.loads(json.dumps(shown)))
    text = json.dumps(shown, ensure_ascii=False)
    first, second, *_ = PICTURE.findall(text)
    for old, new in (("espresso", "ristretto"), ("400×600", "400×700"), ("text/html", "text/other"), (first, second)):
        assert old in text
        with pytest.raises(AssertionError):
            compare(shown, json.loads(text.replace(old, new)))
