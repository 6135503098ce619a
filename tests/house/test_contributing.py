"""The examples of CONTRIBUTING.md, followed as they are written, each in a copy of the checkout; and its commands."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import __main__ as checks
from tests.conftest import shared_folder

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))
EXAMPLES = {
    "Add an operator's rule": 2,
    "Add a method": 2,
    "Add a metric": 2,
    "Add a kernel twin": 6,
}  # files to touch, at most


def blocks(section: str) -> list[tuple[str, str, str]]:
    """Return file, language and text of each block of code; the file is named in a line of its own above it."""
    found, file = [], ""
    for name, language, text in re.findall(
        r"^`([\w/.]+)`[^\n]*:$|^```(\w+)\n(.*?)^```", section, re.MULTILINE | re.DOTALL
    ):
        file = name or file
        if language:
            found.append((file, language, text))
    return found


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what examples change, with the kernels that are compiled already."""
    for name in ("fastcam", "kernels", "tests"):
        shutil.copytree(ROOT / name, tmp_path / name, symlinks=True, ignore=shutil.ignore_patterns("*.pyc"))
    for name in ("pyproject.toml", "README.md", "CONTRIBUTING.md", "docs", "benchmarks"):
        (tmp_path / name).symlink_to(ROOT / name)
    return tmp_path


def write(path: Path, language: str, text: str) -> None:
    """Write a block into a file: a whole file, its end, or lines that are added among others."""
    if language == "diff":
        old, new = (
            "".join(line[1:] + "\n" for line in text.splitlines() if line[0] in kinds) for kinds in (" -", " +")
        )
        source = path.read_text(encoding="utf-8")
        assert source.count(old) == 1, f"expected once in {path}:\n{old}"
        path.write_text(source.replace(old, new), encoding="utf-8")
    elif path.exists():
        path.write_text(f"{path.read_text(encoding='utf-8')}\n\n{text}", encoding="utf-8")
    else:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")


def run(command: str, folder: Path) -> None:
    """Run a line of a shell with this interpreter, in which `fastcam` is the copy."""
    words = [sys.executable if word == "python" else word for word in shlex.split(command)]
    environment = {**os.environ, "FASTCAM_SHARED_DATA": str(shared_folder())}
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"


@pytest.mark.parametrize("title", EXAMPLES)
def test_an_example_can_be_followed(title, checkout):
    steps, touched = blocks(SECTIONS[title]), set()
    assert steps[-1][1] == "bash"
    for file, language, text in steps:
        if language == "bash":
            for command in text.splitlines():
                run(command, checkout)
        else:
            write(checkout / file, language, text)
            touched.add(file)
    assert len(touched) <= EXAMPLES[title]
    python = [file for file in sorted(touched) if file.endswith(".py")]
    run(f"python -m ruff check {' '.join(python)}", checkout)
    run(f"python -m ruff format --check {' '.join(python)}", checkout)


def test_every_example_is_followed():
    assert [title for title in SECTIONS if title.startswith("Add ")] == list(EXAMPLES)


def test_commands_name_tests_and_checks_that_exist():
    places = re.findall(
        r"(?<=[\s`])((?:tests|fastcam|benchmarks|docs)/[\w/]*(?:\.\w+)?)(?:::(\w+))?",
        SECTIONS["Test"] + SECTIONS["Measure"],
    )
    assert len(places) > 4
    for place, name in places:
        assert (ROOT / place).exists(), place
        assert not name or f"def {name}(" in (ROOT / place).read_text(encoding="utf-8")
    for names in re.findall(r"python -m tests ([a-z ]+?)  ", PAGE):
        assert set(names.split()) <= set(checks.CHECKS)
