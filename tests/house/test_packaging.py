"""The files of the wheel. In a checkout only: the copy that tests a wheel leaves this file out."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SUFFIXES = {".py", ".cu", ".cuh", ".txt", ".onnx", ".ttf", ".typed", ".html", ".css", ".js"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    # First the sdist, then the wheel from it: so the sdist is whole as well, and no stale build/ gets in.
    command = [sys.executable, "-m", "build", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return zipfile.ZipFile(next(folder.glob("*.whl")))


def on_disk():
    names = set()
    for top, prefix in (("fastcam", "fastcam"), ("kernels", "fastcam/kernels")):
        for path in (ROOT / top).rglob("*"):
            inside = path.relative_to(ROOT / top)
            if path.is_file() and path.suffix in SUFFIXES and not (top == "fastcam" and inside.parts[0] == "kernels"):
                names.add(f"{prefix}/{inside.as_posix()}")
    return names


def test_the_wheel_holds_just_what_is_on_disk(wheel):
    held = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert held == on_disk()
    assert {
        "fastcam/py.typed",
        "fastcam/kernels/cpu/find_boxes.py",
        "fastcam/data/squeezenet1_1.onnx",
        "fastcam/serve/page.html",
    } <= held


def test_the_wheel_carries_its_licences_and_is_pure_python(wheel):
    assert any(name.endswith("licenses/LICENSE") for name in wheel.namelist())
    assert any(name.endswith("LICENSES.txt") and ".dist-info/" in name for name in wheel.namelist())
    assert str(wheel.filename).endswith("-py3-none-any.whl")
    assert sum(info.file_size for info in wheel.infolist()) < 7_500_000  # 5 MB of them a model, 0.1 MB a font


def test_heavy_and_restricted_packages_are_extras(wheel):
    metadata = next(wheel.read(name).decode() for name in wheel.namelist() if name.endswith("METADATA"))
    base = {
        line.split()[1].split(">")[0]
        for line in metadata.splitlines()
        if line.startswith("Requires-Dist:") and "extra ==" not in line
    }
    assert base == {"numpy", "numba", "onnxruntime", "onnx", "scikit-image", "scipy", "pillow", "pyyaml", "tifffile"}
    extras = {line.split()[1] for line in metadata.splitlines() if line.startswith("Provides-Extra:")}
    assert extras == {
        "completion",
        "cuda12",
        "cuda13",
        "fast",
        "medical",
        "video",
        "ray",
        "bench",
        "peers",
        "zoo",
        "zoo-keras",
        "dev",
    }
