"""`fastcam video` on small files, in this process or as one of its own."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from fastcam.cli import main
from tests.model.models import classifier
from tests.video.videos import make, pictures

LABELS = ["ape", "bat", "cat", "dog", "elk"]
LOSSLESS = ["--codec", "ffv1"]


def prepare(folder: Path) -> Path:
    """A small model, its labels, and a clip of twelve frames."""
    (folder / "model.onnx").write_bytes(classifier())
    (folder / "labels.txt").write_text("\n".join(LABELS), encoding="utf-8")
    make(folder / "clip.mp4", pictures(12, 50, 60))
    return folder


def run(*arguments):
    return main(["video", "model.onnx", "--preprocess", "imagenet", *map(str, arguments)])


def as_process(*arguments, code="import sys; from fastcam.cli import main; sys.exit(main(sys.argv[1:]))", **how) -> Any:
    command = [sys.executable, "-c", code, "video", "model.onnx", "--preprocess", "imagenet", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **how)


def lines(path):
    """The records of a file, one a line."""
    return [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]
