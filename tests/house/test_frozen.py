"""The hooks for PyInstaller. A real build: `python -m tests.house.frozen`."""

import os
import runpy
from importlib.metadata import EntryPoint
from importlib.util import find_spec
from pathlib import Path

import fastcam
from tests.house.frozen import PROJECT

PACKAGE = Path(fastcam.__file__).parent


def test_the_hook_names_all_modules_and_all_files():
    ((name, value),) = PROJECT["project"]["entry-points"]["pyinstaller40"].items()
    (folder,) = EntryPoint(name, value, "pyinstaller40").load()()
    assert name == "hook-dirs"
    told = runpy.run_path(os.path.join(folder, "hook-fastcam.py"))
    for package in PROJECT["tool"]["setuptools"]["packages"]:
        spec = find_spec(package)
        assert spec is not None
        assert package in told["hiddenimports"]
        modules = {module.stem for module in Path(spec.origin or "").parent.glob("*.py")} - {"__init__", "hook-fastcam"}
        assert {f"{package}.{module}" for module in modules} <= set(told["hiddenimports"])
    assert all(find_spec(module) for module in told["hiddenimports"])
    files = {os.path.join(folder, Path(file).name) for file, folder in told["datas"]}
    wanted = PROJECT["tool"]["setuptools"]["package-data"]
    for package, patterns in wanted.items():
        place = PACKAGE.parent.joinpath(*package.split("."))
        for file in (file for pattern in patterns for file in place.glob(pattern) if file.name != "py.typed"):
            assert str(file.relative_to(PACKAGE.parent)) in files
