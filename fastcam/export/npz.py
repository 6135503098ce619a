"""Explanations as NumPy's .npz files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from fastcam.errors import InputError
from fastcam.files import write_whole
from fastcam.results import Explanation
from fastcam.results.boxes import corner_field

ARRAYS = ("class_index", "scores", "logits", "activation_maps", "image_sizes", "regions")
BOXES = ("area", "peak")
CORNERS = ("xyxy", "xx", "xyzxyz")  # of images, signals and volumes
ROWS = ("image_index", "failed_index", "failed_reason")  # files of earlier versions lack them
NAMES = ("labels", "layers")
OPTIONAL = ("limits", "steady", "frame_index", "timestamp")  # of frames of streams
WORDS = ("method", "how", "convention", "threshold", "connectivity", "preprocess", "provider", "engine")


def save_npz(path: str | os.PathLike[str], explanation: Explanation) -> None:
    """Write the arrays and the settings of an explanation to an .npz file, whole or not at all.

    The arrays are class_index, scores, logits, activation_maps, image_sizes, regions, the boxes' xyxy (xx of signals,
    xyzxyz of volumes), area and peak, labels and layers; image_index, the number of each row's image; failed_index and
    failed_reason, the numbers of images that were left out, and why. The settings are method, how, convention,
    threshold, connectivity, preprocess, provider and engine; limits, steady, frame_index and timestamp are there if the
    explanation has them.

    Parameters
    ----------
    path
        The file to write.
    explanation
        Explanation of one or several images.

    Raises
    ------
    InputError
        The file can't be written.
    """
    import io

    held: dict[str, Any] = {name: getattr(explanation, name) for name in ARRAYS}
    held |= {name: getattr(explanation.boxes, name) for name in (corner_field(explanation.boxes), *BOXES)}
    held |= {name: np.array(getattr(explanation, name)) for name in WORDS}
    held |= {name: np.array(value) for name in OPTIONAL if (value := getattr(explanation, name)) is not None}
    held |= {name: np.array(getattr(explanation, name) or (), np.str_) for name in NAMES}
    held["image_index"] = explanation.image_index
    held["failed_index"] = np.array([one.index for one in explanation.failures], np.int64)
    held["failed_reason"] = np.array([str(one.error) for one in explanation.failures], np.str_)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **held)
    write_whole(Path(path), buffer.getvalue())


def load_npz(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the contents of a file that `save_npz` wrote, by name.

    Parameters
    ----------
    path
        The file to read.

    Returns
    -------
    Arrays with the shapes and dtypes of `Explanation`; settings as Python's strings and numbers; labels, layers and
    failed_reason as lists; None for values that the explanation doesn't have.

    Raises
    ------
    InputError
        The file can't be read, or contains something else.
    """
    expected = f"{path}: expected a file that save_npz wrote"
    try:
        with np.load(path, allow_pickle=False) as file:
            corners = [name for name in CORNERS if name in file] or CORNERS[:1]
            more = (name for name in (*OPTIONAL, *ROWS) if name in file)
            names = (*ARRAYS, *corners, *BOXES, *WORDS, *NAMES, *more)
            held = {"image_index": np.arange(len(file["class_index"])), "failed_index": np.zeros(0, np.int64)}
            held |= {"failed_reason": np.zeros(0, np.str_)}
            held |= {name: file[name] for name in names}
        single = {*WORDS, *OPTIONAL} - {"limits"}
        found = {name: value.item() if name in single else value for name, value in held.items()}
    except OSError as error:
        raise InputError(f"{expected} ({error.strerror or error})") from error
    except Exception as error:  # errors of zipfile and of NumPy's format for damaged files
        raise InputError(f"{expected}; it holds something else ({error})") from error
    return dict.fromkeys(OPTIONAL) | found | {name: held[name].tolist() for name in (*NAMES, "failed_reason")}
