"""Write an ONNX file with activation maps among its outputs, for runtimes without Python."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Literal

from fastcam.cli.options import constants_of, head_of
from fastcam.errors import InputError

if TYPE_CHECKING:
    from fastcam.export.baked_model import Baked

EXAMPLES = ("fastcam bake model.onnx -o with-maps.onnx --classes all",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `fastcam bake`."""
    parser.add_argument("model", metavar="MODEL", help="an .onnx file; it is not touched")
    parser.add_argument("-o", "--path", metavar="FILE", required=True, help="the file to write, ends in .onnx")
    parser.add_argument(
        "--classes",
        default="top",
        help="whose maps: top (default), the best class of each image; given, in a new input 'class_index'; all",
    )
    parser.add_argument("--method", default="auto", help="auto (default): cam where it is exact, else gradcam")
    parser.add_argument(
        "--size", metavar="HxW", help="upsample to so many pixels, or to 'input', the network input's (default: don't)"
    )
    parser.add_argument("--normalize", action="store_true", help="scale each map to [0, 1]")
    parser.add_argument("--force", action="store_true", help="replace FILE")
    parser.add_argument(
        "--head", metavar="TENSOR", help="name of the feature maps' tensor, or an .npz file of `inspect --save-head`"
    )
    parser.add_argument("--model-output", metavar="NAME", help="the output to explain, where several have a head")
    parser.add_argument(
        "--constant", metavar="NAME=VALUE", action="append", help="of another input than the images; may be repeated"
    )
    parser.add_argument(
        "--input-size", metavar="HxW", help="of images to try, where the model leaves it open (default 224x224)"
    )


def run(options: argparse.Namespace) -> None:
    """Bake the model and print what was written."""
    from fastcam.export.baked_model import bake

    size: tuple[int, ...] | Literal["input"] | None = None
    if options.size is not None:
        size = "input" if options.size == "input" else _sides("--size", options.size)
    made = bake(
        options.model,
        options.path,
        head=head_of(options.head),
        output=options.model_output,
        method=options.method,
        classes=options.classes,
        size=size,
        normalize=options.normalize,
        force=options.force,
        constants=constants_of(options.constant or ()),
        input_size=None if options.input_size is None else _sides("--input-size", options.input_size),
    )
    for name, text in _lines(made):
        print(f"{name:<12}{text}")


def _lines(made: Baked) -> list[tuple[str, str]]:
    sizes = ", ".join(f"{file} ({file.stat().st_size / 1e6:.1f} MB)" for file in made.files)
    return [
        ("written", sizes),
        ("head", made.head.describe()),
        ("maps", made.description),
        *(("takes", note) for note in made.notes),
        ("checked", f"on probe images: fastcam's own maps to {made.deviation:.1e} of their maximum"),
    ]


def _sides(name: str, text: str) -> tuple[int, ...]:
    """Return (height, width) of a text HxW, (length,) of L, (depth, height, width) of DxHxW."""
    sides = text.split("x")
    if len(sides) > 3 or not all(side.isascii() and side.isdigit() and int(side) for side in sides):
        raise InputError(
            f"{name}: expected HEIGHTxWIDTH, such as 224x224, LENGTH of signals or DEPTHxHEIGHTxWIDTH of volumes; got "
            f"{text!r}"
        )
    return tuple(map(int, sides))
