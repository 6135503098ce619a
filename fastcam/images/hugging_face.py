"""Hugging Face's image processors as `Preprocess`: the values of their files and the defaults of their classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastcam.errors import InputError
from fastcam.images.preprocessing import PILLOWS, Preprocess
from fastcam.images.processors import COMMON, MODEL_TYPES, PROCESSORS, REFUSED

# Steps of some classes that change the picture and can't be expressed here.
STEPS = ("do_align_long_axis", "do_color_quantize", "do_pan_and_scan", "do_thumbnail", "use_square_size")
OWN = ("crop_pct", "do_flip_channel_order", "include_top", "rescale_offset", "size_divisor")
UNCROPPED = ("Gemma3", "Perceiver", "Segformer")  # which crop only after resizing
SHARED = ("size", "crop_size", "image_mean", "image_std")  # arguments of every class


class Understood(NamedTuple):
    """A `Preprocess`, and in words the origin of its values."""

    preprocess: Preprocess
    details: str


def from_hugging_face(config: Mapping[str, Any], model: Mapping[str, Any]) -> Understood:
    """Return the `Preprocess` of a processor's configuration, with its class's own defaults for missing keys.

    A null in the file stays null, as in Hugging Face's code: a step that is left out, or a value that is missing.

    Parameters
    ----------
    config
        Values of `preprocessor_config.json`.
    model
        Values of `config.json` beside it, whose model type names the class if the processor's file doesn't; or empty.

    Returns
    -------
    Understood
        `preprocess`, and `details` for people.

    Raises
    ------
    InputError
        The class is unknown, or has a step that can't be expressed, or a value that it needs is missing.
    """
    name = _class_of(config, model)
    defaults = {**COMMON, **PROCESSORS[name]}
    given = {key: value for key, value in config.items() if key in {*SHARED, *defaults}}
    values = {**defaults, **given}
    _check_steps(name, config)
    fields = _GEOMETRY.get(name, _plain)(values) if values["do_resize"] else _unresized(name, values)
    taken = ", ".join(sorted(given)) or "nothing"
    silent = ", ".join(sorted(set(defaults) - set(given))) or "nothing"
    found = Preprocess(
        **_levels(name, values),
        **fields,
        channels="bgr" if values.get("do_flip_channel_order") else "rgb",
        interpolation=dict(enumerate(PILLOWS))[values["resample"]],
    )
    return Understood(found, f"{name or 'an unnamed '}ImageProcessor: from the file {taken}; by default {silent}")


def leaves_it_to_timm(config: Mapping[str, Any], model: Mapping[str, Any]) -> bool:
    """Return whether the class that the files of `from_hugging_face` name reads timm's `config.json` instead.

    Examples
    --------
    >>> leaves_it_to_timm({"image_processor_type": "TimmWrapperImageProcessor"}, {})
    True
    """
    return _named_class(config, model)[0] == "TimmWrapper"


def _class_of(config: Mapping[str, Any], model: Mapping[str, Any]) -> str:
    """Return the class's name without "ImageProcessor", or "" without one; raise `InputError` if it isn't supported."""
    name, written = _named_class(config, model)
    if name in REFUSED:
        raise InputError(f"{written} {REFUSED[name]}, which can't be followed")
    if name not in PROCESSORS:
        raise InputError(f"{written}: expected an image processor that is known, {', '.join(filter(None, PROCESSORS))}")
    return name


def _named_class(config: Mapping[str, Any], model: Mapping[str, Any]) -> tuple[str, str]:
    """Return the class's name without "ImageProcessor", and as written in the file."""
    written = config.get("image_processor_type") or config.get("feature_extractor_type")
    written = written or model.get("image_processor_type")
    if written is None:
        name = MODEL_TYPES.get(str(model.get("model_type")), "")
        return name, f"{name}ImageProcessor"
    name = str(written)
    for ending in ("Fast", "Pil", "FeatureExtractor", "ImageProcessor"):
        name = name.removesuffix(ending)
    return name, str(written)


def _check_steps(name: str, config: Mapping[str, Any]) -> None:
    steps = {key for key in STEPS if config.get(key)}
    if not name:  # the class may be any
        steps |= {key for key in OWN if config.get(key) is not None}
    if config.get("do_pad") and config.get("pad_size") is not None:
        steps.add("do_pad")
    if steps:
        raise InputError(f"{name}ImageProcessor with {', '.join(sorted(steps))} can't be followed")


def _levels(name: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return mean, standard deviation and scale."""
    mean, std = np.zeros(1), np.ones(1)
    if values["do_normalize"] and name != "MobileViT":  # never normalises
        mean, std = (_numbers(key, values) for key in ("image_mean", "image_std"))
    if values.get("rescale_offset") and values["do_rescale"]:
        mean = mean + 1
    if values.get("include_top"):  # divides by it again, or for the first time
        std = std * _numbers("image_std", values)
    scale = float(values["rescale_factor"]) if values["do_rescale"] else 1.0
    return {"mean": tuple(mean.tolist()), "std": tuple(std.tolist()), "scale": scale}


def _numbers(key: str, values: Mapping[str, Any]) -> NDArray[np.float64]:
    if values[key] is None:
        raise InputError(f"{key}: expected numbers; got null")
    return np.atleast_1d(np.asarray(values[key], np.float64))


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Resize to a size or by the shorter side, then crop."""
    return _resized_and_cropped(_size(values), _crop(values))


def _resized_and_cropped(resize: int | tuple[int, int], crop: tuple[int, int] | None) -> dict[str, Any]:
    if crop is None or crop == resize:
        if isinstance(resize, int):
            raise InputError(
                f"the shorter side becomes {resize} and nothing is cropped: inputs of each photo's own proportions"
            )
        return {"fit": "stretch", "size": resize}
    return {"fit": "resize-crop", "resize": resize, "size": crop}


def _unresized(name: str, values: Mapping[str, Any]) -> dict[str, Any]:
    crop = _crop(values)
    if crop is None or name in UNCROPPED:
        raise InputError("photos are neither resized nor cropped: inputs of each photo's own size")
    return {"fit": "resize-crop", "size": crop}


def _convnext(values: Mapping[str, Any]) -> dict[str, Any]:
    """Crop small inputs out of a larger photo, stretch those of 384 and more."""
    side, crop = _shortest(values), _crop(values)
    if crop not in (None, (side, side)):
        raise InputError(f"cropped to {side}×{side} and then to {crop}, which can't be followed")
    if side >= 384:
        return {"fit": "stretch", "size": (side, side)}
    return _resized_and_cropped(int(side / values["crop_pct"]), (side, side))


def _poolformer(values: Mapping[str, Any]) -> dict[str, Any]:
    """Divide the size by crop_pct; a square size is that of the shorter side."""
    size, share = _size(values), values["crop_pct"]
    if share is None:
        return _resized_and_cropped(size, _crop(values))
    if not isinstance(size, int) and size[0] == size[1]:
        size = size[0]
    scaled = int(size / share) if isinstance(size, int) else (int(size[0] / share), int(size[1] / share))
    return _resized_and_cropped(scaled, _crop(values))


def _levit(values: Mapping[str, Any]) -> dict[str, Any]:
    """Resize the shorter side to 256 / 224 of the size, then crop."""
    size = _size(values)
    return _resized_and_cropped(int((256 / 224) * size) if isinstance(size, int) else size, _crop(values))


def _perceiver(values: Mapping[str, Any]) -> dict[str, Any]:
    """Crop a square out of the photo, size / crop_size of its shorter side, then resize it."""
    size, crop = _size(values), _crop(values)
    if isinstance(size, int):
        raise InputError("size: expected height and width; got the shorter side")
    if crop is None:
        return {"fit": "stretch", "size": size}
    shares = {size[0] / crop[0], size[1] / crop[1]}
    if len(shares) > 1 or max(shares) > 1:
        raise InputError(f"size {size} and crop_size {crop}: expected the same proportions, and a larger crop_size")
    return {"fit": "crop-resize", "size": size, "crop_fraction": shares.pop()}


def _uncropped(values: Mapping[str, Any]) -> dict[str, Any]:
    return _resized_and_cropped(_size(values), None)


_GEOMETRY = {
    "ConvNext": _convnext,
    "Gemma3": _uncropped,
    "Levit": _levit,
    "Perceiver": _perceiver,
    "PoolFormer": _poolformer,
    "Segformer": _uncropped,
}


def _shortest(values: Mapping[str, Any]) -> int:
    size = _size(values)
    if not isinstance(size, int):
        raise InputError(f"size: expected shortest_edge; got {size[0]}×{size[1]}")
    return size


def _size(values: Mapping[str, Any]) -> int | tuple[int, int]:
    """Return (height, width), or the length of the shorter side."""
    size = values["size"]
    if isinstance(size, int) and not values["default_to_square"]:
        return size
    return _sides("size", size)


def _crop(values: Mapping[str, Any]) -> tuple[int, int] | None:
    if not values["do_center_crop"]:
        return None
    crop = _sides("crop_size", values["crop_size"])
    if isinstance(crop, int):
        raise InputError("crop_size: expected height and width; got the shorter side")
    return crop


def _sides(key: str, size: Any) -> int | tuple[int, int]:
    """Return a size from any form of a configuration: n, [h, w], {"height", "width"}, {"shortest_edge"}."""
    if isinstance(size, Mapping):
        if set(size) == {"shortest_edge"}:
            return int(size["shortest_edge"])
        if set(size) != {"height", "width"}:
            raise InputError(f"{key}: expected height and width, or shortest_edge; got {', '.join(map(str, size))}")
        return int(size["height"]), int(size["width"])
    height, width = size if isinstance(size, list | tuple) else (size, size)
    return int(height), int(width)
