"""Files that are there whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from fastcam.errors import InputError


class Part:
    """A file on its way: beside the one whose name it takes once it is whole, so that no part replaces a good file.

    Raises
    ------
    InputError
        It can't be written there, or what has the name isn't a file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.place = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            if path.exists() and not path.is_file():
                raise InputError(f"{path}: expected a place for a file; there is a directory, pipe or device")
            self.place.touch()
        except OSError as error:
            raise unwritable(path, error) from error

    def keep(self) -> None:
        """Give it its name."""
        try:
            self.place.replace(self.path)
        except OSError as error:
            self.drop()
            raise unwritable(self.path, error) from error

    def drop(self) -> None:
        """Leave no trace of it."""
        self.place.unlink(missing_ok=True)


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
        part.drop()
        raise unwritable(path, error) from error
    part.keep()


def unwritable(path: Path, error: Exception) -> InputError:
    """That a file couldn't be written, and why."""
    return InputError(f"{path}: can't be written ({getattr(error, 'strerror', None) or error})")
