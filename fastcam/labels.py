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
        names = _read_lines(None if str(labels) == "imagenet" else Path(labels))
        if str(labels) == "imagenet" and classes == 1001:
            names.insert(0, "background")
    elif isinstance(labels, Iterable):
        names = [str(label) for label in labels]
    else:
        raise InputError(f"labels: expected 'imagenet', a text file or the names; got {type(labels).__name__}")
    if len(names) != classes:
        hint = "; the model may count a background class first" if classes == len(names) + 1 else ""
        raise InputError(f"labels: expected {classes} names, one a class; got {len(names)}{hint}")
    return tuple(names)


def _read_lines(file: Path | None) -> list[str]:
    """Lines of a text file, or of the bundled one; each stands for a class, so none but the last may be empty."""
    source = files("fastcam.data") / "imagenet_classes.txt" if file is None else file
    try:
        lines = [line.strip() for line in source.read_text(encoding="utf-8-sig").rstrip().splitlines()]
    except (OSError, ValueError) as error:
        raise InputError(f"labels: {file}: can't be read as text ({error})") from error
    if "" in lines:
        raise InputError(f"labels: {file}: expected a class name on every line; line {lines.index('') + 1} is empty")
    return lines
