"""The .npz file of a saved head: written whole or not at all, read with care."""

from __future__ import annotations

import io
import json
import os
import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from fastcam.errors import ModelError
from fastcam.files import write_whole
from fastcam.model.file.wire import Access

FIELDS = (
    *("feature_maps", "logits", "layout", "activation", "pooling", "identity_error", "quantization_gap"),
    *("feature_shape", "kind", "prefix", "output", "reason", "sha256", "proven_with", "classes"),
)
ARRAYS = ("class_weights", "bias")


def write(path: str | os.PathLike[str], head: Any) -> None:
    """Write the fields of a head.

    Raises
    ------
    InputError
        The file can't be written.
    """
    buffer = io.BytesIO()
    values = {name: getattr(head, name) for name in FIELDS}
    values["access"] = asdict(head.access) | {"appendix": head.access.appendix.hex()}
    arrays = {name: getattr(head, name) for name in ARRAYS}
    np.savez(buffer, head=np.array(json.dumps(values)), **arrays)
    write_whole(Path(path), buffer.getvalue())


def read(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the fields of a head, whose values are still to be checked.

    Raises
    ------
    ModelError
        No such file, or not one that `write` wrote.
    """
    try:
        _check_unpacked(path)
        with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as file:
            values: dict[str, Any] = json.loads(str(file["head"]))
            arrays = {name: file[name] for name in ARRAYS}
        shape, access = values.pop("feature_shape"), values.pop("access")
        known = Access(
            appendix=bytes.fromhex(access["appendix"]),
            outputs=tuple(map(str, access["outputs"])),
            files=tuple(map(str, access["files"])),
            is_rewritten=bool(access["is_rewritten"]),
        )
        fields = {name: values[name] for name in FIELDS if name != "feature_shape"}
        return {**fields, **arrays, "feature_shape": None if shape is None else tuple(shape), "access": known}
    except FileNotFoundError:
        raise ModelError(f"{path}: no such file; expected a head that Head.save wrote") from None
    except Exception as error:  # whatever a file of another kind makes of zipfile, NumPy and JSON
        raise ModelError(f"{path}: expected a head that Head.save wrote ({type(error).__name__}: {error})") from error


def _check_unpacked(path: str | os.PathLike[str]) -> None:
    """Check that the file isn't compressed, as `write` leaves it: so it takes no more memory than it has bytes."""
    with zipfile.ZipFile(path) as file:
        unpacked, size = sum(one.file_size for one in file.infolist()), os.path.getsize(path)
    if unpacked > size:
        raise ValueError(f"it has {size} bytes, which unpack to {unpacked}")
