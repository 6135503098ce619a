"""Text, JSON, YAML and Python literals that others wrote: bounded in size and depth, and never run."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from fastcam.errors import InputError

MOST_BYTES = 8 << 20  # ImageNet-21k's names have 0.8 MB
MOST_DEPTH = 64
MOST_VALUES = 1 << 20  # of a YAML document, aliases written out
# A text as repr() writes it, without escapes that it never writes.
ESCAPE = r"""\\(?:[\\'"nrt]|x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8})"""
TEXT = rf"""'(?:[^'\\\n]|{ESCAPE})*'|"(?:[^"\\\n]|{ESCAPE})*\""""
LISTED = re.compile(rf"\s*(?P<name>{TEXT}|\d{{1,9}})\s*(?:,|$)")
NUMBERED = re.compile(rf"\s*(?P<number>\d{{1,9}})\s*:{LISTED.pattern}")


def read_text(file: Path) -> str:
    """Return the text of a file, without a byte order mark.

    Raises
    ------
    InputError
        The file can't be read, isn't UTF-8, or is larger than any list of names.
    """
    try:
        with open(file, "rb") as opened:
            data = opened.read(MOST_BYTES + 1)
        text = data.decode("utf-8-sig", errors="ignore" if len(data) > MOST_BYTES else "strict")
    except OSError as error:
        raise InputError(f"can't be read as text ({error.strerror or error})") from error
    except ValueError as error:  # not UTF-8, or a null character in the path
        raise InputError(f"can't be read as text ({error})") from error
    check_size(data)
    return text


def check_size(data: bytes | str) -> None:
    """Check that text isn't larger than any list of names, or raise InputError."""
    if len(data) > MOST_BYTES:
        raise InputError(f"expected at most {MOST_BYTES >> 20} MB; got more")


def parse_json(text: str) -> Any:
    """Return the value of JSON text.

    Raises
    ------
    InputError
        It isn't JSON, or nested too deeply.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"can't be read as JSON ({error})") from error


def parse_yaml(text: str) -> Any:
    """Return the value of YAML text: dicts, lists and text, for `no` and `1` are names as well.

    Tags are passed over, and aliases count as what they repeat.

    Raises
    ------
    InputError
        It isn't YAML, nested too deeply, repeats itself without end, or gives a key twice.

    Examples
    --------
    >>> parse_yaml("names: {0: no, 1: 'yes'}")
    {'names': {'0': 'no', '1': 'yes'}}
    """
    import yaml  # 30 ms, which only readers of YAML wait for

    # Events alone, not yaml.load: the parser keeps a stack of its own, where composing and constructing recurse.
    loader: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
    try:
        return _value_of(yaml.parse(text, Loader=loader))
    except yaml.YAMLError as error:
        raise InputError(f"can't be read as YAML ({' '.join(str(error).split())[:200]})") from error


class _Open:
    """A list or mapping of YAML whose end hasn't come yet."""

    def __init__(self, value: list[Any] | dict[str, Any], anchor: str | None, before: int) -> None:
        self.value, self.anchor, self.before = value, anchor, before
        self.key: str | None = None

    def take(self, child: Any) -> None:
        """Add the next key or value."""
        if isinstance(self.value, list):
            self.value.append(child)
        elif self.key is not None:
            self.value[self.key] = child
            self.key = None
        elif not isinstance(child, str) or child in self.value:
            raise InputError(f"can't be read as YAML (expected keys that are text, each once; got {str(child)[:40]!r})")
        else:
            self.key = child


def _value_of(events: Iterable[Any]) -> Any:
    """Return the value of a document's events."""
    import yaml

    documents: list[Any] = []
    root = _Open(documents, None, 0)
    stack, anchored, count = [root], dict[str, tuple[Any, int]](), 0
    for event in events:
        if isinstance(event, yaml.DocumentEndEvent):
            break
        if isinstance(event, yaml.SequenceStartEvent | yaml.MappingStartEvent):
            stack.append(_Open([] if isinstance(event, yaml.SequenceStartEvent) else {}, event.anchor, count))
        elif isinstance(event, yaml.SequenceEndEvent | yaml.MappingEndEvent):
            done = stack.pop()
            stack[-1].take(done.value)
            count += 1
            if done.anchor:
                anchored[done.anchor] = done.value, count - done.before
        elif isinstance(event, yaml.ScalarEvent):
            stack[-1].take(event.value)
            count += 1
            if event.anchor:
                anchored[event.anchor] = event.value, 1
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor not in anchored:
                raise InputError(
                    f"can't be read as YAML (the alias {event.anchor!r} stands for nothing, or for itself)"
                )
            value, size = anchored[event.anchor]
            stack[-1].take(value)
            count += size
        if count > MOST_VALUES or len(stack) > MOST_DEPTH:
            raise InputError(f"expected YAML of at most {MOST_VALUES} values, {MOST_DEPTH} deep; got more")
    return documents[0] if documents else None


def parse_python_names(text: str) -> dict[int, str]:
    """Return names by number of Python's text of a dict or list, `{0: 'cat'}` or `['cat']`: literals alone.

    Raises
    ------
    InputError
        It is anything else.

    Examples
    --------
    >>> parse_python_names("{0: 'cat', 1: \\"man's best friend\\"}")
    {0: 'cat', 1: "man's best friend"}
    >>> parse_python_names("['cat', 'dog']")
    {0: 'cat', 1: 'dog'}
    """
    check_size(text)
    text = text.strip()
    pattern = {"{}": NUMBERED, "[]": LISTED}.get(text[:1] + text[1:][-1:])
    found: dict[int, str] = {}
    expected = "expected {0: 'name', ...} or ['name', ...]"
    if pattern is None:
        raise InputError(f"{expected}; got {text[:80]!r}")
    at, end = 1, len(text[:-1].rstrip())
    while at < end:
        match = pattern.match(text, at, end)
        number = int(match["number"]) if match and pattern is NUMBERED else len(found)
        if not match or number in found:
            raise InputError(f"{expected}; got {text[at : at + 80]!r}")
        found[number] = _literal(match["name"])
        at = match.end()
    return found


def _literal(token: str) -> str:
    """Return the text of one literal, which is one by the pattern that found it."""
    try:
        return str(ast.literal_eval(token))
    except (ValueError, SyntaxError) as error:  # such as an escape that doesn't exist
        raise InputError(f"expected Python's text of a name; got {token[:80]!r}") from error
