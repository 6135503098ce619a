"""The rules of the house, where a machine can hold them."""

import ast
import inspect
import os
import subprocess
import sys
from pathlib import Path

import pytest

import fastcam
from tests.order import ORDER

PACKAGE = Path(fastcam.__file__).parent
MODULES = sorted(
    (Path(folder) / file).relative_to(PACKAGE)
    for folder, _, files in os.walk(PACKAGE, followlinks=True)
    for file in files
    if file.endswith(".py")
)
ROOT = Path(__file__).parents[1]
BESIDE = [
    file.relative_to(ROOT).as_posix()
    for folder in ("benchmarks", "examples", "tests")
    for file in sorted((ROOT / folder).rglob("*.py"))
]


def name_of(path: Path) -> str:
    return ".".join(path.with_suffix("").parts).removesuffix("__init__").removesuffix(".")


def place(name: str) -> int:
    name = "kernels" if name.startswith("kernels") else name or "fastcam"
    assert name in ORDER, f"fastcam.{name} has no place in ORDER"
    return ORDER.index(name)


def imports(path: Path):
    """Names of the modules that a file imports, but for type checking."""

    def visit(nodes):
        for node in nodes:
            if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
                continue
            if isinstance(node, ast.ImportFrom):
                inner = [f"{node.module}.{alias.name}" for alias in node.names]
                own = [name for name in inner if Path(name.replace(".", "/")) in SUBMODULES]
                yield from own or [node.module or ""]
            elif isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            yield from visit(ast.iter_child_nodes(node))

    return set(visit(ast.parse((PACKAGE / path).read_text(encoding="utf-8")).body))


SUBMODULES = {"fastcam" / path.with_suffix("") for path in MODULES} | {"fastcam" / path.parent for path in MODULES}


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_imports_point_one_way(path):
    own = name_of(path)
    for module in imports(path):
        if module.split(".")[0] == "fastcam":
            target = module.removeprefix("fastcam").removeprefix(".")
            among_kernels = own.startswith("kernels") and target.startswith("kernels")
            assert among_kernels or place(target) < place(own), f"fastcam.{own} imports {module}"
            assert not (own.startswith("model") and target.startswith("kernels"))


def test_onnxruntime_is_imported_where_it_is_run():
    users = {name_of(path) for path in MODULES if "onnxruntime" in imports(path)}
    assert users == {"providers", "runtime", "session", "api", "watch"}
    in_model = [name_of(path) for path in MODULES if path.parts[0] == "model" and "fastcam.runtime" in imports(path)]
    assert in_model == [f"model.{name}" for name in ("alignment", "backward", "logits", "probing", "proof", "search")]


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
    assert len([name for name in fastcam.__all__ if not name.endswith("Error")]) <= 10
    for name in fastcam.__all__:
        assert getattr(fastcam, name).__doc__
        assert name in dir(fastcam)
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
    import fastcam.overlays

    assert callable(fastcam.overlay)
    assert fastcam.overlay is fastcam.overlays.overlay
