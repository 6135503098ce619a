"""FFmpeg by PyAV, imported when it is first used, and its errors in words."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from fastcam.errors import BackendError, InputError

if TYPE_CHECKING:
    from av.container import InputContainer

PATIENCE = 10.0  # seconds without data after which a network stream is given up


def pyav() -> Any:
    """Return the module `av`.

    Raises
    ------
    BackendError
        PyAV isn't installed.
    """
    try:
        return import_module("av")
    except ImportError as error:
        raise BackendError(f"video files need PyAV ({error}): pip install 'fastcam[video]'") from error


def open_input(name: str, file_format: str | None, options: Mapping[str, str]) -> InputContainer:
    """Open a file or address for reading.

    Raises
    ------
    InputError
        There is no such file, or FFmpeg can't read it.
    """
    av = pyav()
    timeout = PATIENCE if "://" in name else None
    try:
        return av.open(address(name), format=file_format, options=dict(options), timeout=timeout)
    except FileNotFoundError as error:
        raise InputError(f"{name}: no such file; expected a video") from error
    except (av.FFmpegError, OSError, ValueError) as error:
        raise InputError(f"{name}: can't be opened as a video ({reason(error)})") from error


def address(place: str | os.PathLike[str]) -> str:
    """Return FFmpeg's address of a file, even if its name looks like one ("9:00.mp4"); other names as they are."""
    name = os.fspath(place)
    return f"file:{name}" if os.path.isfile(name) else name


def reason(error: Exception) -> str:
    """Return FFmpeg's reason for an error, in short."""
    if isinstance(error, pyav().error.ExitError):
        return f"no data for {PATIENCE:.0f} s"
    return getattr(error, "strerror", None) or str(error)
