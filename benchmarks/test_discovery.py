"""The cost of finding and proving a head: at the first start, with a saved head, and in later forward passes.

Contender: a session of ONNX Runtime over the same file, opened and run in the same way.
"""

import os
import time
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

import fastcam

SHARED = Path(os.environ.get("FASTCAM_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))
CORES = len(os.sched_getaffinity(0))
MODELS = {
    "squeezenet1_1_nchw": 227,
    "squeezenet1_1_int8_qdq": 227,
    "mobilenet_v2_1.0_224_nchw_gemm": 224,
    "mobilenet_v1_0.25_128_fp32_nhwc": 128,
    "cifar10_resnet20": 32,
}


def options_for(threads):
    """Return session options as fastcam's own."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def session(model, threads):
    return onnxruntime.InferenceSession(model, options_for(threads), providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("contender", ["onnxruntime", "fastcam", "fastcam, saved head"])
def test_open(benchmark, name, contender):
    path = SHARED / "models" / f"{name}.onnx"
    head = fastcam.load(path).head
    openers = {
        "onnxruntime": lambda: session(path, CORES),
        "fastcam": lambda: fastcam.load(path),
        "fastcam, saved head": lambda: fastcam.load(path, head=head),
    }
    benchmark.group = f"open, {name}, threads: {CORES}"
    benchmark.pedantic(openers[contender], rounds=15, warmup_rounds=2)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("threads", [1, 2])
def test_exposing_the_feature_maps(benchmark, name, threads):
    """Time both in turns, since a machine's clock drifts more than their difference."""
    path, side = SHARED / "models" / f"{name}.onnx", MODELS[name]
    head = fastcam.load(path).head
    with_maps = session(path.read_bytes() + head.access.appendix, threads)
    without, wanted = session(path, threads), [head.logits, head.feature_maps]
    value = without.get_inputs()[0]
    shape = (1, side, side, 3) if value.shape[3] == 3 else (1, 3, side, side)
    feeds = {value.name: np.random.default_rng(0).standard_normal(shape).astype(np.float32)}
    took: dict[str, list[float]] = {"without": [], "with": []}

    def alternate(turns: int) -> None:
        for turn in range(turns):
            pair = [("without", lambda: without.run(None, feeds)), ("with", lambda: with_maps.run(wanted, feeds))]
            for key, run in pair if turn % 2 else pair[::-1]:
                started = time.perf_counter()
                run()
                took[key].append(time.perf_counter() - started)

    benchmark.group = f"exposing, {name}, threads: {threads}"
    turns = 300 if benchmark.enabled else 1
    benchmark.pedantic(alternate, (turns,), rounds=1, warmup_rounds=1)
    for key, times in took.items():
        benchmark.extra_info[f"{key}, ms"] = {"median": np.median(times) * 1e3, "min": min(times) * 1e3}
    benchmark.extra_info["ratio"] = {
        kind: float(of(took["with"]) / of(took["without"])) for kind, of in (("median", np.median), ("min", np.min))
    }
