"""Draw heatmaps and boxes over a video, write the boxes of each frame as a line of JSON, or both."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastcam.cli.options import (
    add_map_arguments,
    add_message_arguments,
    add_model_arguments,
    check_map_arguments,
    drawing_of,
    map_options,
    open_model,
)
from fastcam.errors import InputError

if TYPE_CHECKING:
    from fastcam.classifier.classifier import Classifier
    from fastcam.classifier.stream import Stream
    from fastcam.video.source import FrameSource

    Write = Callable[[Any, Any, Stream], None]  # takes a frame, its explanation and the stream

EXAMPLES = (
    "fastcam video model.onnx in.mp4 -o out.mp4 --steady",
    "fastcam video model.onnx rtsp://camera/stream --no-overlay",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `fastcam video`."""
    add_model_arguments(parser)
    parser.add_argument(
        "input", metavar="IN", help="a video file, an address (rtsp://...), a camera (/dev/video0); - for --raw"
    )
    add_map_arguments(parser)
    group = parser.add_argument_group("results", "for example: -o out.mp4 --jsonl boxes.jsonl")
    group.add_argument(
        "-o",
        "--path",
        metavar="OUT",
        help="video with heatmap, box and label of the first class: .mp4, .mov, .mkv or .webm",
    )
    group.add_argument("--jsonl", metavar="FILE", help="a line of JSON for each frame; - for stdout")
    group.add_argument("--no-overlay", action="store_true", help="no video, only --jsonl (default then: stdout)")
    group.add_argument("--no-audio", action="store_true", help="leave the audio out")
    group.add_argument("--codec", metavar="NAME", help="FFmpeg's name of an encoder (default: H.264; VP9 in .webm)")
    group.add_argument(
        "--codec-option", metavar="NAME=VALUE", action="append", help="FFmpeg's, of the encoder; may be repeated"
    )
    group = parser.add_argument_group("frames", "for example: --every 2 --steady 0.5")
    group.add_argument("--every", type=int, default=1, metavar="N", help="explain every Nth frame (default 1)")
    group.add_argument(
        "--steady",
        type=float,
        nargs="?",
        const=0.25,
        metavar="SECONDS",
        help="keep maps, colours and class from flickering: average over time with this half-life (default 0.25)",
    )
    group.add_argument("--workers", type=int, metavar="N", help="frames in work at once (default: one a processor)")
    group.add_argument("--raw", metavar="WxH", help="IN is -: frames of this size on stdin, as rgb24")
    group.add_argument("--rate", metavar="FPS", help="frames a second of --raw (default: as they come)")
    group.add_argument(
        "--input-option", metavar="NAME=VALUE", action="append", help="FFmpeg's, of opening IN; may be repeated"
    )
    add_message_arguments(parser, "what was found in the model")


def run(options: argparse.Namespace) -> None:
    """Check everything, then explain frame by frame."""
    from fastcam.classifier.steady import Steady
    from fastcam.cli.progress import Progress

    check_map_arguments(options)
    _check_outputs(options)
    steady = None if options.steady is None else Steady(half_life=options.steady)
    with ExitStack() as stack:
        source = stack.enter_context(_open_source(options))
        if not source.is_live:
            options.threads = (
                options.threads or 1
            )  # several frames at once give more a second than several threads for one
        model = open_model(options)
        _check_rank(model)
        how = map_options(options, model)
        progress = Progress(sys.stderr, source.count, is_quiet=options.quiet)
        if not options.quiet:
            stack.push(lambda kind, error, trace: _sum_up(progress, source, options, error))  # after files are finished
        outputs = _open_outputs(options, source, stack)
        stream = stack.enter_context(
            model.stream(
                source,
                every=options.every,
                workers=options.workers or (1 if source.is_live else None),
                drop="oldest" if source.is_live else None,
                steady=steady,
                **how,
            )
        )
        stack.enter_context(progress)
        for frame, explanation in stream:
            for write in outputs:
                write(frame, explanation, stream)
            progress.step(stream.dropped)


def _check_rank(model: Classifier) -> None:
    """Refuse models that would take a frame for a signal or a volume."""
    from fastcam.arrays.places import KINDS

    if model.input.rank != 2:
        raise InputError(
            f"MODEL: expected a model of images; got one of {KINDS[model.input.rank]}s, input {model.input.shape}. "
            "Explain signals, volumes and whole clips by `fastcam explain`"
        )


def _check_outputs(options: argparse.Namespace) -> None:
    if options.no_overlay and options.path:
        raise InputError("-o: expected either -o or --no-overlay; got both")
    if options.no_overlay and not options.jsonl:
        options.jsonl = "-"
    if not options.path and not options.jsonl:
        raise InputError("-o: expected a file for the video, --jsonl for the boxes, or both; got neither")
    if not options.path and (options.codec or options.codec_option):
        raise InputError("--codec: expected with -o only")
    if (options.raw is None) != (options.input != "-"):
        raise InputError(f"IN: expected - with --raw WxH, and only then; got {options.input!r}, --raw {options.raw}")
    if options.rate is not None and options.raw is None:
        raise InputError("--rate: expected with --raw only; other sources know their times")
    read = [path for path in (options.input, options.model, options.labels, options.head) if path not in (None, "-")]
    written = [path for path in (options.path, options.jsonl) if path not in (None, "-")]
    for place in written:
        for path in read:
            if _is_same(place, path):
                raise InputError(f"{place}: expected another file than {path}, which is read; it is the same one")
    if len(written) == 2 and (_is_same(*written) or Path(written[0]).resolve() == Path(written[1]).resolve()):
        raise InputError(f"--jsonl: expected another file than -o; got {options.jsonl} for both")


def _is_same(one: str, other: str) -> bool:
    return os.path.isfile(one) and os.path.isfile(other) and os.path.samefile(one, other)


def _open_source(options: argparse.Namespace) -> FrameSource:
    from fastcam import video

    if options.raw is None:
        return video.read(options.input, options=_pairs("--input-option", options.input_option))
    size = re.fullmatch(r"(\d+)x(\d+)", options.raw)
    if size is None:
        raise InputError(f"--raw: expected WxH, such as 640x360; got {options.raw!r}")
    # Without a buffer: a thread that waits for input would own its lock when the interpreter ends.
    stdin = open(0, "rb", buffering=0, closefd=False)  # noqa: SIM115
    return video.read_raw(stdin, (int(size[2]), int(size[1])), rate=_rate(options.rate))


def _rate(text: str | None) -> float | Fraction | None:
    if text is None:
        return None
    try:
        return Fraction(text) if "/" in text else float(text)
    except (ValueError, ZeroDivisionError):
        raise InputError(f"--rate: expected frames a second, such as 25 or 30000/1001; got {text!r}") from None


def _pairs(option: str, given: Sequence[str] | None) -> dict[str, str]:
    """Return the values of NAME=VALUE by their names."""
    pairs = [text.partition("=") for text in given or ()]
    if wrong := [f"{name}{equals}{value}" for name, equals, value in pairs if not name or not equals]:
        raise InputError(f"{option}: expected NAME=VALUE; got {wrong[0]!r}")
    return {name: value for name, _, value in pairs}


def _open_outputs(options: argparse.Namespace, source: FrameSource, stack: ExitStack) -> list[Write]:
    from fastcam import video

    outputs = []
    if options.jsonl:
        outputs.append(_lines(options.jsonl, stack))
    if options.path:
        pairs = _pairs("--codec-option", options.codec_option)
        sink = video.write(options.path, like=source, audio=not options.no_audio, codec=options.codec, options=pairs)
        outputs.append(_pictures(stack.enter_context(sink), options))
    return outputs


def _lines(path: str, stack: ExitStack) -> Write:
    """Return a function that writes a line of JSON for each frame, with the frame's own number and time."""
    from fastcam.export import to_json_line
    from fastcam.files import Lines

    lines = None if path == "-" else stack.enter_context(Lines(Path(path)))

    def write(frame: Any, explanation: Any, stream: Stream) -> None:
        own = {"frame": stream.frame_index, "timestamp": stream.timestamp}
        text = to_json_line(explanation, **own, explained_frame=explanation.frame_index)
        if lines is None:
            print(text, flush=True)
        else:
            lines.write(text)

    return write


def _pictures(sink: Any, options: argparse.Namespace) -> Write:
    """Return a function that draws over a frame, in place, and writes it."""
    from fastcam.export.overlays import overlay

    def write(frame: Any, explanation: Any, stream: Stream) -> None:
        drawn = overlay(frame, explanation, out=frame, **drawing_of(options))
        sink.write(drawn, stream.timestamp)

    return write


def _sum_up(progress: Any, source: FrameSource, options: argparse.Namespace, error: BaseException | None) -> None:
    """Print what was done, and after how many frames it was interrupted."""
    if not progress.count:
        return
    parts = [f"{progress.count} frames", f"{progress.rate:.1f} frames/s"]
    parts += [f"{progress.dropped} left out for newer ones"] if progress.dropped else []
    parts += [f"{source.broken} damaged packets left out"] if source.broken else []
    places = [place for place in (options.path, options.jsonl) if place not in (None, "-")]
    where = f": {' and '.join(places)}" if places and (error is None or isinstance(error, KeyboardInterrupt)) else ""
    print(f"{'interrupted after ' if error else ''}{', '.join(parts)}{where}", file=sys.stderr)
