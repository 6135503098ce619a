"""Output of commands: plain values for JSON, lines for the terminal, files written in one step."""

from __future__ import annotations

import platform
import struct
import zlib
from dataclasses import asdict
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


SIGNATURE = b"\x89PNG\r\n\x1a\n"
LONGEST = 120  # letters of a class name in a line
UP = 2  # PNG's number of the filter


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
    from importlib.metadata import PackageNotFoundError, version  # here, since `fastcam --help` has to be fast

    found = {"fastcam": __version__, "python": platform.python_version(), "machine": platform.machine()}
    for name in ("numpy", "numba", "onnx", "onnxruntime", "pillow", "scikit-image"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # onnxruntime comes under several names (onnxruntime-gpu, ...)
            found[name] = "unknown"
    return found


def line(record: dict[str, Any]) -> str:
    """Return the line of a map's record for the terminal.

    Examples
    --------
    >>> line({"score": 0.00001, "is_probability": True, "box": [1, 2, 3, 4], "class_index": 5, "label": "cat"})
    '   <0.1 %  box    1    2    3    4      5  cat'
    """
    from fastcam.results.text import legible, score_text  # here, since `fastcam --help` has to be fast

    name = legible(record["label"] or f"class {record['class_index']}", LONGEST)
    box = "no box" if record["box"] is None else " ".join(["box", *(f"{side:>4}" for side in record["box"])])
    return f"  {score_text(record['score'], record['is_probability']):>7}  {box}  {record['class_index']:>5}  {name}"


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


def png(pixels: NDArray[np.uint8]) -> bytes:
    """Return pixels (H, W, 3) as a PNG file.

    Each row is stored as its difference from the one above, which suits photos under a smooth heatmap: as small as
    Pillow makes it by trying all filters, in less than half the time.
    """
    import numpy as np

    height, width, channels = pixels.shape
    rows = pixels.reshape(height, width * channels)
    filtered = np.empty((height, 1 + width * channels), np.uint8)
    filtered[:, 0] = UP
    filtered[0, 1:] = rows[0]
    np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])
    packer = zlib.compressobj(1, zlib.DEFLATED, 15, 9, zlib.Z_RLE)
    data = packer.compress(filtered.data) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)  # 8 bits a channel, RGB
    return SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(data, zlib.crc32(kind)))


def write_png(path: Path, pixels: NDArray[np.uint8]) -> None:
    """Write pixels (H, W, 3) as a PNG file, whole or not at all."""
    write_whole(path, png(pixels))
