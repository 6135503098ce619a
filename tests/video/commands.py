"""`fastcam video` on small files, in this process or in one of its own."""

import json
from pathlib import Path

from fastcam.cli import main
from tests.model.models import classifier
from tests.processes import Process
from tests.video.videos import make, pictures

LABELS = ["ape", "bat", "cat", "dog", "elk"]
LOSSLESS = ["--codec", "ffv1"]


def prepare(folder: Path) -> Path:
    """Write a small model, its labels, and a clip of twelve frames."""
    (folder / "model.onnx").write_bytes(classifier())
    (folder / "labels.txt").write_text("\n".join(LABELS), encoding="utf-8")
    make(folder / "clip.mp4", pictures(12, 50, 60))
    return folder


def run(*arguments):
    return main(["video", "model.onnx", "--preprocess", "imagenet", *map(str, arguments)])


def as_process(*arguments, **how) -> Process:
    return Process("video", "model.onnx", "--preprocess", "imagenet", *arguments, **how)


def lines(path):
    """Return the records of a file, one a line."""
    return [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]
