"""`fastcam explain` that ends early or is killed: finished photos stay, and the same command resumes."""

import re
import signal
import time

import pytest

import fastcam.files
from fastcam import InputError
from fastcam.cli import main
from fastcam.cli.journal import Journal, lock_folder, read_earlier, read_records
from tests.cli.explaining import KNOWN, explained, make, names, prepare, run, state
from tests.disk import full_after
from tests.processes import DEVNULL, Process
from tests.waiting import until


@pytest.fixture
def files(tmp_path, monkeypatch):
    return prepare(tmp_path, monkeypatch)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_run_that_is_ended_loses_no_photo_and_goes_on(files, number):
    for seed in range(40):
        make(files / "many" / f"{seed:03}.png", seed)
    command = ["explain", "model.onnx", "many", *KNOWN, "--threads", "1", "-o"]
    with Process(*command, "out", stdout=DEVNULL, text=True) as process:
        while not (files / "out" / "003-overlay.png").exists():
            assert process.poll() is None
            time.sleep(0.002)
        process.send_signal(number)
        _, err = process.communicate()
    if number != signal.SIGKILL:
        assert process.returncode == 128 + number
        assert re.fullmatch(r"fastcam explain: ended after \d+ of 40 photos: .* where the same command goes on\n", err)
        assert names() == [*(f"{k:03}-overlay.png" for k in range(len(explained()))), "results.json"]
        assert 3 <= len(explained()) < 40
    before = state()
    assert 4 <= len(before) < 40
    with Process(*command, "out", text=True) as process:
        out, _ = process.communicate()
    assert process.returncode == 0
    known = int(re.findall(r"\((\d+)|, (\d+) of them", out)[-1][1])
    assert known >= 3
    after = state()
    assert sum(before[name] == after.get(name) for name in before if name.endswith("-overlay.png")) == known
    assert names() == [*(f"{k:03}-overlay.png" for k in range(40)), "results.json"]
    if number == signal.SIGKILL:
        assert main([*command, "whole"]) == 0
        assert (files / "whole" / "results.json").read_bytes() == (files / "out" / "results.json").read_bytes()


def test_a_second_run_in_the_same_folder_is_refused(files, capsys):
    for seed in range(40):
        make(files / "many" / f"{seed:03}.png", seed)
    command = ["explain", "model.onnx", "many", *KNOWN, "--threads", "1", "-o", "out"]
    with Process(*command, stdout=DEVNULL, text=True) as process:
        until((files / "out" / "003-overlay.png").exists)
        process.send_signal(signal.SIGSTOP)
        before = state()
        assert run("photos") == run("photos", "--force") == 2
        err = capsys.readouterr().err
        assert "out: expected a folder that nobody else writes to; another `fastcam explain` does. Wait" in err
        assert state() == before
        process.send_signal(signal.SIGCONT)
        assert process.communicate(timeout=60) == (None, "")
    assert process.returncode == 0
    assert len(explained()) == 40
    assert names() == [*(f"{k:03}-overlay.png" for k in range(40)), "results.json"]
    assert run("photos") == 0
    assert len(explained()) == 3


def test_a_run_that_is_refused_leaves_no_folder(files):
    (files / "photos" / "a.JPG").write_bytes(b"no photo")
    for photo in ("none.png", "photos/a.JPG"):
        assert main(["explain", "model.onnx", photo, *KNOWN, "-o", "new/folder"]) == 2
        assert not (files / "new").exists()


def test_a_killed_run_leaves_no_part_for_good(files):
    """Other files named .part stay."""
    (files / "out").mkdir()
    (files / "out" / ".mine.part").write_text("mine", encoding="utf-8")
    code = "import os, sys; from fastcam import cli, files; files.PendingFile.keep = lambda part: os._exit(9); "
    command = ["explain", "model.onnx", "photos", "-o", "out", *KNOWN]
    with Process(*command, code=f"{code}cli.main(sys.argv[1:])") as process:
        assert process.wait(60) == 9
    assert len(list((files / "out").glob(".a-overlay.png.*.part"))) == 1
    assert run("photos") == 0
    assert names() == [".mine.part", "a-overlay.png", "b-overlay.png", "c-overlay.png", "results.json"]


def test_a_journal_on_a_full_disk_loses_no_photo_that_is_done(files):
    """A record that doesn't fit is an error, and results.json is whole."""
    header = {"model": {"path": "x"}, "options": {}}

    def write(held):
        with Journal(held, header, [], {"p": ["p-overlay.png"], "q": ["q-overlay.png"]}) as journal:
            for name in "pq":
                record = {"file": name, "sha256": "0" * 64, "maps": [MAP | {"overlay": f"{name}-overlay.png"}]}
                with journal.adding(record) as folder:
                    (folder / f"{name}-overlay.png").write_bytes(b"png")

    full = pytest.raises(fastcam.InputError, match=r"journal: can't be written \(File too large\)")
    with lock_folder(files / "out") as held, full_after(900), full:
        write(held)
    assert explained() == ["p"]
    assert names() == ["p-overlay.png", "results.json"]
    (one,) = read_earlier(files / "out")
    assert list(one.entries) == ["p"]


MAP = {"label": "x" * 400, "class_index": 0, "score": 0.5, "is_probability": True, "box": None}


@pytest.mark.parametrize("cut", ["a line", "the header", "everything"])
def test_a_journal_that_was_cut_is_read_as_far_as_it_goes(files, cut):
    assert run("photos") == 0
    whole = (files / "out" / "results.json").read_bytes()
    journal = whole[: {"a line": whole.rindex(b'"file"'), "the header": 40, "everything": 0}[cut]]
    (files / "out" / "results.json").unlink()
    (files / "out" / ".results.json.journal").write_bytes(journal)
    before = state()
    if cut == "everything":  # no record lists the overlays, so they may be the user's
        assert run("photos") == 2
    assert run("photos", *(["--force"] if cut == "everything" else [])) == 0
    assert (files / "out" / "results.json").read_bytes() == whole
    kept = [name for name, one in state().items() if one == before.get(name)]
    assert sorted(kept) == (["a-overlay.png", "b-overlay.png"] if cut == "a line" else [])
    assert ".results.json.journal" not in names()


def test_a_kill_leaves_no_results_of_other_options(files):
    """The process ends before the second photo's overlays, as if by a kill: no results.json is written."""
    assert run("photos") == 0
    code = (
        "import os, sys; from fastcam import files; from fastcam.cli import main; write = files.write_whole; "
        "files.write_whole = lambda path, data: "
        "os._exit(9) if path.name == 'b-overlay-1.png' else write(path, data); "
        "main(sys.argv[1:])"
    )
    command = ["explain", "model.onnx", "photos", "-o", "out", "--top", "2", *KNOWN]
    with Process(*command, code=code) as process:
        assert process.wait(60) == 9
    assert names() == [".results.json.journal", "a-overlay-1.png", "a-overlay-2.png"]
    before = state()
    assert run("photos", "--top", "2") == 0
    assert len(explained()) == 3
    assert all(state()[name] == before[name] for name in before if name.startswith("a-"))


def test_an_early_end_keeps_what_it_did_not_come_to(files):
    assert run("photos") == 0
    (files / "photos" / "a.JPG").write_bytes(b"no photo")
    before = state()
    assert run("photos") == 2  # before anything was done
    assert state() == before
    make(files / "photos" / "a.JPG", 9)
    (files / "photos" / "b.png").write_bytes(b"no photo")
    assert run("photos") == 2
    assert explained() == ["photos/a.JPG", "photos/below/c.png"]
    assert names() == ["a-overlay.png", "c-overlay.png", "results.json"]


def test_a_disk_that_is_full_is_no_broken_photo(files, monkeypatch, capsys):

    def full(path, data):
        raise fastcam.InputError(f"{path}: can't be written (No space left on device)")

    monkeypatch.setattr(fastcam.files, "write_whole", full)
    assert run("photos", "--lenient") == 2
    assert "a-overlay.png: can't be written (No space left on device)" in capsys.readouterr().err


@pytest.mark.parametrize("lines", [0, 5, -3])
def test_results_that_somebody_cuts_meanwhile(files, lines):
    assert run("photos") == 0
    path = files / "out" / "results.json"
    whole = path.read_bytes()
    assert len(list(read_records(files / "out"))) == 3
    path.write_bytes(b"".join(whole.splitlines(keepends=True)[:lines]))
    with pytest.raises(InputError, match="results.json: expected the results that were written; got a file that ends"):
        list(read_records(files / "out"))
