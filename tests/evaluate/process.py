"""An evaluation in a process of its own, to be killed. Its kernels come from the process that it is forked from."""

from pathlib import Path

import fastcam
from fastcam.arrays import engines
from fastcam.evaluate import Protocol, evaluate, read_annotations, results

for name in ("preprocess_antialiased", "activation_maps", "find_boxes", "heatmaps", "depths", "sweep"):
    engines.named("cpu").kernel(name)


def run(model: Path, table: Path, folder: Path, metrics: tuple[str, ...]) -> None:
    results.RESAMPLES = 20
    opened = fastcam.load(model, preprocess="imagenet,fit=stretch", threads=1)
    protocol = Protocol(metrics=metrics)
    evaluate(opened, read_annotations(table), folder, methods=("cam", "layercam"), protocol=protocol, batch_size=2)
