"""Files that are written whole or not at all, also after failures."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import fastcam
from fastcam.files import (
    Lines,
    PendingFile,
    open_alone,
    place_beside,
    remove_parts,
    rename_new,
    write_fully,
    write_whole,
)
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
    with pytest.raises(fastcam.InputError, match=r"can't be written \(embedded null byte\)"):
        write(tmp_path / "a\0b")
    assert os.listdir(tmp_path) == ["folder"]


@pytest.mark.parametrize("letter", ["x", "é", "猫", "🐈"])
def test_names_as_long_as_may_be(tmp_path, letter):
    """Names of 255 bytes work: those of pending files aren't longer."""
    name = letter * (251 // len(os.fsencode(letter))) + ".txt"
    write_whole(tmp_path / name, b"new")
    write_lines(tmp_path / name, ["one"])
    assert (tmp_path / name).read_text() == "one\n"
    assert os.listdir(tmp_path) == [name]


def test_several_that_write_one_file_at_once(tmp_path):
    """A reader always sees one of the files, whole."""
    path, contents = tmp_path / "file", [bytes([65 + k]) * 300_000 for k in range(8)]
    write_whole(path, contents[0])
    failures, over = [], threading.Event()

    def write(content):
        try:
            for _ in range(20):
                write_whole(path, content)
        except Exception as error:
            failures.append(error)

    def read():
        while not over.is_set():
            if path.read_bytes() not in contents:
                failures.append("torn")

    reader = threading.Thread(target=read)
    writers = [threading.Thread(target=write, args=(content,)) for content in contents]
    for thread in (reader, *writers):
        thread.start()
    for writer in writers:
        writer.join()
    over.set()
    reader.join()
    assert not failures
    assert os.listdir(tmp_path) == ["file"]


def test_several_that_write_lines_at_once(tmp_path):
    """The file that ends last stays, whole."""
    with Lines(tmp_path / "file") as one:
        one.write("1")
        with Lines(tmp_path / "file") as other:
            other.write("2")
            one.write("1")
        assert (tmp_path / "file").read_text() == "2\n"
    assert (tmp_path / "file").read_text() == "1\n1\n"
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_who_may_read_a_file_is_as_the_process_says(tmp_path, mask):
    before = os.umask(mask)
    try:
        write_whole(tmp_path / "file", b"new")
        write_lines(tmp_path / "lines", ["one"])
    finally:
        os.umask(before)
    for name in ("file", "lines"):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o666 & ~mask


def test_a_part_that_nobody_keeps_is_gone(tmp_path):
    part = PendingFile(tmp_path / "file")
    assert part.place.exists()
    if (child := os.fork()) == 0:
        part.drop()  # as in a forked process
        os._exit(0)
    os.waitpid(child, 0)
    assert part.place.exists()
    del part
    assert os.listdir(tmp_path) == []


def test_a_new_name_replaces_nothing(tmp_path, monkeypatch):
    def no_links(*_):
        raise PermissionError("file systems of cameras and network drives have none")

    for links in (True, False):
        if not links:
            monkeypatch.setattr(os, "link", no_links)
        for name in ("made", "there"):
            (tmp_path / name).write_text(name)
        with pytest.raises(FileExistsError):
            rename_new(tmp_path / "made", tmp_path / "there")
        assert sorted(os.listdir(tmp_path)) == ["made", "there"]
        assert (tmp_path / "there").read_text() == "there"
        (tmp_path / "there").unlink()
        rename_new(tmp_path / "made", tmp_path / "there")
        assert os.listdir(tmp_path) == ["there"]
        assert (tmp_path / "there").read_text() == "made"


def test_a_new_name_that_fails_is_free(tmp_path, monkeypatch):
    """A file system without hard links: the name is taken first, and freed after a failure."""

    def fail(*_):
        raise OSError("no links, no replacing")

    (tmp_path / "made").write_text("made")
    monkeypatch.setattr(os, "link", fail)
    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="no replacing"):
        rename_new(tmp_path / "made", tmp_path / "there")
    assert os.listdir(tmp_path) == ["made"]


def test_a_file_that_one_has_alone(tmp_path):
    path = tmp_path / "file"
    first = open_alone(path)
    assert first is not None
    write_fully(first, b"one")
    assert open_alone(path) is None
    assert path.read_bytes() == b"one"
    first.close()
    code = "import sys; from pathlib import Path; from fastcam.files import open_alone; f = open_alone(Path(sys.argv[1])); "
    command = [sys.executable, "-c", f"{code}print(f and f.read(), flush=True); input()", path]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"b''\n"
        assert open_alone(path) is None
        process.kill()
    again = open_alone(path)  # the lock ended with the process
    assert again is not None
    path.unlink()
    other = open_alone(path)  # another file of that name
    assert other is not None
    again.close()
    other.close()
    with pytest.raises(fastcam.InputError, match=r"none/file: can't be written \(No such file or directory\)"):
        open_alone(tmp_path / "none" / "file")


def test_bytes_that_do_not_all_fit_are_an_error(tmp_path):
    """An unbuffered file's `write` may take a part only."""
    with open(tmp_path / "file", "wb", buffering=0) as file:
        with full_after(900), pytest.raises(OSError, match="File too large"):
            write_fully(file, b"x" * 1000)
        assert file.tell() == 900


def test_only_parts_go_that_were_made_here(tmp_path):
    long = "é" * 100
    gone = [place_beside(tmp_path / name) for name in ("out.png", long)]
    left = [tmp_path / ".mine.part", tmp_path / ".out.png.0123.part", place_beside(tmp_path / "other")]
    for place in (*gone, *left):
        place.touch()
    remove_parts(tmp_path, ("out.png", long))
    assert set(tmp_path.iterdir()) == set(left)
    remove_parts(tmp_path)
    assert set(tmp_path.iterdir()) == set(left[:2])


@needs_full
def test_a_device_is_never_replaced():
    with pytest.raises(fastcam.InputError, match="/dev/full: expected a place for a file"):
        write_whole(FULL, b"new")
    assert FULL.is_char_device()
