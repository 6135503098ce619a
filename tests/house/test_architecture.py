"""The rules of the house, where a machine can hold them."""

import ast
import inspect
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import fastcam

PACKAGE = Path(fastcam.__file__).parent
MODULES = sorted(
    (Path(folder) / file).relative_to(PACKAGE)
    for folder, _, files in os.walk(PACKAGE, followlinks=True)
    for file in files
    if file.endswith(".py")
)
ROOT = Path(__file__).parents[2]
BESIDE = [
    file.relative_to(ROOT).as_posix()
    for folder in ("benchmarks", "examples", "tests")
    for file in sorted((ROOT / folder).rglob("*.py"))
]


def name_of(path: Path) -> str:
    return ".".join(path.with_suffix("").parts).removesuffix("__init__").removesuffix(".")


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse((PACKAGE / path).read_text(encoding="utf-8"))


@cache
def imports(path: Path, typing: bool = False):
    """Return the names of the modules that a file imports, without those for type checking unless `typing`."""

    def visit(nodes):
        for node in nodes:
            if not typing and isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
                continue
            if isinstance(node, ast.ImportFrom):
                inner = [f"{node.module}.{alias.name}" for alias in node.names]
                own = [name for name in inner if Path(name.replace(".", "/")) in SUBMODULES]
                yield from own or [node.module or ""]
            elif isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            yield from visit(ast.iter_child_nodes(node))

    return frozenset(visit(parsed(path).body))


SUBMODULES = {"fastcam" / path.with_suffix("") for path in MODULES} | {"fastcam" / path.parent for path in MODULES}

# A module may import what stands before it: a room from rooms of earlier lines, and so inside the two largest rooms.
HOUSE = """
    errors package data | files | kernels | arrays | images | model | methods results | classifier export
    evaluate video serve | cli | __main__ pyinstaller
"""
INSIDE = {
    "arrays": "values scalars colors conventions devices threads pool grids resampling checks cam_release places memory "
    "| engines | volumes | maps components boxes outlines masks | sweeps",
    "model": "file run | graph | head | opened_model | gradient",
    "evaluate": "metrics | data | protocol records plan columns score results shards run | report",
}
FLOORS = [str(line).split() for line in HOUSE.replace("\n", "|").split("|") if line.strip()]


def floor(name: str, floors: list[list[str]]) -> int | None:
    """The number of the floor that a room is on, or None if it is on none."""
    return next((number for number, rooms in enumerate(floors) if name in rooms), None)


def is_below(target: str, own: str, floors: list[list[str]]) -> bool:
    """Return whether a room is on a floor below another."""
    below, above = floor(target, floors), floor(own, floors)
    assert below is not None, f"{target} is on no floor"
    assert above is not None, f"{own} is on no floor"
    return below < above


def named_in_strings(path: Path) -> Iterator[str]:
    """Names of modules that stand in strings, for imports at run time."""
    for node in ast.walk(parsed(path)):
        text = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
        if Path(text.replace(".", "/")) in SUBMODULES - {Path("fastcam")}:
            yield text


@cache
def arrows(path: Path) -> set[str]:
    """Names below `fastcam` of all modules that a file imports, in functions, by strings and for types as well."""
    names = imports(path, typing=path.name != "__init__.py") | set(named_in_strings(path))
    return {name.removeprefix("fastcam.") for name in names if name.startswith("fastcam.")}


INNER = [path for path in MODULES if path != Path("__init__.py")]


@pytest.mark.parametrize("path", INNER, ids=str)
def test_rooms_import_only_rooms_of_floors_below(path):
    own, *inside = name_of(path).split(".")
    for target in arrows(path):
        room, *rest = target.split(".")
        assert room == own or is_below(room, own, FLOORS), f"fastcam.{name_of(path)} imports {target}"
        if room == own and own in INSIDE and inside:
            floors = [line.split() for line in INSIDE[own].split("|")]
            assert rest, f"fastcam.{name_of(path)} imports the face of its own room"
            assert rest[0] == inside[0] or not is_below(inside[0], rest[0], floors), f"{name_of(path)} imports {target}"


def test_no_module_imports_itself_by_way_of_others():
    graph = {name_of(path): arrows(path) - {name_of(path)} for path in INNER}
    graph = {name: {target for target in targets if target in graph} for name, targets in graph.items()}
    assert len(list(TopologicalSorter(graph).static_order())) == len(graph)  # or a CycleError


def test_few_modules_lie_outside_rooms():
    assert len([path for path in MODULES if len(path.parts) == 1 and not path.name.startswith("__")]) <= 7


def test_only_engines_and_the_command_that_compiles_them_import_kernels():
    users = {name_of(path) for path in INNER if any(target.startswith("kernels") for target in arrows(path))}
    users = {name for name in users if not name.startswith(("kernels", "arrays.engines."))}
    assert users == {"cli.warmup"}


def test_onnxruntime_is_imported_where_it_is_run():
    users = {name_of(path) for path in MODULES if "onnxruntime" in imports(path)}
    assert users == {
        "classifier.loader",
        *(f"model.run.{name}" for name in ("limits", "providers", "runtime", "session")),
    }


def assert_short(source: str, most: int) -> None:
    """A file of at most 400 lines, its functions of so many, but for their docstrings."""
    assert len(source.splitlines()) <= 400
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            assert not body or (body[-1].end_lineno or 0) - body[0].lineno < most, node.name


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_files_and_functions_are_short(path):
    assert_short((PACKAGE / path).read_text(encoding="utf-8"), 60 if path.parts[0] == "kernels" else 40)


@pytest.mark.parametrize("path", BESIDE)
def test_files_and_functions_beside_the_package_are_short_as_well(path):
    assert_short((ROOT / path).read_text(encoding="utf-8"), 40)


@pytest.mark.parametrize("path", [path for path in MODULES if path.parts[0] == "kernels"], ids=str)
def test_kernels_know_nothing_of_fastcam(path):
    assert all(module.startswith("fastcam.kernels") for module in imports(path) if module.startswith("fastcam"))


def test_import_loads_nothing_heavy():
    heavy = ("numba", "cupy", "skimage", "scipy", "onnx", "onnxruntime", "PIL", "av", "matplotlib", "cv2", "torch")
    code = f"import sys, numpy, fastcam; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_array_functions_load_neither_onnx_nor_scikit_image():
    code = (
        "import sys, fastcam; fastcam.find_boxes([[1.0]], (4, 4)); "
        "print([name for name in ('skimage', 'onnx', 'onnxruntime', 'PIL') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_public_names():
    assert sorted(fastcam.__all__) == fastcam.__all__
    assert len([name for name in fastcam.__all__ if not name.endswith("Error")]) <= 16
    for name in fastcam.__all__:
        assert getattr(fastcam, name).__doc__
        assert name in dir(fastcam)
    assert "__version__" in dir(fastcam)
    with pytest.raises(AttributeError, match="module 'fastcam' has no attribute 'nothing'"):
        fastcam.nothing  # noqa: B018  # pyright: ignore


@pytest.mark.parametrize("name", ["activation_maps", "find_boxes", "heatmaps", "load", "localize", "overlay"])
def test_public_functions_document_every_parameter_and_show_an_example(name):
    function = getattr(fastcam, name)
    lines = [line.strip() for line in (inspect.getdoc(function) or "").splitlines()]
    described = {word.strip() for line in lines for word in line.split(",")}
    assert set(inspect.signature(function).parameters) <= described
    assert {"Parameters", "Raises", "Examples"} <= set(lines)


def test_a_public_function_stays_what_it_is_after_its_module_is_imported():
    import fastcam.export.overlays

    assert callable(fastcam.overlay)
    assert fastcam.overlay is fastcam.export.overlays.overlay


def test_rooms_need_no_import_of_their_own():
    code = "import fastcam; fastcam.images.network_input, fastcam.export.overlay_signal, fastcam.evaluate.evaluate"
    subprocess.run([sys.executable, "-c", code], check=True)
