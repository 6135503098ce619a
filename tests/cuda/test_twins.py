"""A twin is one function with one name and meaning for each engine; only its workspace is its own."""

import inspect
from pathlib import Path
from typing import get_args

import pytest

import fastcam
from fastcam.arrays.engines import reference
from fastcam.kernels import contract, cpu, cuda, twins
from fastcam.kernels.contract import Work, is_group

FOLDER = Path(fastcam.__file__).parent / "kernels"


def parameters(function):
    """Name and annotation of all parameters but workspace."""
    assert function.__doc__
    for name, parameter in inspect.signature(function, eval_str=True).parameters.items():
        kind = parameter.annotation
        assert kind is not inspect.Parameter.empty, name
        fields = kind.__annotations__.values() if is_group(kind) else [kind]
        if not all(isinstance(argument, Work) for field in fields for argument in get_args(field)[1:] or [field]):
            yield name, kind.__name__ if is_group(kind) else None


def test_every_kernel_has_its_twin():
    assert {path.stem for path in (FOLDER / "cuda").glob("*.cu")} == set(twins())
    on_cpu = {path.stem for path in (FOLDER / "cpu").glob("*.py") if "\n@kernel\n" in path.read_text(encoding="utf-8")}
    assert on_cpu == set(cpu.names())


@pytest.mark.parametrize("name", twins())
def test_twins_have_the_same_parameters(name):
    on_cpu = cpu.load(name).py_func.grouped
    assert list(parameters(on_cpu)) == list(parameters(cuda.load(name).grouped))
    slow = reference.load(name).grouped
    assert list(inspect.signature(on_cpu).parameters) == list(inspect.signature(slow).parameters)


def test_groups_say_what_their_fields_are():
    groups = [kind for kind in vars(contract).values() if is_group(kind) and kind.__module__ == contract.__name__]
    assert len(groups) > 10
    for group in groups:
        assert group.__doc__
        assert "Alias for field" not in group.__doc__
