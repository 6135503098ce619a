"""Columns of a batch, made of its photos."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from PIL import Image

from fastcam.classifier.classifier import Classifier
from fastcam.errors import FastcamError, InputError
from fastcam.evaluate.data.annotations import Annotations, Problem
from fastcam.evaluate.metrics.sample import Subject
from fastcam.evaluate.protocol import Protocol
from fastcam.evaluate.records import Columns
from fastcam.evaluate.score import Rows, Scorer, subject_of
from fastcam.images.photos import read_photo
from fastcam.methods.options import Options


class BatchScorer:
    """Scores photos by all models, methods and baselines, which are rows 0, 1, ... of results in this order.

    Parameters
    ----------
    plans
        For each model those of its methods, by name.
    strict
        Whether a photo or mask that can't be decoded is an error; else it is listed.
    """

    def __init__(
        self,
        models: Mapping[str, Classifier],
        plans: Mapping[str, Mapping[str, Options]],
        annotations: Annotations,
        protocol: Protocol,
        *,
        strict: bool,
    ) -> None:
        self._models, self._plans, self._data, self._strict = models, plans, annotations, strict
        self._levels = next((model.preprocess.levels for model in models.values()), None)  # of all, the same
        self._background = next((model.preprocess.background for model in models.values()), 255)  # of the first
        self._scorer = Scorer(protocol)
        self._baselines = protocol.baselines
        self._rows = sum(map(len, plans.values())) + len(self._baselines)
        self._masks = any(kind.group.truth == "masks" for kind in protocol.kinds.values())

    def columns(self, positions: Sequence[int], done: Callable[[int], object]) -> Columns:
        """Return the columns of the photos at these places in the data.

        Parameters
        ----------
        done
            Called with the number of photos so far, after each.

        Raises
        ------
        InputError, ModelError
            As `Classifier.explain`, with the photo's path.
        """
        found, problems = _Found(self._rows), []
        for count, n in enumerate(positions, 1):
            path = self._data.paths[n]
            try:
                seen = self._read(n, problems)
                if seen is not None:
                    self._score(n, *seen, found)
            except FastcamError as error:
                text = str(error)
                raise type(error)(text if text.startswith(f"{path}: ") else f"{path}: {text}") from error
            done(count)
        return found.columns(self._data, positions, problems)

    def _read(self, n: int, problems: list[tuple[int, Problem]]) -> tuple[Image.Image, Subject] | None:
        try:
            photo = read_photo(self._data.paths[n], self._levels, self._background)
            return photo, subject_of(self._data, n, (photo.height, photo.width), masks=self._masks)
        except InputError as error:
            if self._strict:
                raise
            problems.append((n, Problem(self._data.ids[n], "unreadable", str(error))))
            return None

    def _score(self, n: int, photo: Image.Image, subject: Subject, found: _Found) -> None:
        found.add(n, subject)
        row = 0
        for name, model in self._models.items():
            for rows, how in self._scorer.of_model(model, self._plans[name], photo, subject).values():
                found.add_rows(row, rows, how)
                row += 1
        for name in self._baselines:
            found.add_rows(row, self._scorer.of_baseline(name, subject), "")
            row += 1


class _Found:
    """The rows of photos, one photo after the other, for each row of results."""

    def __init__(self, rows: int) -> None:
        self._seen: list[int] = []
        self._subjects: list[Subject] = []
        self._rows: dict[str, list[np.ndarray]] = {}
        self._how = [""] * rows

    def add(self, n: int, subject: Subject) -> None:
        self._seen.append(n)
        self._subjects.append(subject)

    def add_rows(self, row: int, rows: Rows, how: str) -> None:
        self._how[row] = how
        for name, values in rows.items():
            self._rows.setdefault(f"{row}/{name}", []).append(values)

    def columns(self, data: Annotations, positions: Sequence[int], problems: Sequence[tuple[int, Problem]]) -> Columns:
        """Return all columns by name; "of/..." is what all rows of results share."""
        counts = [len(one.classes) for one in self._subjects]
        masks = [len(one.masks) for one in self._subjects]
        seen = np.array(self._seen, np.int64)
        texts = [[*problem] for _, problem in problems]
        return {
            "photos": np.array(positions, np.int64),
            "of/seen": seen,
            "of/best": seen[np.array(counts, np.int64) > 0],
            "of/boxes": np.repeat(seen, counts),
            "of/masks": np.repeat(seen, masks),
            "of/class": np.concatenate([np.empty(0, np.int64), *(one.classes for one in self._subjects)]),
            "of/counts": np.concatenate([np.empty(0, np.int64), *(np.diff(s.truth.offsets) for s in self._subjects)]),
            "of/truth": np.concatenate([np.empty((0, 4)), *(one.truth.boxes for one in self._subjects)]),
            "of/ids": np.array([data.ids[n] for n in self._seen], np.str_),
            "of/paths": np.array([str(data.paths[n]) for n in self._seen], np.str_),
            "of/how": np.array([self._how] * min(1, len(seen)), np.str_).reshape(-1, len(self._how)),
            "of/unseen": np.array([n for n, _ in problems], np.int64),
            "of/problem": np.array(texts, np.str_).reshape(-1, 3),
            **{name: np.concatenate(values) for name, values in self._rows.items()},
        }
