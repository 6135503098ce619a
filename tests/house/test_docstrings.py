"""The English of the house, as far as a program can check it: first lines, and the sections of public functions."""

import ast
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
CHECKED = ("fastcam", "kernels", "tests", "benchmarks", "examples")
# Rooms whose public functions are checked.
NAMED = ["arrays", "images", "model", "methods", "results", "classifier", "export", "evaluate", "video", "serve", "cli"]
ROOMS = ("fastcam", *(f"fastcam.{room}" for room in NAMED))
FRAGMENTS = frozenset(
    """Of What How As By Whether Those That Which Where Since With So Same Also And But If In On At From For To
    Its It They Their Them Such Not Without Like Along Beside Behind""".split()  # noqa: SIM905
)


def docstrings(file: Path) -> Iterator[tuple[int, str]]:
    """Yield the line and the first line of text of each docstring in a file."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node)
            if text:
                yield getattr(node, "lineno", 1), text.splitlines()[0]


def is_fragment(line: str) -> bool:
    """Return whether a first line begins as the fragment of a sentence."""
    return line.startswith(("The same", "None of")) or re.split(r"[\s,.:;]", line, maxsplit=1)[0] in FRAGMENTS


@pytest.mark.parametrize("place", CHECKED)
def test_first_lines_are_no_fragments(place):
    files = sorted((ROOT / place).rglob("*.py")) if (ROOT / place).is_dir() else [ROOT / place]
    assert files
    found = [f"{file.name}:{line}: {text}" for file in files for line, text in docstrings(file) if is_fragment(text)]
    assert not found


def public_functions() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Yield the public functions of `ROOMS`, and public methods of their classes, by name."""
    for room in ROOMS:
        module = import_module(room)
        for name in module.__all__:
            value = getattr(module, name)
            if inspect.isfunction(value):
                yield f"{room}.{name}", value
            elif inspect.isclass(value):
                for own, method in vars(value).items():
                    method = getattr(method, "__func__", method)
                    if inspect.isfunction(method) and not own.startswith("_"):
                        yield f"{room}.{name}.{own}", method


def sections(text: str) -> dict[str, str]:
    """Return the numpydoc sections of a docstring by title."""
    parts = re.split(r"^(\w[\w ]*)\n-{3,}\n", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def documented(section: str) -> set[str]:
    """Return the names that a `Parameters` section describes."""
    return {name.strip(" *") for line in section.splitlines() if line[:1].strip() for name in line.split(",")}


@pytest.mark.parametrize(("name", "function"), [pytest.param(*one, id=one[0]) for one in public_functions()])
def test_public_functions_document_parameters_results_and_errors(name, function):
    """Short helpers without a `Parameters` section are left alone."""
    found = sections(inspect.getdoc(function) or "")
    if "Parameters" not in found:
        return
    signature = inspect.signature(function)
    assert documented(found["Parameters"]) == set(signature.parameters) - {"self", "cls"}
    if signature.return_annotation not in (None, "None"):
        assert "Returns" in found
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    if any(isinstance(node, ast.Raise) for node in ast.walk(tree)):
        assert "Raises" in found
