"""Files that are there whole or not at all."""

from __future__ import annotations

import errno
import os
import re
import secrets
import stat
import sys
import weakref
from collections.abc import Collection
from pathlib import Path
from typing import BinaryIO

from fastcam.errors import InputError

KEPT = 24  # characters of a file's name in that of its part, which then fits wherever the file's own does
PART = re.compile(r"\.(.*)\.[0-9a-f]{16}\.part", re.DOTALL)  # the names that `place_beside` gives
TRIES = 10  # to open a file that others make and delete
TAKEN = (errno.EACCES, errno.EAGAIN, errno.EDEADLK)  # what a lock says that another one holds

if sys.platform == "win32":
    import msvcrt

    FAR = (1 << 31) - 2  # the byte that stands for the file, where nobody reads: others can't read what is locked

    def _lock(file: BinaryIO) -> None:
        file.seek(FAR)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(file: BinaryIO) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


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


def remove_parts(folder: Path, names: Collection[str] | None = None) -> None:
    """Remove what killed processes left of files that they were writing: of these names, or of any.

    Raises
    ------
    InputError
        They can't be removed.
    """
    beginnings = None if names is None else {name[:KEPT] for name in names}
    try:
        for name in os.listdir(folder):
            found = PART.fullmatch(name)
            if found and (beginnings is None or found[1] in beginnings):
                (folder / name).unlink(missing_ok=True)
    except OSError as error:
        raise unwritable(folder, error) from error


def open_alone(path: Path) -> BinaryIO | None:
    """Open a file, unbuffered, to read it and to append to it, or None where somebody else has it open so.

    It is made if need be. Its lock ends with the object or the process, however that ends; file systems without locks
    keep nobody out. Whoever deletes the file does so before it is closed, where the system lets him.

    Raises
    ------
    InputError
        It can't be written.
    """
    for _ in range(TRIES):
        try:
            file = open(path, "a+b", buffering=0)  # noqa: SIM115
        except (OSError, ValueError) as error:
            raise unwritable(path, error) from error
        try:
            _lock(file)
        except OSError as error:
            if error.errno in TAKEN:
                file.close()
                return None
        if _is_at(file, path):
            return file
        file.close()  # it was deleted between opening and locking
    return None  # others come and go all the time


def _is_at(file: BinaryIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(path))
    except OSError:
        return False


def write_fully(file: BinaryIO, data: bytes) -> None:
    """Write all of it to an unbuffered file, which may take a part at a time.

    Raises
    ------
    OSError
        The rest can't be written.
    """
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


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
        try:
            made.replace(path)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
    else:
        made.unlink()


def unwritable(path: Path, error: Exception) -> InputError:
    """That a file couldn't be written, and why."""
    return InputError(f"{path}: can't be written ({getattr(error, 'strerror', None) or error})")
