"""The bytes of a client, with a deadline for a whole request: slow clients don't keep a connection for long."""

from __future__ import annotations

import io
import socket
import time
from typing import Any

PATIENCE = 10.0  # seconds that a client may keep a thread waiting for the next request, or for taking an answer
DEADLINE = 60.0  # seconds from a request's first byte to its last
MOST_HEAD = 2**17  # bytes of a request without its body


class Arrival(io.RawIOBase):
    """The bytes of a connection, read until a deadline.

    Attributes
    ----------
    since
        The time at which the current request, or the wait for the next one, began.
    is_awaited
        True while the server waits for this client.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self.is_awaited = False
        self.expect(PATIENCE)

    def expect(self, seconds: float, most: int | None = None) -> None:
        """Set the deadline from now, and the most bytes that may be read until then; None: no limit."""
        self.since = time.monotonic()
        self._until, self._left = self.since + seconds, most

    def expect_body(self) -> None:
        """Remove the limit of bytes; the deadline stays."""
        self._left = None

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read the bytes that have come, one or more, and return their count; 0 at the end.

        Raises
        ------
        TimeoutError
            The deadline has passed.
        ConnectionError
            There are too many bytes, or the client has left.
        """
        seconds = self._until - time.monotonic()
        if seconds <= 0:
            raise TimeoutError("the client took too long")
        self._connection.settimeout(seconds)
        self.is_awaited = True
        try:
            count = self._connection.recv_into(buffer)
        finally:
            self.is_awaited = False
            self._connection.settimeout(PATIENCE)
        if self._left is not None:
            self._left -= count
            if self._left < 0:
                raise ConnectionAbortedError("the head of the request is too long")
        return count
