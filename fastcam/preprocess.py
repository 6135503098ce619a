"""What a model expects of its input: plain values, named sets of them, or those in a configuration beside the model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

from fastcam.checks import is_whole
from fastcam.errors import InputError

LARGEST_SIDE = 1 << 14
Fit = Literal["stretch", "center-crop", "letterbox"]
# In the order of PIL.Image.Resampling, whose numbers Hugging Face writes: 0 nearest, 1 lanczos, ..., 5 hamming.
PILLOWS = ("nearest", "lanczos", "bilinear", "bicubic", "box", "hamming")


def _floats(name: str, value: Any) -> tuple[float, ...]:
    try:
        numbers = tuple(float(x) for x in (value if isinstance(value, list | tuple) else (value,)))
    except (TypeError, ValueError, OverflowError):
        numbers = ()
    if not numbers or not all(abs(x) < 1e30 for x in numbers):  # False for NaN
        raise InputError(f"preprocess: {name}: expected numbers; got {value!r}")
    return numbers


def _one_of(name: str, value: Any, allowed: Any) -> None:
    if not isinstance(value, str) or value not in allowed:
        raise InputError(f"preprocess: {name}: expected one of {', '.join(allowed)}; got {value!r}")


@dataclass(frozen=True, slots=True)
class Preprocess:
    """Network input = (scale · pixel − mean) / std for each channel, of a photo fitted to the input's size.

    Attributes
    ----------
    mean, std
        One number for each channel, in the order of `channels`, or one for all.
    scale
        Of the 0..255 pixel, before the mean is taken off.
    channels
        "rgb", "bgr", or "grey" (ITU-R 601 luma) for models with one channel.
    fit
        "stretch": the whole photo, its aspect ratio lost; "center-crop": the largest centred rectangle of the input's
        aspect ratio, times `crop_fraction`; "letterbox": the whole photo, borders filled with `fill`.
    size
        (height, width) for models that leave it open; must agree with the model's otherwise.
    crop_fraction
        Side of the centre crop relative to the largest possible one: 0.875 is "resize to 256, crop 224".
    interpolation
        "bilinear": the weighted mean of all pixels that one covers, within a grey level of Pillow's; "opencv-linear":
        of the four pixels around its centre, which is faster, and equal to OpenCV's INTER_LINEAR; or any of Pillow's:
        "nearest", "lanczos", "bicubic", "box", "hamming".
    fill
        Grey level of letterbox borders, 0 to 255.

    Raises
    ------
    InputError
        A value of the wrong kind or range.

    Examples
    --------
    >>> Preprocess(mean=(0.5,), std=(0.5,)).fit
    'center-crop'
    """

    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    scale: float = 1 / 255
    channels: Literal["rgb", "bgr", "grey"] = "rgb"
    fit: Fit = "center-crop"
    size: tuple[int, int] | None = None
    crop_fraction: float = 0.875
    interpolation: str = "bilinear"
    fill: int = 0

    def __post_init__(self) -> None:
        numbers = 1 if self.channels == "grey" else 3
        for name in ("mean", "std"):
            value = _floats(name, getattr(self, name))
            if len(value) not in (1, numbers) or (name == "std" and min(map(abs, value)) < 1e-30):
                channels = f"one number, or one for each channel of {self.channels!r}"
                raise InputError(f"preprocess: {name}: expected {channels} (std not 0); got {value}")
            object.__setattr__(self, name, value)
        _one_of("channels", self.channels, ("rgb", "bgr", "grey"))
        _one_of("fit", self.fit, ("stretch", "center-crop", "letterbox"))
        _one_of("interpolation", self.interpolation, (*PILLOWS, "opencv-linear"))
        if self.size is not None:
            size = tuple(self.size) if isinstance(self.size, list | tuple) else (self.size, self.size)
            if len(size) != 2 or not all(is_whole(side) and 1 <= side <= LARGEST_SIDE for side in size):
                raise InputError(f"preprocess: size: expected (height, width), 1 to {LARGEST_SIDE}; got {self.size!r}")
            object.__setattr__(self, "size", tuple(map(int, size)))
        for name in ("scale", "crop_fraction", "fill"):
            value, *more = _floats(name, getattr(self, name))
            if more:
                raise InputError(f"preprocess: {name}: expected one number; got {getattr(self, name)!r}")
            object.__setattr__(self, name, int(value) if name == "fill" and value == int(value) else value)
        in_range = 0 < self.crop_fraction <= 1 and 0 <= self.fill <= 255 and abs(self.scale) > 1e-30
        if not in_range or not isinstance(self.fill, int):
            raise InputError(
                "preprocess: expected 0 < crop_fraction <= 1, a whole 0 <= fill <= 255 and a scale other than 0; "
                f"got {self.crop_fraction}, {self.fill} and {self.scale}"
            )

    def describe(self) -> str:
        """Every value that isn't the default, in words."""
        values = ((f.name, getattr(self, f.name), f.default) for f in fields(self))
        return ", ".join(f"{name}={value!r}" for name, value, default in values if value != default) or "unit"


NAMED = {
    "imagenet": Preprocess(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)),
    "inception": Preprocess(mean=(0.5,), std=(0.5,)),
    "caffe-bgr": Preprocess(mean=(103.939, 116.779, 123.68), scale=1.0, channels="bgr"),
    "unit": Preprocess(),
    "raw": Preprocess(scale=1.0),
}


def preprocess(value: str | Preprocess | Mapping[str, Any]) -> Preprocess:
    """A specification from what a caller may give.

    Parameters
    ----------
    value
        A name: `imagenet`, `inception` (to [-1, 1]), `caffe-bgr`, `unit` (to [0, 1]) or `raw` (0 to 255), which may be
        followed by changes, as in "imagenet,fit=stretch,size=227x320,std=0.2/0.2/0.2,scale=1/255"; the fields of
        `Preprocess` as a mapping, with the name to start from as "base" if wanted; or a `Preprocess`.

    Raises
    ------
    InputError
        An unknown name or field, or a value that doesn't fit.

    Examples
    --------
    >>> preprocess("caffe-bgr,fit=stretch").describe()
    "mean=(103.939, 116.779, 123.68), scale=1.0, channels='bgr', fit='stretch'"
    >>> preprocess({"base": "unit", "channels": "bgr"}).channels
    'bgr'
    """
    if isinstance(value, Preprocess):
        return value
    if isinstance(value, str):
        name, *changes = value.split(",")
        pairs = [change.split("=", 1) for change in changes]
        if any(len(pair) != 2 for pair in pairs):
            raise InputError(f"preprocess: expected 'NAME,key=value,...'; got {value!r}")
        value = {"base": name, **{key.strip(): _parsed(key.strip(), text) for key, text in pairs}}
    if not isinstance(value, Mapping):
        raise InputError(f"preprocess: expected a name, a mapping or a Preprocess; got {type(value).__name__}")
    changes = dict(value)
    base = changes.pop("base", "unit")
    _one_of("name", base, NAMED)
    known = {f.name for f in fields(Preprocess)}
    if unknown := sorted(str(name) for name in set(changes) - known):
        raise InputError(f"preprocess: expected fields out of {sorted(known)}; got {unknown}")
    return replace(NAMED[base], **changes)


def neighbouring(model: Path) -> tuple[Preprocess, Path] | None:
    """The specification in `preprocessor_config.json` (Hugging Face) or `config.json` (timm) beside a model, if any.

    Raises
    ------
    InputError
        The file is there but can't be understood.
    """
    for name, read in (("preprocessor_config.json", _from_hugging_face), ("config.json", _from_timm)):
        file = model.parent / name
        if not file.is_file():
            continue
        try:
            found = read(json.loads(file.read_text(encoding="utf-8")))
        except Exception as error:  # whatever a file may hold that isn't such a configuration
            raise InputError(
                f"{file}: can't be understood ({type(error).__name__}: {error}); give preprocess="
            ) from error
        if found is not None:
            return found, file
    return None


def _from_hugging_face(config: dict[str, Any]) -> Preprocess:
    size = config["size"] if config.get("do_resize", True) else None
    crop = config["crop_size"] if config.get("do_center_crop") else None
    fit, fraction, sides = "stretch", 1.0, None
    if size is not None:
        fit = "center-crop" if isinstance(size, dict) and "shortest_edge" in size else "stretch"
        sides = _sides(size)
    if crop is not None:
        fit, fraction = "center-crop", min(1.0, _sides(crop)[0] / min(sides)) if sides else 1.0
        sides = _sides(crop)
    elif config.get("crop_pct") is not None and sides:
        # ConvNeXt: smaller inputs are cropped out of an image resized to size / crop_pct, larger ones are stretched.
        small = sides[0] < 384
        fit, fraction = ("center-crop", float(config["crop_pct"])) if small else ("stretch", 1.0)
    normalised = config.get("do_normalize", True)
    return Preprocess(
        mean=tuple(config["image_mean"]) if normalised else (0.0,),
        std=tuple(config["image_std"]) if normalised else (1.0,),
        scale=float(config.get("rescale_factor", 1 / 255)) if config.get("do_rescale", True) else 1.0,
        fit=fit,  # type: ignore[arg-type]
        size=sides,
        crop_fraction=fraction,
        interpolation=dict(enumerate(PILLOWS))[config.get("resample", 2)],
    )


def _from_timm(config: Any) -> Preprocess | None:
    """timm writes it as `pretrained_cfg`; a `config.json` without that belongs to something else."""
    if not isinstance(config, dict):
        return None
    timm = config.get("pretrained_cfg") or (config if "crop_pct" in config and "mean" in config else None)
    if timm is None:
        return None
    channels, height, width = timm["input_size"]
    mode = timm.get("crop_mode", "center")
    return Preprocess(
        mean=tuple(timm["mean"]),
        std=tuple(timm["std"]),
        channels="grey" if channels == 1 else "rgb",
        fit={"center": "center-crop", "squash": "stretch", "border": "letterbox"}[mode],  # type: ignore[arg-type]
        size=(int(height), int(width)),
        crop_fraction=float(timm.get("crop_pct", 0.875)) if mode == "center" else 1.0,
        interpolation=timm.get("interpolation", "bilinear"),
    )


def _sides(size: Any) -> tuple[int, int]:
    """(height, width) of the forms that configurations use: n, {"height", "width"}, {"shortest_edge"}."""
    if isinstance(size, dict):
        size = (size["height"], size["width"]) if "height" in size else size["shortest_edge"]
    height, width = size if isinstance(size, list | tuple) else (size, size)
    return int(height), int(width)


def _parsed(key: str, text: str) -> Any:
    """The value behind `key=`; numbers of a list stand between `/` or `x`, and `scale` may be a fraction."""
    for separator in "/x":
        try:
            numbers = [int(part) if part.isdecimal() else float(part) for part in text.split(separator)]
        except ValueError:
            continue
        if key == "scale" and len(numbers) == 2 and numbers[1]:
            return numbers[0] / numbers[1]
        return tuple(numbers) if len(numbers) > 1 else numbers[0]
    return text
