"""Files that are there whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from fastcam.errors import InputError


def write_whole(path: Path, data: bytes) -> None:
    """Write a file by way of another beside it, so that a good one is never replaced by a part.

    Raises
    ------
    InputError
        It can't be written.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(data)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise InputError(f"{path}: can't be written ({error.strerror})") from error
