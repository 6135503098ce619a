"""Files that are written whole or not at all."""

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

KEPT = 24  # characters of a file's name in its pending file's, which then fits wherever the own name does
PART = re.compile(r"\.(.*)\.[0-9a-f]{16}\.part", re.DOTALL)  # the names that `place_beside` gives
TRIES = 10  # to open a file that others make and delete
TAKEN = (errno.EACCES, errno.EAGAIN, errno.EDEADLK)  # errors of a lock that another process holds

if sys.platform == "win32":
    import msvcrt

    FAR = (1 << 31) - 2  # the byte that is locked for the file, beyond its end: others can't read a locked byte

    def _lock(file: BinaryIO) -> None:
        file.seek(FAR)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(file: BinaryIO) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


class PendingFile:
    """A temporary file beside a path, which is renamed to that path once it is whole.

    So no incomplete file replaces a good one. Each has a name of its own: of several for one path at the same time, by
    threads or processes, the last one that is kept stays, whole. One that isn't kept is deleted with its object.

    Parameters
    ----------
    path
        The path that the file gets in the end.

    Attributes
    ----------
    path
        As given.
    place
        Where the file is until then.

    Raises
    ------
    InputError
        The file can't be written there, or the path is a directory, pipe or device.
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
        """Rename the file to its path."""
        try:
            self.place.replace(self.path)
        except OSError as error:
            self.drop()
            raise unwritable(self.path, error) from error
        self._forget.detach()

    def drop(self) -> None:
        """Delete the file, unless it was kept."""
        self._forget()


def _remove(place: Path, owner: int) -> None:
    if os.getpid() == owner:  # not at the end of a forked child
        place.unlink(missing_ok=True)


def place_beside(path: Path) -> Path:
    """Return a new hidden path beside a path for its pending file; its name ends in .part and isn't too long."""
    return path.with_name(f".{path.name[:KEPT]}.{secrets.token_hex(8)}.part")


def remove_parts(folder: Path, names: Collection[str] | None = None) -> None:
    """Remove pending files of killed processes in a folder, of these names or of any.

    Raises
    ------
    InputError
        A file can't be removed.
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
    """Open and lock a file, unbuffered, to read and append; return None where another process has locked it.

    The file is made if need be. The lock ends with the object or the process; file systems without locks exclude
    nobody. Delete the file before it is closed, where the system allows that.

    Raises
    ------
    InputError
        The file can't be written.
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
    return None  # others open and delete it all the time


def _is_at(file: BinaryIO, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(path))
    except OSError:
        return False


def write_fully(file: BinaryIO, data: bytes) -> None:
    """Write all data to an unbuffered file, whose `write` may take a part only.

    Raises
    ------
    OSError
        The rest can't be written.
    """
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


def check_place(path: Path) -> None:
    """Check that a file can have a path, before the work that makes the file.

    Raises
    ------
    InputError
        The name is too long or invalid, or the path is a directory, pipe or device.
    """
    try:
        is_file = stat.S_ISREG(os.stat(path).st_mode)
    except FileNotFoundError:
        return  # nothing, a link to nothing, or no folder, which shows when the file is made
    except (OSError, ValueError) as error:
        raise unwritable(path, error) from error
    if not is_file:
        raise InputError(f"{path}: expected a place for a file; there is a directory, pipe or device")


class Lines:
    """A text file that is written line by line; a context manager.

    Leaving the block renames it to its path, after other errors and Ctrl-C as well, since its lines are whole. If
    writing itself failed, or there is no line, an earlier file at the path stays. Pipes and devices get each line at
    once.

    Parameters
    ----------
    path
        The path of the file.

    Raises
    ------
    InputError
        The file can't be written: raised at once, from `write`, or at the end.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        is_pipe_or_device = os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path)
        self._part = None if is_pipe_or_device else PendingFile(path)
        self._is_good = False  # lines were written, none failed
        try:
            self._file = open(self._part.place if self._part else path, "w", buffering=1, encoding="utf-8")  # noqa: SIM115
        except OSError as error:
            if self._part is not None:
                self._part.drop()
            raise unwritable(path, error) from error

    def write(self, line: str) -> None:
        """Add a line, given without its line end."""
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
    """Write a file whole or not at all.

    Raises
    ------
    InputError
        The file can't be written.
    """
    part = PendingFile(path)
    try:
        part.place.write_bytes(data)
    except OSError as error:
        raise unwritable(path, error) from error
    else:
        part.keep()
    finally:
        part.drop()  # if it wasn't kept, after Ctrl-C as well


def rename_new(made: Path, path: Path) -> None:
    """Rename a file within its file system, unless the new name is taken; a file that appears meanwhile isn't replaced.

    Raises
    ------
    FileExistsError
        The name is taken.
    OSError
        The file can't be renamed.
    """
    try:
        os.link(made, path)  # unlike renaming, never replaces
    except FileExistsError:
        raise
    except OSError:  # without hard links: take the name, then replace the file of that name
        path.touch(exist_ok=False)
        try:
            made.replace(path)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
    else:
        made.unlink()


def unwritable(path: Path, error: Exception) -> InputError:
    """Return the error of a file that can't be written, with the reason."""
    return InputError(f"{path}: can't be written ({getattr(error, 'strerror', None) or error})")
