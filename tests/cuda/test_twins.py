"""A twin is one function with one name and meaning in kernels/cpu and kernels/cuda; only its workspace is its own."""

import ast
from pathlib import Path

import pytest

import fastcam
from fastcam.kernels import cpu, cuda

FOLDER = Path(fastcam.__file__).parent / "kernels"
WORKSPACE = {
    *("workspace", "sums", "padded", "corners", "spans", "runs", "components", "levels", "tints", "counts"),
    *("parts", "planes", "tables", "extrema"),
    *("pairs", "pixels", "constants", "lines"),
}


def parameters(engine, name):
    tree = ast.parse((FOLDER / engine / f"{name}.py").read_text(encoding="utf-8"))
    function = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name)
    assert ast.get_docstring(function)
    return [argument.arg for argument in function.args.args]


def test_every_kernel_has_its_twin():
    assert cpu.KERNELS == cuda.KERNELS
    assert {path.stem for path in (FOLDER / "cuda").glob("*.cu")} == set(cuda.KERNELS)
    on_cpu = {path.stem for path in (FOLDER / "cpu").glob("*.py") if "@kernel(" in path.read_text(encoding="utf-8")}
    assert on_cpu == {*cpu.KERNELS, *cpu.HOST_ONLY}


@pytest.mark.parametrize("name", cuda.KERNELS)
def test_twins_have_the_same_parameters(name):
    own = WORKSPACE - {"runs"} if name == "paint" else WORKSPACE
    on_cpu, on_cuda = (
        [parameter for parameter in parameters(engine, name) if parameter not in own] for engine in ("cpu", "cuda")
    )
    assert on_cpu == on_cuda
    assert callable(cuda.load(name))
