"""Options that commands share, and what they open."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from fastcam.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastcam.classifier import Classifier


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """MODEL and how to open it."""
    parser.add_argument("model", metavar="MODEL", help="an .onnx file")
    parser.add_argument(
        "--head", metavar="TENSOR", help="name of the feature maps' tensor, or an .npz file of `inspect --save-head`"
    )
    parser.add_argument("--model-output", metavar="NAME", help="the output to explain, where several have a head")
    parser.add_argument("--labels", metavar="FILE", help="text file with one class name a line, or 'imagenet'")
    parser.add_argument(
        "--preprocess",
        metavar="SPEC",
        help="imagenet, inception, caffe-bgr, unit or raw, with changes: imagenet,fit=stretch,size=256 "
        "(default: the configuration beside the model, else imagenet)",
    )
    parser.add_argument(
        "--constant", metavar="NAME=VALUE", action="append", help="of another input than the images; may be repeated"
    )
    parser.add_argument("--provider", metavar="NAME", action="append", help="of ONNX Runtime; may be repeated")
    parser.add_argument("--threads", type=int, metavar="N", help="of one run of the model")


def open_model(options: argparse.Namespace) -> Classifier:
    """The `Classifier` that these options describe."""
    from fastcam.api import load
    from fastcam.model.head import Head

    return load(
        options.model,
        head=Head.load(options.head) if str(options.head).endswith(".npz") else options.head,
        constants=_constants(options.constant or ()),
        output=options.model_output,
        labels=options.labels,
        preprocess=options.preprocess,
        providers=options.provider,
        threads=options.threads,
    )


def _constants(given: Iterable[str]) -> dict[str, NDArray[Any]]:
    """NAME=VALUE: a number, or a JSON list of numbers; whole numbers are int64, others float32."""
    import numpy as np

    found: dict[str, NDArray[Any]] = {}
    for text in given:
        name, equals, value = text.partition("=")
        try:
            array = np.asarray(json.loads(value))
        except ValueError:
            array = np.asarray("")
        if not equals or array.dtype.kind not in "if":
            raise InputError(f"--constant: expected NAME=VALUE with a number or a JSON list of them; got {text!r}")
        found[name] = array.astype(np.float32) if array.dtype.kind == "f" else array.astype(np.int64)
    return found
