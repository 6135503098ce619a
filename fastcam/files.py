"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import secrets
import stat
import weakref
from pathlib import Path

from fastcam.errors import InputError

KEPT = 24  # characters of a file's name in that of its part, which then fits wherever the file's own does


class Part:
    """A file on its way: beside the one whose name it takes once it is whole, so that no part replaces a good file.

    Each has a name of its own. Of several that are made for one path at the same time, by threads or processes, the
    last one that is kept is there, whole. One that nobody keeps is gone with its object.

    Raises
    ------
    InputError
        It can't be written there, or what has the name isn't a file.
    """

    def __init__(self, path: Path) -> None:
        check_place(path)
        self.path = path
        self.place = place_beside(path)
        self._forget = weakref.finalize(self, _remove, self.place, os.getpid())
        try:
            self.place.touch(exist_ok=False)
        except OSError as error:
            raise unwritable(path, error) from error

    def keep(self) -> None:
        """Give it its name."""
        try:
            self.place.replace(self.path)
        except OSError as error:
            self.drop()
            raise unwritable(self.path, error) from error
        self._forget.detach()

    def drop(self) -> None:
        """Leave no trace of it."""
        self._forget()


def _remove(place: Path, owner: int) -> None:
    if os.getpid() == owner:  # not where a child that was forked ends
        place.unlink(missing_ok=True)


def place_beside(path: Path) -> Path:
    """A new place beside a path for what is to have its name; hidden, it ends in .part, and its name isn't too long."""
    return path.with_name(f".{path.name[:KEPT]}.{secrets.token_hex(8)}.part")


def check_place(path: Path) -> None:
    """Check that a file can have that path, before the work that makes it.

    Raises
    ------
    InputError
        The name is too long or isn't one, or has a directory, pipe or device.
    """
    try:
        is_file = stat.S_ISREG(os.stat(path).st_mode)
    except FileNotFoundError:
        return  # nothing, or a link to nothing, or no folder, which making the part tells
    except (OSError, ValueError) as error:
        raise unwritable(path, error) from error
    if not is_file:
        raise InputError(f"{path}: expected a place for a file; there is a directory, pipe or device")


class Lines:
    """A text file that grows by lines; a context manager.

    Leaving the block gives it its name, after an error of others or Ctrl-C as well, since its lines are whole. If
    writing itself failed, or there is no line, the file that was there before stays. Pipes and devices get each line at
    once.

    Raises
    ------
    InputError
        It can't be written: at once, from `write`, or at the end.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        is_pipe_or_device = os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path)
        self._part = None if is_pipe_or_device else Part(path)
        self._is_good = False  # lines were written, and none failed
        try:
            self._file = open(self._part.place if self._part else path, "w", buffering=1, encoding="utf-8")  # noqa: SIM115
        except OSError as error:
            if self._part is not None:
                self._part.drop()
            raise unwritable(path, error) from error

    def write(self, line: str) -> None:
        """Add a line, given without its end."""
        self._is_good = False
        try:
            self._file.write(f"{line}\n")
        except OSError as error:
            raise unwritable(self._path, error) from error
        self._is_good = True

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._file.close()
        except OSError as error:
            self._is_good = False
            raise unwritable(self._path, error) from error
        finally:
            if self._part is not None:
                (self._part.keep if self._is_good else self._part.drop)()


def write_whole(path: Path, data: bytes) -> None:
    """Write a file by way of a `Part`.

    Raises
    ------
    InputError
        It can't be written.
    """
    part = Part(path)
    try:
        part.place.write_bytes(data)
    except OSError as error:
        raise unwritable(path, error) from error
    else:
        part.keep()
    finally:
        part.drop()  # what wasn't kept, after Ctrl-C as well


def rename_new(made: Path, path: Path) -> None:
    """Give a file another name in its file system, if nothing has that name: what appears meanwhile isn't replaced.

    Raises
    ------
    FileExistsError
        Something has the name.
    OSError
        It can't be had.
    """
    try:
        os.link(made, path)  # which never replaces, other than renaming
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links: take the name, then replace what holds it
        path.touch(exist_ok=False)
        made.replace(path)
    else:
        made.unlink()


def unwritable(path: Path, error: Exception) -> InputError:
    """That a file couldn't be written, and why."""
    return InputError(f"{path}: can't be written ({getattr(error, 'strerror', None) or error})")
