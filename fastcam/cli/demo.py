"""Explain a photo with the bundled SqueezeNet: no download, nothing else needed."""

from __future__ import annotations

import argparse
from importlib.resources import as_file, files

PREPROCESS = "caffe-bgr,size=227,fit=stretch"

EXAMPLES = ("fastcam demo",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `fastcam demo`."""
    parser.add_argument("-o", "--path", metavar="DIR", default="fastcam-demo", help="default: fastcam-demo")


def run(options: argparse.Namespace) -> None:
    """Write overlay.png and print the boxes of the best classes."""
    from skimage.data import coffee

    from fastcam.classifier.loader import load
    from fastcam.cli import writing
    from fastcam.export.lines import map_records
    from fastcam.export.overlays import overlay

    directory = writing.prepare_directory(options.path)
    photo = coffee()
    with as_file(files("fastcam.data") / "squeezenet1_1.onnx") as file:
        model = load(file, labels="imagenet", preprocess=PREPROCESS)
        explanation = model.explain(photo, top=5)
    writing.write_png(directory / "overlay.png", overlay(photo, explanation))
    print(f"SqueezeNet 1.1 on the photo 'coffee' of scikit-image, {photo.shape[1]}×{photo.shape[0]} pixels")
    print(model.head.describe())
    print("    score  box   x0   y0   x1   y1  class")
    print(*map(writing.line, map_records(explanation, 0)), sep="\n")
    print(f"heatmap and box of the best class: {directory / 'overlay.png'}")
