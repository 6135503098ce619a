"""The local server: its answers, the clients that it accepts, and its end with all threads."""

import socket
import threading
import time

import pytest

import fastcam
from fastcam.serve import Server
from fastcam.serve.handler import MOST_BYTES
from tests.model.ranks import network
from tests.serve.camera import Camera, frame
from tests.serve.client import ask, ask_json, connect, next_part, png, port_of
from tests.waiting import WAIT

pytestmark = pytest.mark.usefixtures("nothing_left_running")


@pytest.fixture(scope="module")
def model(load_real):
    return load_real("cifar10_resnet20")


@pytest.fixture(scope="module")
def server(model):
    """A server for photos only."""
    with Server(model) as server:
        yield server


# ---- pages -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/", "text/html"),
        ("/page.css", "text/css"),
        ("/page.js", "text/java"),
        ("/multipart.js", "text/java"),
        ("/webcam.js", "text/java"),
    ],
)
def test_the_page_and_its_headers(server, path, kind):
    status, head, body = ask(server, path)
    assert (status, int(head["Content-Length"])) == (200, len(body))
    assert head["Content-Type"].startswith(kind)
    assert head["Content-Security-Policy"].startswith("default-src 'self'; ")
    assert "unsafe" not in head["Content-Security-Policy"]
    assert (head["X-Content-Type-Options"], head["Cross-Origin-Resource-Policy"]) == ("nosniff", "same-origin")
    assert b"http://" not in body  # it loads nothing from elsewhere
    assert b"https://" not in body


def test_what_the_page_knows_of_the_model(server, model):
    record = ask_json(server, "/model.json")
    assert record["labels"] == list(model.labels)
    assert record["conventions"] == {"paper": 0.2, "gradcam": 0.15, "minmax": 0.2}
    assert record["methods"][:3] == ["auto", "cam", "gradcam"]
    assert list(record["colormaps"]) == ["turbo", "jet", "viridis", "inferno", "gray"]
    assert record["colormaps"]["gray"][0::16] == ["#000000", "#808080", "#ffffff"]
    assert (record["live"], record["classes"], record["name"]) == (False, 10, "cifar10_resnet20.onnx")


@pytest.mark.parametrize(
    "path",
    ["/nothing", "/page.html", "/../server.py", "/%2e%2e/server.py", "//etc/passwd", "/page.js/..", "/live.json", "*"],
)
def test_other_addresses(server, path):
    assert ask_json(server, path, status=404) == {"error": "there is nothing under this address"}


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/", "GET"),
        ("GET", "/photo", "POST"),
        ("HEAD", "/", "GET, POST"),
        ("PUT", "/photo", "GET, POST"),
        ("OPTIONS", "/photo", "GET, POST"),
        ("<script>", "/", "GET, POST"),
    ],
)
def test_other_methods(server, method, path, allowed):
    status, head, body = ask(server, path, method)
    assert (status, head["Allow"]) == (405, allowed)
    assert b"script" not in body


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:1", "localhost", "localhost:8765"])
def test_its_own_hosts_and_origins(server, host):
    """Any port is allowed: it may be forwarded from another one."""
    assert ask(server, "/model.json", Host=host, Origin=f"http://{host}")[0] == 200


FOREIGN = [
    {"Host": "evil.example"},
    {"Host": "evil.example:8765"},
    {"Host": "127.0.0.1.evil.example"},
    {"Host": "localhost.evil.example:80"},
    {"Host": ""},
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Host": "localhost:8765", "Origin": "http://localhost:3000"},
    {"Host": "localhost", "Origin": "https://localhost"},
    {"Sec_Fetch_Site": "cross-site"},
    {"Sec_Fetch_Site": "same-site", "Sec_Fetch_Mode": "no-cors"},
]


@pytest.mark.parametrize("headers", FOREIGN)
def test_foreign_hosts_and_origins(server, headers):
    for method, path, body in (("GET", "/", None), ("GET", "/model.json", None), ("POST", "/photo", png(frame()))):
        assert "expected" in ask_json(server, path, method, body, status=403, **headers)["error"]


def test_a_link_to_the_page_may_be_followed(server):
    assert ask(server, "/", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="navigate")[0] == 200


MALFORMED = {
    b"\x00\xff\r\n\r\n": b" 400 ",
    b"GET /\r\n\r\n": b" 403 ",
    b"GET / HTTP/1.1\r\n\r\n": b" 403 ",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil\r\n\r\n": b" 403 ",
    b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n": b" 505 ",
    b"GET / HTTP/<b>\r\nHost: localhost\r\n\r\n": b" 400 ",
    b"GET /" + b"x" * 70000 + b" HTTP/1.1\r\n\r\n": b" 414 ",
    b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 200 + b"\r\n": b" 431 ",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc": b" 400 ",
    b"POST /photo HTTP/1.1\r\nHost: localhost\r\n\r\n": b" 411 ",
    b"POST /photo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n": b" 411 ",
    b"POST /photo HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n": b" 400 ",
    b"POST /photo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1e3\r\n\r\n": b" 400 ",
    b"POST /photo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nabc": b" 400 ",
    b"POST /photo HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % (MOST_BYTES + 1): b" 413 ",
    b"POST /photo HTTP/1.1\r\nHost: localhost\r\nContent-Length: %s\r\n\r\n" % (b"9" * 5000): b" 413 ",
}


@pytest.mark.parametrize("sent", MALFORMED, ids=lambda sent: sent[:99].decode("latin-1"))
def test_malformed_requests(server, sent, capfd):
    with socket.create_connection(("127.0.0.1", port_of(server)), WAIT) as client:
        client.sendall(sent)
        client.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    assert MALFORMED[sent] in answer.splitlines()[0]
    assert b"<" not in answer
    assert capfd.readouterr() == ("", "")
    assert ask(server, "/")[0] == 200


# ---- connections -----------------------------------------------------------------------------------------------------


def test_requests_may_follow_each_other_on_one_connection(server):
    with connect(server) as connection:
        for path in ("/", "/model.json", "/page.js"):
            connection.request("GET", path)
            assert connection.getresponse().read()
            assert connection.sock is not None


def test_closing_ends_every_connection(model):
    camera = Camera()
    server = Server(model, camera)
    camera.shoot()
    with connect(server) as watching, connect(server) as idle:
        watching.request("GET", "/live.mjpg")
        answer = watching.getresponse()
        next_part(answer)
        idle.request("GET", "/")
        idle.getresponse().read()
        began = time.monotonic()
        threading.Timer(0.1, camera.end).start()
        server.close()
        assert time.monotonic() - began < 3
        assert next_part(answer) is None
        with pytest.raises(OSError, match="refused|reset"):
            ask(server, "/")


def test_no_name_server_is_asked(model, monkeypatch):
    def asked(*_):
        raise AssertionError("a name server was asked")

    for name in ("getfqdn", "gethostbyaddr", "getaddrinfo"):
        monkeypatch.setattr(socket, name, asked)
    Server(model).close()


def test_closing_twice(model):
    server = Server(model, [frame()])
    server.close()
    server.close()


def test_a_defect_is_logged_and_the_server_goes_on(model, caplog):
    class Broken:
        head, labels, preprocess, input = model.head, None, model.preprocess, model.input

        def explain(self, *_, **__):
            raise ZeroDivisionError("a defect")

    with Server(Broken()) as server:  # pyright: ignore[reportArgumentType]
        answer = ask_json(server, "/photo", "POST", png(frame()), status=500)
        assert answer == {"error": "a defect of fastcam; its log says more"}
        assert ask(server, "/")[0] == 200
    assert [(record.name, record.exc_info[0]) for record in caplog.records if record.exc_info] == [
        ("fastcam.serve.server", ZeroDivisionError)
    ]


# ---- what is refused -------------------------------------------------------------------------------------------------


def test_a_port_that_is_taken(model, server):
    port = port_of(server)
    with pytest.raises(fastcam.InputError, match=f"port: expected one that is free; got {port} .*0 for any free one"):
        Server(model, [frame()], port=port)


@pytest.mark.parametrize("port", [-1, 65536, 80.0, True, "80"])
def test_ports_that_are_none(model, port):
    with pytest.raises(fastcam.InputError, match="port: expected 0 to 65535"):
        Server(model, port=port)


def test_frames_that_are_none(model):
    with pytest.raises(fastcam.InputError, match="frames: expected an iterable"):
        Server(model, "clip.mp4")


@pytest.mark.parametrize(("rank", "kind"), [(1, "signals"), (3, "volumes")])
def test_models_of_other_ranks(rank, kind):
    with pytest.raises(fastcam.InputError, match=f"model: expected a model of images; got one of {kind}, input"):
        Server(fastcam.load(network(rank).model, preprocess="raw"))
