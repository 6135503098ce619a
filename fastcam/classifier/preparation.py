"""Network inputs of what a caller hands over: photos, images of bands, signals, volumes and clips."""

from __future__ import annotations

import time
from math import log2
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastcam.images import frames, volumes
from fastcam.images.bands import band_values, picture
from fastcam.images.inputs import ImageInput
from fastcam.images.photos import Photo, photo_pixels
from fastcam.images.preprocessing import Preprocess
from fastcam.images.regions import view_of, whole_size
from fastcam.model.head.head import Head


class Prepared(NamedTuple):
    """A network input, of a photo or as a caller gave it, and its place in the photo.

    Attributes
    ----------
    network_input
        (1, ...) in the model's own layout and dtype.
    size, region
        As of `SeenPhoto`.
    seconds
        Seconds that preprocessing took.
    pixels
        The photo's pixels (H, W, 3) uint8, read-only, if they are to be kept.
    """

    network_input: Any
    size: tuple[int, ...]
    region: tuple[int, ...]
    seconds: float = 0.0
    pixels: NDArray[np.uint8] | None = None


def prepare(
    photo: Photo, spec: Preprocess, model: ImageInput, head: Head, target: tuple[int, ...], *, keep_pixels: bool = False
) -> Prepared:
    """Preprocess what a model of that input takes.

    Parameters
    ----------
    photo
        As in `Classifier.explain`.
    spec, model, head
        The preprocessing, the model's input, and its head.
    target
        Sizes of the network input's places, as (height, width), where nothing else is said.
    keep_pixels
        Keep the pixels of a photo, of arrays a copy.

    Raises
    ------
    InputError
        The photo can't be read, or another signal or volume than the model takes.
    """
    began = time.perf_counter()
    if model.rank != 2:
        return Prepared(*volumes.sampled(photo, spec, model), time.perf_counter() - began)
    if spec.channels == "bands":
        pixels = band_values(photo, model.channels)
    else:
        pixels = photo_pixels(photo, spec.levels, spec.background)
    size = (pixels.shape[0], pixels.shape[1])
    view = view_of(size, target_of(size, spec, model, head, target), spec)
    given = frames.network_input(pixels, view, spec, model)
    seconds = time.perf_counter() - began
    if not keep_pixels:
        return Prepared(given, size, view.region, seconds)
    shown = picture(pixels, levels=spec.levels, channels=spec.channels)
    return Prepared(given, size, view.region, seconds, _kept(shown, photo))


def sizes_vary(spec: Preprocess, model: ImageInput) -> bool:
    """Return whether network inputs have the proportions of their photos: the fit "whole" of a model of open size."""
    return spec.fit == "whole" and model.rank == 2 and not any(model.places)


def target_of(
    size: tuple[int, int], spec: Preprocess, model: ImageInput, head: Head, target: tuple[int, ...]
) -> tuple[int, int]:
    """Return (height, width) of the network input for a photo of (height, width) `size`.

    It is `target` but for the fit "whole" of models that leave both open: then it has the photo's proportions, in
    multiples of the stride of the feature maps.
    """
    height, width = target
    if not sizes_vary(spec, model):
        return height, width
    shorter = spec.resize if isinstance(spec.resize, int) else min(height, width)
    return whole_size(size, shorter, _stride(head, (height, width)))


def _stride(head: Head, target: tuple[int, int]) -> int:
    """Return the stride of the feature maps, in pixels: a whole one, else the nearest power of two; 32 if unknown."""
    if head.feature_shape is None:
        return 32
    strides = [side / cells for side, cells in zip(target, head.feature_shape[1:], strict=True)]
    return max(int(one) if one.is_integer() else 2 ** round(log2(one)) for one in strides)


def _kept(pixels: NDArray[np.uint8], photo: Photo) -> NDArray[np.uint8]:
    """Return pixels that nobody writes to: a copy of the caller's own array, or of a file that is mapped."""
    own = pixels if pixels.flags.owndata and pixels is not photo else pixels.copy()
    own.flags.writeable = False
    return own
