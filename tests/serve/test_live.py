"""A source on the local server: every client gets its newest frame, and none holds it up."""

import json
import shutil
import socket
import subprocess
import threading
import time
from base64 import b64encode
from importlib.resources import files

import numpy as np
import pytest

import fastcam
from fastcam.serve import Server, paced
from tests.serve.camera import filming, frame
from tests.serve.client import ask_json, assert_alike, connect, connections, next_part, png
from tests.waiting import WAIT, until

pytestmark = pytest.mark.usefixtures("nothing_left_running")


@pytest.fixture(scope="module")
def model(load_real):
    return load_real("cifar10_resnet20")


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
        state = ask_json(server, "/live.json?class=4")  # the last frame stays
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


def test_a_picture_and_what_was_found_are_of_one_frame(model):
    """Picture and result belong together, while frames change during requests."""
    with filming(model) as (camera, server), connect(server) as connection:
        camera.shoot()
        connection.request("GET", "/live.mjpg?convention=minmax&class=7")
        answer = connection.getresponse()
        for k in range(20):
            camera.shoot()
            head, data = next_part(answer)
            number, found = int(head["X-Frame-Index"]), json.loads(head["X-Found"])
            explained = model.explain(frame(number), class_index=7, convention="minmax")
            assert found["chosen"]["box"] == explained.boxes.xyxy[0, 0].tolist()
            assert found["chosen"]["logit"] == explained.logits[0, 7]
            assert_alike(data, fastcam.overlay(frame(number), explained, label=False, scale=8))
            assert k <= number <= k + 1


def test_labels_of_any_letters_come_along(shared):
    labels = ["à\r\nX-Evil: 1", "猫", "🐈", *"cdefghi"]
    model = fastcam.load(shared / "models" / "cifar10_resnet20.onnx", labels=labels)
    with Server(model, [frame(0)]) as server, connect(server) as connection:
        until(lambda: ask_json(server, "/live.json")["found"])
        connection.request("GET", "/live.mjpg?class=0")
        head, _ = next_part(connection.getresponse())
        assert json.loads(head["X-Found"])["chosen"]["label"] == labels[0]
        assert "X-Evil" not in head


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


def test_a_slow_client_holds_nothing_up_and_gets_the_newest_frame(model, monkeypatch):
    """The client takes one picture, and the next one after more than a hundred frames."""
    monkeypatch.setattr("fastcam.serve.handler.Handler.timeout", 60)  # on a busy machine they take long
    monkeypatch.setattr("fastcam.serve.arrival.PATIENCE", 60)
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
        for k in range(1, 120):
            camera.shoot()
            assert int(next_part(quick)[0]["X-Frame-Index"]) == k
        numbers = [int(next_part(answer)[0]["X-Frame-Index"])]
        while numbers[-1] < 119:
            numbers.append(int(next_part(answer)[0]["X-Frame-Index"]))
        assert len(numbers) < 50  # those in buffers, then the newest
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
    """Clients with the same settings share one drawing; each gets the newest frame."""
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


# ---- files -----------------------------------------------------------------------------------------------------------


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
    since = np.subtract(at[2:], at[1])  # not of each frame: a busy machine is late with one
    assert np.all(since >= [0.09, 0.19])


PARTS = """
import { partsOf } from "data:text/javascript;base64,%s";
import { readFileSync } from "node:fs";
const bytes = new Uint8Array(readFileSync(0));
for (const size of [1, 2, 3, 7, 1000, 4096, 1 << 20]) {
  let start = 0;
  const reader = { read: async () => {
    const value = bytes.subarray(start, (start += size));
    return { value, done: !value.length };
  } };
  for await (const { found, body } of partsOf(reader)) console.log(JSON.stringify([size, found.name, body.length, body[0]]));
}
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="no Node.js on this machine")
def test_the_page_takes_parts_however_they_are_cut():
    sent, expected = b"--frame\r\n", []
    for name, body in (("one", b"\xff\r\n\r\n" * 700), ("t\\u00e9", b"\x01"), ("\\r\\n", b"\r\n--frame\r\n")):
        head = f'Content-Type: image/jpeg\r\nContent-Length: {len(body)}\r\nX-Frame-Index: 1\r\nX-Found: {{"name": "{name}"}}'
        sent += head.encode() + b"\r\n\r\n" + body + b"\r\n--frame\r\n"
        expected.append([json.loads(f'"{name}"'), len(body), body[0]])
    script = PARTS % b64encode((files("fastcam.serve") / "multipart.js").read_bytes()).decode()
    command = ["node", "--input-type=module", "-e", script]
    done = subprocess.run(command, input=sent, capture_output=True, check=True)
    got = [json.loads(line) for line in done.stdout.splitlines()]
    assert got == [[size, *part] for size in (1, 2, 3, 7, 1000, 4096, 1 << 20) for part in expected]
