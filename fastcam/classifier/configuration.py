"""Preprocessing and class names in the files of Hugging Face and timm beside a model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import floor
from pathlib import Path
from typing import Any, NamedTuple

from fastcam.classifier.labels import read_labels
from fastcam.errors import InputError
from fastcam.images.hugging_face import Understood, from_hugging_face, leaves_it_to_timm
from fastcam.images.preprocessing import NAMED, Preprocess, is_change, preprocess

PROCESSOR, NESTED, CONFIG = "preprocessor_config.json", "processor_config.json", "config.json"


class Found(NamedTuple):
    """A specification, the file that it comes from, and in words what was taken."""

    preprocess: Preprocess
    file: Path
    details: str


class Wanted(NamedTuple):
    """The preprocessing that a caller gave, and the one in the files beside a model.

    Attributes
    ----------
    preprocess
        The specification, or None where nothing says it.
    changes
        The caller's changes alone, which are to be made in what is assumed.
    origin, details
        See `Classifier.preprocess_origin`.
    """

    preprocess: Preprocess | None
    changes: str | None
    origin: str
    details: str = ""

    @property
    def size(self) -> tuple[int, int] | None:
        """(height, width) of the network input, where it is said."""
        known = preprocess(self.changes, NAMED["unit"]) if self.changes else self.preprocess
        return known.size if known else None

    def for_model(self, assumed: Preprocess) -> dict[str, Any]:
        """The arguments of a `Classifier`, of which that would be assumed."""
        spec = self.preprocess or (preprocess(self.changes, assumed) if self.changes else assumed)
        return {"preprocess": spec, "preprocess_origin": self.origin, "preprocess_details": self.details}


def wanted(given: str | Preprocess | Mapping[str, Any] | None, model: Path | None) -> Wanted:
    """Return what is wanted of a model at that path: as given, or as the files beside it say, with changes.

    Raises
    ------
    InputError
        What is given isn't a specification, or a file beside the model can't be understood.
    """
    changes = given if isinstance(given, str) and is_change(given) else None
    if given is not None and changes is None:
        return Wanted(preprocess(given), None, "argument")
    beside = neighbouring(model) if model else None
    told = f"changed: {changes}" if changes else ""
    if beside is None:
        return Wanted(None, changes, "default", told)
    spec = preprocess(changes, beside.preprocess) if changes else beside.preprocess
    return Wanted(spec, None, str(beside.file), "; ".join(filter(None, (beside.details, told))))


def neighbouring(model: Path) -> Found | None:
    """Return what the files beside a model say of its preprocessing, if any.

    `processor_config.json` (as far as it holds an image processor) and `preprocessor_config.json` are Hugging Face's;
    `config.json` is timm's, or names the model's type for those.

    Raises
    ------
    InputError
        A file is there but can't be understood, or followed.
    """
    folder = model.parent
    for name, within in ((NESTED, "image_processor"), (PROCESSOR, None), (CONFIG, None)):
        file = folder / name
        if not file.is_file():
            continue
        try:
            config = _read(file)
            if within is not None:
                config = config.get(within)
            if config is None:
                continue
            model_config = _model_config(folder)
            if name != CONFIG and leaves_it_to_timm(config, model_config) and _timms(model_config):
                continue
            found = _from_timm(config) if name == CONFIG else from_hugging_face(config, model_config)
        except Exception as error:  # whatever a file may hold that isn't such a configuration
            reason = str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
            raise InputError(f"{file}: can't be understood ({reason}); give preprocess=") from error
        if found is not None:
            return Found(found.preprocess, file, found.details)
    return None


def named_classes(labels: Any, model: Path | None, classes: int) -> dict[str, Any]:
    """Return the arguments of a `Classifier` for its class names: those given, or in `config.json` beside the model.

    Names in that file (`id2label`) which don't fit the model aren't taken; the origin says why.

    Raises
    ------
    InputError
        The labels that are given don't fit the model.
    """
    if labels is not None:
        return {"labels": read_labels(labels, classes), "labels_origin": "argument"}
    file = model.parent / CONFIG if model else None
    if file is None or not file.is_file():
        return {"labels_origin": "none"}
    try:
        given = _read(file).get("id2label")
    except Exception as error:  # as above
        return {"labels_origin": f"none: {file} can't be understood ({type(error).__name__}: {error})"}
    if given is None:
        return {"labels_origin": "none"}
    names = {str(key): str(name) for key, name in given.items()} if isinstance(given, Mapping) else {}
    expected = [str(index) for index in range(classes)]
    if set(names) != set(expected):
        reason = f"id2label in {file} has {len(names)} names, not those of classes 0 to {classes - 1}"
        return {"labels_origin": f"none: {reason}"}
    return {"labels": tuple(names[index] for index in expected), "labels_origin": str(file)}


def _model_config(folder: Path) -> Mapping[str, Any]:
    file = folder / CONFIG
    return _read(file) if file.is_file() else {}


def _read(file: Path) -> Mapping[str, Any]:
    config = json.loads(file.read_text(encoding="utf-8"))
    if not isinstance(config, Mapping):
        raise InputError(f"expected an object; got {type(config).__name__}")
    return config


def _timms(config: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return timm's `pretrained_cfg`; a `config.json` without one belongs to something else."""
    return config.get("pretrained_cfg") or (config if "crop_pct" in config and "mean" in config else None)


def _from_timm(config: Mapping[str, Any]) -> Understood | None:
    timm = _timms(config)
    if timm is None:
        return None
    channels, height, width = timm["input_size"]
    mode, share = timm.get("crop_mode") or "center", float(timm.get("crop_pct") or 0.875)
    if mode not in ("center", "squash"):
        raise InputError(f"timm's crop_mode {mode!r} can't be followed")
    fit: dict[str, Any] = {"fit": "center-crop", "crop_fraction": share}
    if mode == "squash":
        larger = (floor(height / share), floor(width / share))
        fit = {"fit": "resize-crop", "resize": larger} if share < 1 else {"fit": "stretch"}
    found = Preprocess(
        mean=tuple(timm["mean"]),
        std=tuple(timm["std"]),
        channels="grey" if channels == 1 else "rgb",
        size=(int(height), int(width)),
        interpolation=timm.get("interpolation") or "bilinear",
        **fit,
    )
    keys = ("crop_mode", "crop_pct", "input_size", "interpolation", "mean", "std")
    return Understood(found, f"timm: {', '.join(key for key in keys if key in timm)}")
