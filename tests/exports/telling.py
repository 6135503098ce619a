"""Printed lines of the scripts that compare."""

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any


def say_rows(rows: Callable[..., Iterable[str]], models: Mapping[str, Sequence[Any]]) -> None:
    """Write the lines of the models that are named on the command line, or of all, as they come."""
    for label in sys.argv[1:] or models:
        for line in rows(label, *models[label]):
            sys.stdout.write(line + "\n")
            sys.stdout.flush()
