"""`fastcam explain`: lists of photos on stdin, tables and pictures of all photos, and several photos in work at once."""

import csv
import io
import re
import sys
import threading
import time
import warnings
from pathlib import Path

import numpy as np
import pandas
import pytest
from PIL import Image

import fastcam
from fastcam.cli import main, writing
from fastcam.cli.crew import Crew
from fastcam.cli.photos import find_photos
from tests.classifier.stated.made import network as made
from tests.cli.explaining import explained, make, names, prepare, results, run, state


@pytest.fixture
def files(tmp_path, monkeypatch):
    return prepare(tmp_path, monkeypatch)


def give(monkeypatch, data):
    """Put bytes on stdin."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))


# ---- stdin -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\0"])
def test_paths_come_on_stdin(files, monkeypatch, end):
    """Lines are names as they are, whatever signs are in them."""
    make(files / "photos" / "x[1] *.png")
    give(monkeypatch, end.join([b"photos/b.png", b"photos/x[1] *.png", b"photos/below", b""]))
    assert run("-", "photos/b.png") == 0
    assert explained() == ["photos/b.png", "photos/x[1] *.png", "photos/below/c.png"]


def test_what_stdin_lacks(files, monkeypatch, capsys):
    give(monkeypatch, b"\n")
    assert run("-") == 2
    give(monkeypatch, b"photos/b.png\nphotos/n*.png\n")
    assert run("-") == 2
    err = capsys.readouterr().err
    assert "error: -: expected paths of photos on stdin, one a line; got none" in err
    assert "error: photos/n*.png: no such file; expected a photo" in err
    give(monkeypatch, b"photos/b.png\nphotos/n*.png\n")
    assert [one.path for one in find_photos(["-"], missing=True)] == ["photos/b.png", "photos/n*.png"]


# ---- tables and pictures ---------------------------------------------------------------------------------------------


def test_a_table_has_a_row_for_each_photo_and_class(files):
    (files / "labels.txt").write_text('ape\n"bat", or such\ncät\n猫\n=elk\n', encoding="utf-8")
    assert run("photos", "--top", "3", "--csv", "--labels", "labels.txt") == 0
    rows = pandas.read_csv(files / "out" / "results.csv", keep_default_na=False).to_dict("records")
    found = [(image, one) for image in results()["images"] for one in image["maps"]]
    assert len(rows) == len(found) == 9
    for row, (image, one) in zip(rows, found, strict=True):
        assert row["file"] == image["file"]
        assert (row["width"], row["height"]) == (40, 30)
        assert ([row[key] for key in ("x0", "y0", "x1", "y1")] == one["box"]) or (
            one["box"] is None and row["x0"] == ""
        )
        for key in ("class_index", "score", "area", "method", "convention", "overlay"):
            assert row[key] == one[key]
        assert row["label"] == ("'=elk" if one["label"] == "=elk" else one["label"])
    assert results()["also_written"] == ["results.csv"]


def test_names_of_anybody_are_made_legible(files, capsys):
    """Names out of a model's file neither command the terminal nor become formulas of a spreadsheet."""
    names = ["\x1b[2Jape", "=cmd|' /C calc'!A0", "@SUM(A1)", "+1", "cat"]
    (files / "model.onnx").write_bytes(made({"stride": "32", "names": str(names)}).SerializeToString())
    make(files / "=dog.png")
    assert run("=dog.png", "--top", "5", "--csv") == 0
    assert main(["inspect", "model.onnx"]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert out.count("\N{REPLACEMENT CHARACTER}[2Jape") == 2
    with open("out/results.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["label"] for row in rows} == {
        "\N{REPLACEMENT CHARACTER}[2Jape",
        *(f"'{name}" for name in names[1:4]),
        "cat",
    }
    assert {row["file"] for row in rows} == {"'=dog.png"}
    assert {one["label"] for image in results()["images"] for one in image["maps"]} == set(names)


def test_pictures_of_all_overlays_or_of_some(files):
    assert run("photos", "--top", "2", "--grid") == 0
    with Image.open(files / "out" / "grid.png") as picture:
        assert picture.width == 4 * 16 + 3 * 320
        cells = np.asarray(picture)
    found = [(Path(image["file"]).name, one["overlay"]) for image in results()["images"] for one in image["maps"]]
    tops = []
    for k, (_, name) in enumerate(found):
        with Image.open(files / "out" / name) as overlay:
            overlay.thumbnail((320, 320))
            left, pixels = 16 + k % 3 * 336, np.asarray(overlay)
        (top,) = [y for y in range(len(cells) - 240) if (cells[y : y + 240, left : left + 320] == pixels).all()]
        tops.append(top)
        assert (cells[top - 15 : top - 4, left : left + 30] < 100).any()  # its photo's name
    assert tops == [tops[0]] * 3 + [tops[3]] * 3
    before = state()
    assert run("photos", "--top", "2", "--grid", "4") == 0
    assert [name for name in names() if "grid" in name] == ["grid-1.png", "grid-2.png"]
    after = state()
    assert all(before[name] == after[name] for name in names() if "overlay" in name)
    assert run("photos", "--top", "2") == 0
    assert not [name for name in names() if "grid" in name]


def test_summaries_of_a_folder_that_is_read_as_well(files):
    """A grid is no photo of the next run, and one of somebody else is not replaced."""
    command = ["explain", "model.onnx", "photos", "--preprocess", "unit", "-o", "photos", "--grid", "--csv"]
    for _ in range(2):
        assert main(command) == 0
        assert explained("photos") == ["photos/a.JPG", "photos/b.png", "photos/below/c.png"]
    make(files / "out" / "grid.png")
    assert run("photos", "--grid") == 2
    assert names() == ["grid.png"]
    assert run("photos", "--grid", "--force") == 0
    assert run("out/grid.png", "--grid", "--top", "2") == 2


def test_broken_photos_leave_no_hole(files):
    (files / "photos" / "b.png").write_bytes(b"no png")
    assert run("photos", "--lenient", "--csv", "--grid", "1") == 1
    assert [name for name in names() if "overlay" not in name] == [
        "grid-1.png",
        "grid-2.png",
        "results.csv",
        "results.json",
    ]
    with open("out/results.csv", encoding="utf-8", newline="") as file:
        assert [row["file"] for row in csv.DictReader(file)] == ["photos/a.JPG", "photos/below/c.png"]


def test_an_early_end_leaves_no_outdated_table(files):
    assert run("photos", "--csv", "--grid") == 0
    make(files / "photos" / "a.JPG", 9)
    (files / "photos" / "b.png").write_bytes(b"no png")
    assert run("photos", "--csv", "--grid") == 2
    assert names() == ["a-overlay.png", "c-overlay.png", "results.json"]


def test_without_overlays(files, capsys):
    assert run("photos", "--no-overlay", "--csv") == 0
    assert capsys.readouterr().out.endswith("\n3 photos: results.json in out\n")
    assert names() == ["results.csv", "results.json"]
    assert all("overlay" not in one for image in results()["images"] for one in image["maps"])
    plain = [{**one} for image in results()["images"] for one in image["maps"]]
    assert run("photos", "--no-overlay") == 0
    assert "3 of them as they were there before" in capsys.readouterr().out
    assert run("photos") == 0
    drawn = [one for image in results()["images"] for one in image["maps"]]
    assert [one | {"overlay": None} for one in plain] == [one | {"overlay": None} for one in drawn]
    assert run("photos", "--no-overlay", "--grid") == 2
    assert run("photos", "--grid", "-1") == 2
    assert run("photos", "--grid", "0") == 2
    err = capsys.readouterr().err
    assert "--grid: expected with overlays; got --no-overlay as well" in err
    assert "--grid: expected 1 overlay or more in a picture; got -1" in err
    assert "--grid: expected 1 overlay or more in a picture; got 0" in err


def test_opacity_is_that_of_overlay(files, capsys):
    assert run("photos/b.png", "--opacity", "0.25") == 0
    found = fastcam.load("model.onnx", preprocess="imagenet").explain("photos/b.png")
    with Image.open("out/b-overlay.png") as overlay:
        expected = fastcam.overlay("photos/b.png", found, opacity=0.25, scale=11)
        assert (np.asarray(overlay) == expected).all()
    assert run("photos/b.png", "--opacity", "1.5") == 2
    assert "--opacity: expected 0 to 1; got 1.5" in capsys.readouterr().err


def test_fonts(files, capsys, monkeypatch):
    """A font is checked before anything else; letters without one are told once, as a line."""
    assert run("photos", "--font", "labels.txt", "--lenient") == 2
    assert "error: --font: expected the path of a font (" in capsys.readouterr().err
    assert not Path("out").exists()
    (files / "labels.txt").write_text("\U000f0000\n" * 5, encoding="utf-8")  # of private use: no font has it
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        assert run("photos", "--labels", "labels.txt") == 0
    told = capsys.readouterr().err
    assert re.fullmatch(r"(fastcam explain: warning: .*\n)+", told)


@pytest.mark.parametrize("shape", [(1, 1, 3), (7, 1, 3), (1, 9, 3), (50, 33, 3)])
def test_png_is_lossless(tmp_path, shape):
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    for given in (pixels, pixels[::-1, ::-1]):
        writing.write_png(tmp_path / "x.png", given)
        with Image.open(tmp_path / "x.png") as image:
            image.load()
            assert (image.mode, image.format) == ("RGB", "PNG")
            assert (np.asarray(image) == given).all()


# ---- several at once -------------------------------------------------------------------------------------------------


def test_results_do_not_depend_on_workers(files, capsys):
    for seed in range(12):
        make(files / "photos" / f"{seed:02}.png", seed)
    (files / "photos" / "05.png").write_bytes(b"no png")
    written = []
    for workers in ("1", "4"):
        assert run("photos", "--lenient", "--csv", "--workers", workers, "--force") == 1
        written.append([{name: (files / "out" / name).read_bytes() for name in names()}, capsys.readouterr()])
    assert written[0] == written[1]
    assert run("photos", "--workers", "0") == 2
    assert "--workers: expected 1 to 1024; got 0" in capsys.readouterr().err


def test_masking_methods_on_several_photos_at_once(files):
    command = ("photos", "--method", "scorecam", "--batch-size", "2")
    assert run(*command) == 0
    before = results()["images"]
    assert run(*command, "--workers", "3", "--force") == 0
    assert results()["images"] == before


def test_results_of_a_crew_come_in_order_and_its_memory_is_bounded():
    begun, lock = [], threading.Lock()

    def work(item, is_over):
        with lock:
            begun.append(item)
        time.sleep(0.001 * (item % 3))
        return item * item

    with Crew(work, 3) as crew:
        for k, result in enumerate(crew.results(range(50))):
            assert result == k * k
            assert len(begun) <= k + 1 + 6


def test_a_crew_ends_early():
    entered, seen = threading.Event(), []

    def work(item, is_over):
        entered.set()
        while item and not is_over():
            time.sleep(0.001)
        seen.append(item)
        return item

    with Crew(work, 2) as crew:
        assert next(crew.results(range(9))) == 0
        assert entered.wait(5)
    assert set(seen) <= {0, 1, 2}
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("fastcam-explain")]


def test_an_error_of_a_crew_comes_in_its_place():
    def work(item, is_over):
        return 6 // (2 - item)

    with Crew(work, 2) as crew:
        taken = crew.results(range(5))
        assert [next(taken), next(taken)] == [3, 6]
        with pytest.raises(ZeroDivisionError):
            next(taken)


def test_what_fails_before_the_work_comes_in_its_place(monkeypatch):
    """An import may fail in a thread; whoever waits for results is told."""
    monkeypatch.setitem(sys.modules, "fastcam.arrays.pool", None)
    with Crew(lambda item, is_over: item, 2) as crew, pytest.raises(ImportError, match="fastcam.arrays.pool"):
        next(crew.results(range(5)))


# ---- messages --------------------------------------------------------------------------------------------------------


def test_quiet_and_verbose(files, capsys):
    (files / "photos" / "b.png").write_bytes(b"no png")
    assert main(["explain", "model.onnx", "photos", "-q", "--lenient"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("fastcam explain: left out: photos/b.png: ")
    assert err.count("\n") == 1
    assert names("fastcam-explain") == ["a-overlay.png", "c-overlay.png", "results.json"]
    assert main(["explain", "model.onnx", "photos", "-v"]) == 2
    out, err = capsys.readouterr()
    assert out.startswith("photos/a.JPG\n")
    assert "model.onnx: head: cam head: feature maps 'maps'" in err
    assert "photos/a.JPG: 0." in err
    assert "Traceback (most recent call last):" in err
    assert err.splitlines()[-1].startswith("fastcam explain: error: photos/b.png: not an image")
