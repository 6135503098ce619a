"""The answers of the server to requests."""

from __future__ import annotations

import io
import json
import socket
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from fastcam.arrays.conventions import CONVENTIONS
from fastcam.errors import FastcamError, InputError
from fastcam.package import __version__
from fastcam.serve.arrival import DEADLINE, MOST_HEAD, PATIENCE, Arrival
from fastcam.serve.live import Live
from fastcam.serve.photos import Busy, Photos
from fastcam.serve.picture import Settings, settings_of
from fastcam.serve.sample import colors, methods_of, sample_photo

if TYPE_CHECKING:
    from fastcam.classifier.classifier import Classifier

MOST_BYTES = 32 * 2**20  # of a photo's file
PIECE = 2**18  # bytes that are read at once
HEARTBEAT = 5.0  # seconds after which a picture is sent again: only sending shows that a client has left
SEND_BUFFER = 2**16  # bytes; the system's own is large enough to fill with old frames for a slow client

PAGES = {
    "/": ("page.html", "text/html; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/multipart.js": ("multipart.js", "text/javascript; charset=utf-8"),
    "/webcam.js": ("webcam.js", "text/javascript; charset=utf-8"),
}
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Cache-Control": "no-store",
}


class Refused(Exception):
    """A request that is refused, with the HTTP status of the answer."""

    def __init__(self, status: HTTPStatus, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status, self.headers = status, headers


class Handler(BaseHTTPRequestHandler):
    """A connection, with fixed routes. Errors are JSON, `{"error": message}`."""

    protocol_version = "HTTP/1.1"
    default_request_version = "HTTP/1.0"  # of unreadable requests, so that they get a status too
    timeout = PATIENCE
    server: Any  # the `Listener`

    def __init__(self, model: Classifier, photos: Photos, live: Live | None, *connection: Any) -> None:
        self.model, self.photos, self.live = model, photos, live
        super().__init__(*connection)  # answers all requests

    def setup(self) -> None:
        """Read with a deadline for a whole request; the base class has a timeout for each read."""
        super().setup()
        self.rfile.close()
        self._arrival = self.server.arrivals[self.connection] = Arrival(self.connection)
        self.rfile = self._reader = io.BufferedReader(self._arrival)

    def handle_one_request(self) -> None:
        """Wait for a request, read it before the deadline, and answer it."""
        self.close_connection = True
        self._arrival.expect(PATIENCE)
        with suppress(TimeoutError):
            if self._reader.peek(1):
                self._arrival.expect(DEADLINE, MOST_HEAD)
                super().handle_one_request()

    def do_GET(self) -> None:
        """Answer a request, or refuse it."""
        self._answer()

    do_POST = do_GET

    def _answer(self) -> None:
        path, _, query = self.path.partition("?")
        try:
            self._check_is_local()
            method, respond = self._route(path)
            if self.command != method:
                raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, f"expected {method}", Allow=method)
            if method == "GET" and ("Content-Length" in self.headers or "Transfer-Encoding" in self.headers):
                raise Refused(HTTPStatus.BAD_REQUEST, "expected no body")
            respond(query)
        except Refused as refusal:
            self._send_error(refusal.status, str(refusal), **refusal.headers)
        except Busy as error:
            self._send_error(HTTPStatus.SERVICE_UNAVAILABLE, str(error), **{"Retry-After": "5"})
        except InputError as error:
            self._send_error(HTTPStatus.BAD_REQUEST, str(error))
        except FastcamError as error:
            self._send_error(HTTPStatus.INTERNAL_SERVER_ERROR, str(error))
        except (ConnectionError, TimeoutError):  # the client has left, or doesn't read
            raise
        except Exception:
            self._send_error(HTTPStatus.INTERNAL_SERVER_ERROR, "a defect of fastcam; its log says more")
            raise

    def _check_is_local(self) -> None:
        """Check that a request is of this machine and of no other page, or raise `Refused`.

        A page whose name was made to resolve to this machine still sends its own name as the host.
        """
        hosts, origin = self.headers.get_all("Host", []), self.headers.get("Origin")
        if len(hosts) != 1 or hosts[0].partition(":")[0] not in ("127.0.0.1", "localhost"):
            raise Refused(HTTPStatus.FORBIDDEN, "expected 127.0.0.1 or localhost as the host")
        foreign = self.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin")
        if (foreign and self.headers.get("Sec-Fetch-Mode") != "navigate") or origin not in (None, f"http://{hosts[0]}"):
            raise Refused(HTTPStatus.FORBIDDEN, "expected a request of this server's own page; got another page's")

    def _route(self, path: str) -> tuple[str, Callable[[str], None]]:
        if path in PAGES:
            return "GET", lambda _: self._send_page(*PAGES[path])
        if path == "/model.json":
            return "GET", self._send_model
        if path == "/sample.jpg":
            return "GET", lambda _: self._send(HTTPStatus.OK, "image/jpeg", sample_photo())
        if path == "/photo":
            return "POST", self._send_photo
        if path == "/live.json" and self.live:
            return "GET", self._send_state
        if path == "/live.mjpg" and self.live:
            return "GET", self._send_frames
        raise Refused(HTTPStatus.NOT_FOUND, "there is nothing under this address")

    def _send_page(self, name: str, kind: str) -> None:
        self._send(HTTPStatus.OK, kind, (files(__package__ or "") / name).read_bytes())

    def _send_model(self, _: str) -> None:
        model = self.model
        record = {
            "name": model.path.name if model.path else "model",
            "head": model.head.describe(),
            "preprocess": model.preprocess.describe(),
            "classes": model.head.classes,
            "labels": model.labels,
            "conventions": {name: rule.threshold for name, rule in CONVENTIONS.items()},
            "methods": methods_of(model),
            "colormaps": colors(),
            "live": self.live is not None,
            "most_bytes": MOST_BYTES,
            "version": __version__,
        }
        self._send_json(HTTPStatus.OK, record)

    def _send_state(self, query: str) -> None:
        assert self.live, "it has this route"
        settings, picture = settings_of(query, self.model.head.classes), self.live.newest()
        found = picture and picture.record(settings)
        self._send_json(HTTPStatus.OK, {**self.live.status(), "found": found})

    def _send_frames(self, query: str) -> None:
        """Send pictures until the source ends, each the newest when the client is ready for it.

        The header `X-Found` of each has the result of that same frame, as JSON.
        """
        assert self.live, "it has this route"
        settings = settings_of(query, self.model.head.classes)
        if not self.live.views.acquire(blocking=False):
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, "there are too many views", **{"Retry-After": "5"})
        try:
            self._send_parts(self.live, settings)
        finally:
            self.live.views.release()

    def _send_parts(self, live: Live, settings: Settings) -> None:
        picture = live.newer(-1, HEARTBEAT)
        if picture is None:
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, "no frame yet", **{"Retry-After": "1"})
        picture.jpeg(settings)  # now, while it can still be refused
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        self._send_head(HTTPStatus.OK, "multipart/x-mixed-replace; boundary=frame", Connection="close")
        self.wfile.write(b"--frame\r\n")
        with suppress(FastcamError):  # of a later frame: the head is sent, so the answer can only end
            while picture is not None:
                data, found = picture.jpeg(settings), json.dumps(picture.record(settings), allow_nan=False)
                head = (
                    f"Content-Type: image/jpeg\r\nContent-Length: {len(data)}\r\nX-Frame-Index: {picture.number}\r\n"
                    f"X-Found: {found}\r\n\r\n"
                )
                # Browsers show a part when they see the boundary behind it.
                self.wfile.write(head.encode("ascii") + data + b"\r\n--frame\r\n")
                picture = live.newer(picture.number, HEARTBEAT)

    def _send_photo(self, query: str) -> None:
        with self.photos.received(self._pieces()) as pieces:
            found, jpeg = self.photos.explain(pieces, settings_of(query, self.model.head.classes))
        self._send_json(
            HTTPStatus.OK, {"found": found, "picture": f"data:image/jpeg;base64,{b64encode(jpeg).decode()}"}
        )

    def _pieces(self) -> Iterator[bytes]:
        """Yield the body in pieces as they come."""
        size = left = self._body_size()
        self._arrival.expect_body()
        while left:
            try:
                piece = self.rfile.read(min(left, PIECE))
            except TimeoutError:
                message = f"photo: expected all of it in {DEADLINE:g} seconds; got {size - left} bytes"
                raise Refused(HTTPStatus.REQUEST_TIMEOUT, message) from None
            if not piece:
                raise Refused(HTTPStatus.BAD_REQUEST, f"photo: expected {size} bytes; got {size - left}")
            left -= len(piece)
            yield piece

    def _body_size(self) -> int:
        length = self.headers.get("Content-Length", "")
        if "Transfer-Encoding" in self.headers or not length:
            raise Refused(HTTPStatus.LENGTH_REQUIRED, "expected a body of a known length")
        if not (length.isascii() and length.isdigit()):
            raise Refused(HTTPStatus.BAD_REQUEST, "expected a number as Content-Length")
        if len(length) > 9 or int(length) > MOST_BYTES:
            message = f"photo: expected at most {MOST_BYTES >> 20} MB; got more"
            raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, message)
        return int(length)

    def _send_json(self, status: HTTPStatus, record: dict[str, Any], **headers: str) -> None:
        self._send(status, "application/json", json.dumps(record, allow_nan=False).encode(), **headers)

    def _send_error(self, status: HTTPStatus, message: str, **headers: str) -> None:
        """Send an error and end the connection, since part of the body may be unread."""
        self._send_json(status, {"error": message}, Connection="close", **headers)

    def _send(self, status: HTTPStatus, kind: str, body: bytes, **headers: str) -> None:
        self._send_head(status, kind, **{"Content-Length": str(len(body))}, **headers)
        if self.command != "HEAD":
            self.wfile.write(body)

    def _send_head(self, status: HTTPStatus, kind: str, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, **HEADERS, **headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer a request that the base class can't read, or whose method it doesn't know."""
        if code == HTTPStatus.NOT_IMPLEMENTED:
            self._send_error(HTTPStatus.METHOD_NOT_ALLOWED, "expected GET or POST", Allow="GET, POST")
        else:
            self._send_error(HTTPStatus(code), HTTPStatus(code).phrase)

    def log_message(self, format: str, *args: Any) -> None:
        """Write no log."""

    def version_string(self) -> str:
        """Return the value of the header `Server`."""
        return "fastcam"
