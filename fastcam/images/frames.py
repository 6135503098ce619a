"""Network inputs of photos and frames: resized, normalised and laid out, in one pass over the frame in place."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fastcam.arrays import engines
from fastcam.arrays.checks import LONGEST, check_threads, check_unmasked, out_array
from fastcam.arrays.devices import adopt, is_on_device
from fastcam.arrays.resampling import Memory, Region, View, resizing
from fastcam.errors import InputError
from fastcam.images.fit import check_channels, normalized, target_size
from fastcam.images.inputs import ImageInput
from fastcam.images.preprocessing import Preprocess
from fastcam.images.regions import whole_view
from fastcam.images.resized import band_input, pillow_input

INTERPOLATIONS = ("bilinear", "opencv-linear")  # of the kernels; the others are Pillow's


def network_input(
    frame: NDArray[np.uint8],
    region: Region | View,
    spec: Preprocess,
    model: ImageInput,
    *,
    out: NDArray[Any] | None = None,
    threads: int | None = None,
    engine: str = "auto",
) -> NDArray[Any]:
    """Return the network input of a region of a photo or a frame.

    The interpolations "bilinear" and "opencv-linear" give what Pillow's `resize(..., BILINEAR, box=region)` or OpenCV's
    `resize(..., INTER_LINEAR)` of the region and NumPy would, but in one pass over the frame, with no array in between:
    a pixel is interpolated in whole numbers, rounded to 8 bits, normalised in float32 and written in the model's dtype.
    For the others, which only Pillow has, Pillow resizes a copy of the frame. Of bands (`spec.channels`), Pillow
    resizes each in float32: see `fastcam.images.resized.band_input`.

    Parameters
    ----------
    frame
        (H, W, 3) uint8, RGB, of any strides, read in place: views such as `bgr[..., ::-1]`, `frame[::-1]`,
        `rgba[..., :3]`, `planes.transpose(1, 2, 0)` or `np.broadcast_to(grey[..., None], (*grey.shape, 3))` aren't
        copied. It may be on a CUDA device; then the result is, too. Of bands, (H, W, C) of any dtype, not on a device.
    region
        (x0, y0, x1, y1) in whole pixels of the frame, which is resized to the network input; or a `View`, as
        `fastcam.images.regions.view_of` returns it. Pixels outside the frame are filled with `spec.border`.
    spec
        The preprocessing. On a CUDA device the interpolation is "bilinear" or "opencv-linear".
    model
        The model's input, with dtype, layout and size: `Session.input`.
    out
        C-contiguous array of the result's shape and dtype to write into, and return; not overlapping the frame.
    threads
        Number of threads, at most; None: one a processor, where there is enough work. The rows are shared out.
    engine
        "auto": where the frame is; "cpu": Numba; "cuda": CuPy; "reference": NumPy. Results are equal, bit for bit.

    Returns
    -------
    (1, 3, H, W) or (1, H, W, 3), for grey with 1 and for bands with C in place of 3, in the model's layout and dtype;
    values (scale · pixel - mean) / std.

    Raises
    ------
    InputError
        The frame is no (H, W, 3) uint8 array, the region is empty or absurdly large, the specification doesn't fit the
        model or, on a CUDA device, wants one of Pillow's interpolations, or an `out` that doesn't fit.

    Examples
    --------
    >>> import numpy as np
    >>> from fastcam.images import preprocess
    >>> model = ImageInput("images", np.float32, "NCHW", 1, 3, (224, 224))
    >>> frame = np.full((1080, 1920, 3), 255, np.uint8)
    >>> buffer = network_input(frame, (420, 0, 1500, 1080), preprocess("inception"), model)
    >>> buffer.shape, buffer.dtype, float(buffer.max())
    ((1, 3, 224, 224), dtype('float32'), 1.0)
    >>> network_input(frame[:, ::-1], (420, 0, 1500, 1080), preprocess("unit"), model, out=buffer) is buffer
    True
    """
    check_threads(threads)
    is_bands = spec.channels == "bands"
    pixels = _checked_bands(frame, model) if is_bands else _checked(frame)
    view = _checked_view(region, spec, model, isinstance(pixels, np.ndarray))
    run = engines.serving(engine, pixels)
    channels = model.channels
    shape = (1, channels, *view.target) if model.layout == "NCHW" else (1, *view.target, channels)
    out = out_array("out", out, shape, np.dtype(model.dtype), pixels)
    if is_bands:
        out[:] = band_input(pixels, view, spec, model)
        return out
    if spec.interpolation not in INTERPOLATIONS:
        out[:] = pillow_input(Image.fromarray(np.ascontiguousarray(pixels)), view, spec, model)
        return out
    how = resizing((pixels.shape[0], pixels.shape[1]), view, spec.border, spec.interpolation == "bilinear")
    table = level_table(spec, np.dtype(model.dtype))
    run.preprocess(_memory(pixels, spec.channels == "bgr", run.xp), how, table, model.layout == "NHWC", out, threads)
    return out


@lru_cache(maxsize=64)
def level_table(spec: Preprocess, dtype: np.dtype[Any]) -> NDArray[np.uint8]:
    """Return (channels, 256 * itemsize) bytes: the values in the network input of levels 0 to 255 of each channel."""
    channels = 1 if spec.channels == "grey" else 3
    levels = np.broadcast_to(np.arange(256)[:, None], (256, channels))
    values = normalized(levels, spec)
    if dtype == np.uint8:
        values = np.clip(np.rint(values), 0, 255)
    table = np.ascontiguousarray(values.T, dtype).view(np.uint8)
    table.flags.writeable = False  # all callers get the same
    return table


def _checked(frame: Any) -> Any:
    """Return a frame (H, W, 3) uint8, checked, in the host's memory or on a device."""
    check_unmasked("frame", frame)
    on_device = is_on_device(frame)
    if not on_device and not isinstance(frame, np.ndarray):
        raise InputError(f"frame: expected an (H, W, 3) uint8 array; got {type(frame).__name__}. Hand over its pixels")
    pixels = adopt("frame", frame) if on_device else np.asarray(frame)
    if pixels.dtype == np.uint8 and pixels.ndim == 3 and pixels.shape[2] == 3 and pixels.size:
        longest = max(pixels.shape)
        if longest > LONGEST:
            raise InputError(f"image: expected at most {LONGEST} pixels along a side; got {longest}")
        return pixels
    hint = "Give something that is there" if not pixels.size else "Convert it"
    if pixels.size and pixels.dtype != np.uint8:
        hint = "Scale it to 0..255 and convert it: frame.astype(np.uint8)"
    elif pixels.ndim == 2:
        hint = "Of a grey one, give np.broadcast_to(frame[..., None], (*frame.shape, 3))"
    elif pixels.ndim == 3 and pixels.shape[2] == 4:
        hint = "Of one with a fourth channel, give frame[..., :3]"
    elif pixels.ndim == 3 and pixels.shape[0] == 3:
        hint = "Of one with channels first, give frame.transpose(1, 2, 0)"
    elif pixels.ndim == 4:
        hint = "Give one frame at a time"
    raise InputError(f"frame: expected (H, W, 3) uint8, not empty; got {pixels.shape} {pixels.dtype}. {hint}")


def _checked_bands(values: Any, model: ImageInput) -> NDArray[Any]:
    """Return bands (H, W, C) as many as the model's, checked."""
    check_unmasked("frame", values)
    is_real = isinstance(values, np.ndarray) and values.dtype.kind in "uif" and values.size > 0
    if is_real and values.ndim == 3 and values.shape[2] == model.channels and max(values.shape[:2]) <= LONGEST:
        return values
    got = f"{values.shape} {values.dtype}" if hasattr(values, "shape") else type(values).__name__
    raise InputError(
        f"frame: expected (H, W, {model.channels}) of real numbers in the host's memory, not empty, at most {LONGEST} "
        f"pixels along a side; got {got}"
    )


def _checked_view(region: Any, spec: Preprocess, model: ImageInput, on_host: bool) -> View:
    """Check that region, specification and model fit each other, and return the `View` of the region."""
    if spec.interpolation not in INTERPOLATIONS and not on_host:
        raise InputError(
            f"preprocess: interpolation: expected one of {', '.join(INTERPOLATIONS)}; got {spec.interpolation!r}. "
            "Others are Pillow's, for frames in the host's memory"
        )
    check_channels(spec, model)
    if isinstance(region, View):
        return region
    height, width = target_size(spec, model)
    return whole_view(_region(region), (height, width))


def _region(region: Any) -> Region:
    try:
        x0, y0, x1, y1 = (int(side) for side in region if side == int(side))
    except (TypeError, ValueError, OverflowError):
        raise InputError(f"region: expected (x0, y0, x1, y1), whole numbers; got {region!r}") from None
    if not (x0 < x1 and y0 < y1 and all(abs(side) <= 2 * LONGEST for side in (x0, y0, x1, y1))):
        raise InputError(f"region: expected x0 < x1 and y0 < y1, of -{2 * LONGEST} to {2 * LONGEST}; got {region!r}")
    return x0, y0, x1, y1


def _memory(frame: Any, turned: bool, xp: Any) -> Memory:
    """Return the frame's bytes, the index of its first pixel, and its strides; `turned`: the last channel first."""
    sides, strides = frame.shape, list(frame.strides)
    origin = sum(-stride * (side - 1) for side, stride in zip(sides, strides, strict=True) if stride < 0)
    if frame.flags.c_contiguous:
        data = frame.reshape(-1)
    else:
        length = 1 + sum(abs(stride) * (side - 1) for side, stride in zip(sides, strides, strict=True))
        lowest = frame[tuple(slice(-1, None) if stride < 0 else slice(0, 1) for stride in strides)]
        data = xp.lib.stride_tricks.as_strided(lowest, (length,), (1,))
    if turned:
        origin, strides[2] = origin + 2 * strides[2], -strides[2]
    return Memory(data, origin, *strides)
