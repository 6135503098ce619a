"""Photos that are given as files: paths, bytes and file objects; and refused as URLs."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastcam.errors import InputError

# A Path drops one of two slashes.
URL = re.compile(r"([a-z][a-z0-9+.-]+):/{1,2}(?=[^/])|file:/|data:[\w.+-]*[/;,]", re.IGNORECASE)
# What a message leaves out of a URL: user and password, and what signs a request.
SECRETS = re.compile(r"(?<=:/)[^/@]+@|(?<=://)[^/@]+@|[?#].*|(?<=^data:).*", re.DOTALL)
FETCH = "Download it, or give what it is read from: urllib.request.urlopen(url), fsspec.open(url).open()"
HINTS = {"file": "Give its path", "data": "Give its bytes: base64.b64decode(text)"}
NPY = b"\x93NUMPY"


class Source(NamedTuple):
    """A file to read, and its name in messages."""

    file: Path | io.BytesIO
    name: str

    @property
    def is_npy(self) -> bool:
        """True for an NPY file: by its ending where it has a path, else by its first bytes."""
        return self.file.suffix.lower() == ".npy" if isinstance(self.file, Path) else self.begins_with(NPY)

    def begins_with(self, *signatures: bytes) -> bool:
        """Return whether the file begins with one of these signatures; False if it can't be read."""
        if isinstance(self.file, Path):
            if not self.file.is_file():
                return False
            try:
                with self.file.open("rb") as file:
                    head = file.read(max(map(len, signatures)))
            except OSError:
                return False
            return head.startswith(signatures)
        return self.file.getvalue()[: max(map(len, signatures))].startswith(signatures)


def npy_values(source: Source, check: Callable[[tuple[int, ...], np.dtype[Any]], None]) -> NDArray[Any]:
    """Return the array of an NPY file, which is mapped into memory where it has a path.

    Parameters
    ----------
    source
        The file.
    check
        Called with shape and dtype before any value is read; raises `InputError` for what isn't to be read.

    Raises
    ------
    InputError
        It is damaged, or holds Python objects.
    """
    file = source.file
    try:
        with io.BytesIO(file.getvalue()) if isinstance(file, io.BytesIO) else file.open("rb") as stream:
            check(*npy_header(stream, source.name))
            if isinstance(file, Path):
                return np.asarray(np.load(file, mmap_mode="r", allow_pickle=False))
            stream.seek(0)
            return np.lib.format.read_array(stream, allow_pickle=False)
    except InputError:
        raise
    except Exception as error:  # whatever a damaged header leads to
        raise InputError(f"{source.name}: can't be read as an NPY file of numbers ({error})") from error


def npy_header(stream: IO[bytes], name: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Return shape and dtype of an array in NumPy's format."""
    read: Any = np.lib.format
    try:
        version = read.read_magic(stream)
        known = {(1, 0): read.read_array_header_1_0, (2, 0): read.read_array_header_2_0}
        # Version 3 differs in the encoding of names of fields, which no array of numbers has.
        shape, _, dtype = known.get(version, read.read_array_header_2_0)(stream)
    except (ValueError, EOFError, UnicodeDecodeError) as error:
        raise InputError(f"{name}: can't be read as an array in NumPy's format ({error})") from error
    return shape, dtype


def is_source(photo: Any) -> bool:
    """Return whether a photo is given as a file: by its path, its bytes, or a file object."""
    return isinstance(photo, str | os.PathLike | bytes | bytearray | memoryview) or callable(
        getattr(photo, "read", None)
    )


def source_of(photo: Any, name: str = "image") -> Source:
    """Return the `Source` of a path, of the bytes of a file, or of a file object, which is read to its end.

    Parameters
    ----------
    photo
        What `is_source` accepts.
    name
        Name in messages of what has none: bytes, and files in memory.

    Raises
    ------
    InputError
        A URL; no bytes; or a file that is closed, opened as text, or at its end.

    Examples
    --------
    >>> source_of(b"\\x89PNG").name, source_of("photos/dog.jpg").name
    ('image', 'photos/dog.jpg')
    >>> source_of("https://example.org/dog.jpg?token=1")
    Traceback (most recent call last):
        ...
    fastcam.errors.InputError: https://example.org/dog.jpg: expected a file of this machine; got a URL, which fastcam
    doesn't fetch. Download it, or give what it is read from: urllib.request.urlopen(url), fsspec.open(url).open()
    """
    if isinstance(photo, str | os.PathLike):
        path = os.fsdecode(photo)
        check_no_url(path)
        return Source(Path(path), str(photo))
    if isinstance(photo, bytes | bytearray | memoryview):
        data = bytes(photo)
        if not data:
            raise InputError(f"{name}: expected the bytes of a photo; got none")
        return Source(io.BytesIO(data), name)
    return _from_file_object(photo, name)


def _from_file_object(photo: Any, name: str) -> Source:
    own = getattr(photo, "name", None)
    name = own if isinstance(own, str) and own else name
    try:
        data = photo.read()
    except Exception as error:  # a file object may be of any kind
        raise InputError(f"{name}: the file object can't be read ({error})") from error
    if not isinstance(data, bytes | bytearray | memoryview):
        raise InputError(
            f"{name}: expected a file object that gives bytes; got {type(data).__name__}. Open the file with mode 'rb'"
        )
    if not data:
        raise InputError(
            f"{name}: expected the bytes of a photo; got none. A file object is read once, from where it is: open it "
            "anew, or give its bytes"
        )
    return Source(io.BytesIO(bytes(data)), name)


def check_no_url(path: str) -> None:
    """Check that a path is no URL, or raise `InputError`."""
    found = URL.match(path)
    if found is None or os.path.exists(path):
        return
    scheme = found[0].partition(":")[0].lower()
    hint = HINTS.get(scheme, FETCH)
    shown = SECRETS.sub("", path)[:200]
    raise InputError(f"{shown}: expected a file of this machine; got a URL, which fastcam doesn't fetch. {hint}")
