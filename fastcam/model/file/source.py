"""A model as it was given: bytes or a file. Read, never written."""

from __future__ import annotations

import hashlib
import mmap
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from fastcam.errors import ModelError
from fastcam.model.file import external
from fastcam.model.file.wire import without_large_weights

if TYPE_CHECKING:
    import onnx

LARGE_FILE = 64 << 20  # bytes of a model file whose weights are mapped instead of copied, as external data are
ORT_MAGIC = b"ORTM"  # at byte 4 of ONNX Runtime's own format


@dataclass(frozen=True)
class Source:
    """A model's file, its bytes, or both: then the bytes are what ONNX Runtime made of the file."""

    path: Path | None
    data: bytes | None = None

    @property
    def name(self) -> str:
        """The name in messages."""
        return "model given as bytes" if self.path is None else str(self.path)

    @property
    def is_ort(self) -> bool:
        """True if it is in ONNX Runtime's own format."""
        return self.start()[4:8] == ORT_MAGIC

    @property
    def size(self) -> int:
        """Number of bytes, external data not counted."""
        return self.path.stat().st_size if self.data is None and self.path else len(self.data or b"")

    def start(self) -> bytes:
        """Return the first bytes."""
        if self.data is not None or self.path is None:
            return (self.data or b"")[:16]
        with open(self.path, "rb") as file:
            return file.read(16)

    def read(self) -> bytes:
        """Return all bytes."""
        return self.path.read_bytes() if self.data is None and self.path else self.data or b""

    def sha256(self, files: Sequence[str] = (), constants: Mapping[str, NDArray[Any]] | None = None) -> str:
        """Return the digest of the model as it was given, then of external data and constants, sorted by name.

        Raises
        ------
        ModelError
            A file isn't one of the model's folder.
        """
        for name in files:
            if not external.is_inside(name) or not ((self.path or Path()).parent / name).is_file():
                raise ModelError(f"{self.name}: expected {name!r} to be a file in the model's own folder")
        total = hashlib.sha256(b"" if self.path else self.data or b"")
        own = [self.path] if self.path else []
        for path in [*own, *((self.path or Path()).parent / name for name in sorted(set(files)))]:
            with open(path, "rb") as file:
                while block := file.read(1 << 20):
                    total.update(block)
        for name, value in sorted((constants or {}).items()):
            total.update(f"{name} {value.dtype} {value.shape}".encode() + value.tobytes())
        return total.hexdigest()


@dataclass(frozen=True, eq=False)
class Parsed:
    """A model as a protobuf.

    Attributes
    ----------
    folder
        Where the files lie that hold its weights; None: the weights are inside.
    mapped
        Large weights are references into the model's own file.
    files
        Its files of external data, as the model names them.
    size
        Bytes, external data counted in.
    logits
        The tensor of logits that its metadata name, of a model that was baked; empty for others.
    """

    model: onnx.ModelProto
    folder: Path | None = None
    mapped: bool = False
    files: tuple[str, ...] = ()
    size: int = 0
    logits: str = ""


def read_source(model: str | os.PathLike[str] | bytes) -> Source:
    """Return the source of a model's file or bytes.

    Raises
    ------
    ModelError
        No such file, not a regular file, unreadable, or empty.
    """
    if isinstance(model, bytes | bytearray | memoryview):
        source = Source(None, bytes(model))
    elif isinstance(model, str | os.PathLike):
        source = _check_file(Path(model))
    else:
        raise ModelError(
            f"model: expected a path, bytes or an onnxruntime.InferenceSession; got {type(model).__name__}"
        )
    if not source.start():
        raise ModelError(f"{source.name}: expected an ONNX model; got an empty file")
    return source


def _check_file(path: Path) -> Source:
    try:
        if not path.exists():
            raise ModelError(f"{path}: no such file; expected the path of an .onnx file")
        if not path.is_file():
            raise ModelError(f"{path}: expected the path of an .onnx file; got a directory or device")
        Source(path).start()
        return Source(path)
    except OSError as error:
        raise ModelError(f"{path}: can't be read ({error.strerror})") from error
    except ValueError as error:  # a null character in the path; ModelError is one as well
        raise error if isinstance(error, ModelError) else ModelError(f"model: expected a path; {error}") from error


def parse(source: Source) -> Parsed:
    """Return the model as a protobuf: external data stay where they are, and so do the large weights of a file.

    Raises
    ------
    ModelError
        Not ONNX, truncated, without a graph, or with external data that are missing or outside the model's folder.
    """
    if source.data is not None or source.path is None:
        model = _message(source, source.data or b"")
        _refuse_external(source, model)
        return Parsed(model, size=source.size)
    real = source.path.resolve()
    model = _message(source, _light(source, real))
    locations = {external.location(tensor) for tensor in external.tensors(model)}
    own = {real.name} & locations
    if not locations - own:
        return Parsed(model, real.parent if own else None, mapped=bool(own), size=source.size)
    # Weights in other files: those inside are taken as they are, so that all references have one folder.
    model = _message(source, source.read())
    folder = external.relocate(source.name, source.path, model)
    files = sorted(locations - own)
    size = source.size + sum((source.path.parent / name).stat().st_size for name in files)
    return Parsed(model, folder, files=tuple(files), size=size)


def _light(source: Source, real: Path) -> bytes:
    with open(real, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        try:
            return without_large_weights(mapped, real.name)
        except ValueError as error:
            raise ModelError(
                f"{source.name}: expected an ONNX model; the file can't be parsed (is it truncated?): {error}"
            ) from error


def _message(source: Source, data: bytes) -> onnx.ModelProto:
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.ModelProto.FromString(data)
    except DecodeError as error:
        raise ModelError(
            f"{source.name}: expected an ONNX model; the file can't be parsed (is it truncated?)"
        ) from error
    if not model.opset_import or not model.graph.node:
        raise ModelError(f"{source.name}: expected an ONNX model; got a file without operators (is it truncated?)")
    return model


def _refuse_external(source: Source, model: onnx.ModelProto) -> None:
    for tensor in external.tensors(model):
        raise ModelError(
            f"{source.name}: external data of {tensor.name!r} at {external.location(tensor)!r}: expected a model with "
            "its weights inside; give the path of the file instead of bytes"
        )


@contextmanager
def on_disk(source: Source) -> Iterator[Source]:
    """Yield the source, large bytes as a temporary file, so that sessions over parts of the model map its weights."""
    if source.data is None or source.size < LARGE_FILE:
        yield source
        return
    with TemporaryDirectory(prefix="fastcam-", ignore_cleanup_errors=True) as folder:
        path = Path(folder) / "model.onnx"
        path.write_bytes(source.data)
        yield Source(path)


def session_bytes(source: Source) -> tuple[bytes, Path | None]:
    """Return the bytes for ONNX Runtime, and the folder of external data: large files are mapped, not copied."""
    if source.path is None or source.data is not None or source.size < LARGE_FILE:
        return source.read(), None
    real = source.path.resolve()
    return _light(source, real), real.parent
