"""Preprocessing and a network input that fit each other: size, channels, and the range of values."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcam.errors import InputError
from fastcam.images.inputs import ImageInput, places_of
from fastcam.images.preprocessing import NAMED, Preprocess
from fastcam.images.regions import seen_region as seen_region

AS_THEY_ARE = Preprocess(scale=1.0, channels="bands", fit="stretch")  # of signals and volumes


def default_preprocess(model: ImageInput) -> Preprocess:
    """Return the preprocessing of a model without a known one: ImageNet's, or one that fits its channels or uint8.

    Of signals and volumes, values as they are.
    """
    if model.rank != 2:
        return AS_THEY_ARE
    if model.channels not in (1, 3):
        return Preprocess(channels="bands", scale=1.0 if model.dtype == np.uint8 else 1 / 255)
    if model.channels == 1:
        return Preprocess(channels="grey", scale=1.0 if model.dtype == np.uint8 else 1 / 255)
    return NAMED["raw" if model.dtype == np.uint8 else "imagenet"]


def is_of_frames(spec: Preprocess, model: ImageInput) -> bool:
    """Return whether a model of three axes of places takes clips: their frames have the channels of photos.

    The specification tells: "rgb" or "bgr" for three channels, "grey" for one; volumes are of "bands".
    """
    return model.rank == 3 and (spec.channels, model.channels) in (("rgb", 3), ("bgr", 3), ("grey", 1))


def for_rank(spec: Preprocess, model: ImageInput) -> Preprocess:
    """Return the specification as it is meant for signals and volumes; of images and clips it is as given.

    These are read by bands and resampled whole, so "bands" and "stretch" take the place of what is the default of
    photos, "rgb" and "center-crop".

    Raises
    ------
    InputError
        Something else that only photos have.

    Examples
    --------
    >>> for_rank(NAMED["raw"], ImageInput("ecg", np.float32, "NCW", None, 12, (5000,))).describe()
    "scale=1.0, channels='bands', fit='stretch'"
    """
    if model.rank == 2 or is_of_frames(spec, model):
        return spec
    channels = "bands" if spec.channels == "rgb" else spec.channels
    fit = "stretch" if spec.fit == "center-crop" else spec.fit
    if (channels, fit, spec.interpolation) != ("bands", "stretch", "bilinear"):
        raise InputError(
            "preprocess: expected channels='bands', fit='stretch' and interpolation='bilinear' for signals and "
            f"volumes, which are resampled whole, linearly; got {spec.describe()}"
        )
    return replace(spec, channels=channels, fit=fit)


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
        raise InputError(f"preprocess: size: the model takes {own}; got {other}. Use size={own.replace('×', 'x')}")
    return size


def check_channels(spec: Preprocess, model: ImageInput) -> None:
    """Check that the specification gives the channels that the model takes, and values that fit its dtype.

    Raises
    ------
    InputError
        Another number of channels, or values other than whole pixels for a uint8 model.
    """
    if spec.channels == "bands":
        for name, values in (("mean", spec.mean), ("std", spec.std)):
            if len(values) not in (1, model.channels):
                raise InputError(
                    f"preprocess: {name}: expected one number, or {model.channels} for the {model.channels} channels "
                    f"of the model; got {len(values)}"
                )
    channels = {"grey": 1, "bands": model.channels}.get(spec.channels, 3)
    if channels != model.channels:
        hint = {1: "channels='grey'", 3: "channels='rgb'"}.get(model.channels, "channels='bands', with their mean, std")
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
    """Return the smallest and the largest value of a network input; of bands whose range isn't known, -2 and 2.

    Examples
    --------
    >>> value_range(NAMED["inception"])
    (-1.0, 1.0)
    """
    if spec.channels == "bands" and spec.levels is None and spec.scale not in (1.0, 1 / 255):
        return -2.0, 2.0
    values = normalized(np.array([[0], [255]]), spec)
    return float(values.min()), float(values.max())


def laid_out(values: NDArray[np.float32], model: ImageInput) -> NDArray[Any]:
    """Return values (*places, C) as a batch of one in the model's layout and dtype."""
    if model.dtype == np.uint8:
        values = np.clip(np.rint(values), 0, 255)
    ordered = values if model.is_channels_last else np.moveaxis(values, -1, 0)
    return np.ascontiguousarray(ordered[None], model.dtype)
