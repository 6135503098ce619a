"""A folder of photos through `fastcam explain`, against its work bound and plain loops: `python -m benchmarks.folders`.

Work bound: the CPU time of decoding, preprocessing and inference, each alone on one thread, over all processors. The
plain loops are what people write: Pillow, NumPy and a session of ONNX Runtime, without maps, boxes or files. All take
turns within a run; opening the model isn't counted, of the command by taking off the time for two photos.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from PIL import Image

from benchmarks.streams import CORES, SHARED, load, row, told
from fastcam.cli import main as fastcam
from fastcam.images import frames
from fastcam.images.photos import photo_pixels
from fastcam.images.regions import view_of

MODEL = SHARED / "models" / "mobilenet_v2_1.0_224_nchw_gemm.onnx"
SIZE = (224, 224)
COMMANDS = {
    "`fastcam explain --no-overlay`": ["--no-overlay"],
    "`fastcam explain --no-overlay --workers 1`": ["--no-overlay", "--workers", "1"],
    "`fastcam explain`, an overlay of each photo": [],
}


def photos(folder: Path, count: int) -> list[str]:
    """Link photos of COCO, some 640×480, under as many names as it takes."""
    folder.mkdir()
    found = sorted((SHARED / "photos" / "coco" / "images").glob("*.jpg"))
    for k in range(count):
        (folder / f"{k:04}.jpg").symlink_to(found[k % len(found)])
    return sorted(map(str, folder.iterdir()))


def parts(paths: list[str]) -> dict[str, Callable[[], Any]]:
    """Return the parts of the work of all photos, each for one thread."""
    model = load(1)
    pixels = [photo_pixels(path) for path in paths[:128]]

    def prepared(one: Any) -> Any:
        view = view_of((one.shape[0], one.shape[1]), SIZE, model.preprocess)
        return frames.network_input(one, view, model.preprocess, model.input)

    inputs = [prepared(one) for one in pixels]

    def preprocess() -> None:
        for k in range(len(paths)):
            prepared(pixels[k % len(pixels)])

    def infer() -> None:
        for k in range(len(paths)):
            model.run(inputs[k % len(inputs)])

    return {"decoding": lambda: [photo_pixels(path) for path in paths], "preprocessing": preprocess, "inference": infer}


def plain_loop(paths: list[str], threads: int) -> Callable[[], None]:
    """Return a loop over photos as people write it."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(MODEL, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name

    def run() -> None:
        for path in paths:
            with Image.open(path) as photo:
                small = photo.convert("RGB").resize(SIZE, Image.Resampling.BILINEAR)
            pixels = np.asarray(small, np.float32).transpose(2, 0, 1)[None] / 127.5 - 1
            session.run(None, {name: pixels})

    return run


def command(folder: Path, place: Path, options: list[str]) -> None:
    """Run the command anew, silently."""
    given = ["explain", str(MODEL), str(folder), "-o", str(place), "--preprocess", "inception,fit=stretch", "--force"]
    with open(os.devnull, "w", encoding="utf-8") as nothing, contextlib.redirect_stdout(nothing):
        assert fastcam([*given, "--labels", "imagenet", *options]) == 0


def clocked(work: Callable[[], Any], clock: Callable[[], float] = time.perf_counter) -> float:
    """Return the seconds of one call."""
    began = clock()
    work()
    return clock() - began


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--photos", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder, two = Path(place, "photos"), Path(place, "two")
        paths, count = photos(folder, options.photos), options.photos
        photos(two, 2)
        alone = parts(paths)
        loops = {
            "plain loop, inference on one thread": plain_loop(paths, 1),
            "plain loop, inference on all processors": plain_loop(paths, CORES),
        }
        cpu: dict[str, list[float]] = {name: [] for name in alone}
        wall: dict[str, list[float]] = {name: [] for name in (*loops, *COMMANDS)}
        for k in range(options.rounds + 1):  # the first isn't counted
            measured = {name: clocked(work, time.process_time) for name, work in alone.items()}
            taken = {name: clocked(work) for name, work in loops.items()}
            for name, more in COMMANDS.items():
                few = clocked(partial(command, two, Path(place, "out"), more))
                taken[name] = (clocked(partial(command, folder, Path(place, "out"), more)) - few) * count / (count - 2)
            if k:
                for store, found in ((cpu, measured), (wall, taken)):
                    for name, seconds in found.items():
                        store[name].append(seconds)
    report(cpu, wall, count)


def report(cpu: dict[str, list[float]], wall: dict[str, list[float]], count: int) -> None:
    """Print the table: medians, minima in brackets."""
    row(f"{count} photos of COCO, MobileNetV2, {CORES} processors", "ms a photo", "work bound ÷ it")
    row("---", "---", "---")
    for name, seconds in cpu.items():
        row(f"CPU time of {name}", told(seconds, count), "")
    bound = [sum(one) / CORES for one in zip(*cpu.values(), strict=True)]
    row(f"work bound: their sum over {CORES} processors", told(bound, count), "1.00")
    for name, seconds in wall.items():
        shares = sorted(one / other for one, other in zip(bound, seconds, strict=True))
        row(name, told(seconds, count), f"{shares[len(shares) // 2]:.2f}")


if __name__ == "__main__":
    main()
