"""The code, names, links and numbers of README and docs, on a real model and a real photo."""

import argparse
import re
from itertools import chain
from pathlib import Path
from pkgutil import resolve_name

import numpy as np
import pytest

from fastcam.cli import explain

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCS = {path: path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs").glob("*.md"))}


def test_the_python_of_readme_and_docs_runs(shared, tmp_path, monkeypatch):
    (tmp_path / "mobilenet_v2.onnx").symlink_to(shared / "models" / "mobilenet_v2_1.0_224_nchw_gemm.onnx")
    (tmp_path / "dog.jpg").symlink_to(shared / "photos" / "openimages_cc" / "pets.jpg")
    from tests.video.videos import beginning  # which needs PyAV

    beginning(shared / "video" / "cockatoo.mp4", tmp_path / "clip.mp4", seconds=2)
    monkeypatch.chdir(tmp_path)
    names = {
        "feature_maps": np.ones((2, 8, 7, 7), np.float32),
        "class_weights": np.ones((10, 8), np.float32),
        "class_index": [3, 4],
        "photo": np.zeros((50, 60, 3), np.uint8),
        "H": 50,
        "W": 60,
        "frame": np.zeros((50, 60, 3), np.uint8),
        # Code for a device is the same for the host.
        "cupy": np,
        "tensor": np.ones((2, 8, 7, 7), np.float32),
        "weights": np.ones((10, 8), np.float32),
    }
    blocks = [re.findall(r"```python\n(.*?)```", page, re.DOTALL) for page in (README, *DOCS.values())]
    assert [len(one) for one in blocks] == [3, 0, 0, 0, 1, 0, 1, 1, 0, 0, 1, 2]
    for block in chain(*blocks):
        exec(block, names)
    assert names["picture"].dtype == np.uint8
    assert names["e"].labels[names["e"].class_index[0, 0]] == "Italian greyhound"
    assert names["boxes"].xyxy.shape == (2, 2, 4)


def test_the_numbers_of_the_readme_are_those_of_the_result_file():
    results = ROOT / "benchmarks" / "results" / "cpu.json"
    if not results.exists():
        pytest.skip("only in a checkout")
    from benchmarks.report import report

    measured = report(results, threads=1)
    speed = README.split("## Speed")[1].split("-->")[1].split("With two threads")[0]
    tables = speed.strip().split("\n\n")
    assert [table.split(",")[0] for table in tables] == ["AMD EPYC", "| boxes", "| end to end"]
    assert all(table.strip() in measured for table in tables)
    assert report(results) in (results.parent / "cpu.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", [ROOT / "README.md", *DOCS], ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for place in re.findall(r"\]\(([^):#]+)\)", page.read_text(encoding="utf-8")):
        if (ROOT / "benchmarks").exists() or "docs" in place:  # tests of the wheel have the docs alone
            assert (page.parent / place).exists(), place


def test_the_options_that_the_readme_names_exist():
    parser = argparse.ArgumentParser()
    explain.add_arguments(parser)
    usage = parser.format_usage()
    for option in re.findall(r"--[a-z]+", README.split("fastcam explain MODEL")[1].splitlines()[0]):
        assert option in usage


CONTRIBUTING = ROOT / "CONTRIBUTING.md"  # only in a checkout
PAGES = {path: path.read_text(encoding="utf-8") for path in (ROOT / "README.md", *DOCS, CONTRIBUTING) if path.exists()}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_names_that_a_page_mentions_exist(page):
    text = re.sub(r"^```.*?^```", "", PAGES[page], flags=re.MULTILINE | re.DOTALL)
    for name in re.findall(r"(?<![\w./])fastcam(?:\.[a-zA-Z_]\w*)+", "".join(re.findall(r"`[^`]+`", text))):
        try:
            resolve_name(name)
        except (AttributeError, ImportError) as error:
            raise AssertionError(f"{page.name} mentions {name}") from error


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages_use_the_words_of_the_field(page):
    found = re.findall(r"\b(?:told|tells?|asked|held|whoever|so many|stands?|lies?)\b", PAGES[page])
    assert not found, f"{page.name}: return, compute, check, count, be, ... in place of {found}"
