"""Files of all photos of a run beside results.json: a table, and overlays as one picture."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastcam.cli.journal import ALSO, read_records
from fastcam.files import Lines, write_whole

if TYPE_CHECKING:
    from PIL import Image

TABLE = "results.csv"
AXES = {2: ("x0", "x1"), 4: ("x0", "y0", "x1", "y1"), 6: ("x0", "y0", "z0", "x1", "y1", "z1")}  # by a box's length
BEFORE = ("class_index", "label", "score", "logit", "is_probability")
AFTER = ("area", "peak", "method", "how", "convention", "threshold", "connectivity", "engine", "overlay")
CELL, LARGEST = 320, 4096  # pixels of a side: of an overlay in a picture, and of the picture, at most
GAP = 8  # pixels between overlays


class Summaries:
    """Tables and pictures of a run, made once results.json is whole; a context manager around its journal.

    Parameters
    ----------
    folder
        The folder of the run.
    csv
        Whether there is a table.
    per
        The overlays in a picture; 0: all of them; None: no picture.
    overlays
        The number of overlays of the run, at most.

    Attributes
    ----------
    names
        The names of all files.
    """

    def __init__(self, folder: Path, *, csv: bool, per: int | None, overlays: int) -> None:
        self._folder, self._csv = folder, csv
        self._per = overlays if per == 0 else per
        pictures = math.ceil(overlays / self._per) if self._per else 0
        self._pictures = ["grid.png"] if pictures == 1 else [f"grid-{k + 1}.png" for k in range(pictures)]
        self.names = [*([TABLE] if csv else []), *self._pictures]

    def header(self) -> Mapping[str, list[str]]:
        """Return what results.json tells of the files; nothing where there are none."""
        return {ALSO: self.names} if self.names else {}

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            return
        if self._csv:
            _write_table(self._folder / TABLE, read_records(self._folder))
        overlays = (one["overlay"] for record in read_records(self._folder) for one in record["maps"])
        for name in self._pictures:
            if some := list(islice(overlays, self._per)):  # fewer where photos were left out
                _write_picture(self._folder / name, [self._folder / one for one in some])


def _write_table(path: Path, records: Iterable[Mapping[str, Any]]) -> None:
    """Write a row for each photo and class."""
    with Lines(path) as lines:
        for row in _rows(records):
            text = io.StringIO()
            csv.writer(text, lineterminator="").writerow(row)
            lines.write(text.getvalue().encode("utf-8", "backslashreplace").decode())  # names of files hold anything


def _rows(records: Iterable[Mapping[str, Any]]) -> Iterator[Sequence[Any]]:
    head: Sequence[Any] = ()
    for record in records:
        axes = AXES[len(record["seen"])]
        if not head:
            head = ("file", *BEFORE, *axes, *AFTER, *record["size"])
            yield head
        for one in record["maps"]:
            box = one["box"] or [None] * len(axes)
            values = (*(one.get(key) for key in BEFORE), *box, *(one.get(key) for key in AFTER))
            yield (record["file"], *values, *record["size"].values())


def _write_picture(path: Path, overlays: Sequence[Path]) -> None:
    """Write overlays side by side in one picture, each as large as fits its cell."""
    from PIL import Image

    columns = math.ceil(math.sqrt(len(overlays)))
    rows, cell = math.ceil(len(overlays) / columns), min(CELL, LARGEST // columns - GAP)
    sheet = Image.new("RGB", (columns * (cell + GAP) + GAP, rows * (cell + GAP) + GAP), "white")
    for k, overlay in enumerate(overlays):
        picture = _small(overlay, cell)
        corner = [GAP + place * (cell + GAP) for place in (k % columns, k // columns)]
        sheet.paste(picture, (corner[0] + (cell - picture.width) // 2, corner[1] + (cell - picture.height) // 2))
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG", compress_level=1)
    write_whole(path, buffer.getvalue())


def _small(path: Path, cell: int) -> Image.Image:
    from PIL import Image

    with Image.open(path) as picture:
        picture.thumbnail((cell, cell))
        return picture.convert("RGB")
