"""Specifications of the preprocessing that a model expects: plain values, or named sets of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, get_args

from fastcam.arrays.scalars import is_whole
from fastcam.errors import InputError

LARGEST_SIDE = 1 << 14
LONGEST_SIGNAL = 1 << 30  # samples
Fit = Literal["stretch", "whole", "center-crop", "letterbox", "resize-crop", "crop-resize"]
FITS = ("stretch", "whole", "center-crop", "letterbox", "resize-crop", "crop-resize")
CHANNELS = ("rgb", "bgr", "grey", "bands")
Rounding = Literal["down", "nearest", "torchvision"]
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


def _size(value: Any) -> tuple[int, ...]:
    """Return sizes along one to three axes of places; a single number is that of a photo's height and width."""
    sides = tuple(value) if isinstance(value, list | tuple) else (value, value)
    longest = LONGEST_SIGNAL if len(sides) == 1 else LARGEST_SIDE
    if len(sides) not in (1, 2, 3) or not all(is_whole(side) and 1 <= side <= longest for side in sides):
        raise InputError(
            f"preprocess: size: expected (height, width), 1 to {LARGEST_SIDE}, (length,) of signals or (depth, height, "
            f"width) of volumes; got {value!r}"
        )
    return tuple(int(side) for side in sides)


def _sides(name: str, value: Any) -> tuple[int, int]:
    sides = tuple(value) if isinstance(value, list | tuple) else (value, value)
    if len(sides) != 2 or not all(is_whole(side) and 1 <= side <= LARGEST_SIDE for side in sides):
        raise InputError(f"preprocess: {name}: expected (height, width), 1 to {LARGEST_SIDE}; got {value!r}")
    return int(sides[0]), int(sides[1])


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
        Factor of the pixels 0..255, before the mean is subtracted; of bands without `levels`, of their own values.
    channels
        "rgb", "bgr", or "grey" (ITU-R 601 luma) for models with one channel: photos of 8 bits a channel. "bands": the
        channels of the image as they are, in its order, as many as the model takes and of any dtype (RGB and depth,
        satellite pictures); they are resized in float32, each by itself, as Pillow resizes its mode "F".
    fit
        "stretch": the whole photo, its aspect ratio lost; "whole": the whole photo at its own proportions, for models
        that leave height and width open, see `fastcam.images.regions.whole_size`, else "stretch". For boxes
        of models of open size: figures are in docs/inputs.md. "center-crop": the
        largest centred rectangle of the input's aspect ratio, times `crop_fraction`; "letterbox": the whole photo,
        borders filled with `fill`. As frameworks do it, pixel by pixel: "resize-crop": the photo is resized to
        `resize`, and the centre of that is cut out, with borders where it is smaller; "crop-resize": the centred
        square, `crop_fraction` of the shorter side, is cut out and then resized.
    resize
        Of the fit "resize-crop": length of the resized photo's shorter side, or its (height, width); None: the photo
        is not resized. Of "whole": length of the shorter side; None: that of `size`.
    levels
        (low, high): values of more than 8 bits (greys of 16-bit, 32-bit and floating point files; arrays of these) that
        become black and white, 0 and 255. None: 0 and 1 of floating point arrays; 0 and 65535 of whole numbers, if
        they fill 16 bits. Photos of 8 bits don't change. Of bands of any dtype, the values that become 0 and 255; None:
        bands are taken as they are.
    size
        (height, width) for models that leave it open; must agree with the model's otherwise. (length,) of signals,
        (depth, height, width) of volumes, (frames, height, width) of clips; equal sizes fit any of these.
    crop_fraction
        Side of the centre crop relative to the largest possible one: 0.875 is "resize to 256, crop 224".
    interpolation
        "bilinear": the weighted mean of all pixels that one covers, within a grey level of Pillow's; "opencv-linear":
        that of the four pixels around its centre, faster, and equal to OpenCV's INTER_LINEAR; or any of Pillow's:
        "nearest", "lanczos", "bicubic", "box", "hamming".
    fill
        Grey level of borders, and of what is behind transparent pixels, 0 to 255. None: borders are black (0), and
        transparent pixels lie on white (255).
    rounding
        Of the fit "resize-crop", which frameworks round differently. "down": the resized photo's longer side and the
        crop's start, as Hugging Face; "nearest": that side to the nearest number, as PaddleClas; "torchvision": that
        start to the nearest number, as torchvision, timm and Ultralytics. Of "letterbox", "nearest": borders are whole
        pixels of the network input around a photo whose sides are rounded, as OpenVINO Model API.

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
    channels: Literal["rgb", "bgr", "grey", "bands"] = "rgb"
    fit: Fit = "center-crop"
    size: tuple[int, ...] | None = None
    crop_fraction: float = 0.875
    interpolation: str = "bilinear"
    fill: int | None = None
    resize: int | tuple[int, int] | None = None
    levels: tuple[float, float] | None = None
    rounding: Rounding = "down"

    def __post_init__(self) -> None:
        _one_of("channels", self.channels, CHANNELS)
        self._check_values()
        _one_of("fit", self.fit, FITS)
        _one_of("interpolation", self.interpolation, (*PILLOWS, "opencv-linear"))
        if self.channels == "bands" and self.interpolation == "opencv-linear":
            raise InputError(f"preprocess: interpolation: expected one of {', '.join(PILLOWS)} for bands; got OpenCV's")
        _one_of("rounding", self.rounding, get_args(Rounding))
        if self.size is not None:
            object.__setattr__(self, "size", _size(self.size))
        if self.resize is not None:
            self._check_resize()
        if self.levels is not None:
            levels = _floats("levels", self.levels)
            if len(levels) != 2 or levels[0] >= levels[1]:
                raise InputError(f"preprocess: levels: expected (low, high), low < high; got {self.levels!r}")
            object.__setattr__(self, "levels", levels)

    def _check_values(self) -> None:
        """Check the numbers, and make floats of them."""
        numbers = {"grey": 1, "bands": None}.get(self.channels, 3)
        for name in ("mean", "std"):
            value = _floats(name, getattr(self, name))
            fits = numbers is None or len(value) in (1, numbers)
            if not fits or (name == "std" and min(map(abs, value)) < 1e-30):
                channels = f"one number, or one for each channel of {self.channels!r}"
                raise InputError(f"preprocess: {name}: expected {channels} (std not 0); got {value}")
            object.__setattr__(self, name, value)
        for name in ("scale", "crop_fraction", "fill"):
            if name == "fill" and self.fill is None:
                continue
            value, *more = _floats(name, getattr(self, name))
            if more:
                raise InputError(f"preprocess: {name}: expected one number; got {getattr(self, name)!r}")
            object.__setattr__(self, name, int(value) if name == "fill" and value == int(value) else value)
        in_range = 0 < self.crop_fraction <= 1 and 0 <= self.border <= 255 and abs(self.scale) > 1e-30
        if not in_range or not isinstance(self.border, int):
            raise InputError(
                "preprocess: expected 0 < crop_fraction <= 1, a whole 0 <= fill <= 255 and a scale other than 0; "
                f"got {self.crop_fraction}, {self.fill} and {self.scale}"
            )

    def _check_resize(self) -> None:
        """Check the length or lengths that the photo is resized to."""
        sides = _sides("resize", self.resize)
        several = isinstance(self.resize, list | tuple)
        object.__setattr__(self, "resize", sides if several else sides[0])
        if self.fit not in ("resize-crop", "whole"):
            raise InputError(f"preprocess: resize: expected with fit='resize-crop' or 'whole'; got fit={self.fit!r}")
        if self.fit == "whole" and several:
            raise InputError(
                f"preprocess: resize: expected one length, of the shorter side, with fit='whole'; got {sides}. For one "
                "height and width use fit='stretch'"
            )

    @property
    def border(self) -> int:
        """Grey level of borders."""
        return 0 if self.fill is None else self.fill

    @property
    def background(self) -> int:
        """Grey level behind transparent pixels."""
        return 255 if self.fill is None else self.fill

    def describe(self) -> str:
        """Return every value that isn't the default, as text."""
        values = ((f.name, getattr(self, f.name), f.default) for f in fields(self))
        return ", ".join(f"{name}={value!r}" for name, value, default in values if value != default) or "unit"


NAMED = {
    "imagenet": Preprocess(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)),
    "inception": Preprocess(mean=(0.5,), std=(0.5,)),
    "caffe-bgr": Preprocess(mean=(103.939, 116.779, 123.68), scale=1.0, channels="bgr"),
    "unit": Preprocess(),
    "raw": Preprocess(scale=1.0),
}


def is_change(value: Any) -> bool:
    """Return whether a value is text with changes only, such as "fit=stretch", without a name to start from."""
    return isinstance(value, str) and "=" in value.split(",")[0]


def preprocess(value: str | Preprocess | Mapping[str, Any], base: Preprocess | None = None) -> Preprocess:
    """Return the specification of a name, a text with changes, a mapping, or a `Preprocess`.

    Parameters
    ----------
    value
        A name: `imagenet`, `inception` (to [-1, 1]), `caffe-bgr`, `unit` (to [0, 1]) or `raw` (0 to 255), which may be
        followed by changes, as in "imagenet,fit=stretch,size=227x320,std=0.2/0.2/0.2,scale=1/255"; the fields of
        `Preprocess` as a mapping, with the name to start from as "base" if wanted; or a `Preprocess`. Changes without a
        name, as in "fit=stretch", are those of `base`.
    base
        Specification from the files beside the model, or the assumed one.

    Returns
    -------
    Preprocess

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
    >>> preprocess("fit=stretch,size=64", NAMED["unit"]).describe()
    "fit='stretch', size=(64, 64)"
    """
    if isinstance(value, Preprocess):
        return value
    if isinstance(value, str):
        if base is not None and is_change(value):
            return changed(base, _pairs(value, value.split(",")))
        name, *changes = value.split(",")
        value = {"base": name, **_pairs(value, changes)}
    if not isinstance(value, Mapping):
        raise InputError(f"preprocess: expected a name, a mapping or a Preprocess; got {type(value).__name__}")
    changes = dict(value)
    name = changes.pop("base", "unit")
    _one_of("name", name, NAMED)
    return changed(NAMED[name], changes)


def changed(base: Preprocess, changes: Mapping[str, Any]) -> Preprocess:
    """Return the specification with other values for some fields.

    Raises
    ------
    InputError
        An unknown field, or a value that doesn't fit.
    """
    known = {f.name for f in fields(Preprocess)}
    if unknown := sorted(str(name) for name in set(changes) - known):
        raise InputError(f"preprocess: expected fields out of {sorted(known)}; got {unknown}")
    if changes.get("fit", base.fit) != base.fit:
        changes = {"resize": None, "rounding": "down", **changes}  # they belong to the fit
    return replace(base, **changes)


def _pairs(value: str, changes: list[str]) -> dict[str, Any]:
    """Return the values of texts key=value, by key."""
    pairs = [change.split("=", 1) for change in changes]
    if any(len(pair) != 2 for pair in pairs):
        raise InputError(f"preprocess: expected 'NAME,key=value,...'; got {value!r}")
    return {key.strip(): _parsed(key.strip(), text) for key, text in pairs}


def _parsed(key: str, text: str) -> Any:
    """Return the value of text after `key=`; `/` or `x` separate numbers of a list, and `scale` may be a fraction."""
    for separator in "/x":
        try:
            numbers = [int(part) if part.isdecimal() else float(part) for part in text.split(separator)]
        except ValueError:
            continue
        if key == "scale" and len(numbers) == 2 and numbers[1]:
            return numbers[0] / numbers[1]
        return tuple(numbers) if len(numbers) > 1 else numbers[0]
    return text
