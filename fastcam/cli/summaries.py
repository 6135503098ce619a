"""Files of all photos of a run beside results.json: a table, and overlays as one picture."""

from __future__ import annotations

import csv
import io
import math
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastcam.cli.journal import ALSO, read_records
from fastcam.files import Lines

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TABLE = "results.csv"
BEFORE = ("class_index", "label", "score", "logit", "is_probability")
AFTER = ("area", "peak", "method", "how", "convention", "threshold", "connectivity", "engine", "overlay")
ALL = math.inf  # overlays in a picture: all of them
FORMULA = ("=", "+", "-", "@")  # first letters of a formula: https://owasp.org/www-community/attacks/CSV_Injection
CELL, LARGEST = 320, 4096  # pixels of a side: of an overlay in a picture, and of the picture, at most


class Summaries:
    """Tables and pictures of a run, made once results.json is whole; a context manager around its journal.

    Parameters
    ----------
    folder
        The folder of the run.
    csv
        Whether there is a table.
    per
        The overlays in a picture, 1 or more, or ALL; None: no picture.
    overlays
        The number of overlays of the run, at most.
    font
        The path of a font for titles, or None.

    Attributes
    ----------
    names
        The names of all files.
    """

    def __init__(self, folder: Path, *, csv: bool, per: float | None, overlays: int, font: str | None) -> None:
        self._folder, self._csv, self._font = folder, csv, font
        self._per = None if per is None else int(min(per, overlays))
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
        overlays = (
            (self._folder / one["overlay"], Path(record["file"]).name)
            for record in read_records(self._folder)
            for one in record["maps"]
        )
        for name in self._pictures:
            if some := list(islice(overlays, self._per)):  # fewer where photos were left out
                _write_picture(self._folder / name, some, self._font)


def _write_table(path: Path, records: Iterable[Mapping[str, Any]]) -> None:
    """Write a row for each photo and class."""
    with Lines(path) as lines:
        for row in _rows(records):
            text = io.StringIO()
            csv.writer(text, lineterminator="").writerow(row)
            lines.write(text.getvalue().encode("utf-8", "backslashreplace").decode())  # names of files hold anything


def _cell(text: str) -> str:
    """Return text for a cell, behind an apostrophe where spreadsheets would run it as a formula.

    Examples
    --------
    >>> _cell("tabby"), _cell("=1+1")
    ('tabby', "'=1+1")
    """
    return f"'{text}" if text.startswith(FORMULA) else text


def _rows(records: Iterable[Mapping[str, Any]]) -> Iterator[Sequence[Any]]:
    from fastcam.arrays.places import SIDES
    from fastcam.results.text import legible

    head: Sequence[Any] = ()
    for record in records:
        axes = SIDES[len(record["seen"]) // 2]
        if not head:
            head = ("file", *BEFORE, *axes, *AFTER, *record["size"])
            yield head
        for one in record["maps"]:
            box = one["box"] or [None] * len(axes)
            label = _cell(legible(one["label"] or "", sys.maxsize))
            before = (label if key == "label" else one.get(key) for key in BEFORE)
            values = (*before, *box, *(one.get(key) for key in AFTER))
            yield (_cell(record["file"]), *values, *record["size"].values())


def _write_picture(path: Path, overlays: Sequence[tuple[Path, str]], font: str | None) -> None:
    """Write overlays side by side in one picture, each as large as fits its cell, under the name of its photo."""
    from fastcam.cli.writing import write_png
    from fastcam.export.sheet import Cell, gap_of, row_of, stacked

    columns = math.ceil(math.sqrt(len(overlays)))
    wide = min(CELL, LARGEST // columns)
    cells = [Cell(_small(place, wide), (title, "")) for place, title in overlays]
    rows = [row_of(cells[k : k + columns], wide, font) for k in range(0, len(cells), columns)]
    write_png(path, stacked(rows, gap_of(wide), gap_of(wide)))


def _small(path: Path, wide: int) -> NDArray[np.uint8]:
    import numpy as np

    from fastcam.images.formats import open_image

    with open_image(path) as picture:
        picture.thumbnail((wide, wide))
        return np.asarray(picture.convert("RGB"))
