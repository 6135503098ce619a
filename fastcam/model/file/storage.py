"""Models with weights in other files, written into files that are whole by themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from numpy.typing import NDArray
from onnx import TensorProto, numpy_helper

from fastcam.errors import ModelError
from fastcam.model.file import external

MOST_BYTES = (1 << 31) - (1 << 20)  # bytes of a protobuf message
ALIGNED = 1 << 12  # where weights begin in their file, so that they can be mapped
BLOCK = 1 << 24


def data_file(path: Path) -> Path:
    """Return the path of a model's weights, beside its own, if they aren't inside."""
    return path.with_name(f"{path.name}.data")


def refers_to(path: Path, name: str) -> bool:
    """Return whether a model's file has weights in the file of that name beside it; False for no model's file."""
    try:
        model = onnx.load(path, load_external_data=False)
    except (DecodeError, OSError):
        return False
    return any(external.location(tensor) == name for tensor in external.tensors(model))


def save(model: onnx.ModelProto, folder: Path | None, path: Path, *, outside: bool) -> None:
    """Write a model, which is changed for it; its weights inside, or in a file of its own beside it.

    Parameters
    ----------
    folder
        Where the weights lie that aren't inside.
    outside
        Keep them outside; always so where they and the model are too large for one file.

    Raises
    ------
    ModelError
        The weights' file is shorter than the model says.
    """
    tensors = list(external.tensors(model))
    size = sum(_span(tensor, folder)[2] for tensor in tensors)
    if tensors and (outside or size + model.ByteSize() > MOST_BYTES):
        _move_outside(tensors, folder, data_file(path))
    else:
        for tensor in tensors:
            tensor.raw_data = _read(tensor, folder)
            del tensor.external_data[:]
            tensor.data_location = TensorProto.DEFAULT
    path.write_bytes(model.SerializeToString())


def values_of(tensor: TensorProto, folder: Path | None) -> NDArray[Any]:
    """Return a tensor's values, from the model or another file."""
    if tensor.data_location != TensorProto.EXTERNAL:
        return numpy_helper.to_array(tensor)
    inside = TensorProto(data_type=tensor.data_type, dims=tensor.dims, raw_data=_read(tensor, folder))
    return numpy_helper.to_array(inside)


def _move_outside(tensors: list[TensorProto], folder: Path | None, target: Path) -> None:
    with open(target, "wb") as file:
        for tensor in tensors:
            source, offset, length = _span(tensor, folder)
            file.seek(-(-file.tell() // ALIGNED) * ALIGNED)
            entries = {"location": target.name, "offset": str(file.tell()), "length": str(length)}
            with open(source, "rb") as weights:
                weights.seek(offset)
                for start in range(0, length, BLOCK):
                    file.write(_exactly(weights.read(min(BLOCK, length - start)), min(BLOCK, length - start), source))
            del tensor.external_data[:]
            for key, value in entries.items():
                tensor.external_data.add(key=key, value=value)


def _read(tensor: TensorProto, folder: Path | None) -> bytes:
    source, offset, length = _span(tensor, folder)
    with open(source, "rb") as file:
        file.seek(offset)
        return _exactly(file.read(length), length, source)


def _span(tensor: TensorProto, folder: Path | None) -> tuple[Path, int, int]:
    """Return file, first byte and number of bytes of a tensor's values."""
    entries = {entry.key: entry.value for entry in tensor.external_data}
    source, offset = (folder or Path()) / entries["location"], int(entries.get("offset", 0))
    bits = np.prod(tensor.dims, dtype=np.int64) * _bits(tensor.data_type)
    return source, offset, int(entries.get("length", 0)) or -(-int(bits) // 8)


def _bits(kind: int) -> int:
    """Return the number of bits of one value; a byte has two four-bit integers."""
    name = TensorProto.DataType.Name(kind)
    if name in ("INT4", "UINT4", "FLOAT4E2M1"):
        return 4
    return 8 * onnx.helper.tensor_dtype_to_np_dtype(kind).itemsize


def _exactly(data: bytes, length: int, source: Path) -> bytes:
    if len(data) != length:
        raise ModelError(f"{source}: expected {length} bytes more than it has; is the file truncated?")
    return data
