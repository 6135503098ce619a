"""Many clients of the local server, and slow ones: its page answers, and its memory is bounded."""

import http.client
import json
import socket
import threading
import time
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fastcam.serve import Server
from fastcam.serve.photos import LEAST
from tests.serve import crowd
from tests.serve.camera import filming, frame
from tests.serve.client import ask, ask_json, connect, connections, next_part, png, port_of
from tests.waiting import WAIT, until

pytestmark = pytest.mark.usefixtures("nothing_left_running")

HEAD = b"POST /photo HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"


@pytest.fixture(scope="module")
def model(load_real):
    return load_real("cifar10_resnet20")


def raw(server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port_of(server)), WAIT)


def answer_of(client) -> bytes:
    """Return all bytes until the server ends the connection."""
    return b"".join(iter(lambda: client.recv(65536), b""))


@contextmanager
def dripping(server, count, start):
    """Open clients that send a beginning, and then a byte now and then."""
    over = threading.Event()
    with ExitStack() as stack:
        clients = [stack.enter_context(closing(raw(server))) for _ in range(count)]
        for client in clients:
            client.sendall(start)

        def drip():
            while not over.wait(0.05):
                for client in clients:
                    try:
                        client.send(b"a")
                    except OSError:  # the server ended it
                        continue

        thread = threading.Thread(target=drip)
        thread.start()
        try:
            yield clients
        finally:
            over.set()
            thread.join()


# ---- slow clients ----------------------------------------------------------------------------------------------------

BEGINNINGS = {"nothing": b"", "line": b"GET /", "head": b"GET / HTTP/1.1\r\nX: ", "body": HEAD % 30_000_000}


@pytest.mark.parametrize("beginning", BEGINNINGS)
def test_clients_that_drip_bytes_do_not_hold_the_page(model, beginning):
    with Server(model) as server, dripping(server, 140, BEGINNINGS[beginning]):
        for _ in range(5):
            began = time.monotonic()
            assert ask(server, "/")[0] == 200
            assert time.monotonic() - began < 3
        assert ask_json(server, "/photo", "POST", png(frame()))["found"]


@pytest.mark.parametrize("beginning", ["line", "head", "body"])
def test_a_request_has_a_deadline_however_its_bytes_come(model, monkeypatch, beginning):
    monkeypatch.setattr("fastcam.serve.handler.DEADLINE", 0.5)
    with Server(model) as server, dripping(server, 1, BEGINNINGS[beginning]) as clients:
        began = time.monotonic()
        answer = answer_of(clients[0])
        assert 0.4 < time.monotonic() - began < 3
        if beginning == "body":
            assert answer.startswith(b"HTTP/1.1 408 ")
            assert b"photo: expected all of it in 0.5 seconds; got " in answer
        else:
            assert answer == b""
        until(lambda: connections() == 0)


def test_a_wait_for_the_next_request_is_no_part_of_it(model, monkeypatch):
    monkeypatch.setattr("fastcam.serve.handler.DEADLINE", 0.3)
    with Server(model) as server, connect(server) as connection:
        for _ in range(2):
            connection.request("GET", "/model.json")
            assert connection.getresponse().read()
            time.sleep(0.5)


def test_heads_without_an_end(model):
    with Server(model) as server, closing(raw(server)) as client:
        try:
            for _ in range(100):
                client.sendall(b"X: " + b"y" * 8000 + b"\r\n")
        except ConnectionError:
            pass
        until(lambda: connections() == 0)


def test_of_too_many_connections_one_that_keeps_the_server_waiting_makes_room(model, monkeypatch):
    monkeypatch.setattr("fastcam.serve.server.CONNECTIONS", 3)
    with filming(model) as (camera, server), ExitStack() as stack:
        camera.shoot()
        held = [stack.enter_context(connect(server)) for _ in range(3)]
        for connection in held[:2]:  # they get answers all the time
            connection.request("GET", "/live.mjpg")
            next_part(connection.getresponse())
        held[2].request("GET", "/model.json")
        assert held[2].getresponse().read()
        until(lambda: any(arrival.is_awaited for arrival in server._listener.arrivals.values()))
        assert ask(server, "/")[0] == 200
        held[2].sock.settimeout(WAIT)
        assert held[2].sock.recv(1) == b""
        until(lambda: connections() == 2)
        third = stack.enter_context(connect(server))
        third.request("GET", "/live.mjpg")
        next_part(third.getresponse())
        with pytest.raises((ConnectionError, http.client.RemoteDisconnected)):  # no connection that can be closed
            ask(server, "/")


def test_views_leave_room_for_the_page(model, monkeypatch):
    monkeypatch.setattr("fastcam.serve.live.VIEWS", 2)
    with filming(model) as (camera, server), ExitStack() as stack:
        camera.shoot()
        for _ in range(2):
            connection = stack.enter_context(connect(server))
            connection.request("GET", "/live.mjpg")
            next_part(connection.getresponse())
        assert ask_json(server, "/live.mjpg", status=503) == {"error": "there are too many views"}
        assert ask(server, "/")[0] == 200


# ---- many photos -----------------------------------------------------------------------------------------------------


def test_uploads_are_answered_one_after_the_other(model):
    with Server(model) as server:
        found = [None] * 40

        def send(k):
            found[k] = ask_json(server, "/photo", "POST", png(frame(k)))["found"]["chosen"]["class_index"]

        threads = [threading.Thread(target=send, args=(k,)) for k in range(len(found))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert found == [int(model.explain(frame(k)).class_index[0, 0]) for k in range(len(found))]


def test_uploads_that_are_too_many_are_refused_and_may_come_again(model, monkeypatch):
    monkeypatch.setattr("fastcam.serve.photos.MOST", 2 * LEAST)
    with Server(model) as server, closing(raw(server)) as one, closing(raw(server)) as other:
        for client in (one, other):
            client.sendall(HEAD % 1000)
        until(lambda: server._photos._reserved == 2 * LEAST)
        status, head, body = ask(server, "/photo", "POST", png(frame()))
        assert (status, head["Retry-After"]) == (503, "5")
        assert json.loads(body) == {"error": "photo: too many are sent at once; try again soon"}
        assert ask(server, "/")[0] == 200
        other.close()
        until(lambda: server._photos._reserved == LEAST)
        assert ask(server, "/photo", "POST", png(frame()))[0] == 200
        large = ask_json(server, "/photo", "POST", bytes(3 * LEAST), status=503)  # its body is read nevertheless
        assert large == {"error": "photo: too many are sent at once; try again soon"}
        one.close()
        until(lambda: server._photos._reserved == 0)


def test_a_photo_waits_so_long_only(model, monkeypatch):
    monkeypatch.setattr("fastcam.serve.photos.PATIENCE", 0.2)
    going = threading.Event()

    class Slow:
        head, labels, path = model.head, model.labels, None
        preprocess, input = model.preprocess, model.input

        def explain(self, *arguments, **options):
            going.wait(WAIT)
            return model.explain(*arguments, **options)

    with Server(Slow()) as server:  # pyright: ignore[reportArgumentType]
        statuses = []
        first = threading.Thread(target=lambda: statuses.append(ask(server, "/photo", "POST", png(frame()))[0]))
        first.start()
        until(lambda: server._photos._reserved)
        time.sleep(0.1)
        answer = ask_json(server, "/photo", "POST", png(frame()), status=503)
        assert answer == {"error": "photo: too many others come before it; try again soon"}
        going.set()
        first.join()
    assert statuses == [200]  # its work had begun


def test_closing_while_photos_wait(model):
    with Server(model) as server, ExitStack() as stack:
        photo = png(np.asarray(Image.fromarray(frame()).resize((2000, 2000))))
        for _ in range(6):
            client = stack.enter_context(closing(raw(server)))
            client.sendall(HEAD % len(photo) + photo)
        until(lambda: server._photos._reserved)


# ---- memory ----------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak is read as Linux tells it")
def test_memory_is_that_of_one_photo_however_many_come(shared):
    """64 photos at once, each 8 kB of 2.6 million pixels: ten of them would take more than the bound."""
    photo = crowd.plain("RGB", 1600)
    with crowd.serving(shared / "models" / "cifar10_resnet20.onnx") as (process, port):
        assert crowd.send(port, photo, 1) == {200: 1}
        one = crowd.most_memory(process)
        assert crowd.send(port, photo, 64) == {200: 64}
        assert crowd.most_memory(process) < one + 100
