"""Measurements of streams: efficiency, latency, memory, several at once. `python -m benchmarks.streams` prints tables.

Each table is of one run on a real clip, MobileNetV2 (3.4 million weights, 224×224) on ONNX Runtime's CPU provider.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import numpy as np

import fastcam
from fastcam import video
from fastcam.export import to_json_line
from fastcam.images import frames
from fastcam.images.regions import seen_region

SHARED = Path(os.environ.get("FASTCAM_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))
CLIP = SHARED / "video" / "cockatoo.mp4"
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def load(threads: int | None, name: str = "mobilenet_v2_1.0_224_nchw_gemm") -> fastcam.Classifier:
    return fastcam.load(SHARED / "models" / f"{name}.onnx", preprocess="inception,fit=stretch", threads=threads)


def clip() -> list[Any]:
    with video.read(CLIP) as found:
        return [np.ascontiguousarray(frame) for frame, _ in found]


def timed(work: Callable[[], Any], rounds: int, clock: Callable[[], float]) -> list[float]:
    """Return the seconds of each round, after one that isn't counted."""
    work()
    taken = []
    for _ in range(rounds):
        began = clock()
        work()
        taken.append(clock() - began)
    return taken


def told(seconds: Iterable[float], frames: int = 1) -> str:
    """Return milliseconds a frame: median (minimum)."""
    each = [1e3 * one / frames for one in seconds]
    return f"{statistics.median(each):.2f} ({min(each):.2f})"


def row(*cells: Any) -> None:
    print("| " + " | ".join(map(str, cells)) + " |", flush=True)


def header(*cells: str) -> None:
    print()
    row(*cells)
    row(*["---"] * len(cells))


# ---- from a file to lines of JSON ------------------------------------------------------------------------------------


def parts(model: fastcam.Classifier, pictures: list[Any]) -> dict[str, Callable[[], None]]:
    """Return the time of each part of a pipeline, one after another."""
    session, spec = model.vision.session, model.preprocess
    region = seen_region(pictures[0].shape[:2], (224, 224), spec.fit, spec.crop_fraction)
    inputs = [frames.network_input(picture, region, spec, session.input, threads=1) for picture in pictures[:50]]
    heads = [model.head.feature_maps, model.head.logits]

    def decode() -> None:
        with video.read(CLIP) as found:
            for _ in found:
                pass

    def preprocess() -> None:
        for picture in pictures:
            frames.network_input(picture, region, spec, session.input, threads=1)

    def infer() -> None:
        for given in islice(cycle(inputs), len(pictures)):
            session.run(given, heads)

    return {"decoding": decode, "preprocessing": preprocess, "inference, one thread": infer}


def efficiency(rounds: int) -> None:
    """Return the efficiency of a pipeline: the least time is the CPU time of its parts over all processors."""
    model, wide, pictures = load(1), load(None), clip()
    count, (height, width) = len(pictures), pictures[0].shape[:2]

    def stream() -> None:
        with video.read(CLIP) as found, model.stream(found) as pairs, open(os.devnull, "w") as out:
            for _, explanation in pairs:
                out.write(to_json_line(explanation) + "\n")

    def loop(one: fastcam.Classifier) -> None:
        with video.read(CLIP) as found, open(os.devnull, "w") as out:
            for frame, _ in found:
                out.write(to_json_line(one.explain(frame)) + "\n")

    header(f"{CLIP.name}, {count} frames of {width}×{height}", "ms a frame, median (minimum)")
    work = {name: timed(part, rounds, time.process_time) for name, part in parts(model, pictures).items()}
    for name, seconds in work.items():
        row(f"CPU time of {name}", told(seconds, count))
    bound = [sum(each) / CORES for each in zip(*work.values(), strict=True)]
    row(f"work bound: their sum over {CORES} processors", told(bound, count))
    whole = timed(stream, rounds, time.perf_counter)
    row("`Classifier.stream`, file to lines of JSON", told(whole, count))
    loops = {threads: timed(lambda one=one: loop(one), rounds, time.perf_counter) for threads, one in
             (("one thread", model), ("all processors", wide))}  # fmt: skip
    for name, seconds in loops.items():
        row(f"plain loop, inference on {name}", told(seconds, count))
    median = statistics.median
    row("efficiency: bound ÷ stream", f"{median(bound) / median(whole):.2f} ({min(bound) / min(whole):.2f})")
    best = min(map(median, loops.values()))
    row("faster loop ÷ stream", f"{best / median(whole):.2f} ({min(map(min, loops.values())) / min(whole):.2f})")


# ---- beside the inference --------------------------------------------------------------------------------------------


def beside_inference(rounds: int) -> None:
    """Return maps, boxes and overlays as shares of ONNX Runtime's own time, in turns."""
    header("1280×720, one image", "threads", "µs, median (minimum)", "share of inference")
    pictures = clip()
    for threads in sorted({1, CORES}):
        model = load(threads)
        shares: dict[str, list[float]] = {"inference": [], "map and box": [], "overlay": []}
        for picture in islice(cycle(pictures), 30 * rounds):
            explanation = model.explain(picture)
            began = time.perf_counter()
            fastcam.overlay(picture, explanation, out=picture, threads=threads)
            shares["overlay"].append(time.perf_counter() - began)
            shares["inference"].append(explanation.timings["inference"])
            shares["map and box"].append(explanation.timings["localization"])
        shares["map, box and overlay"] = [sum(pair) for pair in
                                          zip(shares["map and box"], shares.pop("overlay"), strict=True)]  # fmt: skip
        whole = statistics.median(shares["inference"])
        for name, seconds in shares.items():
            median = statistics.median(seconds)
            row(name, threads, f"{1e6 * median:,.0f} ({1e6 * min(seconds):,.0f})", f"{median / whole:.1%}")


# ---- live ------------------------------------------------------------------------------------------------------------


def latency(seconds: float) -> None:
    """Return the latency of a camera of 30 frames/s, which doesn't wait."""
    model, pictures = load(1), clip()

    def camera() -> Iterator[Any]:
        began = time.perf_counter()
        for k, picture in enumerate(islice(cycle(pictures), int(30 * seconds))):
            time.sleep(max(0.0, began + k / 30 - time.perf_counter()))
            yield picture, time.perf_counter()

    alone = []
    for picture, _ in islice(camera(), 200):  # at the same pace: a processor that has idled is slower
        alone.append(model.explain(picture).timings["inference"])
    with model.stream(camera(), drop="oldest") as pairs:
        taken = [time.perf_counter() - (explanation.timestamp or 0.0) for _, explanation in pairs]
        dropped = pairs.dropped
    whole, inference = np.quantile(taken, [0.5, 0.99]), statistics.median(alone)
    header(f"30 frames/s for {seconds:.0f} s, frame to result", "ms", "× inference")
    row("inference alone at that pace, median", f"{1e3 * inference:.1f}", 1)
    row("median", f"{1e3 * whole[0]:.1f}", f"{whole[0] / inference:.2f}")
    row("99th percentile", f"{1e3 * whole[1]:.1f}", f"{whole[1] / inference:.2f}")
    row("frames dropped", dropped, "")


# ---- memory ----------------------------------------------------------------------------------------------------------


def resident() -> float:
    """Return the memory of this process in MB (Linux)."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def memory(count: int) -> None:
    """Return the resident memory after 500 frames, and the most after that."""
    header(f"{count:,} frames, MB", "after 500", "most after", "growth")
    picture = clip()[0]
    for name, wait in (("consumer as fast as it can", 0.0), ("consumer ten times slower than the source", 10.0)):
        model = load(1, "cifar10_resnet20")
        pause = wait * timed(lambda model=model: model.explain(picture), 50, time.perf_counter)[-1] / CORES
        sizes = []
        with model.stream((picture.copy() for _ in range(count)), steady=None) as pairs:
            for k, _ in enumerate(pairs):
                time.sleep(pause)
                if k >= 500 and k % 100 == 0:
                    sizes.append(resident())
        row(name, f"{sizes[0]:.1f}", f"{max(sizes):.1f}", f"{max(sizes) - sizes[0]:.1f}")


# ---- several streams -------------------------------------------------------------------------------------------------


def side_by_side(rounds: int) -> None:
    """Return the time of four streams of one classifier, each on a thread of its own."""
    model, pictures = load(1), clip()[:100]

    def stream() -> list[Any]:
        with model.stream(iter(pictures)) as pairs:
            return [explanation for _, explanation in pairs]

    found: list[list[Any]] = []

    def four() -> None:
        found.clear()
        threads = [threading.Thread(target=lambda: found.append(stream())) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    one, all_four = timed(stream, rounds, time.perf_counter), timed(four, rounds, time.perf_counter)
    header("streams of one `Classifier`", "ms a frame, median (minimum)")
    row("one", told(one, len(pictures)))
    row("four, of as many threads", told(all_four, 4 * len(pictures)))
    alone = stream()
    same = len(found) == 4 and all(
        np.array_equal(a.activation_maps, b.activation_maps) and np.array_equal(a.boxes.xyxy, b.boxes.xyxy)
        for stream in found for a, b in zip(stream, alone, strict=True)
    )  # fmt: skip
    row("results identical", "yes" if same else "**no**")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--frames", type=int, default=20_000, help="for the memory (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=30.0, help="of the live source (default: %(default)s)")
    options = parser.parse_args()
    print(f"{CORES} processors; Python {sys.version.split()[0]}; fastcam {fastcam.__version__}")
    efficiency(options.rounds)
    beside_inference(options.rounds)
    latency(options.seconds)
    side_by_side(options.rounds)
    memory(options.frames)


if __name__ == "__main__":
    main()
