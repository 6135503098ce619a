"""Frames of a real clip: `Classifier.stream` against the plain loop, whose inference uses all processors as well.

Work: what decoding, preprocessing and inference, and localisation cost, each alone on one thread; a pipeline can't do
better than their sum over the processors.
"""

import os
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

import fastcam

cv2 = pytest.importorskip("cv2")
SHARED = Path(os.environ.get("FASTCAM_SHARED_DATA", Path(__file__).parents[2] / "shared" / "data"))
CLIP = SHARED / "video" / "cockatoo.mp4"
FRAMES = 60


def frames():
    """RGB frames of the clip."""
    capture = cv2.VideoCapture(str(CLIP))
    try:
        while True:
            found, frame = capture.read()
            if not found:
                return
            yield np.ascontiguousarray(frame[:, :, ::-1])
    finally:
        capture.release()


def load(threads):
    path = SHARED / "models" / "mobilenet_v2_1.0_224_nchw_gemm.onnx"
    return fastcam.load(path, preprocess="inception,fit=stretch", threads=threads)


def decode():
    for _ in islice(frames(), FRAMES):
        pass


def loop(threads):
    model = load(threads)

    def run():
        for frame in islice(frames(), FRAMES):
            model.explain(frame)

    return run


def stream():
    model = load(1)

    def run():
        with model.stream(islice(frames(), FRAMES)) as pairs:
            assert sum(1 for _ in pairs) == FRAMES

    return run


CONTENDERS = {
    "decoding": lambda: decode,
    "loop, one thread": lambda: loop(1),
    "loop, all threads": lambda: loop(None),
    "stream": stream,
}


@pytest.mark.parametrize("contender", CONTENDERS)
def test_stream(benchmark, contender):
    benchmark.group = f"stream, {FRAMES} frames of {CLIP.name}"
    benchmark.pedantic(CONTENDERS[contender](), rounds=5 if benchmark.enabled else 1, warmup_rounds=1)
