"""results.json of many photos, kept line by line in a journal beside it, so that a run can be resumed."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from fastcam.cli.writing import line, prepare_directory
from fastcam.errors import InputError
from fastcam.files import PendingFile, open_alone, remove_parts, unwritable, write_fully

RESULTS, JOURNAL = "results.json", ".results.json.journal"
BEGIN, END = b'  "images": [\n', b"  ]"  # the lines around those of photos
OVERLAY = re.compile(r"[^/\\\0]+-overlay(-\d+)?\.png")
SUMMARY = re.compile(r"results\.csv|grid(-\d+)?\.png")
ALSO = "also_written"  # the key of the header that lists summaries: files of all photos beside results.json


class Entry(NamedTuple):
    """A photo that was explained: its file's sha256, its overlays, and the place of its line."""

    sha256: str
    overlays: tuple[str, ...]
    place: Path
    offset: int
    size: int


class Earlier(NamedTuple):
    """The results of an earlier run: its header, its photos by their paths, and the names of all overlays.

    The names include those of edited records, which aren't used.
    """

    header: dict[str, Any]
    entries: dict[str, Entry]
    overlays: set[str]


class LockedFolder(NamedTuple):
    """A folder that no other run writes to, its open journal, and whether a killed run left that journal."""

    folder: Path
    file: BinaryIO
    was_left: bool


@contextmanager
def lock_folder(folder: Path) -> Iterator[LockedFolder]:
    """Lock a folder for this run in the block; make it if need be, and remove it again if it stays empty.

    Raises
    ------
    InputError
        Another run has locked it, or it can't be written to.
    """
    made = [one for one in (folder, *folder.parents) if not os.path.lexists(one)]
    place = prepare_directory(str(folder)) / JOURNAL
    file = open_alone(place)
    if file is None:
        raise InputError(
            f"{folder}: expected a folder that nobody else writes to; another `fastcam explain` does. Wait until it "
            "has ended, or choose another -o"
        )
    try:
        yield LockedFolder(folder, file, _size(file) > 0)
    finally:
        if not _size(file):
            _remove(place, file)
        file.close()
        with suppress(OSError):
            for one in made:
                one.rmdir()


def _size(file: BinaryIO) -> int:
    return os.fstat(file.fileno()).st_size


def _remove(place: Path, file: BinaryIO) -> None:
    """Delete an open file, then close it, so that no other run can open it in between."""
    try:
        place.unlink(missing_ok=True)
    except OSError:  # Windows deletes no open file; if another run has opened it, it stays
        file.close()
        with suppress(OSError):
            place.unlink(missing_ok=True)
    file.close()


def read_earlier(folder: Path) -> list[Earlier]:
    """Read the results of earlier runs in a folder: results.json, and the journal of a killed run.

    Raises
    ------
    InputError
        The folder's results.json wasn't written by `fastcam explain`.
    """
    found = [_read(folder / RESULTS)] if (folder / RESULTS).is_file() else []
    try:
        return [*found, _read(folder / JOURNAL)] if (folder / JOURNAL).is_file() else found
    except InputError:  # cut within its header
        return found


def overlays_of(earlier: Iterable[Earlier]) -> set[str]:
    """Return the names of all overlays that earlier runs wrote."""
    return {name for one in earlier for name in one.overlays}


def summaries_of(earlier: Iterable[Earlier]) -> set[str]:
    """Return the names of all tables and pictures that earlier runs made of their results."""
    named = [one.header.get(ALSO) for one in earlier]
    every = [name for names in named if isinstance(names, list) for name in names]
    return {name for name in every if isinstance(name, str) and SUMMARY.fullmatch(name)}


class Journal:
    """The results of a run; a context manager that writes results.json when the block is left.

    Each photo's record is written when the photo is done, so that a kill loses none. After an error or Ctrl-C,
    results.json has the photos that are done, and those of an earlier run with the same header that this run didn't
    reach. Nothing in the folder changes before there is something to write; then outdated overlays are removed.

    Parameters
    ----------
    locked
        The folder of this run.
    header
        Model, versions and options of the results. Photos of an earlier run with another header are explained anew.
    planned
        The names of the overlays of each photo of this run.
    anew
        Whether to explain every photo anew.

    Attributes
    ----------
    done, reused
        The number of photos with results so far, and the number of these from an earlier run.
    problems
        The photos that were left out, each with the reason.
    """

    def __init__(
        self,
        locked: LockedFolder,
        header: Mapping[str, Any],
        earlier: Sequence[Earlier],
        planned: Mapping[str, Sequence[str]],
        *,
        anew: bool = False,
    ) -> None:
        self._folder, self._file, self._header, self._planned = locked.folder, locked.file, header, planned
        self._entries: dict[str, Entry] = {}
        self._is_begun = False
        wanted = {path: tuple(names) for path, names in planned.items()}
        for one in earlier:
            if not anew and _compared(one.header) == _compared(header):
                self._entries |= {p: entry for p, entry in one.entries.items() if wanted.get(p) == entry.overlays}
        self._own = {RESULTS, *overlays_of(earlier), *(name for names in wanted.values() for name in names)}
        good = {name for entry in self._entries.values() for name in entry.overlays}
        self._stale = overlays_of(earlier) - good | summaries_of(earlier)
        self.problems: list[dict[str, str]] = []
        self.done = self.reused = 0

    @property
    def stale(self) -> set[str]:
        """Names of outdated overlays, tables and pictures of earlier runs."""
        return set(self._stale)

    def is_known(self, path: str, sha256: str) -> bool:
        """Return whether an earlier run explained this file, and its overlays are still there; any thread may ask."""
        entry = self._entries.get(path)
        return bool(entry) and entry.sha256 == sha256 and all((self._folder / n).is_file() for n in entry.overlays)

    def reuse(self, path: str) -> dict[str, Any]:
        """Return the record of a photo that is known."""
        entry = self._entries[path]
        self.done, self.reused = self.done + 1, self.reused + 1
        with open(entry.place, "rb") as file:
            file.seek(entry.offset)
            return json.loads(file.read(entry.size).rstrip().rstrip(b","))

    @contextmanager
    def adding(self, record: Mapping[str, Any]) -> Iterator[Path]:
        """Add the record of a photo, whose overlays are written into the folder in the block: both, or neither.

        Raises
        ------
        InputError
            They can't be written.
        """
        overlays = tuple(one["overlay"] for one in record["maps"] if "overlay" in one)
        self._stale.update(overlays)  # so that after a kill an overlay of that name is this record's
        place, text = self._folder / JOURNAL, f"    {json.dumps(record, allow_nan=False)},\n".encode()
        self._begin()
        try:
            offset = self._file.seek(0, os.SEEK_END)
            write_fully(self._file, text)
        except OSError as error:
            raise unwritable(place, error) from error
        self._entries[record["file"]] = Entry(record["sha256"], overlays, place, offset, len(text))
        try:
            yield self._folder
        except BaseException:
            self._forget(record["file"])
            raise
        self.done += 1

    def _begin(self) -> None:
        """Write the journal's header, and remove outdated overlays."""
        self._remove_stale()
        if self._is_begun:
            return
        remove_parts(self._folder, self._own)
        place, results = self._folder / JOURNAL, self._folder / RESULTS
        known = [entry for entry in self._entries.values() if entry.place == place]
        try:
            if all(entry.place == place for entry in self._entries.values()):
                results.unlink(missing_ok=True)  # it lists overlays that are removed
            self._file.truncate(
                max((entry.offset + entry.size for entry in known), default=0)
            )  # before a line that was cut
            if not known:
                write_fully(self._file, _head(self._header))
        except OSError as error:
            raise unwritable(place, error) from error
        self._is_begun = True

    def leave_out(self, path: str, reason: str) -> None:
        """List a photo that can't be explained, and why."""
        self._forget(path)
        self.problems.append({"file": path, "reason": reason})

    def _forget(self, path: str) -> None:
        if entry := self._entries.pop(path, None):
            self._stale.update(entry.overlays)

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._begin()
        if self._is_begun:
            self._write_results()
            self._remove_stale()
            self._file.truncate(0)  # results.json has everything

    def _write_results(self) -> None:
        """Write results.json from the lines of all photos, in the order of the run."""
        part = PendingFile(self._folder / RESULTS)
        try:
            with ExitStack() as stack, open(part.place, "wb") as out:
                places = {entry.place for entry in self._entries.values()}
                files = {place: stack.enter_context(open(place, "rb")) for place in places}
                out.write(_head(self._header))
                between = b""
                for entry in (self._entries[path] for path in self._planned if path in self._entries):
                    files[entry.place].seek(entry.offset)
                    out.write(between + files[entry.place].read(entry.size).rstrip().rstrip(b","))
                    between = b",\n"
                out.write((b"\n" if between else b"") + _tail(self.problems))
        except OSError as error:
            part.drop()
            raise unwritable(self._folder / RESULTS, error) from error
        part.keep()

    def _remove_stale(self) -> None:
        for name in self._stale:
            if not (OVERLAY.fullmatch(name) or SUMMARY.fullmatch(name)):  # even if a results.json lists it
                continue
            try:
                (self._folder / name).unlink(missing_ok=True)
            except OSError as error:
                raise unwritable(self._folder / name, error) from error
        self._stale.clear()


def read_records(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield the records of all photos of a `results.json` that a journal wrote, one after another.

    Raises
    ------
    InputError
        The file was cut or replaced since.
    """
    with open(folder / RESULTS, "rb") as file:
        while (text := file.readline()) and text != BEGIN:
            pass
        while (text := file.readline()) and not text.startswith(END):
            yield json.loads(text.rstrip().rstrip(b","))
        if not text:
            raise InputError(f"{file.name}: expected the results that were written; got a file that ends before them")


def digest(path: str) -> str:
    """Return the sha256 of a file, of an array in an NPZ file that of the archive; empty where it can't be read."""
    from fastcam.images.recordings import split_key

    place, _ = split_key(path)
    try:
        if not os.path.isfile(place):
            return ""
        with open(place, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def _read(path: Path) -> Earlier:
    """Read a file of results as `Journal` writes it, or its whole lines where it was cut."""
    try:
        with open(path, "rb") as file:
            head: list[bytes] = []
            while (text := file.readline()) != BEGIN:
                if not text:
                    raise ValueError("no images")
                head.append(text)
            header: dict[str, Any] = json.loads(b"".join(head).rstrip().rstrip(b",") + b"}")
            _compared(header)
            earlier, offset = Earlier(header, {}, set()), file.tell()
            while (text := file.readline()).endswith(b"\n") and not text.startswith(END):
                record = json.loads(text.rstrip().rstrip(b","))
                overlays = _overlays(record)
                earlier.overlays.update(overlays)
                if _is_usable(record) and len(overlays) == sum("overlay" in one for one in record["maps"]):
                    earlier.entries[record["file"]] = Entry(record["sha256"], overlays, path, offset, len(text))
                offset += len(text)
            return earlier
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(
            f"{path}: expected results of fastcam explain, or none; got another file. Choose another -o, or move it"
        ) from error


def _overlays(record: Any) -> tuple[str, ...]:
    """Return the names of a record's overlays that `Journal` may have given."""
    maps = record.get("maps") if isinstance(record, dict) else None
    named = [one.get("overlay") for one in maps if isinstance(one, dict)] if isinstance(maps, list) else []
    return tuple(name for name in named if isinstance(name, str) and OVERLAY.fullmatch(name))


def _is_usable(record: Any) -> bool:
    """Return whether a record has all that is used of it; the photo of an edited one may be explained anew."""
    try:
        json.dumps(record, allow_nan=False)
        for one in record["maps"]:
            line(one)
        return isinstance(record["file"] + record["sha256"], str)
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError):
        return False


def _compared(header: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a header that must be the same, as JSON has it: all but the model's path, and summaries."""
    plain = json.loads(json.dumps(header))
    return {**plain, "model": {**plain["model"], "path": None}, ALSO: None}


def _head(header: Mapping[str, Any]) -> bytes:
    return json.dumps(header, indent=2, allow_nan=False).removesuffix("\n}").encode() + b",\n" + BEGIN


def _tail(problems: Sequence[Mapping[str, str]]) -> bytes:
    lines = ",\n".join(f"    {json.dumps(problem)}" for problem in problems)
    return END + (f',\n  "problems": [\n{lines}\n  ]\n}}\n' if lines else ',\n  "problems": []\n}\n').encode()
