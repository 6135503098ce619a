"""The local server: what it answers, to whom, and that no client holds up the source or outlives the server."""

import base64
import http.client
import io
import json
import socket
import threading
import time
from contextlib import closing
from typing import Any

import numpy as np
import pytest
from PIL import Image

import fastcam
from fastcam.conventions import named
from fastcam.serve import Server, paced
from fastcam.serve.handler import MOST_BYTES
from fastcam.serve.picture import Picture, Settings, explained, settings_of, under
from tests.camera import Camera, filming, frame

WAIT = 10  # seconds until a test gives up


@pytest.fixture(autouse=True)
def nothing_left_running(server):
    before = threads()
    yield
    until(lambda: threads() <= before)


def threads():
    """Those of servers, sources and connections; not those of the pool that all functions share."""
    return {thread for thread in threading.enumerate() if thread.name.startswith(("fastcam-", "Thread-"))}


def connections():
    """How many the servers of this process have."""
    return sum("process_request" in thread.name for thread in threading.enumerate())


@pytest.fixture(scope="module")
def model(load_real):
    return load_real("cifar10_resnet20")


@pytest.fixture(scope="module")
def server(model):
    """One that takes photos only."""
    with Server(model) as server:
        yield server


def connect(server):
    return closing(http.client.HTTPConnection("127.0.0.1", int(server.url.split(":")[-1].strip("/")), timeout=WAIT))


def ask(server, path, method="GET", body=None, **headers):
    """Status, headers and body."""
    with connect(server) as connection:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()


def ask_json(server, path, method="GET", body=None, status=200, **headers):
    got, head, data = ask(server, path, method, body, **headers)
    assert (got, head["Content-Type"]) == (status, "application/json"), data
    return json.loads(data)


def until(condition):
    end = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def png(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def next_part(answer) -> Any:
    """Headers and picture of the next part of a multipart answer; None at its end."""
    while (line := answer.readline()) == b"--frame\r\n":
        pass
    if not line:
        return None
    head = http.client.parse_headers(io.BytesIO(line + b"".join(iter(answer.readline, b"\r\n")) + b"\r\n"))
    data = answer.read(int(head["Content-Length"]))
    assert answer.read(2) == b"\r\n"
    return head, data


# ---- pages -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "kind"),
    [("/", "text/html"), ("/page.css", "text/css"), ("/page.js", "text/java"), ("/multipart.js", "text/java")],
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
    """Of any port: it may have been forwarded by way of another."""
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
    with socket.create_connection(("127.0.0.1", int(server.url.split(":")[-1].strip("/"))), WAIT) as client:
        client.sendall(sent)
        client.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    assert MALFORMED[sent] in answer.splitlines()[0]
    assert b"<" not in answer
    assert capfd.readouterr() == ("", "")
    assert ask(server, "/")[0] == 200


# ---- photos ----------------------------------------------------------------------------------------------------------


def test_a_photo_is_answered_with_its_classes_and_overlay(server, model):
    photo = frame()
    got = ask_json(server, "/photo?convention=minmax&threshold=0.4&opacity=0.3", "POST", png(photo))
    expected = model.explain(photo, top=5, convention="minmax", threshold=0.4)
    assert (got["found"]["width"], got["found"]["height"]) == (60, 40)
    for m, record in enumerate(got["found"]["maps"]):
        assert record["class_index"] == expected.class_index[0, m]
        assert record["label"] == model.labels[record["class_index"]]
        assert record["probability"] == expected.scores[0, m]
        assert record["box"] == expected.boxes.xyxy[0, m].tolist()
    assert got["found"]["chosen"] == got["found"]["maps"][0]
    drawn = fastcam.overlay(photo, expected, opacity=0.3, label=False, scale=8)
    head, data = got["picture"].split(",")
    assert head == "data:image/jpeg;base64"
    assert_alike(base64.b64decode(data), drawn)


def assert_alike(jpeg, drawn):
    """But for what JPEG loses; a box that stands elsewhere is much farther off."""
    with Image.open(io.BytesIO(jpeg)) as image:
        assert image.format == "JPEG"
        got = np.asarray(image).astype(float)
    assert got.shape == drawn.shape
    assert np.sqrt(np.mean((got - drawn) ** 2)) < 6


@pytest.mark.parametrize("index", range(10))
def test_every_class_can_be_chosen(server, model, index):
    photo = frame(1)
    got = ask_json(server, f"/photo?class={index}", "POST", png(photo))
    expected = model.explain(photo, class_index=index)
    assert got["found"]["chosen"]["class_index"] == index
    assert got["found"]["chosen"]["probability"] == expected.scores[0, 0]
    assert got["found"]["chosen"]["area"] == expected.boxes.area[0, 0]
    assert (got["found"]["chosen"]["box"] or [0] * 4) == expected.boxes.xyxy[0, 0].tolist()
    drawn = fastcam.overlay(photo, expected, label=False, scale=8)
    assert_alike(base64.b64decode(got["picture"].split(",")[1]), drawn)


def test_large_photos_are_reduced_for_the_browser_and_boxed_in_their_own_pixels(server, model):
    photo = np.asarray(Image.fromarray(frame()).resize((3000, 2000)))
    got = ask_json(server, "/photo", "POST", png(photo))
    assert got["found"]["chosen"]["box"] == model.explain(photo).boxes.xyxy[0, 0].tolist()
    with Image.open(io.BytesIO(base64.b64decode(got["picture"].split(",")[1]))) as image:
        assert image.size == (1920, 1280)


BAD = {
    "class=10": "class: expected an index from 0 to 9; got '10'",
    "class=-1": "class: expected an index",
    "class=%C2%B2": "class: expected an index",
    "class=": "class: expected an index",
    "class=" + "1" * 5000: "class: expected an index",
    "convention=x": "convention: expected one of paper, gradcam, minmax; got 'x'",
    "threshold=1": "threshold: expected a fraction",
    "threshold=nan": "threshold: expected a fraction",
    "threshold=x": "threshold: expected a number; got 'x'",
    "opacity=2": "opacity: expected 0 to 1",
    "opacity=nan": "opacity: expected 0 to 1",
    "x=1": "settings: expected convention, threshold, opacity and class, each once; got x",
    "class=1&class=2": "each once; got class, class",
}


@pytest.mark.parametrize("query", BAD)
def test_settings_that_are_refused(server, query):
    answer = ask_json(server, f"/photo?{query}", "POST", png(frame()), status=400)
    assert answer["error"].find(BAD[query]) >= 0


@pytest.mark.parametrize("body", [b"", b"no photo", png(frame())[:900], b"<svg xmlns='...'/>"])
def test_bad_photos(server, body):
    assert "photo: " in ask_json(server, "/photo", "POST", body, status=400)["error"]


def test_requests_may_follow_each_other_on_one_connection(server):
    with connect(server) as connection:
        for path in ("/", "/model.json", "/page.js"):
            connection.request("GET", path)
            assert connection.getresponse().read()
            assert connection.sock is not None


# ---- frames ----------------------------------------------------------------------------------------------------------


def test_a_source_from_its_first_frame_to_its_end(model):
    with filming(model) as (camera, server):
        state = ask_json(server, "/live.json")
        assert (state["state"], state["found"], state["frame"]) == ("waiting", None, None)
        camera.shoot(3)
        until(lambda: ask_json(server, "/live.json")["frame"] == 2)
        state = ask_json(server, "/live.json?convention=gradcam&class=3")
        expected = model.explain(frame(2), class_index=3, convention="gradcam")
        assert (state["state"], state["error"], state["seconds"]) == ("playing", None, pytest.approx(0.2))
        assert state["found"]["chosen"]["box"] == expected.boxes.xyxy[0, 0].tolist()
        assert len(state["found"]["maps"]) == 5
        camera.end()
        until(lambda: ask_json(server, "/live.json")["state"] == "ended")
        state = ask_json(server, "/live.json?class=4")  # of the last frame, which stays
        assert (state["frame"], state["found"]["chosen"]["class_index"]) == (2, 4)


def test_pictures_of_a_source_and_their_end(model):
    with filming(model) as (camera, server), connect(server) as connection:
        camera.shoot()
        connection.request("GET", "/live.mjpg?opacity=0.8&class=7")
        answer = connection.getresponse()
        assert answer.headers["Content-Type"] == "multipart/x-mixed-replace; boundary=frame"
        for k in range(4):
            head, data = next_part(answer)
            assert (head["Content-Type"], head["X-Frame-Index"]) == ("image/jpeg", str(k))
            drawn = fastcam.overlay(frame(k), model.explain(frame(k), class_index=7), opacity=0.8, label=False, scale=8)
            assert_alike(data, drawn)
            camera.shoot()
        assert next_part(answer)[0]["X-Frame-Index"] == "4"
        camera.end()
        assert next_part(answer) is None


def test_after_the_end_the_last_frame_is_shown_with_other_settings(model):
    with Server(model, [frame(0), frame(1)]) as server:
        until(lambda: ask_json(server, "/live.json")["state"] == "ended")
        with connect(server) as connection:
            connection.request("GET", "/live.mjpg?opacity=0.9")
            answer = connection.getresponse()
            head, data = next_part(answer)
            assert head["X-Frame-Index"] == "1"
            assert_alike(data, fastcam.overlay(frame(1), model.explain(frame(1)), opacity=0.9, label=False, scale=8))
            assert next_part(answer) is None


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError("camera unplugged"), "OSError: camera unplugged"),
        (fastcam.InputError("clip.mp4: damaged"), "clip.mp4: damaged"),
        (SystemExit("enough"), "SystemExit: enough"),
    ],
)
def test_a_source_that_fails(model, error, message):
    with filming(model) as (camera, server):
        camera.shoot()
        until(lambda: ask_json(server, "/live.json")["frame"] == 0)
        camera.end(error)
        until(lambda: ask_json(server, "/live.json")["state"] == "failed")
        state = ask_json(server, "/live.json")
        assert (state["error"], state["frame"]) == (message, 0)
        assert ask_json(server, "/photo", "POST", png(frame()))["found"]


def test_a_frame_that_is_none(model):
    with Server(model, [frame(), "no frame"]) as server:
        until(lambda: ask_json(server, "/live.json")["state"] == "failed")
        assert ask_json(server, "/live.json")["error"].startswith("frame 1: ")


def test_an_empty_source(model):
    with Server(model, []) as server:
        until(lambda: ask_json(server, "/live.json")["state"] == "ended")
        assert ask_json(server, "/live.json")["found"] is None
        assert ask_json(server, "/live.mjpg", status=503) == {"error": "no frame yet"}


def test_a_source_that_has_gone_quiet(model, monkeypatch):
    monkeypatch.setattr("fastcam.serve.live.QUIET", 0.2)
    with filming(model) as (camera, server):
        camera.shoot()
        until(lambda: ask_json(server, "/live.json")["state"] == "stalled")
        camera.shoot()
        until(lambda: ask_json(server, "/live.json")["state"] == "playing")


def test_a_slow_client_holds_nothing_up_and_gets_the_newest_frame(model):
    """It takes one picture, and no more until hundreds of frames have gone by."""
    with filming(model) as (camera, server), connect(server) as slow, connect(server) as other:
        slow.connect()
        slow.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        camera.shoot()
        slow.request("GET", "/live.mjpg")
        answer = slow.getresponse()
        next_part(answer)
        other.request("GET", "/live.mjpg")
        quick = other.getresponse()
        next_part(quick)
        for k in range(1, 200):
            camera.shoot()
            assert int(next_part(quick)[0]["X-Frame-Index"]) == k
        numbers = [int(next_part(answer)[0]["X-Frame-Index"])]
        while numbers[-1] < 199:
            numbers.append(int(next_part(answer)[0]["X-Frame-Index"]))
        assert len(numbers) < 50  # what lay in buffers, then the newest
        assert numbers == sorted(set(numbers))


def test_clients_that_leave(model, capfd):
    with filming(model) as (camera, server):
        camera.shoot()
        for _ in range(3):
            with connect(server) as connection:
                connection.request("GET", "/live.mjpg")
                with connection.getresponse() as answer:
                    next_part(answer)
            camera.shoot(3)
        until(lambda: not connections() or camera.shoot())
        assert ask_json(server, "/live.json")["state"] == "playing"
    assert capfd.readouterr() == ("", "")


def test_a_client_that_left_is_noticed_though_no_frame_comes(model, monkeypatch):
    monkeypatch.setattr("fastcam.serve.handler.HEARTBEAT", 0.05)
    with filming(model) as (camera, server):
        camera.shoot()
        with connect(server) as connection:
            connection.request("GET", "/live.mjpg")
            with connection.getresponse() as answer:
                assert [next_part(answer)[0]["X-Frame-Index"] for _ in range(3)] == ["0"] * 3
        until(lambda: not connections())


def test_many_clients_at_once(model):
    """With the same settings they share one drawing; each gets the newest frame."""
    with filming(model) as (camera, server):
        camera.shoot()
        last = []

        def watch(k):
            with connect(server) as connection:
                connection.request("GET", f"/live.mjpg?opacity=0.{k % 3 + 1}")
                answer, number = connection.getresponse(), -1
                while number < 9:
                    number = int(next_part(answer)[0]["X-Frame-Index"])
                last.append(number)

        clients = [threading.Thread(target=watch, args=(k,)) for k in range(20)]
        for client in clients:
            client.start()
        camera.shoot(9)
        for client in clients:
            client.join(WAIT)
        assert last == [9] * 20


def test_there_is_room_for_so_many_connections_only(model, monkeypatch):
    monkeypatch.setattr("fastcam.serve.server.CONNECTIONS", 3)
    with Server(model) as server:
        held = [http.client.HTTPConnection("127.0.0.1", int(server.url.split(":")[-1].strip("/"))) for _ in range(3)]
        for connection in held:
            connection.request("GET", "/model.json")
            assert connection.getresponse().read()
        with pytest.raises((ConnectionError, http.client.RemoteDisconnected)):
            ask(server, "/")
        held.pop().close()
        until(lambda: connections() == 2)
        assert ask(server, "/")[0] == 200
        for connection in held:
            connection.close()


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
        head, labels = model.head, None

        def explain(self, *_, **__):
            raise ZeroDivisionError("a defect")

    with Server(Broken()) as server:  # pyright: ignore[reportArgumentType]
        answer = ask_json(server, "/photo", "POST", png(frame()), status=500)
        assert answer == {"error": "a defect of fastcam; its log says more"}
        assert ask(server, "/")[0] == 200
    assert [(record.name, record.exc_info[0]) for record in caplog.records if record.exc_info] == [
        ("fastcam.serve.server", ZeroDivisionError)
    ]


# ---- the parts -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fit", ["center-crop", "stretch", "letterbox"])
@pytest.mark.parametrize(("convention", "threshold"), [("paper", 0.4), ("gradcam", None), ("minmax", 0.7)])
def test_another_convention_gives_the_boxes_of_explaining_again(shared, fit, convention, threshold):
    model = fastcam.load(shared / "models" / "cifar10_resnet20.onnx", preprocess=f"imagenet,fit={fit}")
    again = under(model.explain(frame(), top=10), named(convention, threshold))
    expected = model.explain(frame(), top=10, convention=convention, threshold=threshold)
    np.testing.assert_array_equal(again.boxes.xyxy, expected.boxes.xyxy)
    np.testing.assert_array_equal(again.boxes.area, expected.boxes.area)
    assert again.boxes.xyxy.dtype == np.int32
    assert (again.convention, again.threshold) == (expected.convention, expected.threshold)


def test_the_network_runs_once_more_for_a_class_that_is_not_among_the_best(model):
    class Counting:
        head, labels, calls = model.head, model.labels, 0

        def explain(self, *arguments, **options):
            self.calls += 1
            return model.explain(*arguments, **options)

    counting = Counting()
    picture = explained(counting, frame())  # pyright: ignore[reportArgumentType]
    order = np.argsort(-picture.explanation.logits[0])
    assert counting.calls == 1
    for index in (order[0], order[4], order[9], order[9]):
        settings = Settings(named("paper"), 0.5, int(index))
        assert picture.record(settings)["chosen"]["class_index"] == index
        assert picture.jpeg(settings) == picture.jpeg(settings)
    assert counting.calls == 2


def test_drawings_of_a_picture_are_not_kept_without_end(model):
    picture = Picture(model, frame(), model.explain(frame(), top=5))
    for k in range(40):
        picture.jpeg(Settings(named("paper"), k / 40, k % 10))
    assert len(picture._drawn) <= 8


def test_settings_of_an_empty_query():
    assert settings_of("", 5) == Settings(named("paper"), 0.5, None)


def test_a_file_is_played_at_its_own_speed():
    began = time.monotonic()
    at = [time.monotonic() - began for _ in paced((k, 7 + 0.05 * k) for k in range(5))]
    assert all(got >= 0.05 * k - 0.001 for k, got in enumerate(at))


def test_a_file_that_begins_again_and_one_whose_times_jump():
    began = time.monotonic()
    assert len(list(paced([(0, 0.0), (0, 0.1), (0, 0.0), (0, 0.1), (0, 1e6), (0, 1e6 + 0.1)]))) == 6
    assert 0.3 <= time.monotonic() - began < 5


def test_a_reader_that_was_held_up_does_not_hurry_afterwards():
    def source():
        yield 0, 0.0
        time.sleep(1.2)
        yield from ((k, 0.1 * k) for k in range(1, 4))

    at = [time.monotonic() for _ in paced(source())]
    assert min(np.diff(at)[1:]) >= 0.09


# ---- what is refused -------------------------------------------------------------------------------------------------


def test_a_port_that_is_taken(model, server):
    port = int(server.url.split(":")[-1].strip("/"))
    with pytest.raises(fastcam.InputError, match=f"port: expected one that is free; got {port} .*0 for any free one"):
        Server(model, [frame()], port=port)


@pytest.mark.parametrize("port", [-1, 65536, 80.0, True, "80"])
def test_ports_that_are_none(model, port):
    with pytest.raises(fastcam.InputError, match="port: expected 0 to 65535"):
        Server(model, port=port)


def test_frames_that_are_none(model):
    with pytest.raises(fastcam.InputError, match="frames: expected an iterable"):
        Server(model, "clip.mp4")


def test_a_head_without_exact_maps_follows_the_gradient(shared):
    model = fastcam.load(shared / "models" / "mnist_cnn_flatten_fc.onnx")
    with Server(model) as server:
        found = ask_json(server, "/photo", "POST", png(frame()))["found"]
    assert {record["method"] for record in found["maps"]} == {"gradcam"}
