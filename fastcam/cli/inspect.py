"""Show a model's input, outputs and head, and what was proven."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from fastcam.cli.options import add_message_arguments, add_model_arguments, open_model
from fastcam.errors import InputError

if TYPE_CHECKING:
    from fastcam.classifier.classifier import Classifier

KINDS_OF_FILES = {1: "signal.npy", 2: "photo.jpg", 3: "volume.npy"}  # by the rank of the input
IMAGENET = (1000, 1001)  # classes, without and with one of the background
EXAMPLES = (
    "fastcam inspect model.onnx",
    "fastcam inspect model.onnx --json",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `fastcam inspect`."""
    add_model_arguments(parser)
    group = parser.add_argument_group("results", "for example: --json > model.json")
    group.add_argument("--json", action="store_true", help="for programs")
    group.add_argument(
        "--save-head", metavar="FILE", help="write the head into an .npz file, for --head at the next start"
    )
    add_message_arguments(parser, "every tensor that was looked at, and the verdict")


def run(options: argparse.Namespace) -> None:
    """Open the model and print what was found."""
    from fastcam.cli import writing

    if options.save_head and not options.save_head.endswith(".npz"):
        raise InputError(f"--save-head: expected a name that ends in .npz; got {options.save_head!r}")
    model = open_model(options, aloud=False)  # the lines include what is assumed
    if options.save_head:
        model.head.save(options.save_head)
    if options.json:
        record = writing.model_record(model) | {
            "outputs": model.outputs,
            "candidates": [asdict(candidate) for candidate in model.candidates],
            "seconds": model.seconds,
            "versions": writing.versions(),
        }
        print(json.dumps(record, indent=2, allow_nan=False))
        return
    if options.quiet:
        return
    for name, text in [*_lines(model), *_next(model, options)]:
        print(f"{name:<12}{text}")
    if options.verbose:
        for candidate in model.candidates:
            print(f"looked at   {candidate.tensor!r} {candidate.shape}: {candidate.verdict}")


def _lines(model: Classifier) -> list[tuple[str, str]]:
    from fastcam.model.head.head import KINDS

    head = model.head
    lines = [
        ("model", str(model.path.resolve()) if model.path else "given as bytes"),
        ("sha256", str(model.sha256)),
        ("input", f"{model.input.name!r} {model.input.shape} {model.input.layout}"),
        ("outputs", ", ".join(repr(name) for name in model.outputs)),
        ("classes", str(head.classes)),
        ("kind", f"{head.kind}: the logits are {KINDS[head.kind]}"),
        ("head", head.describe()),
        ("scores", f"{model.activation}: {model.activation_origin}"),
        ("proven", _proven(model)),
        *_preprocessing(model),
        ("provider", model.provider),
        ("took", f"{model.seconds:.2f} s to open and prove"),
    ]
    return lines[:8] + ([("note", head.reason)] if head.reason else []) + lines[8:]


def _preprocessing(model: Classifier) -> list[tuple[str, str]]:
    """Return the lines of the preprocessing, with every value, and of the labels."""
    spec, origin = model.preprocess, model.preprocess_origin
    size = _joined(model.input.sides(spec.size), "×")
    share = f", crop_fraction {spec.crop_fraction:g}" if spec.fit in ("center-crop", "crop-resize") else ""
    resize = f", resize {_joined(spec.resize, '×')}" if spec.fit == "resize-crop" or spec.resize else ""
    rounding = f", rounding {spec.rounding}" if spec.rounding != "down" else ""
    details = f"; {model.preprocess_details}" if model.preprocess_details else ""
    assumed = "assumed (default)" if origin == "default" else origin
    levels = f", levels {_joined(spec.levels)}" if spec.levels else ""
    values = f"mean {_joined(spec.mean)}, std {_joined(spec.std)}, scale {spec.scale:g}"
    return [
        ("preprocess", f"{assumed}{details}"),
        (
            "fit",
            f"{spec.fit}{share}{resize}{rounding}, size {size}, interpolation {spec.interpolation}, fill {spec.border}",
        ),
        ("values", f"{values}, channels {spec.channels}{levels}"),
        ("labels", _labels(model)),
    ]


def _next(model: Classifier, options: argparse.Namespace) -> list[tuple[str, str]]:
    """Return the line of the command that explains a photo, quoted for the shell, and one of what it supposes."""
    from fastcam.images.preprocessing import NAMED

    words = ["fastcam", "explain", _as_operand(options.model), KINDS_OF_FILES[model.input.rank]]
    given = {name: getattr(options, name) for name in ("preprocess", "labels", "head", "model_output", "activation")}
    notes = []
    assumed = next((name for name, one in NAMED.items() if one == model.preprocess), None)
    if model.preprocess_origin == "default" and assumed and not given["preprocess"]:
        given["preprocess"] = assumed
        notes.append("this preprocessing is assumed")
    if model.labels is None and not given["labels"] and model.head.classes in IMAGENET:
        given["labels"] = "imagenet"
        notes.append(f"{model.head.classes} classes may be ImageNet's")
    if options.save_head:
        given["head"] = options.save_head
    for name, value in given.items():
        words += [f"--{name.replace('_', '-')}", value] if value else []
    for name, values in (("--constant", options.constant), ("--provider", options.provider)):
        words += [word for value in values or () for word in (name, value)]
    words += ["--threads", str(options.threads)] if options.threads else []
    command = subprocess.list2cmdline(words) if os.name == "nt" else shlex.join(words)
    return [("next", command), *([("", f"({'; '.join(notes)})")] if notes else [])]


def _as_operand(path: str) -> str:
    """Return a path that isn't taken for an option."""
    return os.path.join(".", path) if path.startswith("-") else path


def _labels(model: Classifier) -> str:
    """Return the first names, where they come from, and why others weren't taken; or a proposal."""
    from fastcam.results.text import legible

    if model.labels is None:
        proposal = f"; {model.head.classes} classes: --labels imagenet?" if model.head.classes in IMAGENET else ""
        return f"{model.labels_origin}{proposal}"
    details = f"; {model.labels_details}" if model.labels_details else ""
    return f"{len(model.labels)}: {', '.join(map(legible, model.labels[:3]))}, ... ({model.labels_origin}){details}"


def _joined(numbers: int | Sequence[float] | None, separator: str = "/") -> str:
    return separator.join(f"{number:g}" for number in numbers) if isinstance(numbers, tuple) else str(numbers).lower()


def _proven(model: Classifier) -> str:
    head = model.head
    if not head.is_exact:
        return "no exact class activation maps; Grad-CAM and its kin by the gradient"
    text = f"mean(M_c) + b_c = logit of all {head.classes} classes to {head.identity_error:.1e} relative"
    if head.quantization_gap is None:
        return text
    return f"{text} in float32; the model's own arithmetic is {head.quantization_gap:.1e} away (quantisation gap)"
