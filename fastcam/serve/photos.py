"""Photos that clients send, explained one after the other, so that memory is bounded."""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterable
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from fastcam.errors import FastcamError, InputError
from fastcam.images.photos import decode_photo
from fastcam.serve.picture import Settings, explain

if TYPE_CHECKING:
    from fastcam.classifier.classifier import Classifier

LEAST = 2**22  # bytes that each file counts for at least, from its first byte
MOST = 64 * LEAST  # bytes of all files at the same time
PATIENCE = 60.0  # seconds that a photo may wait for earlier ones


class Busy(Exception):
    """There is no room for a photo now; there will be soon."""


class Photos:
    """A thread that explains photos in the order in which they come."""

    def __init__(self, model: Classifier) -> None:
        self._model = model
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="fastcam-serve-photo")
        self._lock = threading.Lock()
        self._reserved = 0

    @contextmanager
    def received(self, pieces: Iterable[bytes]) -> Generator[list[bytes]]:
        """Collect a photo's file in the pieces in which it comes; received bytes count, not announced ones.

        Raises
        ------
        Busy
            There are too many at once. Their pieces are read nevertheless: a client that still sends sees no answer.
        """
        kept: list[bytes] = []
        size, reserved = 0, self._take(LEAST)
        fits = reserved > 0
        try:
            for piece in pieces:
                size += len(piece)
                if fits and size > reserved:
                    more = self._take(size - reserved)
                    reserved, fits = reserved + more, more > 0
                if fits:
                    kept.append(piece)
            if not fits:
                raise Busy("photo: too many are sent at once; try again soon")
            yield kept
        finally:
            self._take(-reserved)

    def explain(self, pieces: list[bytes], settings: Settings) -> tuple[dict[str, Any], bytes]:
        """Return the record and the JPEG file of a photo, once earlier photos are done.

        Raises
        ------
        Busy
            Earlier photos take too long, or the server ends.
        InputError, FastcamError
            Errors of `decode_photo` and `Classifier.explain`.
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
        """End the thread after its current photo."""
        self._worker.shutdown(cancel_futures=True)

    def _take(self, size: int) -> int:
        """Reserve bytes, and return their count: all or 0. A negative size gives them back."""
        with self._lock:
            if size > MOST - self._reserved:
                return 0
            self._reserved += size
            return size

    def _explain(self, pieces: list[bytes], settings: Settings) -> tuple[dict[str, Any], bytes]:
        """Explain a photo, in the thread."""
        try:
            spec = self._model.preprocess
            photo = decode_photo(b"".join(pieces), levels=spec.levels, background=spec.background)
            picture = explain(self._model, np.asarray(photo))
            return picture.record(settings), picture.jpeg(settings)
        except FastcamError as error:
            failure = InputError(str(error)) if isinstance(error, InputError) else FastcamError(str(error))
        raise failure  # without its cause, whose traceback would keep the picture in memory
