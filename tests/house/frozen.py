"""Applications that PyInstaller freezes, by a plain build: `python -m tests.house.frozen`, which takes a minute or two."""

import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

APP = """
from importlib.resources import files
import numpy as np
import fastcam
from fastcam.kernels import cpu

model = fastcam.load(files("fastcam.data") / "squeezenet1_1.onnx", preprocess="caffe-bgr", labels="imagenet")
found = model.explain(np.zeros((240, 320, 3), np.uint8), top=2)
with model.stream([np.zeros((24, 32, 3), np.uint8)] * 2) as stream:
    pairs = list(stream)
print(found.boxes.xyxy.shape, len(pairs), sum(cpu.load("find_boxes").stats.cache_hits.values()))
"""


def install(folder: Path) -> None:
    """Install as a wheel does, since PyInstaller can't read an editable installation."""
    shutil.copytree(ROOT / "fastcam", folder / "fastcam", ignore=shutil.ignore_patterns("__pycache__"))
    project = PROJECT["project"]
    about = folder / f"fastcam-{project['version']}.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: fastcam\nVersion: {project['version']}\n")
    points = [f"{name} = {where}\n" for name, where in project["entry-points"]["pyinstaller40"].items()]
    (about / "entry_points.txt").write_text("[pyinstaller40]\n" + "".join(points))


def freeze(folder: Path) -> Path:
    """Build an application in a folder, and return its program."""
    install(folder / "site")
    (folder / "app.py").write_text(APP, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(folder / "site")}
    subprocess.run([sys.executable, "-m", "PyInstaller", "app.py"], cwd=folder, env=environment, check=True)
    return folder / "dist" / "app" / "app"


def main() -> None:
    """Build an application, and run it twice: the second run finds its kernels in the cache."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        program, environment = freeze(folder), {**os.environ, "FASTCAM_CACHE_DIR": str(folder / "cache")}
        for hits in range(2):
            done = subprocess.run([program], env=environment, capture_output=True, text=True, check=False)
            assert (done.returncode, done.stderr) == (0, ""), done.stderr
            assert done.stdout == f"(1, 2, 4) 2 {hits}\n"


if __name__ == "__main__":
    main()
