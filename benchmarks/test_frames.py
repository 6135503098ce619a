"""Frames to network inputs: resized, normalised, channels first."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from fastcam.images.frames import network_input
from fastcam.images.inputs import ImageInput
from fastcam.images.preprocessing import NAMED

SIZES = {"640×480": (480, 640), "1280×720": (720, 1280), "1920×1080": (1080, 1920), "3840×2160": (2160, 3840)}
TARGET: tuple[int, int] = (224, 224)
SPEC = NAMED["imagenet"]
WAYS = {"opencv-linear": "OpenCV", "bilinear": "Pillow"}


def frame_of(size) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (*SIZES[size], 3)).astype(np.uint8)


def normalized(pixels):
    """Return a frame normalised by NumPy, channels first."""
    scaled = pixels.astype(np.float32) * np.float32(SPEC.scale)
    values = (scaled - np.array(SPEC.mean, np.float32)) / np.array(SPEC.std, np.float32)
    return np.ascontiguousarray(values.transpose(2, 0, 1)[None])


def opencv(frame):
    import cv2

    return lambda: normalized(cv2.resize(frame, (TARGET[1], TARGET[0]), interpolation=cv2.INTER_LINEAR))


def pillow(frame):
    def run():
        resized = Image.fromarray(frame).resize((TARGET[1], TARGET[0]), Image.Resampling.BILINEAR)
        return normalized(np.asarray(resized))

    return run


def fastcam(frame, way, threads=None):
    model = ImageInput("images", np.float32, "NCHW", 1, 3, TARGET)
    out, region = np.empty((1, 3, *TARGET), np.float32), (0, 0, frame.shape[1], frame.shape[0])
    spec = replace(SPEC, interpolation=way)
    return lambda: network_input(frame, region, spec, model, out=out, threads=threads)


def made(contender, frame, way, threads):
    if contender == "OpenCV":
        pytest.importorskip("cv2")
    return {
        "fastcam": lambda: fastcam(frame, way, threads),
        "fastcam, BGR": lambda: fastcam(frame[..., ::-1], way, threads),
        "OpenCV": lambda: opencv(frame),
        "Pillow": lambda: pillow(frame),
    }[contender]()


CONTENDERS = [(way, name) for way, other in WAYS.items() for name in ("fastcam", "fastcam, BGR", other)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("way", WAYS)
def test_contenders_agree(way, size):
    """OpenCV to the bit, Pillow to a grey level."""
    frame = frame_of(size)
    difference = made("fastcam", frame, way, 1)() - made(WAYS[way], frame, way, 1)()
    assert np.abs(difference).max() <= (0 if way == "opencv-linear" else 1.001 / 255 / min(SPEC.std))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("way", "contender"), CONTENDERS)
def test_preprocessing(benchmark, way, contender, size, threads):
    benchmark.group = f"preprocessing ({way}), {size} → {TARGET[1]}×{TARGET[0]}, threads: {threads}"
    benchmark(made(contender, frame_of(size), way, threads))
