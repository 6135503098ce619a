"""Completion of the command line in shells, by shtab."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from fastcam.cli.providers import SHORT
from fastcam.errors import BackendError, InputError

SHELLS = ("bash", "zsh", "tcsh")
# Values of options by their destinations; the parser itself leaves them to the checks, whose errors say more.
VALUES = {
    "colormap": ("turbo", "jet", "viridis", "inferno", "gray"),
    "convention": ("paper", "gradcam", "minmax"),
    "engine": ("auto", "cpu", "reference", "cuda"),
    "provider": tuple(SHORT),
}
FILES = ("model", "images", "data", "input", "source", "labels", "head", "path", "others", "jsonl", "save_head", "font")


def script(parser: argparse.ArgumentParser, shell: str) -> str:
    """Return the script that completes the words of a parser in a shell.

    Raises
    ------
    InputError
        There is no such shell.
    BackendError
        The package shtab is missing.
    """
    if shell not in SHELLS:
        raise InputError(f"--print-completion: expected one of {', '.join(SHELLS)}; got {shell!r}")
    try:
        import shtab
    except ImportError as error:
        raise BackendError(
            '--print-completion: expected the package shtab: pip install "fastcam[completion]"'
        ) from error
    from fastcam.methods.table import METHODS

    values = VALUES | {"method": ("auto", *METHODS)}
    for action in _actions(parser):
        if action.dest in values:
            action.choices = values[action.dest]
        elif action.dest in FILES:
            action.complete = shtab.FILE  # type: ignore[attr-defined]
    return shtab.complete(parser, shell)


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                yield from _actions(inner)
