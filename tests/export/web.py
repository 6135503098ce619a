"""ONNX Runtime for browsers (WASM) under Node.js: the package is found in a folder of the user's, or fetched once."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

PACKAGE, VERSION = "onnxruntime-web", "1.30.0"
SCRIPT = Path(__file__).with_name("web.mjs")
WAIT = 120  # seconds


class NotThereError(Exception):
    """Node.js or the package can't be had; says what to do."""


def run(model: Path, **feeds: Any) -> dict[str, Any]:
    """Outputs of a model by name, as float64.

    Raises
    ------
    NotThereError
        It can't be run on this machine.
    """
    folder, node = package(), shutil.which("node")
    given = {k: {"type": v.dtype.name, "dims": v.shape, "data": v.ravel().tolist()} for k, v in feeds.items()}
    with TemporaryDirectory() as place:
        (Path(place) / "feeds.json").write_text(json.dumps(given))
        command = [str(node), str(SCRIPT), str(folder), str(model), str(Path(place) / "feeds.json")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=WAIT)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return {name: np.reshape(one["data"], one["dims"]) for name, one in json.loads(done.stdout).items()}


def package() -> Path:
    """Return the package's folder."""
    if not shutil.which("node"):
        raise NotThereError("no Node.js on this machine: apt-get install nodejs")
    cache = Path(os.environ.get("FASTCAM_TEST_CACHE", Path.home() / ".cache" / "fastcam-tests"))
    home = cache / f"{PACKAGE}-{VERSION}"
    if not home.is_dir():
        _fetch(home)
    return home / "node_modules" / PACKAGE


def _fetch(home: Path) -> None:
    """Install the package there, whole or not at all."""
    hint = f"npm install --prefix {home} {PACKAGE}@{VERSION}"
    npm = shutil.which("npm")
    if not npm:
        raise NotThereError(f"no npm on this machine to fetch {PACKAGE}: apt-get install npm")
    try:
        home.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=home.parent) as place:
            made = Path(place) / home.name
            command = [npm, "install", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=0"]
            command += ["--fetch-timeout=20000", "--prefix", str(made), f"{PACKAGE}@{VERSION}"]
            subprocess.run(command, capture_output=True, check=True, timeout=WAIT)
            made.rename(home)
    except (OSError, subprocess.SubprocessError) as error:
        if not home.is_dir():  # else another process was faster
            raise NotThereError(f"{PACKAGE} can't be fetched ({error}); where there is a network: {hint}") from error
