"""Network inputs of signals, volumes and clips: values along one or three axes of places, resampled and normalised."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastcam.arrays.checks import check_unmasked
from fastcam.arrays.places import KINDS, SHAPES
from fastcam.errors import InputError
from fastcam.images import frames
from fastcam.images.fit import is_of_frames, laid_out, normalized, target_size
from fastcam.images.greys import WHOLE, Levels, check_filled
from fastcam.images.inputs import FIRST, LAST, ImageInput, places_of
from fastcam.images.pixels import array_pixels
from fastcam.images.preprocessing import Preprocess
from fastcam.images.regions import view_of
from fastcam.images.resized import check_scale, in_levels


class Sampled(NamedTuple):
    """A network input (1, ...), the sizes of the places of what it was made of, and the part that is seen of that."""

    network_input: NDArray[Any]
    size: tuple[int, ...]
    region: tuple[int, ...]


def each_array(given: Any, rank: int) -> Sequence[Any] | NDArray[Any]:
    """Return a sequence of signals or volumes from one of them, a sequence of them, or a batch (N, *places, C).

    Raises
    ------
    InputError
        Neither, or none at all.
    """
    arrays = [given] if isinstance(given, np.ndarray) and given.ndim != rank + 2 else given
    if not isinstance(arrays, Sequence | np.ndarray) or isinstance(arrays, str | bytes):
        kind = KINDS[rank]
        raise InputError(
            f"images: expected a {kind}, an array {SHAPES[rank]}, or several {kind}s; got {type(given).__name__}"
        )
    if len(arrays) == 0:
        raise InputError(f"images: expected at least one {KINDS[rank]}; got none")
    return arrays


def values_of(given: Any, model: ImageInput) -> NDArray[Any]:
    """Return a signal or a volume as (*places, C), checked: real numbers, with the model's channels last.

    Raises
    ------
    InputError
        Another shape, of which the message says what the model takes.
    """
    kind, expected = KINDS[model.rank], SHAPES[model.rank]
    if not isinstance(given, np.ndarray):
        raise InputError(f"{kind}: expected an array {expected}; got {type(given).__name__}")
    check_unmasked(kind, given)
    values = given[..., None] if given.ndim == model.rank else given
    is_real = given.dtype.kind in "uifb" and given.size > 0
    if is_real and values.ndim == model.rank + 1 and values.shape[-1] == model.channels:
        return values
    hint = ""
    if given.ndim == model.rank + 1 and given.shape[0] == model.channels:
        axes = ", ".join(map(str, (*range(1, given.ndim), 0)))
        hint = f". These are channels first: use .transpose({axes}), or explain(tensors=...) for network inputs"
    raise InputError(
        f"{kind}: expected {expected} of real numbers, not empty, with C = {model.channels} for the network input "
        f"{model.shape}; got {given.shape} {given.dtype}{hint}"
    )


def sampled(given: Any, spec: Preprocess, model: ImageInput) -> Sampled:
    """Return the network input of a signal, a volume or a clip.

    Of a clip (`is_of_frames`), each frame is preprocessed as a photo, and where the model has a fixed number of frames,
    those at the centres of as many equal parts are taken: frame `floor((t + 0.5) * T / count)` of T.

    All else is brought to `spec.levels`, if there are any, resampled along each axis where the sizes differ
    (`resampled`), and normalised: `(scale * value - mean) / std`. Sizes that model and specification leave open are
    those of the array.

    Raises
    ------
    InputError
        Another shape or dtype than the model takes, NaN or infinity, or a specification that doesn't fit.

    Examples
    --------
    >>> model = ImageInput("ecg", np.float32, "NCW", None, 2, (4,))
    >>> sampled(np.arange(16.0).reshape(8, 2), Preprocess(channels="bands", scale=1, fit="stretch"), model)
    Sampled(network_input=array([[[ 1.,  5.,  9., 13.],
            [ 2.,  6., 10., 14.]]], dtype=float32), size=(8,), region=(0, 8))
    """
    if is_of_frames(spec, model):
        return _of_frames(given, spec, model)
    values, kind = values_of(given, model), KINDS[model.rank]
    size = values.shape[:-1]
    check_scale(values, spec, kind)
    found = resampled(in_levels(values, spec, kind), size_for(size, spec, model))
    return Sampled(laid_out(normalized(found, spec), model), size, (*[0] * model.rank, *size[::-1]))


def size_for(size: tuple[int, ...], spec: Preprocess, model: ImageInput) -> tuple[int, ...]:
    """Return the sizes of the network input's places for an array of that size: the model's, the specification's, own.

    Examples
    --------
    >>> model = ImageInput("ct", np.float32, "NCDHW", None, 1, (None, 96, 96))
    >>> size_for((40, 512, 512), Preprocess(), model)
    (40, 96, 96)
    """
    others = size if spec.size is None else places_of(spec.size, model.rank)
    return tuple(own or other for own, other in zip(model.places, others, strict=True))


def resampled(values: NDArray[np.float32], size: tuple[int, ...]) -> NDArray[np.float32]:
    """Return values (*places, C) at another size: linear along each axis with half-pixel centres, edges replicated.

    `x_src = (x + 0.5) * have / want - 0.5`, clamped, as heatmaps are upsampled, and as PyTorch's `interpolate` with
    `align_corners=False` does it: without a filter that would blur before samples are left out.

    Examples
    --------
    >>> resampled(np.array([[0.0], [4.0]], np.float32), (4,))[:, 0]
    array([0., 1., 3., 4.], dtype=float32)
    """
    order = sorted(range(len(size)), key=lambda axis: size[axis] / values.shape[axis])  # what shrinks comes first
    for axis in order:
        have, want = values.shape[axis], size[axis]
        if have == want:
            continue
        source = np.clip((np.arange(want) + 0.5) * have / want - 0.5, 0, have - 1)
        low = np.minimum(source.astype(np.intp), max(0, have - 2))
        share = (source - low).astype(np.float32).reshape(-1, *[1] * (values.ndim - axis - 1))
        first = values.take(low, axis)
        values = first + share * (values.take(np.minimum(low + 1, have - 1), axis) - first)
    return values


def told(spec: Preprocess, model: ImageInput) -> str:
    """Return a specification in words, with the rules for signals, volumes and clips.

    Examples
    --------
    >>> told(Preprocess(), ImageInput("clip", np.float32, "NCDHW", None, 3, (16, 112, 112)))
    'unit; 16 frames at the centres of equal parts of the clip'
    """
    if model.rank == 2:
        return spec.describe()
    places = [own or other for own, other in zip(model.places, spec.size or model.places, strict=False)]
    if is_of_frames(spec, model):
        rule = f"{places[0]} frames at the centres of equal parts of the clip" if places[0] else "all frames"
    else:
        rule = "resampled linearly with half-pixel centres where sizes differ" if any(places) else "sizes as they are"
    return f"{spec.describe()}; {rule}"


def frames_taken(count: int, wanted: int | None) -> NDArray[np.intp]:
    """Return which frames of a clip the network sees.

    Examples
    --------
    >>> frames_taken(10, 4).tolist(), frames_taken(2, 4).tolist(), frames_taken(3, None).tolist()
    ([1, 3, 6, 8], [0, 0, 1, 1], [0, 1, 2])
    """
    wanted = wanted or count
    return ((np.arange(wanted) + 0.5) * count / wanted).astype(np.intp)


def _of_frames(given: Any, spec: Preprocess, model: ImageInput) -> Sampled:
    """Return the network input of a clip."""
    if not isinstance(given, np.ndarray) or given.ndim not in (3, 4) or not given.size:
        got = f"{given.shape}" if isinstance(given, np.ndarray) else type(given).__name__
        raise InputError(f"clip: expected frames (T, H, W, 3) for the network input {model.shape}; got {got}")
    check_unmasked("clip", given)
    count, height, width = given.shape[:3]
    _, target_height, target_width = target_size(spec, model)
    view = view_of((height, width), (target_height, target_width), spec)
    layout = (LAST if model.is_channels_last else FIRST)[2]
    one = ImageInput(model.name, model.dtype, layout, 1, model.channels, (target_height, target_width))
    plain = replace(spec, size=None)
    levels = _clip_levels(given, spec)
    wanted = size_for((count, height, width), spec, model)[0]
    made = [
        frames.network_input(array_pixels(given[t], levels, spec.background, "frame"), view, plain, one)
        for t in frames_taken(count, wanted).tolist()
    ]
    x0, y0, x1, y1 = view.region
    network_input = np.stack(made, axis=1 if model.is_channels_last else 2)
    return Sampled(network_input, (count, height, width), (x0, y0, 0, x1, y1, count))


def _clip_levels(clip: NDArray[Any], spec: Preprocess) -> Levels | None:
    """Return the levels of all frames: dark ones of a clip that fills 16 bits are no less than 16 bits deep."""
    if spec.levels is not None or clip.dtype.kind not in "iu" or clip.dtype.itemsize == 1:
        return spec.levels
    check_filled(clip[..., :3], "clip")
    return WHOLE
