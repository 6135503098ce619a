"""What clients send, by a deadline for a whole request: one that drips bytes doesn't hold a connection for long."""

from __future__ import annotations

import io
import socket
import time
from typing import Any

PATIENCE = 10.0  # seconds that a client may keep a thread waiting for the next request, or for taking an answer
DEADLINE = 60.0  # seconds from a request's first byte to its last
MOST_HEAD = 2**17  # bytes of a request without its body


class Arrival(io.RawIOBase):
    """A connection's bytes, read by deadlines.

    Attributes
    ----------
    since
        When the request began that is read, or the wait for the next one.
    is_awaited
        True while the server waits for this client.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self.is_awaited = False
        self.expect(PATIENCE)

    def expect(self, seconds: float, most: int | None = None) -> None:
        """Set the deadline of what is read from now on, and how many bytes of it there may be."""
        self.since = time.monotonic()
        self._until, self._left = self.since + seconds, most

    def expect_body(self) -> None:
        """Let as many bytes come as like, by the same deadline."""
        self._left = None

    def readable(self) -> bool:
        """True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read what has come, at least a byte; 0 at the end.

        Raises
        ------
        TimeoutError
            The deadline is over.
        ConnectionError
            There is too much, or the client has left.
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
