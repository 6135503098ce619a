"""A plain HTTP client of the local server."""

import http.client
import io
import json
import threading
from contextlib import closing
from typing import Any

import numpy as np
from PIL import Image

from tests.waiting import WAIT


def port_of(server) -> int:
    return int(server.url.split(":")[-1].strip("/"))


def connect(server):
    return closing(http.client.HTTPConnection("127.0.0.1", port_of(server), timeout=WAIT))


def connections():
    """Return the count of connections of the servers of this process."""
    return sum("process_request" in thread.name for thread in threading.enumerate())


def ask(server, path, method="GET", body=None, **headers):
    """Return status, headers and body of an answer."""
    with connect(server) as connection:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()


def ask_json(server, path, method="GET", body=None, status=200, **headers):
    got, head, data = ask(server, path, method, body, **headers)
    assert (got, head["Content-Type"]) == (status, "application/json"), data
    return json.loads(data)


def next_part(answer) -> Any:
    """Return headers and picture of the next part of a multipart answer; None at its end."""
    while (line := answer.readline()) == b"--frame\r\n":
        pass
    if not line:
        return None
    head = http.client.parse_headers(io.BytesIO(line + b"".join(iter(answer.readline, b"\r\n")) + b"\r\n"))
    data = answer.read(int(head["Content-Length"]))
    assert answer.read(2) == b"\r\n"
    return head, data


def png(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def assert_alike(jpeg, drawn):
    """Check that pictures are equal, except for losses of JPEG; a box in another place makes a larger difference."""
    with Image.open(io.BytesIO(jpeg)) as image:
        assert image.format == "JPEG"
        got = np.asarray(image).astype(float)
    assert got.shape == drawn.shape
    assert np.sqrt(np.mean((got - drawn) ** 2)) < 6
