"""Machine code kept between processes: read from any of several folders, written to the first that lets it.

Numba's own cache reads only where it can write, and passes on whatever a damaged file makes `pickle` raise.
"""

import hashlib
import inspect
import os
import pickle
import sys
import warnings
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from numba import __version__ as numba_version
from numba.core import caching, compiler, config, serialize
from numba.misc.appdirs import AppDirs

VARIABLE = "FASTCAM_CACHE_DIR"

_warned: set[str] = set()


class DamagedError(Exception):
    """A file isn't as it was written."""


class KernelFiles(caching.IndexDataCacheFile):
    """The index and data files of a kernel in one folder, as Numba has them, with a checksum in front.

    Other versions of the kernel have files of their own. Data files say which entry they are of: of processes that
    write at once, one may leave the index and another one the data.
    """

    def __init__(self, folder: Path, name: str, stamp: str) -> None:
        super().__init__(cache_path=str(folder), filename_base=f"{name}.{stamp[:12]}", source_stamp=stamp)
        self.folder = folder

    def keep(self, key: Any, data: Any) -> None:
        """Write an entry, over files that are damaged. Raises OSError where it can't be written."""
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            self.save(key, (key, data))
        except DamagedError:
            self.flush()
            self.save(key, (key, data))

    def load(self, key: Any) -> Any:
        """The data of an entry, or None."""
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
    """What Numba asks for a kernel's machine code, and gives it to. No file makes a call fail: it is compiled then.

    Warns
    -----
    RuntimeWarning
        Once in a process: a file is damaged; nothing can be kept.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._name, self._py_func = repr(function), function
        source = _source(function)
        stamp = _digest(source, source.stat().st_mtime_ns) if source else ""
        # Whatever another Numba or Python writes isn't even opened.
        name = f"{function.__name__}.{sys.implementation.cache_tag}.numba-{numba_version}"
        self._files = [KernelFiles(folder, name, stamp) for folder in folders(source)] if source else []
        self._place: Path | None = None
        self.enable()

    @property
    def cache_path(self) -> str | None:
        """The folder that the kernel came from, or is kept in; None: nowhere."""
        return None if self._place is None else str(self._place)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The compiled kernel, or None."""
        target_context.refresh()
        key, damaged = self._index_key(sig, target_context.codegen()), ""
        for files in self._files:
            try:
                data = files.load(key)
                found = data and compiler.CompileResult._rebuild(target_context, *data)
            except Exception as error:  # of pickle and LLVM: whatever there is in a file
                damaged = damaged or f"{files.folder}: expected whole files of {files._index_name}; got {error!r}"
                continue
            if found:
                self._place = files.folder
                return found
        if damaged:
            _warn("damaged", f"{damaged}. The kernel is compiled anew, and kept instead where that is possible")
        return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep a compiled kernel, if that is possible."""
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
    """Where the kernels of a source file may be kept: where the environment says, else beside the file or in the home.

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
    """The file that changes when the kernel does: its own, its archive, or the program of a frozen application."""
    file = Path(sys.executable if getattr(sys, "frozen", False) else inspect.getfile(function))
    return next((place for place in (file, *file.parents) if place.is_file()), None)


@lru_cache
def _digest(path: Path, changed: int) -> str:
    """The digest of a file's contents, which are the same in any copy of it."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _warn(kind: str, message: str) -> None:
    if kind not in _warned:
        _warned.add(kind)
        warnings.warn(f"cache: {message}", RuntimeWarning, stacklevel=3)
