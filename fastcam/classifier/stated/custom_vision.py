"""Azure Custom Vision: exports with metadata "CustomVision.*" or `cvexport.manifest` and `labels.txt` beside the model.

Preprocessing follows the script that comes with each export (`python/onnxruntime_predict.py`): the whole photo is
resized by Pillow's default, and the metadata inside the model, not those beside it, give channels and range.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastcam.classifier.documents import parse_json, read_text
from fastcam.classifier.labels import parse_lines
from fastcam.classifier.stated.evidence import Evidence
from fastcam.classifier.stated.onnx_image import image_metadata, pixel_fields
from fastcam.classifier.stated.vendor import Clause, Names, Steps, Vendor
from fastcam.errors import InputError

MANIFEST, PREFIX = "cvexport.manifest", "CustomVision."
IGNORED = ("CustomVision.Preprocess.NormalizeMean", "CustomVision.Preprocess.NormalizeStd")
NEUTRAL = ([0, 0, 0], [1, 1, 1])


def _label_file(evidence: Evidence) -> Path | None:
    """Return the file of labels that the manifest names, which lies beside it."""
    manifest = evidence.find(MANIFEST)
    try:
        value = parse_json(read_text(manifest)) if manifest else None
    except InputError:  # it says nothing more of the model
        return None
    name = value.get("LabelFileName") if isinstance(value, dict) else None
    return evidence.find(Path(name).name) if isinstance(name, str) and Path(name).name else None


def _place(evidence: Evidence) -> Any:
    if any(key.startswith(PREFIX) for key in evidence.metadata):
        return "metadata (Azure Custom Vision)"
    return evidence.find(MANIFEST)


def _labels(evidence: Evidence) -> list[Names]:
    file = _label_file(evidence)
    return [Names(dict(enumerate(parse_lines(read_text(file)) if file else [])))]


def _preprocess(evidence: Evidence) -> Steps:
    for key, neutral in zip(IGNORED, NEUTRAL, strict=True):
        if key in evidence.metadata and parse_json(evidence.metadata[key]) != neutral:
            raise InputError(f"{key}: expected {neutral}; got {evidence.metadata[key][:80]}, which can't be followed")
    said = image_metadata(evidence)
    fields = {"mean": (0.0,), "std": (1.0,), "scale": 1 / 255, "channels": "rgb"} | pixel_fields(said)
    fields |= {"fit": "stretch", "interpolation": "bicubic"}
    taken = ", ".join(said) or "nothing of the pixels, so RGB from 0 to 1"
    return Steps(fields, f"Azure Custom Vision: {taken}; all else as the script of its exports")


VENDOR = Vendor("Azure Custom Vision", Clause(_label_file, _labels), Clause(_place, _preprocess))
