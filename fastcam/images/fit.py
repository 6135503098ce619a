"""Preprocessing and a network input that fit each other: size, channels, and the range of values."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcam.errors import InputError
from fastcam.images.inputs import ImageInput, places_of
from fastcam.images.preprocessing import NAMED, Preprocess
from fastcam.images.regions import seen_region as seen_region


def default_preprocess(model: ImageInput) -> Preprocess:
    """Return the preprocessing of a model without a known one: ImageNet's, or one that fits grey or uint8 inputs."""
    if model.channels == 1:
        return Preprocess(channels="grey", scale=1.0 if model.dtype == np.uint8 else 1 / 255)
    return NAMED["raw" if model.dtype == np.uint8 else "imagenet"]


def target_size(spec: Preprocess, model: ImageInput) -> tuple[int, ...]:
    """Return the sizes of the network input's places, as (height, width): the model's own, else the specification's.

    Those that neither says are 224 for images; see `fastcam.images.inputs.OPEN`.

    Raises
    ------
    InputError
        The sizes of the model and the specification differ.
    """
    size = model.sides(spec.size)
    wanted = size if spec.size is None else places_of(spec.size, model.rank)
    if wanted != size:
        own, other = ("×".join(map(str, sides)) for sides in (size, wanted))
        raise InputError(f"preprocess: size: the model takes {own}; got {other}")
    return size


def check_channels(spec: Preprocess, model: ImageInput) -> None:
    """Check that the specification gives the channels that the model takes, and values that fit its dtype.

    Raises
    ------
    InputError
        Another number of channels, or values other than whole pixels for a uint8 model.
    """
    channels = 1 if spec.channels == "grey" else 3
    if channels != model.channels:
        hint = "channels='grey'" if model.channels == 1 else "channels='rgb'"
        raise InputError(
            f"preprocess: the model takes {model.channels} channels, {spec.channels!r} makes {channels}; use {hint}"
        )
    if model.dtype == np.uint8 and (spec.scale != 1 or any(spec.mean) or set(spec.std) != {1.0}):
        raise InputError(f"preprocess: the model takes uint8 pixels as they are, 'raw'; got {spec.describe()}")


def normalized(pixels: NDArray[Any], spec: Preprocess) -> NDArray[np.float32]:
    """Return (scale · pixel - mean) / std of pixels (..., channels) in the order of `spec.channels`, or (..., 1)."""
    scaled = pixels.astype(np.float32) * np.float32(spec.scale)
    return (scaled - np.asarray(spec.mean, np.float32)) / np.asarray(spec.std, np.float32)


def value_range(spec: Preprocess) -> tuple[float, float]:
    """Return the smallest and the largest value of a network input.

    Examples
    --------
    >>> value_range(NAMED["inception"])
    (-1.0, 1.0)
    """
    values = normalized(np.array([[0], [255]]), spec)
    return float(values.min()), float(values.max())
