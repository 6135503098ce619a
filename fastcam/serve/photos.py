"""Photos that clients send: explained one after the other, so that memory is that of one, however many come."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from fastcam.errors import FastcamError, InputError
from fastcam.images.photos import decode_photo
from fastcam.serve.picture import Settings, explained

if TYPE_CHECKING:
    from fastcam.classifier.classifier import Classifier

LEAST = 2**22  # bytes that a file counts for, from its first one
MOST = 64 * LEAST  # of all files that there are at once
PATIENCE = 60.0  # seconds that a photo may wait for those before it


class Busy(Exception):
    """There is no room for a photo now, but soon."""


class Photos:
    """Explains photos in a thread of its own, in the order in which they come."""

    def __init__(self, model: Classifier) -> None:
        self._model = model
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="fastcam-serve-photo")
        self._lock = threading.Lock()
        self._held = 0

    @contextmanager
    def received(self, pieces: Iterable[bytes]) -> Iterator[list[bytes]]:
        """Keep a photo's file in the pieces in which it comes; what has come counts, not what was announced.

        Raises
        ------
        Busy
            There are too many at once. Their pieces are read nevertheless: who is still sending sees no answer.
        """
        kept: list[bytes] = []
        size, held = 0, self._take(LEAST)
        fits = held > 0
        try:
            for piece in pieces:
                size += len(piece)
                if fits and size > held:
                    more = self._take(size - held)
                    held, fits = held + more, more > 0
                if fits:
                    kept.append(piece)
            if not fits:
                raise Busy("photo: too many are sent at once; try again soon")
            yield kept
        finally:
            self._take(-held)

    def explain(self, pieces: list[bytes], settings: Settings) -> tuple[dict[str, Any], bytes]:
        """Record and JPEG of a photo's file, once those that came before are done.

        Raises
        ------
        Busy
            That takes too long, or the server ends.
        InputError, FastcamError
            As `decode_photo` and `Classifier.explain`.
        """
        try:
            work = self._worker.submit(self._explain, pieces, settings)
        except RuntimeError as error:  # it is closed
            raise Busy("photo: the server ends") from error
        try:
            return work.result(PATIENCE)
        except CancelledError as error:
            raise Busy("photo: the server ends") from error
        except TimeoutError as error:
            if not work.cancel():  # it has begun
                return work.result()
            raise Busy("photo: too many others come before it; try again soon") from error

    def close(self) -> None:
        """End the thread, after the photo that it explains."""
        self._worker.shutdown(cancel_futures=True)

    def _take(self, size: int) -> int:
        """So many bytes of those that there may be, or none; a negative number gives them back."""
        with self._lock:
            if size > MOST - self._held:
                return 0
            self._held += size
            return size

    def _explain(self, pieces: list[bytes], settings: Settings) -> tuple[dict[str, Any], bytes]:
        """In the thread."""
        try:
            photo = decode_photo(b"".join(pieces), levels=self._model.preprocess.levels)
            picture = explained(self._model, np.asarray(photo))
            return picture.record(settings), picture.jpeg(settings)
        except FastcamError as error:
            failure = InputError(str(error)) if isinstance(error, InputError) else FastcamError(str(error))
        raise failure  # without what led to it, which holds the picture for as long as the answer takes
