"""timm: `pretrained_cfg`, `label_names` and `label_descriptions` of `config.json`, as timm 1.0 writes it for the Hub.

The transformation is `transforms_imagenet_eval` of `timm/data/transforms_factory.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import floor
from pathlib import Path
from typing import Any

from fastcam.classifier.stated.evidence import Evidence
from fastcam.classifier.stated.vendor import Clause, Names, Steps, Vendor
from fastcam.errors import InputError
from fastcam.images.preprocessing import Preprocess

CONFIG = "config.json"
KEYS = ("crop_mode", "crop_pct", "input_size", "interpolation", "mean", "std")


def pretrained_config(config: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return `pretrained_cfg`, which old files are as a whole; a `config.json` without it belongs to something else."""
    return config.get("pretrained_cfg") or (config if "crop_pct" in config and "mean" in config else None)


def _named(evidence: Evidence) -> Path | None:
    file = evidence.find(CONFIG)
    if not file or not evidence.says(file, "pretrained_cfg", "crop_pct", broken=False):
        return None
    return file if _names(evidence.mapping(file))[0] is not None else None


def _labels(evidence: Evidence) -> list[Names]:
    """Return descriptions where there are some: the names may be numbers of WordNet."""
    file = evidence.find(CONFIG)
    names, descriptions = _names(evidence.mapping(file)) if file else ({}, {})
    pairs = names.items() if isinstance(names, Mapping) else enumerate(names or ())
    known = descriptions if isinstance(descriptions, Mapping) else {}
    found = {int(number): str(known.get(name, name)) for number, name in pairs}
    return [Names(found, "label_descriptions" if known else "label_names")]


def _names(config: Mapping[str, Any]) -> tuple[Any, Any]:
    """Return the names and descriptions, which stand beside `pretrained_cfg` or in it; "labels" is their old name."""
    parts = [part for part in (config, config.get("pretrained_cfg")) if isinstance(part, Mapping)]
    names = [part[key] for part in parts for key in ("label_names", "labels") if part.get(key)]
    descriptions = [part["label_descriptions"] for part in parts if part.get("label_descriptions")]
    return names[0] if names else None, descriptions[0] if descriptions else None


def _configured(evidence: Evidence) -> Path | None:
    file = evidence.find(CONFIG)
    if not file or not evidence.says(file, "pretrained_cfg", "crop_pct", broken=True):
        return None
    is_broken = evidence.says(file, broken=True)  # of no key: True for what can't be read
    return file if is_broken or pretrained_config(evidence.mapping(file)) is not None else None


def _preprocess(evidence: Evidence) -> Steps:
    file = evidence.find(CONFIG)
    timm = pretrained_config(evidence.mapping(file)) if file else None
    if timm is None:
        raise InputError("expected pretrained_cfg")
    channels, height, width = timm["input_size"]
    found = Preprocess(
        mean=tuple(timm["mean"]),
        std=tuple(timm["std"]),
        channels="grey" if channels == 1 else "rgb",
        size=(int(height), int(width)),
        interpolation=timm.get("interpolation") or "bilinear",
        **_fit(timm.get("crop_mode") or "center", float(timm.get("crop_pct") or 0.875), int(height), int(width)),
    )
    return Steps.whole(found, f"timm: {', '.join(key for key in KEYS if key in timm)}")


def _fit(mode: str, share: float, height: int, width: int) -> dict[str, Any]:
    larger = (floor(height / share), floor(width / share))
    if mode == "squash":
        return {"fit": "resize-crop", "resize": larger, "rounding": "torchvision"} if share < 1 else {"fit": "stretch"}
    if mode != "center":
        raise InputError(f"timm's crop_mode {mode!r} can't be followed")
    if larger[0] != larger[1]:
        return {"fit": "center-crop", "crop_fraction": share}
    return {"fit": "resize-crop", "resize": larger[0], "rounding": "torchvision"}


VENDOR = Vendor("timm", Clause(_named, _labels), Clause(_configured, _preprocess))
