"""Class names: bundled, from a file, or given."""

from __future__ import annotations

import os
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path

from fastcam.errors import InputError


def read_labels(labels: str | os.PathLike[str] | Iterable[str], classes: int) -> tuple[str, ...]:
    """One name a class.

    Parameters
    ----------
    labels
        "imagenet": the 1000 names in torchvision's order, with "background" before them for models of 1001 classes;
        the path of a text file with one name a line; or the names.
    classes
        How many the model has.

    Raises
    ------
    InputError
        No such file, or another number of names than classes.

    Examples
    --------
    >>> read_labels("imagenet", 1001)[:2]
    ('background', 'tench')
    """
    if isinstance(labels, str | os.PathLike):
        bundled = str(labels) == "imagenet"
        file = files("fastcam.data") / "imagenet_classes.txt" if bundled else Path(labels)
        try:
            names = [line.strip() for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"labels: {labels}: can't be read as text ({error})") from error
        if bundled and classes == 1001:
            names.insert(0, "background")
    else:
        names = [str(label) for label in labels]
    if len(names) != classes:
        hint = "; the model may count a background class first" if classes == len(names) + 1 else ""
        raise InputError(f"labels: expected {classes} names, one a class; got {len(names)}{hint}")
    return tuple(names)
