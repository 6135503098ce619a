"""Options that several commands share, and the values they stand for."""

from __future__ import annotations

import argparse
import json
import re
import sys
import warnings
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from fastcam.cli.providers import long_name
from fastcam.errors import AssumedPreprocessWarning, InputError, LabelsWarning

# Names of Python parameters on the command line, where they aren't --NAME.
CALLED = {
    "class_index": "--class",
    "columns": "--column",
    "constants": "--constant",
    "methods": "--method",
    "output": "--model-output",
    "providers": "--provider",
}
OTHERS = ("batch_size", "font", "format", "input_size", "layer", "method", "preprocess")

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastcam.classifier.classifier import Classifier
    from fastcam.model.head.head import Head


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the model and the options of opening it."""
    parser.add_argument("model", metavar="MODEL", help="an .onnx file")
    group = parser.add_argument_group("model", "for example: --preprocess imagenet,fit=stretch --labels names.txt")
    group.add_argument(
        "--preprocess",
        metavar="SPEC",
        help="imagenet, inception, caffe-bgr, unit or raw, with changes: imagenet,fit=stretch,size=256; or changes "
        "alone, fit=stretch, of the default: what the model's file or the files beside it state, else imagenet",
    )
    group.add_argument(
        "--labels",
        metavar="FILE",
        help="text file with one class name a line, CSV, JSON or YAML file, or 'imagenet' (default: those that the "
        "model's file or the files beside it state)",
    )
    group.add_argument(
        "--head", metavar="TENSOR", help="name of the feature maps' tensor, or an .npz file of `inspect --save-head`"
    )
    group.add_argument("--model-output", metavar="NAME", help="the output to explain, where several have a head")
    group.add_argument(
        "--activation",
        metavar="NAME",
        help="what makes scores of logits: softmax, sigmoid, or none for values, as of a regression (default: what the "
        "model does; if it returns logits, softmax for several, none for one)",
    )
    group.add_argument(
        "--constant", metavar="NAME=VALUE", action="append", help="of another input than the images; may be repeated"
    )
    group.add_argument(
        "--provider",
        metavar="NAME",
        action="append",
        help="cpu, cuda, tensorrt, coreml, dml, openvino or another of ONNX Runtime, by its long name as well; may be "
        "repeated",
    )
    group.add_argument(
        "--threads",
        type=int,
        metavar="N",
        help="of one run of the model (default: one a processor, shared out among runs at once)",
    )


def add_map_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of maps, their boxes and their colours."""
    from fastcam.methods.table import help_text

    group = parser.add_argument_group("maps and boxes", "for example: --top 3 --method layercam --threshold 0.3")
    group.add_argument("--top", type=int, default=None, metavar="N", help="explain the N best classes (default 1)")
    group.add_argument(
        "--class", dest="classes", action="append", metavar="CLASS", help="explain this index or label; may be repeated"
    )
    group.add_argument("--method", default="auto", metavar="NAME", help=help_text())
    group.add_argument(
        "--layer", metavar="TENSOR", action="append", help="in place of the head's feature maps; may be repeated"
    )
    group.add_argument("--convention", default="paper", metavar="NAME", help="paper (default), gradcam or minmax")
    group.add_argument("--threshold", type=float, metavar="FRACTION", help="in place of the convention's own")
    group.add_argument("--connectivity", type=int, metavar="4|8", help="neighbours of a pixel (default 8)")
    group.add_argument("--engine", default="auto", metavar="NAME", help="auto (default), cpu, reference or cuda")
    drawing = parser.add_argument_group("drawing", "for example: --colormap viridis --opacity 0.4")
    drawing.add_argument(
        "--colormap", default="turbo", metavar="NAME", help="turbo (default), jet, viridis, inferno or gray"
    )
    drawing.add_argument(
        "--opacity",
        type=float,
        default=0.5,
        metavar="SHARE",
        help="of the heatmap over the photo, 0 to 1 (default 0.5)",
    )
    drawing.add_argument(
        "--font",
        metavar="FILE",
        help="a font (.ttf, .otf, .ttc) for labels (default: one for Latin, Greek and Cyrillic letters, and for others "
        "what this machine has)",
    )


def add_message_arguments(parser: argparse.ArgumentParser, more: str) -> None:
    """Add the options of what is told: nothing but errors, or more."""
    group = parser.add_argument_group("messages")
    group.add_argument("-q", "--quiet", action="store_true", help="print errors alone")
    group.add_argument("-v", "--verbose", action="store_true", help=f"print {more}, and where an error came from")


def check_map_arguments(options: argparse.Namespace) -> None:
    """Check the options of maps as far as possible without a model, or raise InputError."""
    from fastcam.arrays.colors import colormap
    from fastcam.export.fonts import given_face

    if options.top is not None and options.classes:
        raise InputError("--top: expected either --top or --class; got both")
    if not 0 <= options.opacity <= 1:
        raise InputError(f"--opacity: expected 0 to 1; got {options.opacity:g}")
    colormap(options.colormap)
    given_face(options.font)


def drawing_of(options: argparse.Namespace) -> dict[str, Any]:
    """Return these options as keywords of `fastcam.overlay`."""
    return {"colormap": options.colormap, "opacity": options.opacity, "font": options.font}


def open_model(options: argparse.Namespace, *, aloud: bool = True) -> Classifier:
    """Open the model of these options; if `aloud`, print what is assumed of it on stderr."""
    from fastcam.classifier.loader import load

    providers = options.provider and [long_name(one) for one in options.provider]
    head, constants = head_of(options.head), constants_of(options.constant or ())
    with warnings.catch_warnings():  # the lines say the same
        for category in (AssumedPreprocessWarning, LabelsWarning):
            warnings.simplefilter("ignore", category)
        model = load(
            options.model,
            head=head,
            constants=constants,
            output=options.model_output,
            labels=options.labels,
            preprocess=options.preprocess,
            providers=providers,
            threads=options.threads,
            activation=options.activation,
        )
    if aloud and not options.quiet and (note := assumptions(model)):
        print(f"{options.model}: {note}", file=sys.stderr)
    if aloud and options.verbose:
        told = (("head", model.head.describe()), ("input", model.preprocess.describe()), ("provider", model.provider))
        print(*(f"{options.model}: {name}: {text}" for name, text in told), sep="\n", file=sys.stderr)
    return model


def assumptions(model: Classifier) -> str | None:
    """Return what is assumed of a model, with the options that replace it; None where nothing is assumed."""
    if model.assumed:
        return f"{model.assumed} (--preprocess, --labels)"
    if model.labels_details:
        return f"labels: {model.labels_details} (--labels)"
    return None


def head_of(given: str | None) -> str | Head | None:
    """Return the value of --head: a tensor's name, or a saved head."""
    from fastcam.model.head.head import Head

    return Head.load(given) if given and given.endswith(".npz") else given


def map_options(options: argparse.Namespace, model: Classifier) -> dict[str, Any]:
    """Return these options as keywords of `Classifier.explain` and `Classifier.stream`."""
    return _choice(options, model) | {
        "method": options.method,
        "layer": options.layer,
        "convention": options.convention,
        "threshold": options.threshold,
        "connectivity": options.connectivity,
        "engine": options.engine,
    }


def _choice(options: argparse.Namespace, model: Classifier) -> dict[str, Any]:
    """Return `top`, or `class_index` of classes given by index or label."""
    from fastcam.results.class_names import class_numbers

    if not options.classes:
        return {"top": 1 if options.top is None else options.top}
    return {"class_index": class_numbers(options.classes, model.labels)}


def constants_of(given: Iterable[str]) -> dict[str, NDArray[Any]]:
    """Return the arrays of NAME=VALUE, a number or a JSON list of numbers: int64 where all are whole, else float32."""
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


def in_options(message: str, command: str = "") -> str:
    """Return an error's message with the options of a command in place of Python's parameters.

    Examples
    --------
    >>> in_options("providers: expected some of A, B; got C")
    '--provider: expected some of A, B; got C'
    >>> in_options("2 heads fit; choose one by output=, out of ['a', 'b']. method='gradcam' asks the model once")
    "2 heads fit; choose one by --model-output, out of ['a', 'b']. --method gradcam asks the model once"
    >>> in_options("say so: columns={'path': 'file', 'label': '...'}")
    'say so: --column path=file --column label=...'
    """
    called = CALLED | {name: f"--{name.replace('_', '-')}" for name in OTHERS}
    if command == "bake":
        called["path"] = "-o"
    names = "|".join(called)
    message = re.sub(rf"^({names})(?=[:,] )", lambda found: called[found[1]], message)
    message = message.replace("constants={name: value}", "--constant NAME=VALUE").replace("labels=...", "--labels")
    pairs = re.compile(r"'([^']*)': '([^']*)',?")
    message = re.sub(r"columns=\{(.*)\}", lambda found: pairs.sub(r"--column \1=\2", found[1]), message)
    hint = re.compile(rf"(?<![\w.])({names})=(?:'([^']*)'|\['([^']*)'\]|\.\.\.(?=\W|$)|(?=[ ,.;]|$))")
    return hint.sub(lambda found: " ".join(filter(None, (called[found[1]], found[2] or found[3]))), message)
