"""Numbers of things in words."""

from __future__ import annotations


def counted(number: int, thing: str, things: str | None = None) -> str:
    """So many things; their plural is with an s if it isn't given.

    Examples
    --------
    >>> counted(1, "photo"), counted(1234, "photo"), counted(2, "class", "classes")
    ('1 photo', '1,234 photos', '2 classes')
    """
    return f"{number:,} {thing if number == 1 else things or f'{thing}s'}"
