"""The record of a vendor: where its statements are recognized, and how they are read."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

from fastcam.classifier.stated.evidence import Evidence
from fastcam.images.preprocessing import Preprocess

Read = TypeVar("Read")


class Names(NamedTuple):
    """Class names by number, what they are called where they were found, and that place if it isn't the clause's."""

    names: Mapping[int, str]
    what: str = "the list of names"
    place: str = ""


class Steps(NamedTuple):
    """Values for fields of `Preprocess`, as far as they are stated, and in words where they come from."""

    fields: Mapping[str, Any]
    details: str

    @classmethod
    def whole(cls, preprocess: Preprocess, details: str) -> Steps:
        """Return all values of a specification; levels are those of photos, not of models."""
        values = {each.name: getattr(preprocess, each.name) for each in dataclasses.fields(preprocess)}
        return cls({name: value for name, value in values.items() if name != "levels"}, details)


@dataclass(frozen=True)
class Clause(Generic[Read]):
    """One kind of statement.

    Attributes
    ----------
    place
        Returns the file, or the part of the model, that has it; None where there is none. It never fails.
    read
        Returns what it says. An exception of any kind means that it can't be understood, or followed.
    """

    place: Callable[[Evidence], Any | None]
    read: Callable[[Evidence], Read]


@dataclass(frozen=True)
class Vendor:
    """A program or format that states class names, preprocessing, or both.

    Names are a sequence where several operators list some; those that fit the model count.
    """

    name: str
    labels: Clause[Sequence[Names]] | None = None
    preprocess: Clause[Steps] | None = None
