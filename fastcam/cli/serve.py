"""Serve a local page with the live overlay of a video or camera, and for photos that are dropped on it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import Any

from fastcam.cli.options import add_model_arguments, assumptions, open_model
from fastcam.errors import InputError

EXAMPLES = (
    "fastcam serve model.onnx --labels imagenet",
    "fastcam serve model.onnx /dev/video0",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `fastcam serve`."""
    add_model_arguments(parser)
    parser.add_argument(
        "source",
        metavar="SOURCE",
        nargs="?",
        help="a video file, the address or device of a camera (needs fastcam[video]); without it, photos only",
    )
    parser.add_argument("--port", type=int, default=8765, help="of this machine; 0: any free one (default 8765)")
    parser.add_argument("--loop", action="store_true", help="begin a video file again at its end")


def run(options: argparse.Namespace) -> None:
    """Serve the page until Ctrl-C."""
    from fastcam.serve import Server

    if options.loop and options.source is None:
        raise InputError("--loop: expected with a video file as SOURCE; got none")
    with ExitStack() as stack:
        frames = None if options.source is None else _frames(options, stack)
        model = open_model(options, aloud=False)
        server = stack.enter_context(Server(model, frames, port=options.port))
        note = assumptions(model)
        print(f"{server.url} (Ctrl-C ends it){f'; {note}' if note else ''}", file=sys.stderr, flush=True)
        server.wait()


def _frames(options: argparse.Namespace, stack: ExitStack) -> Iterable[Any]:
    """Return frames of a camera as they come, or of a file at its own speed."""
    from fastcam import video
    from fastcam.serve import paced

    source = stack.enter_context(video.read(options.source))
    if not source.is_live:
        return paced(_again_and_again(source, options.source) if options.loop else source)
    if options.loop:
        raise InputError(f"--loop: expected a video file; got {options.source!r}, which has no end")
    return source


def _again_and_again(first: Iterable[Any], source: str) -> Iterator[Any]:
    from fastcam import video

    yield from first
    while True:
        with video.read(source) as frames:
            yield from frames
