"""Files of an evaluation while it runs: its plan, and one for each batch of photos."""

from __future__ import annotations

import hashlib
import io
import json
import os
import sys
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastcam.arrays.scalars import is_whole
from fastcam.errors import InputError
from fastcam.files import remove_parts, unwritable, write_whole

Columns = dict[str, NDArray[Any]]
PLAN, BATCHES, RESULTS, TABLES = "plan.json", "batches", "results.json", "results.md"
DIGEST, SUM = "plan", "sum"
CHECK = 32  # bytes of a check sum behind each file
LARGEST = 1 << 30  # bytes of a batch, unpacked
MOST = 10**8  # photos of a plan that is read: a plan of more was edited
# Errors of damaged files.
UNSOUND = (
    OSError,
    ValueError,
    KeyError,
    EOFError,
    RuntimeError,
    MemoryError,
    zipfile.BadZipFile,
    zlib.error,
)
PAGE = "report.html"


class Records:
    """A folder with `plan.json` and `batches/000000.npz`, ..., each of which is there whole or not at all.

    Parameters
    ----------
    plan
        Plain values. Batches carry its digest: those of another plan are none of this folder's.
    """

    def __init__(self, folder: Path, plan: Mapping[str, Any]) -> None:
        self.folder, self.plan = folder, plan
        self._digest = _sum(_compared(plan))

    def path(self, batch: int) -> Path:
        """Return the path of a batch, numbered from 0."""
        return self.folder / BATCHES / f"{batch:06d}.npz"

    def write(self, batch: int, columns: Mapping[str, NDArray[Any]]) -> None:
        """Write a batch, whole or not at all.

        Raises
        ------
        InputError
            It can't be written.
        """
        buffer = io.BytesIO()
        given: dict[str, Any] = {DIGEST: np.array(self._digest), **columns}
        np.savez_compressed(buffer, **given)
        data = buffer.getvalue()
        write_whole(self.path(batch), data + hashlib.sha256(data).digest())  # which readers of zip files pass over

    def read(self, batch: int, positions: Sequence[int], prefix: str = "") -> Columns:
        """Return the columns of a batch whose names begin with the prefix, of just these photos.

        Raises
        ------
        InputError
            It isn't there, is damaged, or belongs to another plan or to other photos.
        """
        path = self.path(batch)
        try:
            data = path.read_bytes()
            if hashlib.sha256(data[:-CHECK]).digest() != data[-CHECK:]:
                raise ValueError("its check sum is another")
            _check_unpacked(data[:-CHECK])
            with np.load(io.BytesIO(data[:-CHECK]), allow_pickle=False) as file:
                is_ours = str(file[DIGEST]) == self._digest and file["photos"].tolist() == list(positions)
                found = {name: file[name] for name in file.files if name.startswith(prefix) and name != DIGEST}
        except UNSOUND as error:
            raise InputError(f"{path}: expected a batch that is whole ({error})") from error
        if not is_ours:
            raise InputError(f"{path}: expected a batch of this plan and these photos; got one of others")
        return found

    def remove_parts(self) -> None:
        """Remove what killed runs left of files that they were writing."""
        remove_parts(self.folder, (PLAN, RESULTS, TABLES, PAGE))
        remove_parts(self.folder / BATCHES)


class Batch(NamedTuple):
    """One file of records, and its photos."""

    records: Records
    number: int
    positions: Sequence[int]

    @property
    def exists(self) -> bool:
        """True if there is such a file, sound or not."""
        return self.records.path(self.number).exists()

    def read(self, prefix: str = "") -> Columns:
        """Return columns as `Records.read` does."""
        return self.records.read(self.number, self.positions, prefix)


def batches_of(records: Records) -> list[Batch]:
    """Return all batches of a plan's shard (i, n), which has the photos i - 1, i - 1 + n, ... of the data."""
    plan = records.plan
    (part, parts), size = plan["shard"], plan["batch_size"]
    positions = range(part - 1, plan["asked"]["images"], parts)
    starts = range(0, len(positions), size)
    return [Batch(records, n, positions[first : first + size]) for n, first in enumerate(starts)]


def begun(folder: Path, plan: Mapping[str, Any], *, force: bool) -> Records:
    """Begin or resume a run, and return its records.

    Raises
    ------
    InputError
        The folder is that of another plan, which is named, or of something else; it can't be written.
    """
    if force:
        _clear(folder)
    if os.path.exists(folder / PLAN):
        known = read_plan(folder)
        if any((folder / BATCHES).glob("[0-9]*.npz")):  # else nothing is lost
            check_same(folder, known, folder, plan)
    elif os.path.exists(folder / RESULTS):
        raise InputError(f"{folder}: expected a new folder, or one with a {PLAN} to resume; it has a {RESULTS} alone")
    try:
        (folder / BATCHES).mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise unwritable(folder, error) from error
    write_whole(
        folder / PLAN, as_json({**plan, SUM: _sum(plan)}).encode()
    )  # again if it is there: what is beside the question may be new
    return Records(folder, plan)


def read_plan(folder: Path) -> dict[str, Any]:
    """Read the plan of a folder.

    Raises
    ------
    InputError
        There is none, or it can't be read.
    """
    try:
        plan = json.loads((folder / PLAN).read_bytes())
        is_whole = plan.pop(SUM) == _sum(plan)
    except (OSError, ValueError, AttributeError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f"{folder}: expected a folder that an evaluation began, with its {PLAN} ({error})") from error
    if not is_whole:
        raise InputError(f"{folder / PLAN}: expected the plan of an evaluation; it was changed. Start anew: --force")
    if part := _unfit_part(plan):
        told = f"expected the plan of an evaluation; {part!r} in it isn't one's"
        raise InputError(f"{folder / PLAN}: {told}. Start anew: --force")
    return plan


def _unfit_part(plan: Mapping[str, Any]) -> str | None:
    """Return the part of a plan that isn't as an evaluation writes it: an editor may have corrected its check sum."""
    asked, told, shard, batch = (plan.get(name) for name in ("asked", "told", "shard", "batch_size"))
    images = asked.get("images") if isinstance(asked, dict) else None
    pair = shard if isinstance(shard, list) and len(shard) == 2 and all(map(is_whole, shard)) else (0, 0)
    problems = told.get("problems") if isinstance(told, dict) else None
    fits = {
        "fastcam": isinstance(plan.get("fastcam"), str),
        "asked": is_whole(images) and 1 <= images <= MOST,
        "told": isinstance(problems, list) and all(map(_is_problem, problems)),
        "shard": is_whole(images) and 1 <= pair[0] <= pair[1] <= images,
        "batch_size": is_whole(batch) and 1 <= batch <= sys.maxsize,
    }
    return next((name for name, is_fit in fits.items() if not is_fit), None)


def _is_problem(one: Any) -> bool:
    return isinstance(one, dict) and all(isinstance(value, str) for value in one.values())


def _sum(plan: Mapping[str, Any]) -> str:
    """Return a check sum of plain values."""
    return hashlib.sha256(as_json(plan).encode()).hexdigest()


def check_same(
    folder: Path, plan: Mapping[str, Any], place: Path, other: Mapping[str, Any], *, shard: bool = True
) -> None:
    """Check that both plans ask for the same, of the same shard if that matters.

    Raises
    ------
    InputError
        They don't; names the first differences.
    """
    ours, theirs = (_compared(one, shard) for one in (plan, other))
    told = [
        f"{name}: {_short(ours.get(name))} there, {_short(theirs.get(name))} here"
        for name in {**ours, **theirs}
        if ours.get(name) != theirs.get(name)
    ]
    if told:
        hint = "another folder, or --force (force=True) to start anew" if shard else "shards of one evaluation"
        of = f"{folder}: " if folder == place else f"{folder} and {place}: "
        raise InputError(f"{of}expected the same plan; they differ in {'; '.join(told)}. Use {hint}")


def as_json(value: Any) -> str:
    """Return a value as JSON, the same text for the same value."""
    return json.dumps(value, indent=2, allow_nan=False) + "\n"


def _check_unpacked(data: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        if (size := sum(one.file_size for one in file.infolist())) > LARGEST:
            raise ValueError(f"it unpacks to {size} bytes, more than {LARGEST}")


def _compared(plan: Mapping[str, Any], shard: bool = True) -> dict[str, Any]:
    """Return the values of a plan that have to be the same: not the places of files."""
    own = {"shard": plan["shard"], "batch_size": plan["batch_size"]} if shard else {}
    return {"fastcam": plan["fastcam"], **plan["asked"], **own}


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _clear(folder: Path) -> None:
    """Remove what an evaluation leaves, and nothing else."""
    try:
        (folder / PLAN).unlink(missing_ok=True)  # first: what remains after a kill is no run to resume
        for file in (*(folder / BATCHES).glob("[0-9]*.npz"), *(folder / name for name in (RESULTS, TABLES, PAGE))):
            file.unlink(missing_ok=True)
    except (OSError, ValueError) as error:
        raise unwritable(folder, error) from error
