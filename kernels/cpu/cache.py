"""Machine code kept between processes: read from any of several folders, written to the first that accepts it.

Numba's own cache reads only where it can write, passes on whatever a damaged file makes `pickle` raise, and looks for
changes in a kernel's own file only, not in those that the kernel is built on.
"""

import hashlib
import inspect
import os
import pickle
import sys
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from numba import __version__ as numba_version
from numba.core import caching, compiler, config, serialize
from numba.misc.appdirs import AppDirs

VARIABLE = "FASTCAM_CACHE_DIR"

_warned: set[str] = set()


class DamagedError(Exception):
    """A file whose contents don't match its checksum."""


class KernelFiles(caching.IndexDataCacheFile):
    """The index and data files of a kernel in one folder, as Numba has them, with a checksum in front.

    Other versions of the kernel have files of their own. Data files name the entry that they belong to: of processes
    that write at once, one may leave the index and another one the data.
    """

    def __init__(self, folder: Path, name: str, stamp: str) -> None:
        super().__init__(cache_path=str(folder), filename_base=f"{name}.{stamp[:12]}", source_stamp=stamp)
        self.folder = folder

    def keep(self, key: Any, data: Any) -> None:
        """Write an entry, over files that are damaged, or raise OSError."""
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            self.save(key, (key, data))
        except DamagedError:
            self.flush()
            self.save(key, (key, data))

    def load(self, key: Any) -> Any:
        """Return the data of an entry, or None."""
        found = super().load(key)
        return found[1] if found and found[0] == key else None

    def _load_index(self) -> dict[Any, str]:
        try:
            stamp, entries = self._read(self._index_path)
        except OSError:  # no such file or folder, or one that can't be read
            return {}
        return entries if stamp == self._source_stamp else {}

    def _save_index(self, overloads: dict[Any, str]) -> None:
        self._write(self._index_path, (self._source_stamp, overloads))

    def _load_data(self, name: str) -> Any:
        return self._read(self._data_path(name))

    def _save_data(self, name: str, data: Any) -> None:
        self._write(self._data_path(name), data)

    def _read(self, path: str) -> Any:
        whole = Path(path).read_bytes()
        if hashlib.sha256(whole[32:]).digest() != whole[:32]:
            raise DamagedError(path)
        return pickle.loads(whole[32:])

    def _write(self, path: str, value: Any) -> None:
        data = serialize.dumps(value)
        with self._open_for_write(path) as file:
            file.write(hashlib.sha256(data).digest() + data)


class KernelCache(caching.Cache):
    """The cache of one kernel, by the interface that Numba calls. No file makes a call fail: the kernel is compiled.

    Warns
    -----
    RuntimeWarning
        Once in a process: a file is damaged; nothing can be kept.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._name, self._py_func = repr(function), function
        source = _source(function)
        # Files that another Numba or Python writes aren't even opened.
        name = f"{function.__name__}.{sys.implementation.cache_tag}.numba-{numba_version}"
        self._files = [KernelFiles(folder, name, stamp(source)) for folder in folders(source)] if source else []
        self._place: Path | None = None
        self.enable()

    @property
    def cache_path(self) -> str | None:
        """The folder that the kernel was loaded from or written to; None if there is none."""
        return None if self._place is None else str(self._place)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return the compiled kernel, or None."""
        target_context.refresh()
        key, damaged = self._index_key(sig, target_context.codegen()), ""
        for files in self._files:
            try:
                data = files.load(key)
                found = data and compiler.CompileResult._rebuild(target_context, *data)
            except Exception as error:  # of pickle and LLVM: a file may contain anything
                damaged = damaged or f"{files.folder}: expected whole files of {files._index_name}; got {error!r}"
                continue
            if found:
                self._place = files.folder
                return found
        if damaged:
            _warn("damaged", f"{damaged}. The kernel is compiled anew, and kept instead where that is possible")
        return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Write a compiled kernel to the first folder that accepts it, or warn."""
        problems = []
        for files in self._files:
            try:
                files.keep(self._index_key(sig, data.codegen), data._reduce())
            except Exception as error:  # OSError, and what another Numba may raise
                problems.append(f"{files.folder}: {getattr(error, 'strerror', None) or repr(error)}")
            else:
                self._place = files.folder
                return
        _warn(
            "nowhere",
            f"compiled kernels can't be kept ({'; '.join(problems) or 'no source file'}): every process compiles them "
            f"again, for tens of seconds. Set {VARIABLE} to a folder that can be written to, or that "
            "`fastcam warmup --cache` has filled",
        )


def folders(source: Path) -> list[Path]:
    """Return the folders for the kernels of a source file: that of the environment, or beside the file and in the home.

    `NUMBA_CACHE_DIR` counts as well, as for all that Numba compiles, unless there is a folder for these kernels alone.
    """
    apart = caching._CacheLocator.get_suitable_cache_subpath(str(source))
    if named := os.environ.get(VARIABLE):
        return [Path(named)]
    if numbas := getattr(config, "CACHE_DIR", ""):
        return [Path(numbas) / apart]
    beside = [source.parent / "__pycache__"] if source.suffix == ".py" else []
    return [*beside, Path(AppDirs(appname="numba", appauthor=False).user_cache_dir) / apart]


def _source(function: Callable[..., Any]) -> Path | None:
    """Return the file of a function: its source, the archive that contains it, or the program of a frozen application.

    An archive and a frozen program contain all modules; either changes with each of them.
    """
    file = Path(sys.executable if getattr(sys, "frozen", False) else inspect.getfile(function))
    return next((place for place in (file, *file.parents) if place.is_file()), None)


def stamp(source: Path) -> str:
    """Return the digest of all that the kernels of a file may be built on; the same for any copy of it.

    Any change in `kernels` or `kernels/cpu` changes it: a digest of all modules there can't overlook one that is used.
    """
    return _digest(source.parent if source.suffix == ".py" else source)


@cache  # once in a process: files that are edited later aren't what the modules loaded before were made of
def _digest(place: Path) -> str:
    folders = (place.parent, place) if place.is_dir() else ()
    files = [file for folder in folders for file in sorted(folder.glob("*.py")) if file.is_file()] or [place]
    return hashlib.sha256(b"".join(hashlib.sha256(file.read_bytes()).digest() for file in files)).hexdigest()


def _warn(kind: str, message: str) -> None:
    if kind not in _warned:
        _warned.add(kind)
        warnings.warn(f"cache: {message}", RuntimeWarning, stacklevel=3)
