"""Text in any script as pixels: cut into runs of one font each, measured, shortened and drawn."""

from __future__ import annotations

import os
import unicodedata
import warnings
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, features

from fastcam.errors import FontWarning
from fastcam.export.fonts import BUNDLED, JOINER, Face, find_face, font_of, given_face, lacking, script_of, visible

Color = tuple[int, int, int]
Font = str | os.PathLike[str] | None

WHITE, BLACK = (255, 255, 255), (0, 0, 0)
SMALL = 96  # size of letters up to which signs are kept
LONGEST = 200  # characters of a name that are looked at
KEPT = "\u200c\u200d"  # of the invisible characters, those that shape letters
JOINED = ("Arabic", "Syriac", "Devanagari", "Bengali", "Tamil", "Telugu", "Kannada", "Malayalam", "Gujarati", "Khmer")


class Run(NamedTuple):
    """Characters that one font draws."""

    face: Face
    text: str


def sign(
    name: str,
    score: str,
    size: int,
    room: tuple[int, int],
    ink: Color = WHITE,
    paper: Color = BLACK,
    font: Font = None,
    margin: int | None = None,
) -> NDArray[np.uint8]:
    """Return a name and its score as pixels, on one line, the name shortened where room is short.

    Parameters
    ----------
    name, score
        The name is cleaned of what can't be drawn, such as line feeds; the score is kept whole.
    size
        The em of the letters in pixels.
    room
        The most width and height in pixels.
    ink, paper
        Colors of letters and ground, RGB.
    font
        The path of a font that goes first; None: the bundled one.
    margin
        Pixels around the letters; None: a quarter of the size.

    Returns
    -------
    (height, width, 3) uint8, read-only: all callers get the same.
    """
    margin = max(2, size // 4) if margin is None else margin
    make = _cached_sign if size <= SMALL else _sign
    return make(name[: 4 * LONGEST], score, size, room, ink, paper, given_face(font), margin)


def _sign(
    name: str,
    score: str,
    size: int,
    room: tuple[int, int],
    ink: Color,
    paper: Color,
    given: Face | None,
    margin: int,
) -> NDArray[np.uint8]:
    runs = _fitting(_cleaned(name), _cleaned(score), size, room[0] - 2 * margin, given)
    width = sum(width_of(run, size) for run in runs)
    top, bottom = zip(*(_extent(run, size) for run in [Run(BUNDLED, "Ág"), *runs]), strict=True)
    hook = max(0, size // 8 - margin)  # of a last "f", beyond the width that its font states
    sides = (min(room[0], round(width) + 2 * margin + hook), min(room[1], max(bottom) - min(top) + 2 * margin))
    picture = Image.new("RGB", sides, paper)
    x = float(margin)
    for run in runs:
        _draw(picture, run, (x, margin - min(top)), size, ink)
        x += width_of(run, size)
    pixels = np.asarray(picture)
    pixels.flags.writeable = False
    return pixels


_cached_sign = lru_cache(maxsize=32)(_sign)


def _fitting(name: str, score: str, size: int, width: float, given: Face | None) -> list[Run]:
    """Return the runs of the longest beginning of a name that fits with the score, then with less and less of it."""
    end = runs_of(score, given)
    whole = runs_of(name, given)
    gap = [Run(BUNDLED, " ")] if name and score else []
    if _width([*whole, *gap, *end], size) <= width:
        return [*whole, *gap, *end]
    pieces = clusters(name)

    def shortened(count: int) -> list[Run]:
        return [*runs_of("".join(pieces[:count]).rstrip() + "…", given), *gap, *end]

    low, high = 0, max(0, len(pieces) - 1)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if _width(shortened(middle), size) <= width else (low, middle - 1)
    return shortened(low) if low or not score else [*end]


def _width(runs: Sequence[Run], size: int) -> float:
    return sum(width_of(run, size) for run in runs)


# ---- runs ------------------------------------------------------------------------------------------------------------


def _cleaned(text: str) -> str:
    """Return a text on one line, composed, without characters that command (line feeds, turns of direction)."""
    line = " ".join(text[: 4 * LONGEST].split())
    kept = (one for one in line if unicodedata.category(one) not in ("Cc", "Cf", "Cs") or one in KEPT)
    return unicodedata.normalize("NFC", "".join(kept))[:LONGEST]


def clusters(text: str) -> list[str]:
    """Return the characters of a text as people see them: letters with their marks, and joined pictures.

    Examples
    --------
    >>> [len(one) for one in clusters("n\u0303a👩\u200d🚀👍🏽🇳🇵")]
    [2, 1, 3, 2, 2]
    """
    found: list[str] = []
    for one in text:
        before = found[-1] if found else ""
        is_flag = "\U0001f1e6" <= one <= "\U0001f1ff"
        if before and (
            before.endswith(JOINER)
            or unicodedata.category(one) in ("Mn", "Me", "Mc", "Cf")
            or "\U0001f3fb" <= one <= "\U0001f3ff"
            or (is_flag and len(before) == 1 and "\U0001f1e6" <= before <= "\U0001f1ff")
        ):
            found[-1] += one
        else:
            found.append(one)
    return found


def is_picture(cluster: str) -> bool:
    """Return whether people expect a picture in colors."""
    return "\ufe0f" in cluster or "\U0001f000" <= cluster[0] <= "\U0001faff"


@lru_cache(maxsize=256)
def runs_of(text: str, given: Face | None = None) -> tuple[Run, ...]:
    """Return the runs of a text, each with the first font that has all its letters, and warn of letters that none has.

    One font draws all letters of a text if there is one that has them, so that words are shaped as a whole.
    """
    known = [BUNDLED] if given is None else [given, BUNDLED]
    letters = visible("".join(cluster for cluster in clusters(text) if not is_picture(cluster)))
    main = next((face for face in known if not lacking(face, letters)), None) or find_face(letters)
    runs: list[Run] = []
    for cluster in clusters(text):
        face = _face_of(cluster, known, main) if visible(cluster) else main or known[0]
        if runs and runs[-1].face == face:
            runs[-1] = Run(face, runs[-1].text + cluster)
        else:
            runs.append(Run(face, cluster))
    _warn_of(runs)
    return tuple(runs)


def _face_of(cluster: str, known: Sequence[Face], main: Face | None) -> Face:
    """Return the font of a cluster; where none has its letters, the first."""
    if is_picture(cluster):
        found = next((face for face in known if not lacking(face, cluster[0])), None)
        return find_face(cluster[0], True) or found or known[0]
    if main is not None:
        return main
    return next((face for face in known if not lacking(face, cluster)), None) or find_face(visible(cluster)) or known[0]


def can_draw(text: str, font: Font = None) -> bool:
    """Return whether there are glyphs for some of a text, so that it says more than a row of boxes."""
    runs = runs_of(_cleaned(text), given_face(font))
    return any(len(lacking(run.face, run.text)) < len(visible(run.text)) for run in runs)


def _missing(run: Run) -> str:
    """Return the characters that are drawn as boxes: of a picture, what modifies it may be missing."""
    return "".join(lacking(run.face, one[0] if is_picture(one) else one) for one in clusters(run.text))


def _warn_of(runs: Iterable[Run]) -> None:
    missing = "".join(map(_missing, runs))
    if missing:
        scripts = ", ".join(dict.fromkeys(map(script_of, missing)))
        warnings.warn(
            f"label: no font has {missing[:8]!r} ({scripts}), so boxes or the number of the class are drawn. "
            "Install one, such as Noto's (on Debian and Ubuntu fonts-noto-core, fonts-noto-cjk or "
            "fonts-noto-color-emoji), or give the path of one by font=",
            FontWarning,
            stacklevel=2,
        )
    scripts = [script_of(one) for run in runs for one in run.text[:1]]
    if not features.check("raqm") and (joined := [one for one in scripts if one in JOINED]):
        warnings.warn(
            f"label: letters of {joined[0]} aren't joined and ordered: Pillow has no Raqm here. Its wheels for Linux "
            "and macOS have it; on Windows add fribidi.dll",
            FontWarning,
            stacklevel=2,
        )


# ---- pixels ----------------------------------------------------------------------------------------------------------


def width_of(run: Run, size: int) -> float:
    """Return the width of a run in pixels."""
    font = font_of(run.face, size)
    return font.getlength(run.text) * size / font.size


def _extent(run: Run, size: int) -> tuple[int, int]:
    """Return the top and the bottom of a run, in pixels from its base line down."""
    font = font_of(run.face, size)
    _, top, _, bottom = font.getbbox(run.text, anchor="ls")
    return int(np.floor(top * size / font.size)), int(np.ceil(bottom * size / font.size))


def _draw(picture: Image.Image, run: Run, place: tuple[float, float], size: int, ink: Color) -> None:
    """Draw a run from its place on the base line; pictures of one size are drawn at that size and scaled."""
    font = font_of(run.face, size)
    if font.size == size:
        ImageDraw.Draw(picture).text(place, run.text, fill=ink, font=font, anchor="ls", embedded_color=True)
        return
    left, top, right, bottom = map(int, font.getbbox(run.text, anchor="ls"))
    large = Image.new("RGBA", (max(1, right - left), max(1, bottom - top)), (*ink, 0))
    ImageDraw.Draw(large).text((-left, -top), run.text, fill=ink, font=font, anchor="ls", embedded_color=True)
    scale = size / font.size
    small = large.resize((max(1, round(large.width * scale)), max(1, round(large.height * scale))))
    picture.paste(small, (round(place[0] + left * scale), round(place[1] + top * scale)), small)
