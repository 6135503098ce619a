"""Results as a few lines of text."""

from __future__ import annotations

from collections.abc import Callable, Sequence

LINES = 10  # of a result, but for its title and what is left out
CLASSES = 5  # of an image
JOINERS = "\u200c\u200d"  # format characters that scripts and emoji need; others may reverse or hide text


def legible(text: str, most: int = 60) -> str:
    """Return text of anybody on one line of at most `most` characters, without control characters.

    Examples
    --------
    >>> legible("tabby,\\n tabby cat"), legible("\\x1b[31mred"), legible("x" * 99, 5)
    ('tabby, tabby cat', '�[31mred', 'xxxx…')
    """
    line = " ".join(text[: 20 * most].split())
    line = line if len(line) <= most else f"{line[: most - 1]}…"
    return "".join(one if one.isprintable() or one in JOINERS else "\N{REPLACEMENT CHARACTER}" for one in line)


def score_text(score: float, is_probability: bool) -> str:
    """Return a score for people: a share in per cent, or a value of four digits.

    Examples
    --------
    >>> score_text(0.8749, True), score_text(0.0001, True), score_text(0.0, True), score_text(-12.3456, False)
    ('87.5 %', '<0.1 %', '0.0 %', '-12.35')
    """
    if not is_probability:
        return f"{score:.4g}"
    return "<0.1 %" if 0 < score < 0.0005 else f"{100 * score:.1f} %"


def counted(count: int, one: str, several: str) -> str:
    """Return a count with its noun."""
    return f"{count} {one if count == 1 else several}"


def lines_of(title: str, numbers: Sequence[int], maps: int, cells_of: Callable[[int, int], tuple[str, ...]]) -> str:
    """Return the title, and a line for each map of the first images, shortened after `LINES` lines.

    Parameters
    ----------
    title
        The first line.
    numbers
        The number of each image, which stands before its first map.
    maps
        Number of maps of each image.
    cells_of
        Function of the places of an image and a map that returns the words of its line, as many for each.
    """
    each = min(maps, CLASSES) + (maps > CLASSES)
    shown = len(numbers) if len(numbers) * each <= LINES else max(1, LINES // each)
    rows: list[tuple[str, ...]] = []
    for n, number in enumerate(numbers[:shown]):
        rows += [(f"[{number}]" if m == 0 else "", *cells_of(n, m)) for m in range(min(maps, CLASSES))]
        rows += [("", f"... {counted(maps - CLASSES, 'more class', 'more classes')}")] if maps > CLASSES else []
    widths = [max(map(len, column)) for column in zip(*(row for row in rows if len(row) > 2), strict=True)]
    lines = ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=False)).rstrip() for row in rows]
    left_out = len(numbers) - shown
    return "\n".join([title, *lines, *([f"... {counted(left_out, 'more image', 'more images')}"] if left_out else [])])
