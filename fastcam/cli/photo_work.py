"""Work on one photo, which goes on beside that on others: read, explained, drawn and encoded; nothing is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

from fastcam.cli.journal import digest
from fastcam.errors import BackendError, FastcamError, GradientError, InputError

if TYPE_CHECKING:
    from fastcam.classifier.classifier import Classifier
    from fastcam.cli.progress import Progress
    from fastcam.results import Explanation


class PhotoError(InputError):
    """A photo that can't be read or explained, while others may be; the message has its path."""


class Stopped(Exception):
    """Nobody wants the result any more."""


class Done(NamedTuple):
    """A photo that is done: its sha256; its record, None where an earlier run's is good; its overlays as PNG files."""

    sha256: str
    record: dict[str, Any] | None
    overlays: list[bytes]
    seconds: float


@dataclass(frozen=True, eq=False)
class PhotoWork:
    """The work on a photo.

    Attributes
    ----------
    model, how
        The model, and keywords of `Classifier.explain`.
    draw
        Keywords of `fastcam.overlay`.
    is_known
        Returns whether an earlier run has results of a path and sha256.
    steps
        Returns a block in which the terminal shows the steps of a method that asks the model again, where no other
        photo is in work; None where others are.
    """

    model: Classifier
    how: Mapping[str, Any]
    draw: Mapping[str, Any]
    is_known: Callable[[str, str], bool]
    steps: Callable[[], AbstractContextManager[Progress]] | None

    def __call__(self, photo: tuple[str, Sequence[str]], is_over: Callable[[], bool]) -> Done | PhotoError:
        """Return what is made of a path and the names of its overlays, or why nothing is."""
        (path, names), began = photo, perf_counter()
        sha256 = digest(path)
        if self.is_known(path, sha256):
            return Done(sha256, None, [], perf_counter() - began)
        try:
            record, overlays = self._explained(path, names, is_over)
        except (BackendError, GradientError):  # they aren't about this photo
            raise
        except FastcamError as error:
            message = str(error)
            failed = PhotoError(message if message.startswith(f"{path}: ") else f"{path}: {message}")
            failed.__cause__ = error
            return failed
        return Done(sha256, {"file": path, "sha256": sha256, **record}, overlays, perf_counter() - began)

    def _explained(
        self, path: str, names: Sequence[str], is_over: Callable[[], bool]
    ) -> tuple[dict[str, Any], list[bytes]]:
        from fastcam.cli.recordings import draw_recording, open_recording
        from fastcam.cli.writing import png

        put, draw = self.model.input, self.draw
        opened = None if put.rank == 2 else open_recording(path, put.rank, put.channels)
        given = path if opened is None else opened.recording.values
        explanation = self._explain(given, is_over, keep_images=bool(names) and opened is None)
        record = explanation[0].to_dict()
        if not names:
            return record, []
        record["maps"] = [one | {"overlay": name} for one, name in zip(record["maps"], names, strict=True)]
        if opened is not None:
            return record, [png(draw_recording(opened, explanation, m, **draw)) for m in range(len(names))]
        return record, [png(self._overlay(explanation, m)) for m in range(len(names))]

    def _overlay(self, explanation: Explanation, m: int) -> Any:
        from fastcam.export.overlays import legible_scale, overlay

        assert explanation.images is not None, "they were to be kept, so that the photo is decoded once"
        height, width = explanation.image_sizes[0].tolist()
        how = {"scale": legible_scale((height, width)), "threads": 1 if self.steps is None else None, **self.draw}
        return overlay(explanation.images[0], explanation, map=m, **how)

    def _explain(self, given: Any, is_over: Callable[[], bool], *, keep_images: bool) -> Explanation:
        """Explain a photo, with a line on the terminal while a method asks the model again."""
        if self.steps is not None:
            with self.steps() as steps:
                return self.model.explain(given, progress=steps.reach, keep_images=keep_images, **self.how)

        def go_on(done: int, total: int) -> None:
            if is_over():
                raise Stopped

        return self.model.explain(given, progress=go_on, keep_images=keep_images, **self.how)
