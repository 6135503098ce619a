"""`fastcam explain` on small photos, in this process, and its files."""

import io
import json
import os
from pathlib import Path

import numpy as np
from PIL import Image

from fastcam.cli import main
from tests.model.models import classifier


def make(path: Path, seed: int = 0) -> Path:
    """Write a photo of noise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (30, 40, 3), dtype=np.uint8)).save(path)
    return path


def prepare(folder: Path, monkeypatch) -> Path:
    """Write a small model, and photos in a folder and one below it, and make that the working directory."""
    monkeypatch.chdir(folder)
    (folder / "model.onnx").write_bytes(classifier())
    for seed, name in enumerate(["b.png", "a.JPG", "below/c.png", ".hidden/d.png", ".e.png"]):
        make(folder / "photos" / name, seed)
    (folder / "photos" / "notes.txt").write_text("no photo", encoding="utf-8")
    return folder


def run(*arguments):
    return main(["explain", "model.onnx", *KNOWN, *map(str, arguments), "-o", "out"])


KNOWN = ("--preprocess", "imagenet")  # so that nothing is assumed


def results(folder="out"):
    return json.loads(Path(folder, "results.json").read_text(encoding="utf-8"))


def names(folder="out"):
    return sorted(os.listdir(folder))


def explained(folder="out"):
    """Return the files that have results."""
    return [image["file"] for image in results(folder)["images"]]


class Terminal(io.StringIO):
    """A terminal that keeps what is written to it."""

    def isatty(self):
        return True


def state(folder="out"):
    """Return inode and time of each file, which show whether it was written anew."""
    return {entry.name: (entry.stat().st_ino, entry.stat().st_mtime_ns) for entry in os.scandir(folder)}
