"""Frames, and network inputs of them."""

from dataclasses import replace
from typing import Any

import numpy as np

from fastcam.images import frames
from fastcam.images.inputs import ImageInput
from fastcam.images.preprocessing import preprocess

RAW = preprocess("raw,fit=stretch")


def random_frame(size, seed=0, kind="noise"):
    rng = np.random.default_rng(seed)
    frame = rng.integers(0, 256, (*size, 3)).astype(np.uint8)
    return np.where(frame > 127, 255, 0).astype(np.uint8) if kind == "extremes" else frame


def model_of(size, dtype: Any = np.uint8, layout: Any = "NHWC", channels=3):
    return ImageInput("images", dtype, layout, 1, channels, size)


def whole(frame):
    return 0, 0, frame.shape[1], frame.shape[0]


def network_input(frame, region, spec, model, *, antialias=True, **options):
    spec = replace(spec, interpolation="bilinear" if antialias else "opencv-linear")
    return frames.network_input(frame, region, spec, model, **options)


def levels(frame, region, size, *, antialias, **options):
    """Return the resized pixels (H, W, 3), before they are normalised."""
    return network_input(frame, region, RAW, model_of(size), antialias=antialias, **options)[0]
