"""The photos, signals and volumes of a command line, given as files, folders and patterns."""

from __future__ import annotations

import glob
import os
import sys
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from fastcam.arrays.places import KINDS
from fastcam.errors import InputError
from fastcam.images.recordings import SUFFIXES, split_key
from fastcam.images.sources import check_no_url

WILDCARDS = "*?["
STDIN = "-"


class Listed(NamedTuple):
    """The path of a file, and the folder that it was found in; None where its own name is given."""

    path: str
    folder: str | None = None


def find_photos(given: Sequence[str], *, beside: Collection[str] = (), missing: bool = False) -> list[Listed]:
    """Return the files that files, folders and patterns name, each once, in the given order.

    A folder names the photos, signals and volumes in it and below, by the endings of their names, in the order of their
    paths; hidden ones are left out, and `fitting` picks those that a model takes. A pattern is one that no shell has
    expanded: quoted, or on Windows; `**` goes through folders. "-" is a list of files and folders on stdin: one a line,
    or with null characters between them, as `find -print0` writes it.

    Parameters
    ----------
    given
        Paths of files and folders, and patterns.
    beside
        Absolute paths that are left out of folders and patterns: overlays of an earlier run.
    missing
        Whether a file may be missing; the error comes where it is read then.

    Returns
    -------
    Paths as given, or joined to the given folder.

    Raises
    ------
    InputError
        There is no such file, none of these in a folder, no match of a pattern, or nothing on stdin.
    """
    found: dict[str, Listed] = {}
    for name, signs in _named(given):
        for one in _files_of(name, frozenset(beside), missing, signs):
            key = os.path.normcase(os.path.abspath(one.path))
            first = found.setdefault(key, one)
            if one.folder is None:
                found[key] = first._replace(folder=None)
    return list(found.values())


def fitting(files: Sequence[Listed], rank: int) -> list[str]:
    """Return the paths of the files that a model of that rank takes: of folders those with the endings it reads.

    Raises
    ------
    InputError
        A folder has none.
    """
    endings = _endings(rank)
    fit = [one for one in files if one.folder is None or one.path.lower().endswith(endings)]
    if without := {one.folder for one in files}.difference(one.folder for one in fit):
        kind = "photos" if rank == 2 else f"{KINDS[rank]}s"
        raise InputError(
            f"{min(filter(None, without))}: expected a folder with {kind} ({', '.join(endings)}), which the model "
            "takes; got one without"
        )
    return [one.path for one in fit]


def are_photos(files: Sequence[Listed]) -> bool:
    """Return whether all have endings of photos."""
    endings = _endings(2)
    return all(one.path.lower().endswith(endings) for one in files)


def _named(given: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield what is given, with lines of stdin in place of "-", and the signs that make a pattern: none in lines."""
    for name in given:
        if name != STDIN:
            yield name, WILDCARDS
            continue
        data = sys.stdin.buffer.read()
        end = b"\0" if b"\0" in data else b"\n"
        listed = [os.fsdecode(line.removesuffix(b"\r")) for line in data.split(end) if line.strip()]
        if not listed:
            raise InputError("-: expected paths of photos on stdin, one a line; got none")
        yield from ((line, "") for line in listed)


def _files_of(name: str, beside: frozenset[str], missing: bool, signs: str) -> list[Listed]:
    if os.path.isdir(name):
        return _in_folder(name, beside)
    if os.path.lexists(name) or not any(sign in name for sign in signs):
        if not missing and not os.path.exists(split_key(name)[0]):
            check_no_url(name)
            raise InputError(f"{name}: no such file; expected a photo")
        return [Listed(name)]
    paths = [path for path in sorted(glob.glob(name, recursive=True)) if os.path.abspath(path) not in beside]
    files = [path for path in paths if not os.path.isdir(path)]
    if not paths:
        raise InputError(f"{name}: expected a pattern that some photo fits; got one that none does")
    return [*map(Listed, files)] or [one for path in paths for one in _in_folder(path, beside)]


def _in_folder(folder: str, beside: frozenset[str]) -> list[Listed]:
    endings = (*_endings(2), *SUFFIXES)
    found = [path for path in _files_below(folder) if path.lower().endswith(endings)]
    if files := sorted(path for path in found if os.path.abspath(path) not in beside):
        return [Listed(path, folder) for path in files]
    raise InputError(f"{folder}: expected a folder with photos, signals or volumes ({', '.join(endings)}); got none")


def _files_below(folder: str) -> Iterator[str]:
    def refuse(error: OSError) -> None:
        raise InputError(f"{error.filename}: can't be read ({error.strerror})") from error

    for place, folders, files in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (os.path.join(place, name) for name in files if not name.startswith("."))


def _endings(rank: int) -> tuple[str, ...]:
    from PIL import Image

    from fastcam.images.formats import FILES

    if rank != 2:
        return SUFFIXES
    return tuple(sorted(ending for ending, kind in Image.registered_extensions().items() if kind in FILES))
