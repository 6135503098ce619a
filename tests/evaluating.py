"""An evaluation in a process of its own, to be killed."""

from pathlib import Path

import fastcam
from fastcam.evaluate import Protocol, evaluate, read_annotations

SPEC = "imagenet,fit=stretch"
QUICK = ("localisation", "known", "pointing", "energy")


def run(model: Path, table: Path, folder: Path) -> None:
    opened = fastcam.load(model, preprocess=SPEC, threads=1)
    protocol = Protocol(metrics=QUICK)
    evaluate(opened, read_annotations(table), folder, methods=("cam", "layercam"), protocol=protocol, batch=2)
