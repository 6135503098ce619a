"""Elements of HTML and SVG. All text and attributes pass `element`, so that nothing from the data becomes markup."""

from __future__ import annotations

import math
from typing import Any
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

# Control characters, which HTML can't hold, as the pictures that Unicode has of them.
PICTURES = {code: 0x2400 + code for code in range(32) if chr(code) not in "\t\n"} | {0x7F: 0x2421}
NOTHING = "–"
DIGITS = 3  # that fractions are shown with


def element(tag: str, *children: Element | str, **attributes: Any) -> Element:
    """Return an element; names of attributes as `class_` and `aria_label`, those that are None left out.

    Examples
    --------
    >>> html(element("p", "1 < 2, ", element("b", "truly"), class_="note", id=None))
    '<p class="note">1 &lt; 2, <b>truly</b></p>'
    """
    made = Element(tag)
    for name, value in attributes.items():
        if value is not None:
            made.set(name.rstrip("_").replace("_", "-"), _text(value))
    last = None
    for child in children:
        if isinstance(child, Element):
            made.append(child)
            last = child
        elif last is None:
            made.text = (made.text or "") + _text(child)
        else:
            last.tail = (last.tail or "") + _text(child)
    return made


def html(made: Element) -> str:
    """Return the element as HTML; style and script as they are, all else escaped."""
    return ElementTree.tostring(made, encoding="unicode", method="html")


def name(text: Any) -> Element:
    """Return a word of the data, which may be written from right to left, for a sentence of ours."""
    return element("bdi", str(text))


def is_number(value: Any) -> bool:
    """Return whether a value is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def number(value: Any, digits: int = DIGITS) -> Element | str:
    """Return a number, rounded for the reader and exact for machines; a dash where there is none.

    Examples
    --------
    >>> html(number(2 / 3)), number(None)
    ('<data value="0.6666666666666666">0.667</data>', '–')
    """
    if not is_number(value):
        return NOTHING
    return element("data", f"{value:.{digits}f}" if isinstance(value, float) else str(value), value=repr(value))


def head_row(*titles: Element | str) -> Element:
    """Return a row of heads of columns."""
    return element("tr", *(element("th", title, scope="col") for title in titles))


def wide(caption: str, *rows: Element, class_: str | None = None) -> Element:
    """Return a table of head and bodies that scrolls to the side where it doesn't fit, by the keyboard as well."""
    table = element("table", element("caption", caption), *rows, class_=class_)
    return element("div", table, class_="wide", tabindex=0, role="region", aria_label=caption)


def _text(value: Any) -> str:
    return str(value).translate(PICTURES)
