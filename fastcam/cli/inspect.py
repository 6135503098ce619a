"""Show a model's input, outputs and head, and what was proven."""

from __future__ import annotations

import argparse
import json

from fastcam.cli.options import add_model_arguments, open_model


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Of this command."""
    add_model_arguments(parser)
    parser.add_argument("--json", action="store_true", help="for programs")


def run(options: argparse.Namespace) -> None:
    """Open the model and print what was found."""
    from fastcam.cli import report

    model = open_model(options)
    record = report.model_record(model) | {"outputs": model.outputs, "versions": report.versions()}
    if options.json:
        print(json.dumps(record, indent=2, allow_nan=False))
        return
    head = model.head
    gap = (
        ""
        if head.quantisation_gap is None
        else (f" in float32; the model's own arithmetic is {head.quantisation_gap:.1e} away (quantisation gap)")
    )
    print(f"model       {record['path']}")
    print(f"sha256      {record['sha256']}")
    print(f"input       {model.input.name!r} {model.input.shape} {model.input.layout}")
    print(f"outputs     {', '.join(repr(name) for name in model.outputs)}")
    print(f"classes     {head.classes}")
    print(f"head        {head.describe()}")
    print(
        f"proven      mean(M_c) + b_c = logit of all {head.classes} classes to {head.identity_error:.1e} relative{gap}"
    )
    print(f"preprocess  {model.preprocess.describe()} ({model.preprocess_origin})")
    print(f"provider    {model.provider}")
