"""Output of commands: plain values for JSON, lines for the terminal, files written in one step."""

from __future__ import annotations

import io
import platform
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastcam.errors import InputError
from fastcam.files import place_beside, write_whole
from fastcam.package import __version__

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from fastcam.classifier.classifier import Classifier


def model_record(model: Classifier) -> dict[str, Any]:
    """Return plain values of a model, its head and its options, enough to open it in the same way."""
    head = model.head
    return {
        "path": None if model.path is None else str(model.path.resolve()),
        "sha256": model.sha256,
        "input": {"name": model.input.name, "shape": model.input.shape, "layout": model.input.layout},
        "classes": head.classes,
        "head": {
            "kind": head.kind,
            "feature_maps": head.feature_maps,
            "logits": head.logits,
            "layout": head.layout,
            "channels": head.channels,
            "feature_shape": head.feature_shape,
            "pooling": head.pooling,
            "prefix_tokens": head.prefix,
            "reason": head.reason,
            "exact": head.is_exact,
            "activation": head.activation,
            "identity_error": None if isnan(head.identity_error) else head.identity_error,
            "quantization_gap": head.quantization_gap,
        },
        "scores": {"activation": model.activation, "origin": model.activation_origin},
        "preprocess": {
            "specification": asdict(model.preprocess),
            "size": model.input.sides(model.preprocess.size),
            "origin": model.preprocess_origin,
            "details": model.preprocess_details,
        },
        "labels": {
            "count": len(model.labels or ()),
            "origin": model.labels_origin,
            "details": model.labels_details,
        },
        "provider": model.provider,
    }


def versions() -> dict[str, str]:
    """Return the versions of all packages that the numbers depend on."""
    found = {"fastcam": __version__, "python": platform.python_version(), "machine": platform.machine()}
    for name in ("numpy", "numba", "onnx", "onnxruntime", "pillow", "scikit-image"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # onnxruntime comes under several names (onnxruntime-gpu, ...)
            found[name] = "unknown"
    return found


def line(record: dict[str, Any]) -> str:
    """Return the line of a map's record for the terminal."""
    name = record["label"] or f"class {record['class_index']}"
    box = "no box" if record["box"] is None else " ".join(["box", *(f"{side:>4}" for side in record["box"])])
    score = f"{record['score']:7.2%}" if record["is_probability"] else f"{record['score']:7.4g}"
    return f"  {score}  {box}  {record['class_index']:>5}  {name}"


def prepare_directory(path: str) -> Path:
    """Return a directory that is made if need be, and check that it is writable, or raise InputError."""
    directory = Path(path)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        probe = place_beside(directory / "fastcam")
        probe.touch()
        probe.unlink()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{directory}: expected a directory that can be written to ({reason})") from error
    return directory


def write_png(path: Path, pixels: NDArray[np.uint8]) -> None:
    """Write pixels as a PNG file, whole or not at all."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=1)
    write_whole(path, buffer.getvalue())
