"""Label images as indexed PNG files."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image

from fastcam.errors import InputError
from fastcam.files import write_whole


def save_labels(path: str | os.PathLike[str], labels: ArrayLike) -> None:
    """Write a label image as an indexed PNG in the colours of PASCAL VOC: the pixels are the labels themselves.

    Parameters
    ----------
    path
        The file to write.
    labels
        (H, W) whole numbers from 0 to 255, such as those of `fastcam.export.segment`.

    Raises
    ------
    InputError
        Labels of another shape or range, or the file can't be written.
    """
    array = np.asarray(labels)
    if array.dtype.kind not in "iu" or array.ndim != 2 or not array.size or array.min() < 0 or array.max() > 255:
        got = f"{array.dtype} {array.shape}"
        got += f" from {array.min()} to {array.max()}" if array.size and array.dtype.kind in "iuf" else ""
        raise InputError(f"labels: expected (H, W) whole numbers from 0 to 255; got {got}")
    picture = Image.fromarray(array.astype(np.uint8))
    picture.putpalette(_voc_colors())
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    write_whole(Path(path), buffer.getvalue())


def _voc_colors() -> bytes:
    """Return R, G, B of each label: its lowest three bits become their highest bits, the next three the next ones."""
    label = np.arange(256)
    bits = (label[:, None, None] >> (3 * np.arange(8) + np.arange(3)[:, None])) & 1
    return (bits << (7 - np.arange(8))).sum(axis=2).astype(np.uint8).tobytes()
