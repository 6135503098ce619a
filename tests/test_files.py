"""Files that are there whole or not at all, however writing them ends."""

import os
import threading
from pathlib import Path

import pytest

import fastcam
from fastcam.files import Lines, write_whole
from tests.disk import full_after

FULL = Path("/dev/full")
needs_full = pytest.mark.skipif(not FULL.exists(), reason="a device that is always full is Linux's")


def write_lines(path, texts, error=None):
    with Lines(path) as lines:
        for text in texts:
            lines.write(text)
        if error is not None:
            raise error


def test_lines_get_their_name_at_the_end(tmp_path):
    path = tmp_path / "lines.txt"
    path.write_text("old\n")
    with Lines(path) as lines:
        lines.write("one")
        assert path.read_text() == "old\n"
        lines.write("two ×")
    assert path.read_text(encoding="utf-8") == "one\ntwo ×\n"
    assert os.listdir(tmp_path) == ["lines.txt"]


@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt])
def test_lines_before_an_error_of_others_are_kept(tmp_path, kind):
    with pytest.raises(kind):
        write_lines(tmp_path / "lines.txt", ["one"], kind())
    assert (tmp_path / "lines.txt").read_text() == "one\n"
    assert os.listdir(tmp_path) == ["lines.txt"]


def test_no_lines_replace_nothing(tmp_path):
    (tmp_path / "lines.txt").write_text("old\n")
    write_lines(tmp_path / "lines.txt", [])
    assert (tmp_path / "lines.txt").read_text() == "old\n"
    assert os.listdir(tmp_path) == ["lines.txt"]


def test_lines_on_a_full_disk(tmp_path):
    (tmp_path / "lines.txt").write_text("old\n")
    with full_after(4096), pytest.raises(fastcam.InputError, match=r"lines\.txt: can't be written \(File too large\)"):
        write_lines(tmp_path / "lines.txt", ["x" * 80] * 10_000)
    assert (tmp_path / "lines.txt").read_text() == "old\n"
    assert os.listdir(tmp_path) == ["lines.txt"]


@needs_full
def test_lines_to_a_device_that_is_full():
    with pytest.raises(fastcam.InputError, match=r"/dev/full: can't be written \(No space left on device\)"):
        write_lines(FULL, ["one"])
    assert not FULL.is_file()


def test_lines_to_a_pipe_come_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    got, first = [], threading.Event()

    def read():
        with open(tmp_path / "pipe") as pipe:
            got.append(pipe.readline())
            first.set()
            got.extend(pipe)

    reader = threading.Thread(target=read)
    reader.start()
    with Lines(tmp_path / "pipe") as lines:
        lines.write("one")
        assert first.wait(5)
        lines.write("two")
    reader.join()
    assert got == ["one\n", "two\n"]
    assert (tmp_path / "pipe").is_fifo()


@pytest.mark.parametrize("write", [lambda path: write_whole(path, b"new"), Lines])
def test_places_that_are_none(tmp_path, write):
    (tmp_path / "folder").mkdir()
    with pytest.raises(fastcam.InputError, match="folder: expected a place for a file; there is a directory"):
        write(tmp_path / "folder")
    with pytest.raises(fastcam.InputError, match=r"can't be written \(No such file or directory\)"):
        write(tmp_path / "none" / "file")
    with pytest.raises(fastcam.InputError, match=r"can't be written \(File name too long\)"):
        write(tmp_path / ("x" * 300))
    assert os.listdir(tmp_path) == ["folder"]


@needs_full
def test_a_device_is_never_replaced():
    with pytest.raises(fastcam.InputError, match="/dev/full: expected a place for a file"):
        write_whole(FULL, b"new")
    assert FULL.is_char_device()
