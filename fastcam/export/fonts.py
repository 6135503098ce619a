"""Fonts for text in any script: a given one, the bundled one, and those that this machine has.

The bundled font has Latin, Greek and Cyrillic letters. The machine's fonts are looked for when a text needs one: by
fontconfig where it is installed, else in the usual folders of Linux, macOS and Windows.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from PIL import ImageFont

from fastcam.errors import InputError

KINDS = (".ttf", ".otf", ".ttc", ".otc")
MOST_FILES = 3000  # that are looked at in the usual folders
MOST_TRIED = 400  # fonts that are opened for one text
PROBE = 24  # pixels at which glyphs are compared
STRIKES = (109, 128, 136, 160, 96, 64, 48, 32, 20)  # sizes of fonts of pictures, which have one or a few
MACOS = ("/Library/Fonts", "/System/Library/Fonts")
NOWHERE = "\U0010ffff"  # a code point that no font may assign
JOINER = "\u200d"

# Sans-serif fonts that come with macOS, Windows and Linux, by the letters and digits of their files' names.
PREFERRED = (
    *("notosans", "pingfang", "hiraginosans", "msyh", "simhei", "yugoth", "meiryo", "msgothic", "malgun", "nirmala"),
    *("applesdgothicneo", "kohinoor", "geezapro", "segoeui", "leelaw", "thonburi", "tahoma", "arialunicode", "arial"),
    *("droidsans", "wqy", "sourcehansans", "freesans", "dejavusans", "unifont"),
)
STYLES = ("bold", "italic", "oblique", "light", "thin", "black", "condensed", "mono", "serif", "medium", "heavy")


class Face(NamedTuple):
    """A font: its file, and its number in a collection. The bundled one has an empty path."""

    path: str
    number: int = 0


BUNDLED = Face("")


def given_face(font: str | os.PathLike[str] | None) -> Face | None:
    """Return a font that the caller named, or None.

    Raises
    ------
    InputError
        There is no such file, or it is no font.

    Examples
    --------
    >>> given_face(None) is None
    True
    """
    if font is None:
        return None
    if not isinstance(font, str | os.PathLike) or not Path(font).is_file():
        raise InputError(f"font: expected the path of a font ({', '.join(KINDS)}); got {font!r}, which is no file")
    face = Face(str(Path(font).absolute()))
    try:
        probe_of(face)
    except OSError as error:
        message = f"font: expected a font that FreeType can read ({', '.join(KINDS)}); got {font} ({error})"
        raise InputError(message) from error
    return face


@lru_cache(maxsize=64)
def font_of(face: Face, size: int) -> ImageFont.FreeTypeFont:
    """Return a font at a size, or, of a font of pictures, at a size that it has.

    Opening a font takes longer than drawing a heatmap.

    Raises
    ------
    OSError
        A file that FreeType can't read.
    """
    return _opened(face, size, None)


@lru_cache(maxsize=64)
def probe_of(face: Face) -> ImageFont.FreeTypeFont:
    """Return a font at `PROBE` pixels, or at a size that it has, without the shaping of words."""
    return _opened(face, PROBE, ImageFont.Layout.BASIC)


def _opened(face: Face, size: int, layout: ImageFont.Layout | None) -> ImageFont.FreeTypeFont:
    for one in (size, *STRIKES):
        try:
            return ImageFont.truetype(_source(face), one, index=face.number, layout_engine=layout)
        except OSError as error:
            if "pixel size" not in str(error):
                raise
    raise OSError("its glyphs are pictures of an unknown size")


def _source(face: Face) -> str | io.BytesIO:
    return face.path or io.BytesIO((files("fastcam.data") / "dejavu_sans.ttf").read_bytes())


@lru_cache(maxsize=2**14)
def covers(face: Face, character: str) -> bool:
    """Return whether a font has a glyph of its own for a character, and not the box of missing ones."""
    font = probe_of(face)
    return _glyph(font, character) != _glyph(font, NOWHERE)


def _glyph(font: ImageFont.FreeTypeFont, character: str) -> tuple[Any, ...]:
    mask = font.getmask(character)
    return (font.getlength(character), mask.size, bytes(mask))  # pyright: ignore[reportArgumentType]  # it has items


def is_invisible(character: str) -> bool:
    """Return whether a character needs no glyph: spaces, joiners, and selectors of variants."""
    return unicodedata.category(character) in ("Zs", "Cf") or 0xFE00 <= ord(character) <= 0xFE0F


def visible(text: str) -> str:
    """Return the characters of a text that need a glyph, each once."""
    return "".join(dict.fromkeys(one for one in text if not is_invisible(one)))


def lacking(face: Face, text: str) -> str:
    """Return the characters of a text that a font lacks, each once."""
    return "".join(one for one in visible(text) if not covers(face, one))


@lru_cache(maxsize=256)
def find_face(characters: str, picture: bool = False) -> Face | None:
    """Return a font of this machine with glyphs for all characters, or None; pictures in colors are preferred if asked.

    Fonts that are installed later are found by the next process.
    """
    for face in _machine_faces(characters, picture):
        try:
            if not lacking(face, characters):
                return face
        except (OSError, ValueError):  # one that FreeType can't read
            continue
    return None


def _machine_faces(characters: str, picture: bool) -> list[Face]:
    """Return fonts that may have the characters, the best first."""
    listed = _faces_by_fontconfig(characters)
    faces = _faces_in_folders() if listed is None else listed
    script = script_of(characters[0]).lower().replace(" ", "")
    return sorted(faces, key=lambda face: _rank(face, script, picture))[:MOST_TRIED]


def _rank(face: Face, script: str, picture: bool) -> tuple[Any, ...]:
    stem = "".join(one for one in Path(face.path).stem.lower() if one.isalnum())
    known = next((place for place, name in enumerate(PREFERRED) if stem.startswith(name)), len(PREFERRED))
    is_picture = "emoji" in stem or "seguiemj" in stem
    styles = sum(style in stem for style in STYLES) - ("regular" in stem)
    return (is_picture != picture, "color" not in stem, script not in stem, styles, known, stem, face.number)


def _faces_by_fontconfig(characters: str) -> list[Face] | None:
    """Return the fonts that fontconfig lists for the characters, or None without it."""
    program = None if os.name == "nt" else shutil.which("fc-list")  # Windows would look in the current folder first
    if program is None:
        return None
    wanted = " ".join(f"{ord(one):x}" for one in characters)
    command = [program, "--format=%{file}\\t%{index}\\n", f":charset={wanted}"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=20, check=False, stdin=subprocess.DEVNULL)
    except (OSError, subprocess.TimeoutExpired):
        return None
    if done.returncode:
        return None
    rows = (line.rpartition("\t") for line in done.stdout.decode(errors="surrogateescape").splitlines())
    # The upper half of an index is the number of a named instance.
    return [Face(path, int(index) & 0xFFFF) for path, _, index in rows if index.isdigit() and _is_usable(path)]


@lru_cache(maxsize=1)
def _faces_in_folders() -> list[Face]:
    """Return the fonts in the usual folders, of a collection the first."""
    paths: list[str] = []
    for folder in _folders():
        for top, inner, names in os.walk(folder):
            inner.sort()
            paths += [path for name in sorted(names) if _is_usable(path := os.path.join(top, name))]
            if len(paths) >= MOST_FILES:
                return [Face(path) for path in paths[:MOST_FILES]]
    return [Face(path) for path in paths]


def _is_usable(path: str) -> bool:
    """Return whether a file is a font of letters: a last resort has a glyph for everything, which shows nothing."""
    return path.lower().endswith(KINDS) and "lastresort" not in path.lower()


def _folders() -> Iterator[Path]:
    home, data = Path(os.path.expanduser("~")), os.environ.get("XDG_DATA_HOME")
    yield from (Path(data) / "fonts",) if data else (home / ".local/share/fonts",)
    yield from (home / ".fonts", home / "Library/Fonts")
    for name in (os.environ.get("XDG_DATA_DIRS") or "/usr/local/share:/usr/share").split(":"):
        yield Path(name) / "fonts"
    yield from map(Path, MACOS)
    for name, below in (("WINDIR", "Fonts"), ("LOCALAPPDATA", "Microsoft/Windows/Fonts")):
        if name in os.environ:
            yield Path(os.environ[name]) / below


def script_of(character: str) -> str:
    """Return the name of a character's script for people, by its name in Unicode.

    Examples
    --------
    >>> script_of("ญ"), script_of("字"), script_of("🐶")
    ('Thai', 'Chinese', 'emoji')
    """
    name = unicodedata.name(character, "unknown").split()
    if name[0] in ("CJK", "IDEOGRAPHIC"):
        return "Chinese"
    if unicodedata.category(character)[0] in "LMN":
        return name[0].capitalize()
    return "emoji" if 0x1F000 <= ord(character) <= 0x1FAFF else "symbols"
