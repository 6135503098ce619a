"""The server of the page, for this machine only, whose only state is the newest frame."""

from __future__ import annotations

import logging
import os
import socket
import sys
import threading
from collections.abc import Iterable
from contextlib import suppress
from functools import partial
from http.server import ThreadingHTTPServer
from socketserver import TCPServer
from typing import TYPE_CHECKING, Any

from fastcam.arrays.places import KINDS
from fastcam.arrays.scalars import is_whole
from fastcam.errors import InputError
from fastcam.serve.arrival import PATIENCE, Arrival
from fastcam.serve.handler import Handler
from fastcam.serve.live import Live
from fastcam.serve.photos import Photos

if TYPE_CHECKING:
    from fastcam.classifier.classifier import Classifier

HOST = "127.0.0.1"
# At the same time: of photos and views, which have limits of their own, and of all pages; a browser opens up to six.
CONNECTIONS = 128
MAKING_ROOM = 1.0  # seconds


class Server:
    """A server of a page with the live overlay of frames, and for photos; a context manager.

    Only programs of this machine reach it, and of the pages in a browser only its own. Settings come with each request,
    so views don't disturb each other. A view gets the newest frame whenever it is ready for one, and never delays the
    source. Nothing is written to disk. Photos are explained one after the other. Connections that the server waits for
    longest are closed where others need room.

    Parameters
    ----------
    model
        The opened model, from `fastcam.load`.
    frames
        An iterable of (H, W, 3) uint8 RGB arrays, or of pairs of an array and its time in seconds, as for
        `Classifier.stream`, read as fast as it yields them; `paced` plays a file at its own speed. None: photos only.
    port
        The port of this machine; 0: any free one.

    Attributes
    ----------
    url
        The address of the page.

    Raises
    ------
    InputError
        A model of signals or volumes, frames that can't be iterated over, or a port that isn't free.

    Examples
    --------
    >>> from importlib.resources import files
    >>> import fastcam
    >>> from skimage.data import chelsea
    >>> model = fastcam.load(str(files("fastcam.data") / "squeezenet1_1.onnx"), preprocess="caffe-bgr")
    >>> with Server(model, [chelsea()]) as server:
    ...     server.url.startswith("http://127.0.0.1:")
    True
    """

    def __init__(self, model: Classifier, frames: Iterable[Any] | None = None, *, port: int = 0) -> None:
        if not is_whole(port) or not 0 <= port < 2**16:
            raise InputError(f"port: expected 0 to 65535; got {port!r}")
        if model.input.rank != 2:
            raise InputError(
                f"model: expected a model of images; got one of {KINDS[model.input.rank]}s, input {model.input.shape}. "
                "Explain these by Classifier.explain or `fastcam explain`"
            )
        self._live = None if frames is None else Live(model, frames)
        self._photos = Photos(model)
        try:
            self._listener = Listener((HOST, int(port)), partial(Handler, model, self._photos, self._live))
        except OSError as error:
            self._close_work()
            hint = "choose another, or 0 for any free one"
            raise InputError(f"port: expected one that is free; got {port} ({error.strerror}); {hint}") from error
        self.url = f"http://{HOST}:{self._listener.server_address[1]}/"
        self._thread = threading.Thread(
            target=self._listener.serve_forever, args=(0.1,), name="fastcam-serve", daemon=True
        )
        self._thread.start()

    def wait(self) -> None:
        """Wait until the server is closed, or for Ctrl-C."""
        while self._thread.is_alive():
            self._thread.join(1)  # second by second: Windows doesn't interrupt an endless wait

    def close(self) -> None:
        """End all connections and threads, and free the port."""
        self._listener.shutdown()
        self._close_work()
        self._listener.server_close()

    def _close_work(self) -> None:
        if self._live is not None:
            self._live.close()
        self._photos.close()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Listener(ThreadingHTTPServer):
    """A listening socket with a thread for each connection; closing it ends all of them.

    Attributes
    ----------
    arrivals
        The incoming bytes of each connection.
    """

    daemon_threads = True
    request_queue_size = CONNECTIONS
    allow_reuse_address = os.name != "nt"  # where it would let two servers have one port

    def __init__(self, address: tuple[str, int], handler: Any) -> None:
        self._changed = threading.Condition()
        self._open: set[socket.socket] = set()
        self.arrivals: dict[socket.socket, Arrival] = {}
        super().__init__(address, handler)

    def server_bind(self) -> None:
        """Bind without the base class's query to the name server."""
        TCPServer.server_bind(self)

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Return whether there is room for one more connection, after closing the slowest if need be."""
        with self._changed:
            if len(self._open) >= CONNECTIONS and self._end_slowest():
                self._changed.wait_for(lambda: len(self._open) < CONNECTIONS, MAKING_ROOM)
            return len(self._open) < CONNECTIONS

    def _end_slowest(self) -> bool:
        waiting = [request for request, arrival in self.arrivals.items() if arrival.is_awaited]
        if waiting:
            _end(min(waiting, key=lambda request: self.arrivals[request].since))
        return bool(waiting)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Process a request in a thread of its own."""
        with self._changed:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """End a connection, and forget it."""
        super().shutdown_request(request)
        with self._changed:
            self._open.discard(request)
            self.arrivals.pop(request, None)
            self._changed.notify_all()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log an error, unless the client has left or doesn't read."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            logging.getLogger(__name__).exception("a request failed")

    def server_close(self) -> None:
        """End all connections as well, after their current computation."""
        super().server_close()
        with self._changed:
            for request in self._open:
                _end(request)
            self._changed.wait_for(lambda: not self._open, PATIENCE)


def _end(request: socket.socket) -> None:
    """Shut a connection down, so that waiting threads go on."""
    with suppress(OSError):  # its client may have ended it
        request.shutdown(socket.SHUT_RDWR)
