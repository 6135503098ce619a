"""Results as tables of HTML, for notebooks.

Markup and inline styles alone, with no script, no color of its own for text or ground and nothing to load, so that it
looks right in JupyterLab, VS Code and others, in light and dark themes, and in notebooks that aren't trusted.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any, NamedTuple

from numpy.typing import NDArray

from fastcam.results.found import Found
from fastcam.results.text import counted, legible
from fastcam.results.thumbnails import data_uri, thumbnail

IMAGES, CLASSES = 8, 5  # that are shown
FEW = 12  # pictures that are large
LARGE, SMALL = 128, 80  # pixels of their longer side
WORDS = 170  # pixels that a box takes in words
CELL = "text-align:left;vertical-align:top;padding:4px 8px"


class Row(NamedTuple):
    """One image of a table: its number, its size, its classes, and its pixels if they are at hand."""

    number: int
    size: tuple[int, ...]
    found: Sequence[Found]
    image: NDArray[Any] | None


def table(title: str, images: Sequence[Row], count: int) -> str:
    """Return a table with a row for each image and a picture, name, score and box for each of its first classes.

    Parameters
    ----------
    title
        Text above the table.
    images
        At most the first `IMAGES` images.
    count
        Number of all images.

    Returns
    -------
    HTML of less than 1.5 MB, whatever the result's size.
    """
    side = LARGE if sum(min(len(one.found), CLASSES) for one in images) <= FEW else SMALL
    rows = "".join(_row(one, side) for one in images)
    left_out = (
        f"<div>... {counted(count - len(images), 'more image', 'more images')}</div>" if count > len(images) else ""
    )
    body = f'<table style="color:inherit"><tbody>{rows}</tbody></table>'
    return f"<div><div>{escape(title)}</div>{body}{left_out}</div>"


def _row(image: Row, side: int) -> str:
    size = "×".join(map(str, image.size))
    cells = [f'<th style="{CELL}">[{image.number}]<br><small>{size}</small></th>']
    cells += [f'<td style="{CELL}">{_class(item, image.image, side)}</td>' for item in image.found[:CLASSES]]
    more = len(image.found) - CLASSES
    cells += [f'<td style="{CELL}">... {counted(more, "more class", "more classes")}</td>'] if more > 0 else []
    return f"<tr>{''.join(cells)}</tr>"


def _class(item: Found, image: NDArray[Any] | None, side: int) -> str:
    picture = thumbnail(
        item.activation_map,
        item.region,
        item.image_size,
        limits=item.limits,
        box=item.box,
        image=image,
        side=side,
    )
    height, width = picture.shape[:2]
    name, score, box = (escape(text) for text in (legible(item.name), item.score_text, item.box_text))
    drawn = f'<img src="{data_uri(picture)}" width="{width}" height="{height}" alt="heatmap of {name}">'
    words = f"<bdi>{name}</bdi><br>{score}<br><small>class {item.class_index}<br>{box}</small>"
    return f'<div style="width:{max(side, WORDS)}px;overflow-wrap:anywhere">{drawn}<br>{words}</div>'
