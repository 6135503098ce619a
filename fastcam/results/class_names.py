"""Classes by name: the numbers of those that a caller names, out of a model's labels."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fastcam.errors import InputError

Classes = ArrayLike | str | Sequence[str | int] | Sequence[Sequence[str | int]]
"""Numbers or names of classes, as `Classifier.explain` takes them."""
MOST_NAMED, MOST_TOLD = 5, 80  # similar names in a message, and characters of the one that was given


def class_numbers(wanted: Any, labels: Sequence[str] | None, name: str = "class_index") -> Any:
    """Return class numbers in place of names; numbers and all else stay as they are.

    A name is looked for as it is written, then without regard to upper and lower case; what is no name, but digits, is
    a number.

    Parameters
    ----------
    wanted
        A name; or a sequence of names and numbers, or of such sequences, row n for image n.
    labels
        Names by class number, or None.
    name
        Name of the argument in messages.

    Raises
    ------
    InputError
        No class is so called, or several are: says which, or what was perhaps meant; or there are no names.

    Examples
    --------
    >>> class_numbers("Cat", ["dog", "cat"]), class_numbers([["cat"], [0]], ["dog", "cat"])
    (1, [[1], [0]])
    """
    if isinstance(wanted, str):
        return _number(wanted, labels, name)
    if isinstance(wanted, np.ndarray) and wanted.dtype.kind in "UO":
        wanted = wanted.tolist()
    if isinstance(wanted, list | tuple):
        return [class_numbers(one, labels, name) for one in wanted]
    return wanted


def _number(wanted: str, labels: Sequence[str] | None, name: str) -> int:
    """Return the number of the class of the name that is wanted."""
    known, text, told = labels or (), wanted.strip(), repr(wanted[:MOST_TOLD])
    found = [k for k, label in enumerate(known) if label == wanted]
    found = found or [k for k, label in enumerate(known) if label.strip().casefold() == text.casefold()]
    if len(found) == 1:
        return found[0]
    if found:
        called = ", ".join(f"{k} ({known[k]!r})" for k in found[:MOST_NAMED])
        more = f" and {len(found) - MOST_NAMED} more" if len(found) > MOST_NAMED else ""
        raise InputError(f"{name}: expected the name of one class; {told} is that of {called}{more}. Give the number")
    if text.isascii() and text.isdigit() and len(text) < 10:
        return int(text)
    if not known:
        raise InputError(
            f"{name}: expected class numbers, as no names are known for this model; got {told}. Load it with labels=..."
        )
    raise InputError(f"{name}: expected a number or the name of a class; got {told}{_meant(text, known)}")


def _meant(text: str, labels: Sequence[str]) -> str:
    """Return names that are like a text, or have it in them, as a question; empty if there are none."""
    numbers: dict[str, int] = {}
    for k, label in enumerate(labels):
        numbers.setdefault(label.casefold(), k)
    wanted = text.casefold()
    near = get_close_matches(wanted, numbers, MOST_NAMED)
    near += [label for label in numbers if wanted and wanted in label and label not in near]
    named = [f"{labels[numbers[label]]!r} ({numbers[label]})" for label in near[:MOST_NAMED]]
    return f". Did you mean {' or '.join([', '.join(named[:-1]), named[-1]] if named[1:] else named)}?" if named else ""
