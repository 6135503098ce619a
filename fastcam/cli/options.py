"""Options that commands share, and what they open."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastcam.classifier import Classifier


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """MODEL and how to open it."""
    parser.add_argument("model", metavar="MODEL", help="an .onnx file")
    parser.add_argument("--head", metavar="TENSOR", help="name of the feature maps' tensor, where the search fails")
    parser.add_argument("--model-output", metavar="NAME", help="the output to explain, where several have a head")
    parser.add_argument("--labels", metavar="FILE", help="text file with one class name a line, or 'imagenet'")
    parser.add_argument(
        "--preprocess",
        metavar="SPEC",
        help="imagenet, inception, caffe-bgr, unit or raw, with changes: imagenet,fit=stretch,size=256 "
        "(default: the configuration beside the model, else imagenet)",
    )
    parser.add_argument("--provider", metavar="NAME", action="append", help="of ONNX Runtime; may be repeated")
    parser.add_argument("--threads", type=int, metavar="N", help="of one run of the model")


def open_model(options: argparse.Namespace) -> Classifier:
    """The `Classifier` that these options describe."""
    from fastcam.api import load

    return load(
        options.model,
        head=options.head,
        output=options.model_output,
        labels=options.labels,
        preprocess=options.preprocess,
        providers=options.provider,
        threads=options.threads,
    )
