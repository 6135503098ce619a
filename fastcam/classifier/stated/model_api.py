"""OpenVINO Model API and OpenVINO Training Extensions: metadata with keys "model_info NAME".

Fields, defaults and separators from `parameters.py`, `types.py` and `adapters/utils.py` of openvino-model-api 0.4;
`label_info` is that of OTX, which writes "_" for the blanks of names into `labels`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastcam.classifier.documents import check_size, parse_json
from fastcam.classifier.stated.evidence import Evidence
from fastcam.classifier.stated.vendor import Clause, Names, Steps, Vendor
from fastcam.errors import InputError

PLACE = "metadata (OpenVINO Model API)"
PREPROCESSING = (
    *("mean_values", "scale_values", "resize_type", "pad_value", "reverse_input_channels"),
    *("interpolation_mode", "intensity_mode", "embedded_processing"),
)
FITS = {"standard": "stretch", "fit_to_window_letterbox": "letterbox", "crop": "center-crop"}
INTERPOLATIONS = {"LINEAR": "opencv-linear", "NEAREST": "nearest"}  # of OpenCV, whose cubic one Pillow doesn't have


def _said(evidence: Evidence) -> dict[str, str]:
    """Return the values of metadata "model_info NAME" by name; "None" stands for nothing."""
    entries = ((key.split(), value) for key, value in evidence.metadata.items())
    return {key[1]: value for key, value in entries if len(key) == 2 and key[0] == "model_info" and value != "None"}


def _named(evidence: Evidence) -> str | None:
    return PLACE if _said(evidence).keys() & {"labels", "label_info"} else None


def _prepared(evidence: Evidence) -> str | None:
    return PLACE if _said(evidence).keys() & set(PREPROCESSING) else None


def _labels(evidence: Evidence) -> list[Names]:
    said = _said(evidence)
    check_size(said.get("label_info", "") + said.get("labels", ""))
    info = parse_json(said["label_info"]) if "label_info" in said else None
    names = info.get("label_names") if isinstance(info, Mapping) else None
    if isinstance(names, list):
        return [Names({number: str(name) for number, name in enumerate(names)}, "label_info")]
    return [Names(dict(enumerate(said.get("labels", "").split())), "labels")]


def _preprocess(evidence: Evidence) -> Steps:
    said = _said(evidence)
    if _is_true(said, "embedded_processing"):
        fields: dict[str, Any] = {"mean": (0.0,), "std": (1.0,), "scale": 1.0}
        return Steps(fields, "OpenVINO Model API: preprocessing is embedded in the model")
    if said.get("intensity_mode", "none") != "none" or said.get("input_dtype", "u8") != "u8":
        raise InputError("intensity_mode, input_dtype: expected none and u8, as of photos; others can't be followed")
    kind, mode = said.get("resize_type", "standard"), said.get("interpolation_mode", "LINEAR")
    if kind not in FITS:
        raise InputError(f"resize_type {kind!r} can't be followed; expected one of {', '.join(FITS)}")
    if mode not in INTERPOLATIONS:
        raise InputError(f"interpolation_mode {mode!r} can't be followed; expected one of {', '.join(INTERPOLATIONS)}")
    mean = _numbers(said, "mean_values", 0.0)
    # Its photos are RGB, as in its own examples; means follow the order that the network gets.
    order = "bgr" if _is_true(said, "reverse_input_channels") else "rgb"
    fields = {
        "mean": mean,
        "std": _numbers(said, "scale_values", 1.0),
        "scale": 1.0,
        "channels": "grey" if "mean_values" in said and len(mean) == 1 else order,
        "fit": FITS[kind],
        "fill": int(said.get("pad_value") or 0) or None,
        "crop_fraction": 1.0,
        "rounding": "nearest" if kind == "fit_to_window_letterbox" else "down",
        "interpolation": "opencv-linear" if kind == "crop" else INTERPOLATIONS[mode],
    }
    taken = ", ".join(name for name in PREPROCESSING if name in said)
    return Steps(fields, f"OpenVINO Model API: {taken}; all else by its defaults")


def _numbers(said: Mapping[str, str], name: str, default: float) -> tuple[float, ...]:
    """Return the numbers of a field, between blanks."""
    return tuple(float(part) for part in said.get(name, "").split()) or (default,)


def _is_true(said: Mapping[str, str], name: str) -> bool:
    return said.get(name) in ("YES", "True")


VENDOR = Vendor("OpenVINO Model API", Clause(_named, _labels), Clause(_prepared, _preprocess))
