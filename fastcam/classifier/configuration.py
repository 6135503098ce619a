"""Preprocessing and class names of a model: as the caller gave them, else as its file and its folder state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from fastcam.classifier.labels import read_labels
from fastcam.classifier.stated.evidence import Evidence
from fastcam.classifier.stated.table import VENDORS
from fastcam.classifier.stated.vendor import Names, Steps
from fastcam.errors import InputError
from fastcam.images.preprocessing import NAMED, Preprocess, changed, is_change, preprocess

# Fields of `Preprocess` that belong together: the first source that states one of them states them all.
GROUPS = {
    "values": ("mean", "std", "scale"),
    "channels": ("channels",),
    "fit": ("fit", "resize", "crop_fraction", "rounding", "fill"),
    "interpolation": ("interpolation",),
    "size": ("size",),
}
NEEDED = ("values", "channels", "fit")  # groups without which a preprocessing is assumed
DEFAULT = "default"


class Wanted(NamedTuple):
    """The preprocessing that a caller gave, or that is stated.

    Attributes
    ----------
    preprocess
        The caller's specification, or None.
    stated
        Values of fields that sources state, to be made in what is assumed.
    changes
        The caller's changes alone, to be made in both.
    origin, details
        See `Classifier.preprocess_origin`.
    """

    preprocess: Preprocess | None
    stated: Mapping[str, Any]
    changes: str | None
    origin: str
    details: str = ""

    @property
    def size(self) -> tuple[int, ...] | None:
        """Sizes of the network input, (height, width) of images, where they are said."""
        return self._specification(NAMED["unit"]).size

    def for_model(self, assumed: Preprocess) -> dict[str, Any]:
        """Return the arguments of a `Classifier`, of which that would be assumed."""
        return {
            "preprocess": self._specification(assumed),
            "preprocess_origin": self.origin,
            "preprocess_details": self.details,
        }

    def _specification(self, assumed: Preprocess) -> Preprocess:
        if self.preprocess is not None:
            return self.preprocess
        try:
            base = changed(assumed, {**_turned(assumed, self.stated), **self.stated})
        except InputError as error:
            raise InputError(f"{error} (preprocess from: {self.origin}); give preprocess=") from error
        return preprocess(self.changes, base) if self.changes else base


def _turned(assumed: Preprocess, stated: Mapping[str, Any]) -> dict[str, Any]:
    """Return the assumed means and deviations in the stated order of colours, where that is the other one."""
    if {assumed.channels, stated.get("channels")} != {"rgb", "bgr"}:
        return {}
    return {"mean": assumed.mean[::-1], "std": assumed.std[::-1]}


def wanted(given: str | Preprocess | Mapping[str, Any] | None, evidence: Evidence) -> Wanted:
    """Return what is wanted of a model: as given, or as its file and the files beside it state, with changes.

    Raises
    ------
    InputError
        What is given isn't a specification, or what is stated can't be understood.
    """
    changes = given if isinstance(given, str) and is_change(given) else None
    if given is not None and changes is None:
        return Wanted(preprocess(given), {}, None, "argument")
    found = _stated(evidence)
    assumed = [group for group in NEEDED if group not in found.sources]
    origin = ", ".join([*found.places, *([DEFAULT] if assumed else [])])
    told = [*found.details, *found.notes]
    if assumed and found.places:
        told.append(f"assumed: {', '.join(assumed)}")
    if changes:
        told.append(f"changed: {changes}")
    return Wanted(None, found.fields, changes, origin, "; ".join(told))


@dataclass
class _Stated:
    """The fields that sources state, merged, and where they come from.

    Attributes
    ----------
    fields
        Values by name.
    sources
        The fields of the source that states each group.
    places, details
        Sources of which something was taken.
    notes
        Sources that state something else, and aren't followed.
    """

    fields: dict[str, Any] = field(default_factory=dict)
    sources: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    places: list[str] = field(default_factory=list)
    details: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        """True if nothing is left to be stated."""
        return self.sources.keys() == GROUPS.keys()

    def take(self, place: str, steps: Steps) -> None:
        """Add what a source states of groups that none before it did."""
        has = {group for group, names in GROUPS.items() if not steps.fields.keys().isdisjoint(names)}
        new = [group for group in GROUPS if group in has - self.sources.keys()]
        for group in new:
            self.sources[group] = steps.fields
            self.fields |= {name: steps.fields[name] for name in GROUPS[group] if name in steps.fields}
        if new:
            self.places.append(place)
            self.details.append(steps.details)
            self._turn()
        self._note(place, steps, [group for group in GROUPS if group in has and group not in new])

    def _turn(self) -> None:
        """Bring means and deviations that stand in the other order of colours into that of `channels`."""
        own, order = self.sources.get("values", {}).get("channels"), self.fields.get("channels")
        if {own, order} == {"rgb", "bgr"}:
            values = self.sources["values"]
            self.fields |= {name: tuple(values[name])[::-1] for name in ("mean", "std") if name in values}

    def _note(self, place: str, steps: Steps, old: list[str]) -> None:
        other, names = changed(NAMED["unit"], steps.fields), list[str]()
        for group in old:
            mine = changed(NAMED["unit"], self.sources[group])
            names += [name for name in GROUPS[group] if getattr(mine, name) != getattr(other, name)]
        if names:
            self.notes.append(f"{place} states another {', '.join(names)}, and isn't followed")


def _stated(evidence: Evidence) -> _Stated:
    found = _Stated()
    for vendor in VENDORS:
        place = vendor.preprocess.place(evidence) if vendor.preprocess else None
        if vendor.preprocess is None or place is None:
            continue
        try:
            steps = vendor.preprocess.read(evidence)
            changed(NAMED["unit"], steps.fields)
        except Exception as error:  # whatever a file may hold that isn't such a configuration
            reason = f"can't be understood ({_reason(error)})"
            if not found.is_whole:
                raise InputError(f"{place}: {reason}; give preprocess=") from error
            found.notes.append(f"{place} {reason}")
            continue
        found.take(str(place), steps)
    return found


def named_classes(labels: Any, evidence: Evidence, classes: int) -> dict[str, Any]:
    """Return the arguments of a `Classifier` for its class names: those given, or the first stated ones that fit.

    Names that don't fit the model aren't taken; the details say why, and so does the origin if there are no others.

    Raises
    ------
    InputError
        The labels that are given don't fit the model.
    """
    if labels is not None:
        return {"labels": read_labels(labels, classes), "labels_origin": "argument"}
    refused: list[str] = []
    for place, names in _names(evidence, refused):
        if set(names.names) == set(range(classes)):
            found = tuple(names.names[index] for index in range(classes))
            return {"labels": found, "labels_origin": place, "labels_details": "; ".join(refused)}
        count = len(names.names)
        refused.append(f"{names.what} in {place} has {count} names, not those of classes 0 to {classes - 1}")
    reason = "; ".join(refused)
    return {"labels_origin": f"none: {reason}" if reason else "none", "labels_details": reason}


def _names(evidence: Evidence, refused: list[str]) -> Iterator[tuple[str, Names]]:
    """Yield the lists of names, with their places; reasons for those that can't be read are added to `refused`."""
    for vendor in VENDORS:
        place = vendor.labels.place(evidence) if vendor.labels else None
        if vendor.labels is None or place is None:
            continue
        try:
            yield from ((names.place or str(place), names) for names in vendor.labels.read(evidence))
        except Exception as error:  # as above
            refused.append(f"{place} can't be understood ({_reason(error)})")


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
