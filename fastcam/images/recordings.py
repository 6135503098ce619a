"""Signals and volumes in files: NumPy's NPY and NPZ, and NIfTI.

Their sizes are checked before their values are read; objects of Python are never loaded.
"""

from __future__ import annotations

import math
import os
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastcam.arrays.memory import check_memory
from fastcam.arrays.places import KINDS, SHAPES
from fastcam.errors import BackendError, InputError
from fastcam.images.sources import Source, npy_header, npy_values

SUFFIXES = (".npy", ".npz", ".nii", ".nii.gz")
PIECE = 1 << 24  # values whose finiteness is checked at once
HINT = "Cut out a part of it first"


class Recording(NamedTuple):
    """A signal or a volume from a file.

    Attributes
    ----------
    values
        (L,) or (L, C) of a signal, (D, H, W) or (D, H, W, C) of a volume; real, finite numbers, read-only if the file
        is mapped into memory.
    spacing
        Of NIfTI files the distance between voxels along D, H and W, in the units of the file's header, usually mm;
        None: unknown.
    axes
        Of NIfTI files the direction in which each of D, H and W grows, in letters of the body: "S" for superior or "I"
        for inferior, "A" or "P", "R" or "L"; None: unknown.
    """

    values: NDArray[Any]
    spacing: tuple[float, float, float] | None = None
    axes: tuple[str, str, str] | None = None


def is_recording(path: str | os.PathLike[str]) -> bool:
    """Return whether a path, or the path and key of an array in an NPZ file, has the ending of such a file.

    Examples
    --------
    >>> is_recording("ecg.npy"), is_recording("scans.npz:chest"), is_recording("ct.nii.gz"), is_recording("dog.jpg")
    (True, True, True, False)
    """
    return split_key(path)[0].lower().endswith(SUFFIXES)


def split_key(path: str | os.PathLike[str]) -> tuple[str, str | None]:
    """Return the path of a file, and the key that follows that of an NPZ file after a colon.

    Examples
    --------
    >>> split_key("scans.npz:chest"), split_key("scans.npz")
    (('scans.npz', 'chest'), ('scans.npz', None))
    """
    text = os.fsdecode(path)
    file, colon, key = text.rpartition(":")
    if colon and file.lower().endswith(".npz") and not os.path.exists(text):
        return file, key
    return text, None


def read_recording(path: str | os.PathLike[str], rank: int, channels: int | None = None) -> Recording:
    """Read a signal or a volume from a file.

    Parameters
    ----------
    path
        An NPY file; an NPZ file of one array, or with the key of one of them after a colon, "scans.npz:chest"; or a
        NIfTI file (.nii or .nii.gz), which needs `pip install 'fastcam[medical]'`. NPY files and .nii files are mapped
        into memory.
    rank
        1 for a signal, 3 for a volume.
    channels
        Number of channels that the model takes; None: any.

    Returns
    -------
    Recording
        NIfTI stores voxels as (x, y, z) or (x, y, z, channels): they are returned as (z, y, x) or (z, y, x, channels),
        and `axes` says which way each grows. Nothing is turned round or resampled. Scaled by the header's slope and
        intercept, if it has any.

    Raises
    ------
    InputError
        The file is missing, damaged or of another kind; holds Python objects, another number of axes or channels, NaN
        or infinity; has several arrays or no such key; or needs more memory than is free.
    BackendError
        nibabel isn't installed.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     np.savez(f"{folder}/beats.npz", one=np.zeros((500, 12)), two=np.zeros(500))
    ...     read_recording(f"{folder}/beats.npz:one", rank=1).values.shape
    (500, 12)
    """
    file, key = split_key(path)
    name = os.fsdecode(path)
    if not Path(file).is_file():
        raise InputError(f"{name}: expected a file; got {'a folder' if Path(file).is_dir() else 'no such file'}")
    ending = next((one for one in sorted(SUFFIXES, key=len, reverse=True) if file.lower().endswith(one)), None)
    if ending is None:
        raise InputError(f"{name}: expected a file of {', '.join(SUFFIXES)}; got {Path(file).suffix or 'no ending'}")
    if ending.startswith(".nii"):
        found = _from_nifti(file, name, rank, channels)
    else:
        found = Recording((_from_npy if ending == ".npy" else _from_npz)(file, key, name, rank, channels))
    _check_finite(found.values, name)
    return found


# ---- checks ----------------------------------------------------------------------------------------------------------


def _check_header(shape: Sequence[int], dtype: np.dtype[Any], name: str, rank: int, channels: int | None) -> None:
    """Check shape and dtype of an array of which no value was read yet, and that there is room for it."""
    shape = tuple(map(int, shape))
    got = f"{shape} {dtype}"
    if dtype.hasobject:
        raise InputError(f"{name}: expected an array of numbers; got one of Python objects, which aren't loaded")
    if dtype.kind not in "fiu":
        raise InputError(f"{name}: expected an array of real numbers; got {got}")
    wanted = f"a {KINDS[rank]}, {SHAPES[rank]}"
    if len(shape) not in (rank, rank + 1) or not math.prod(shape):
        raise InputError(f"{name}: expected {wanted}, not empty; got {got}")
    found = shape[rank] if len(shape) > rank else 1
    if channels is not None and found != channels:
        hint = f"The model takes {channels} channels, the file has {found}"
        if len(shape) > rank and shape[0] == channels:
            hint = "It seems to have its channels first: save np.moveaxis(array, 0, -1)"
        raise InputError(f"{name}: expected {wanted}, with {channels} channels; got {got}. {hint}")
    check_memory(name, math.prod(shape) * (4 + dtype.itemsize), HINT)  # as it is, and in float32


def _check_finite(values: NDArray[Any], name: str) -> None:
    """Check that there is no NaN and no infinity."""
    if values.dtype.kind != "f":
        return
    step = max(1, PIECE * len(values) // values.size)
    for start in range(0, len(values), step):
        fine = np.isfinite(values[start : start + step])
        if not fine.all():
            place = np.argwhere(~fine)[0]
            place[0] += start
            at = tuple(int(i) for i in place)
            raise InputError(f"{name}: expected finite values; got {values[at]} at {list(at)}")


# ---- files -----------------------------------------------------------------------------------------------------------


def _from_npy(file: str, _key: str | None, name: str, rank: int, channels: int | None) -> NDArray[Any]:
    return npy_values(Source(Path(file), name), lambda shape, dtype: _check_header(shape, dtype, name, rank, channels))


def _from_npz(file: str, key: str | None, name: str, rank: int, channels: int | None) -> NDArray[Any]:
    try:
        with zipfile.ZipFile(file) as archive:
            member = _member(archive, key, name)
            with archive.open(member) as stream:
                _check_header(*npy_header(stream, name), name, rank, channels)
            with archive.open(member) as stream:
                return np.lib.format.read_array(stream, allow_pickle=False)
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{name}: can't be read as an NPZ file ({error})") from error


def _member(archive: zipfile.ZipFile, key: str | None, name: str) -> str:
    """Return the name of an array's file in an archive."""
    keys = [member.removesuffix(".npy") for member in archive.namelist() if member.endswith(".npy")]
    if key is None and len(keys) != 1:
        raise InputError(
            f"{name}: expected an NPZ file of one array; got {len(keys)}: {_listed(keys)}. Say which one: "
            f"{name}:{keys[0] if keys else 'KEY'}"
        )
    if key is not None and key not in keys:
        raise InputError(f"{name}: expected the key of an array, one of {_listed(keys)}; got {key!r}")
    return f"{keys[0] if key is None else key}.npy"


def _listed(keys: list[str]) -> str:
    return ", ".join(keys[:8]) + (", …" if len(keys) > 8 else "") if keys else "none"


def _from_nifti(file: str, name: str, rank: int, channels: int | None) -> Recording:
    nibabel = _nibabel(name)
    try:
        image = nibabel.load(file)
        header, stored = image.header, image.dataobj
        order = (2, 1, 0, *range(3, len(stored.shape)))
        if rank == 3 and len(stored.shape) >= 3:
            dtype = np.dtype(np.float64) if stored.is_proxy and _is_scaled(stored) else stored.dtype
            _check_header([stored.shape[axis] for axis in order], dtype, name, rank, channels)
        else:
            shape = tuple(stored.shape)
            raise InputError(
                f"{name}: expected a {KINDS[rank]}, {SHAPES[rank]}; got a NIfTI file of {shape}, (x, y, z)"
            )
        values = np.asanyarray(stored).transpose(order)
        letters = nibabel.aff2axcodes(image.affine)
        spacing = [float(side) for side in header.get_zooms()[:3]]
    except InputError:
        raise
    except Exception as error:  # nibabel's errors for broken files are of any kind
        raise InputError(f"{name}: can't be read as a NIfTI file ({error})") from error
    axes = tuple(str(letter or "?") for letter in letters[::-1])
    return Recording(values, (spacing[2], spacing[1], spacing[0]), (axes[0], axes[1], axes[2]))


def _is_scaled(stored: Any) -> bool:
    """Return whether the header's slope and intercept change the values, so that they become float64."""
    return (stored.slope, stored.inter) != (1.0, 0.0)


def _nibabel(name: str) -> Any:
    try:
        import nibabel
    except ImportError as error:
        raise BackendError(f"{name}: NIfTI files need nibabel ({error}): pip install 'fastcam[medical]'") from error
    return nibabel
