"""Text, CSV, JSON and XML of others, read with care: errors have the name of the file and the line."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.parsers import expat

from fastcam.errors import InputError

LARGEST_XML = 1 << 24  # bytes; of one image, so more is something else
DEEPEST_XML = 100
MOST_ELEMENTS = 100_000
BUFFER = 1 << 20  # bytes of text that the parser hands on at once
DIGITS = 18  # of whole numbers that surely fit into 64 bits


def read_text(path: Path) -> str:
    """Return the text of a file in UTF-8, with or without a byte order mark.

    Raises
    ------
    InputError
        It isn't there, or isn't text.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise InputError(f"{path}: can't be read ({error.strerror or error})") from error
    except ValueError as error:
        raise InputError(f"{path}: expected text in UTF-8 ({error})") from error


def read_lines(path: Path) -> Iterator[tuple[str, str]]:
    """Yield lines that aren't empty, each after its place, as "file:line"."""
    for number, line in enumerate(read_text(path).splitlines(), 1):
        if line.strip():
            yield f"{path}:{number}", line.strip()


def read_rows(path: Path) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Yield the rows of a CSV file with a header, by the names of its columns, each after its place.

    Raises
    ------
    InputError
        No header, a column of no name or twice of one, other separators than commas, a row of another length, or a
        quote that never ends.
    """
    reader = csv.reader(io.StringIO(read_text(path), newline=""), strict=True)
    header: list[str] | None = None
    try:
        for row in reader:
            where = f"{path}:{reader.line_num}"
            if header is None:
                header = [name.strip() for name in row]
                if len(row) == 1 and (";" in row[0] or "\t" in row[0]):
                    raise InputError(f"{where}: expected commas between values; got {row[0][:80]!r}")
                if "" in header or len(set(header)) != len(header):
                    raise InputError(f"{where}: expected a header of different names; got {','.join(row)[:80]!r}")
            elif row:
                if len(row) != len(header):
                    raise InputError(f"{where}: expected {len(header)} values, as in the header; got {len(row)}")
                yield where, dict(zip(header, (value.strip() for value in row), strict=True))
    except csv.Error as error:
        raise InputError(f"{path}:{reader.line_num}: not CSV ({error})") from error
    if header is None:
        raise InputError(f"{path}: expected a header; the file is empty")


def read_json(path: Path, pairs: Callable[[list[tuple[str, Any]]], Any] | None = None) -> Any:
    """Return the value of a JSON file, its objects as `pairs` makes them of their keys and values; None: dicts.

    Raises
    ------
    InputError
        It isn't JSON; names the line.
    """
    try:
        return json.loads(read_text(path), object_pairs_hook=pairs)
    except InputError:
        raise
    except json.JSONDecodeError as error:
        raise InputError(f"{path}:{error.lineno}: not JSON ({error.msg})") from error
    except (RecursionError, ValueError) as error:  # too deep, or a number of too many digits
        raise InputError(f"{path}: not JSON of annotations ({error})") from error


@dataclass
class Element:
    """An element of XML and the place where it begins."""

    name: str
    where: str
    children: list[Element] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The text that isn't in a child."""
        return "".join(self.texts)

    def all(self, name: str) -> list[Element]:
        """Return the children of that name."""
        return [child for child in self.children if child.name == name]

    def one(self, name: str) -> Element:
        """Return the only child of that name, or raise `InputError`."""
        found = self.all(name)
        if len(found) != 1:
            raise InputError(f"{self.where}: expected one <{name}> in <{self.name}>; got {len(found)}")
        return found[0]

    def text_of(self, name: str, default: str = "") -> str:
        """Return the text of the child of that name, or the default if there is none."""
        return self.one(name).text.strip() if self.all(name) else default


def read_xml(path: Path) -> Element:
    """Return the root element of an XML file.

    A document type is refused, and with it entities, which can refer to other files or grow without bound.

    Raises
    ------
    InputError
        It isn't XML, has a document type, an encoding that isn't known, or is too large or deep, or of too many
        elements, to be of one image; names the line.
    """
    builder = _Builder(path)
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_XML + 1)
        if len(data) > LARGEST_XML:
            raise InputError(f"{path}: expected XML of one image, at most {LARGEST_XML} bytes")
        builder.parser.Parse(data, True)
    except OSError as error:
        raise InputError(f"{path}: can't be read ({error.strerror or error})") from error
    except InputError:
        raise
    except (expat.ExpatError, ValueError, LookupError) as error:  # the last two of encodings
        raise InputError(f"{builder.here()}: not XML ({error})") from error
    return builder.root


class _Builder:
    """A builder of elements from what a parser meets in a file."""

    def __init__(self, path: Path) -> None:
        self._path, self._count = path, 0
        self._stack = [Element("", str(path))]
        self.parser = expat.ParserCreate()
        self.parser.buffer_text, self.parser.buffer_size = True, BUFFER
        self.parser.StartDoctypeDeclHandler = self._refuse
        self.parser.StartElementHandler, self.parser.EndElementHandler = self._begin, self._end
        self.parser.CharacterDataHandler = self._add

    @property
    def root(self) -> Element:
        """The outermost element."""
        return self._stack[0].children[0]

    def here(self) -> str:
        """Return the place of the parser, as "file:line"."""
        return f"{self._path}:{self.parser.CurrentLineNumber}"

    def _refuse(self, *_: Any) -> None:
        raise InputError(f"{self.here()}: expected XML without a document type (<!DOCTYPE, <!ENTITY); refused")

    def _begin(self, name: str, _: Any) -> None:
        self._count += 1
        if len(self._stack) > DEEPEST_XML:
            raise InputError(f"{self.here()}: expected at most {DEEPEST_XML} elements in one another")
        if self._count > MOST_ELEMENTS:
            raise InputError(f"{self.here()}: expected XML of one image, at most {MOST_ELEMENTS} elements")
        self._stack[-1].children.append(Element(name, self.here()))
        self._stack.append(self._stack[-1].children[-1])

    def _end(self, _: str) -> None:
        self._stack.pop()

    def _add(self, text: str) -> None:
        self._stack[-1].texts.append(text)


def number(where: str, text: Any) -> float:
    """Return a finite number, from text or a value of JSON, or raise `InputError`."""
    try:
        value = math.nan if isinstance(text, bool) else float(text)
    except (TypeError, ValueError, OverflowError):
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"{where}: expected a finite number; got {str(text)[:40]!r}")
    return value


def whole(where: str, text: Any) -> int:
    """Return a whole number of 64 bits, from text or a value of JSON, or raise `InputError`."""
    value = number(where, text)
    if value != int(value) or abs(value) >= 2.0**63:
        raise InputError(f"{where}: expected a whole number of 64 bits; got {str(text)[:40]!r}")
    try:
        return int(text) if isinstance(text, int | str) else int(value)  # float64 has no bits for the last digits
    except ValueError:
        return int(value)  # "3.0"


def as_index(label: str) -> int | None:
    """Return the class that a label is the number of; None if it is a name."""
    return int(label) if label.isdecimal() and len(label) <= DIGITS else None
