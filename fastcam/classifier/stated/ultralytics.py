"""Ultralytics: metadata of its ONNX exports (YOLOv8 and later; of YOLOv5 the names alone).

Fields from `Exporter.export` and transformation from `classify_transforms` of ultralytics 8.4.
"""

from __future__ import annotations

from typing import Any

from fastcam.classifier.documents import parse_json, parse_python_names
from fastcam.classifier.stated.evidence import Evidence
from fastcam.classifier.stated.vendor import Clause, Names, Steps, Vendor
from fastcam.errors import InputError


def _named(evidence: Evidence) -> str | None:
    # YOLOv5 writes its stride and the names; "names" alone may be anybody's.
    said = evidence.metadata
    return "metadata (Ultralytics)" if "names" in said and "stride" in said else None


def _sized(evidence: Evidence) -> str | None:
    return _named(evidence) if "imgsz" in evidence.metadata else None


def _labels(evidence: Evidence) -> list[Names]:
    return [Names(parse_python_names(evidence.metadata["names"]), "names")]


def _preprocess(evidence: Evidence) -> Steps:
    """Return the size, and of classifiers all: the shorter side becomes `imgsz`, then the centre is cut out."""
    said = evidence.metadata
    size = parse_json(said["imgsz"])
    height, width = size if isinstance(size, list) else (size, size)
    fields: dict[str, Any] = {"size": (height, width)}
    if said.get("task") != "classify":
        return Steps(fields, f"Ultralytics: imgsz; task {said.get('task', 'not stated')}")
    channels = {"1": "grey", "3": "rgb"}.get(said.get("channels", "3"))
    if channels is None:
        raise InputError(f"channels: expected 1 or 3; got {said['channels'][:20]!r}")
    fields |= {"mean": (0.0,), "std": (1.0,), "scale": 1 / 255, "channels": channels, "interpolation": "bilinear"}
    if height == width:
        fields |= {"fit": "resize-crop", "resize": height, "rounding": "torchvision"}
    else:  # both sides at once, and no crop
        fields |= {"fit": "stretch"}
    return Steps(fields, "Ultralytics: imgsz; all else as its classify_transforms")


VENDOR = Vendor("Ultralytics", Clause(_named, _labels), Clause(_sized, _preprocess))
