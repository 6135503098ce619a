"""ONNX's own metadata of images: https://github.com/onnx/onnx/blob/main/docs/MetadataProps.md."""

from __future__ import annotations

from typing import Any

from fastcam.classifier.stated.evidence import Evidence
from fastcam.classifier.stated.vendor import Clause, Steps, Vendor
from fastcam.errors import InputError

FORMAT, GAMMA, RANGE = "Image.BitmapPixelFormat", "Image.ColorSpaceGamma", "Image.NominalPixelRange"
CHANNELS = {"gray8": {"channels": "grey"}, "rgb8": {"channels": "rgb"}, "bgr8": {"channels": "bgr"}}
RANGES: dict[str, dict[str, Any]] = {
    "nominalrange_0_255": {"mean": (0.0,), "std": (1.0,), "scale": 1.0},
    "normalized_0_1": {"mean": (0.0,), "std": (1.0,), "scale": 1 / 255},
    "normalized_1_1": {"mean": (0.5,), "std": (0.5,), "scale": 1 / 255},
    "nominalrange_16_235": {"mean": (-16.0,), "std": (1.0,), "scale": 219 / 255},
}


def image_metadata(evidence: Evidence) -> dict[str, str]:
    """Return the values of the three keys that are there; neither keys nor values depend on case."""
    lower = {key.lower(): value.strip().lower() for key, value in evidence.metadata.items()}
    return {key: lower[key.lower()] for key in (FORMAT, GAMMA, RANGE) if key.lower() in lower}


def pixel_fields(said: dict[str, str]) -> dict[str, Any]:
    """Return the fields of `Preprocess` that the pixels' format and range state.

    Raises
    ------
    InputError
        A value that isn't one of the page's, or can't be followed.
    """
    fields: dict[str, Any] = {}
    if said.get(GAMMA, "srgb") != "srgb":
        raise InputError(f"{GAMMA}: expected SRGB, as photos are; got {said[GAMMA][:40]!r}, which can't be followed")
    for key, known in ((FORMAT, CHANNELS), (RANGE, RANGES)):
        if key in said and said[key] not in known:
            raise InputError(f"{key}: expected one of {', '.join(known)}; got {said[key][:40]!r}")
        fields |= known.get(said.get(key, ""), {})
    return fields


def _place(evidence: Evidence) -> str | None:
    return "metadata (ONNX Image)" if image_metadata(evidence).keys() & {FORMAT, RANGE} else None


def _preprocess(evidence: Evidence) -> Steps:
    said = image_metadata(evidence)
    return Steps(pixel_fields(said), f"ONNX: {', '.join(said)}")


VENDOR = Vendor("ONNX image metadata", preprocess=Clause(_place, _preprocess))
