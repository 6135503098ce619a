"""`fastcam explain` of many photos: folders and patterns, broken photos, and repeated runs."""

import gc
import os
import re
import sys

import numpy as np
import pytest
from PIL import Image

import fastcam
from fastcam.arrays.pool import processors
from fastcam.cli import main, progress
from fastcam.cli.explain import overlay_names
from fastcam.cli.photos import find_photos, fitting
from fastcam.results import Explanation
from tests.cli.explaining import Terminal, explained, make, names, prepare, results, run, state
from tests.model.models import WEIGHTS, build, classifier


@pytest.fixture
def files(tmp_path, monkeypatch):
    return prepare(tmp_path, monkeypatch)


# ---- which photos ----------------------------------------------------------------------------------------------------


def found(given):
    return fitting(find_photos(given), 2)


def test_folders_and_patterns_stand_for_photos_each_once(files):
    everything = ["photos/a.JPG", "photos/b.png", "photos/below/c.png"]
    assert found(["photos"]) == [name.replace("/", os.sep) for name in everything]
    assert found(["photos/b.png", "photos", "./photos/../photos/a.JPG"]) == [
        everything[1],
        everything[0],
        everything[2],
    ]
    assert found(["photos/*.png"]) == ["photos/b.png"]
    assert found(["photos/**/*.png"]) == ["photos/b.png", "photos/below/c.png"]
    assert found(["photos/bel*"]) == ["photos/below/c.png"]
    make(files / "photos" / "x[1].png")
    assert found(["photos/x[1].png"]) == ["photos/x[1].png"]
    assert run("photos", "photos/*.png") == 0
    assert explained() == [*everything, "photos/x[1].png"]


def test_overlays_in_a_folder_of_photos_are_none(files):
    for _ in range(2):
        assert main(["explain", "model.onnx", "photos", "-o", "photos"]) == 0
        assert explained("photos") == ["photos/a.JPG", "photos/b.png", "photos/below/c.png"]
    assert main(["explain", "model.onnx", "photos/*.png", "-o", "photos"]) == 0
    assert explained("photos") == ["photos/b.png"]
    assert "a-overlay.png" not in names("photos")


def test_an_overlay_that_would_go_is_no_photo(files, capsys):
    assert run("photos") == 0
    before = state()
    assert run("out/b-overlay.png") == 2
    assert "b-overlay.png: expected photos; an overlay would be written over this one" in capsys.readouterr().err
    assert state() == before


def test_long_names_and_names_that_differ_by_case(files):
    long = make(files / "photos" / f"{'é' * 120}.png")
    make(files / "more" / "B.png")
    assert run(long, "photos/b.png", "more/B.png") == 0
    made = [image["maps"][0]["overlay"] for image in results()["images"]]
    assert len(made[0].encode()) < 255
    assert made[1:] == ["b-overlay.png", "B.2-overlay.png"]


@pytest.mark.parametrize("letters", ["a" + "é" * 120, "ab" + "猫" * 80, "abc" + "🐈" * 60], ids=len)
def test_long_names_are_cut_between_characters(letters):
    ((name,),) = overlay_names([f"{letters}.png"], 1)
    stem = name.removesuffix("-overlay.png")
    assert letters.startswith(stem)
    assert 196 < len(stem.encode()) <= 200


# ---- broken photos ---------------------------------------------------------------------------------------------------


def test_a_first_photo_that_is_broken(files, capsys):
    (files / "photos" / "a.JPG").write_bytes(b"no photo")
    assert run("photos") == 2
    assert "ended after 0 of 3 photos; --lenient leaves such photos out\n" in capsys.readouterr().err
    assert run("photos/a.JPG") == 2
    assert "lenient" not in capsys.readouterr().err


def test_a_broken_photo_ends_the_run_and_loses_none_of_the_others(files, capsys):
    (files / "photos" / "b.png").write_bytes(b"no png")
    assert run("photos") == 2
    err = capsys.readouterr().err
    assert "ended after 1 of 3 photos: overlays and results.json in out; --lenient leaves such photos out\n" in err
    assert "goes on" not in err
    assert "fastcam explain: error: photos/b.png: not an image that Pillow can read" in err
    assert explained() == ["photos/a.JPG"]
    before = state()
    make(files / "photos" / "b.png", 1)
    assert run("photos") == 0
    assert "1 of them as they were there before" in capsys.readouterr().out
    assert state()["a-overlay.png"] == before["a-overlay.png"]
    resumed = (files / "out" / "results.json").read_bytes()
    assert run("photos", "--force") == 0
    assert (files / "out" / "results.json").read_bytes() == resumed
    assert state()["a-overlay.png"] != before["a-overlay.png"]


def test_a_lenient_run_leaves_broken_photos_out_and_says_so(files, capsys):
    (files / "photos" / "b.png").write_bytes(b"no png")
    assert run("photos", "none.png", "--lenient") == 1
    out, err = capsys.readouterr()
    found = results()
    assert explained() == ["photos/a.JPG", "photos/below/c.png"]
    assert [(one["file"], one["reason"].split(" by itself")[0]) for one in found["problems"]] == [
        ("photos/b.png", "photos/b.png: not an image that Pillow can read"),
        ("none.png", "none.png: no such file; expected a photo"),
    ]
    assert err.splitlines() == [f"fastcam explain: left out: {one['reason']}" for one in found["problems"]]
    assert (
        out.splitlines()[-1] == "2 of 4 photos: overlays and results.json in out; 2 left out, which results.json lists"
    )
    make(files / "photos" / "b.png", 1)
    assert run("photos", "--lenient") == 0
    assert explained() == ["photos/a.JPG", "photos/b.png", "photos/below/c.png"]
    assert results()["problems"] == []


def test_a_photo_that_breaks_later_loses_its_old_results(files):
    assert run("photos") == 0
    (files / "photos" / "b.png").write_bytes(b"no png")
    assert run("photos", "--lenient") == 1
    assert names() == ["a-overlay.png", "c-overlay.png", "results.json"]


PICKY = (
    "d = Sub(image, grey) a = Abs(d) far = ReduceMax<keepdims = 0>(a) near = Less(far, little) place = Cast<to = 7>(near) "
    "zero = Gather(zeros, place) i = Add(image, zero) f = Conv<pads = [1, 1, 1, 1]>(i, k) maps = Relu(f) "
    "p = GlobalAveragePool(maps) q = Flatten(p) logits = Gemm<transB = 1>(q, w, b)"
)


def test_a_photo_that_the_model_fails_on_is_left_out(files, capsys):
    """A photo that the model fails on is treated as a broken file; here an evenly grey one, by an index out of range."""
    more = {"grey": np.float32(0.2), "little": np.float32(0.001), "zeros": np.zeros(1, np.float32)}
    (files / "model.onnx").write_bytes(build(PICKY, **WEIGHTS | more))
    Image.new("RGB", (20, 20), (51, 51, 51)).save(files / "photos" / "b.png")
    options = ("photos", "--preprocess", "unit")
    assert run(*options) == 2
    assert "fastcam explain: error: photos/b.png: the model failed" in capsys.readouterr().err
    assert run(*options, "--lenient") == 1
    assert explained() == ["photos/a.JPG", "photos/below/c.png"]
    assert [one["file"] for one in results()["problems"]] == ["photos/b.png"]


# ---- going on --------------------------------------------------------------------------------------------------------


def test_what_changed_is_explained_anew_and_nothing_else(files):
    assert run("photos") == 0
    before = state()
    make(files / "photos" / "b.png", 7)
    (files / "out" / "c-overlay.png").unlink()
    assert run("photos") == 0
    after = state()
    assert [name for name in before if before[name] == after[name]] == ["a-overlay.png"]
    assert len(after) == 4


@pytest.mark.parametrize(
    "options",
    [["--top", "2"], ["--colormap", "jet"], ["--threshold", "0.5"], ["--preprocess", "unit"], ["--class", "1"]],
)
def test_other_options_explain_all_anew_and_leave_no_stale_overlay(files, options):
    assert run("photos") == 0
    (files / "out" / "mine-overlay.png").write_bytes(b"mine")
    before = state()
    assert run("photos/b.png", *options) == 0
    written = [one["overlay"] for one in results()["images"][0]["maps"]]
    assert names() == sorted([*written, "mine-overlay.png", "results.json"])
    assert all(state()[name] != before.get(name) for name in written)


def test_another_model_explains_all_anew(files):
    assert run("photos/b.png") == 0
    before, first = state(), results()
    (files / "model.onnx").write_bytes(classifier(seed=1))
    assert run("photos/b.png") == 0
    assert state()["b-overlay.png"] != before["b-overlay.png"]
    assert results()["model"]["sha256"] != first["model"]["sha256"]


def test_nothing_goes_that_was_not_written(files):
    """An edited results.json makes no run remove other files."""
    assert run("photos/b.png") == 0
    text = (files / "out" / "results.json").read_text(encoding="utf-8")
    for name in ("../photos/a.JPG", "notes-overlay.txt", "../model.onnx"):
        (files / "out" / "notes-overlay.txt").write_text("mine", encoding="utf-8")
        (files / "out" / "results.json").write_text(text.replace("b-overlay.png", name), encoding="utf-8")
        (files / "out" / "c-overlay.png").unlink(missing_ok=True)
        assert run("photos/below/c.png") == 0
        assert {"a.JPG", "b.png"} <= set(names("photos"))
        assert names() == ["b-overlay.png", "c-overlay.png", "notes-overlay.txt", "results.json"]


def test_a_file_of_somebody_else_is_replaced_by_force_only(files, capsys):
    (files / "out").mkdir()
    (files / "out" / "b-overlay.png").write_bytes(b"mine")
    before = state()
    assert run("photos") == 2
    err = capsys.readouterr().err
    assert "b-overlay.png: expected a name that is free, or of an overlay that results.json lists; there is" in err
    assert "--force" in err
    assert state() == before
    assert run("photos/a.JPG") == 0
    assert (files / "out" / "b-overlay.png").read_bytes() == b"mine"
    assert run("photos", "--force") == 0
    assert (files / "out" / "b-overlay.png").read_bytes() != b"mine"


EDITS: dict[str, tuple[str, str]] = {
    "no box": ('"box"', '"bux"'),
    "a box of text": ('"box": [', '"box": [[], '),
    "no score": ('"score"', '"p"'),
    "no kind of score": ('"is_probability"', '"p"'),
    "a score of text": ('"score": ', '"score": "x", "q": '),
    "no class": ('"class_index"', '"c"'),
    "a class of nothing": ('"class_index": ', '"class_index": null, "q": '),
    "a name of nothing": ('"overlay": ', '"overlay": 5, "q": '),
    "a name with a null": ('"b-overlay', '"a\\u0000-overlay'),
    "maps of text": ('"maps": [', '"maps": "maps", "q": ['),
    "maps of numbers": ('"maps": [', '"maps": [5, '),
    "a list for a file": ('"file": ', '"file": [], "q": '),
    "a number for a digest": ('"sha256": "', '"sha256": 5, "q": "'),
    "not a number": ('"score": ', '"score": NaN, "q": '),
}


UNNAMED = ("a name of nothing", "a name with a null", "maps of text")


@pytest.mark.parametrize("edit", EDITS)
def test_a_record_that_was_edited_is_none(files, edit):
    """The photo of an edited record is explained anew."""
    assert run("photos/b.png") == 0
    whole = (files / "out" / "results.json").read_text(encoding="utf-8")
    if edit in UNNAMED:  # no record lists the overlay then, and only --force replaces it
        (files / "out" / "b-overlay.png").unlink()
    head, begin, images = whole.partition('"images": [')
    (files / "out" / "results.json").write_text(head + begin + images.replace(*EDITS[edit]), encoding="utf-8")
    assert run("photos/b.png") == 0
    assert (files / "out" / "results.json").read_text(encoding="utf-8") == whole


@pytest.mark.parametrize("header", ['"x": ' + "[" * 100_000, '"model": 5', '"model": []', '"model": {"a": NaN', "5"])
def test_a_header_that_was_edited_is_refused(files, capsys, header):
    (files / "out").mkdir()
    (files / "out" / "results.json").write_text(f'{{\n  {header},\n  "images": [\n  ]\n}}\n', encoding="utf-8")
    assert run("photos/b.png") == 2
    assert "results.json: expected results of fastcam explain, or none; got another file" in capsys.readouterr().err
    assert names() == ["results.json"]


# ---- many of them ----------------------------------------------------------------------------------------------------


def test_no_explanation_is_kept(files, monkeypatch):
    plain, alive = fastcam.Classifier.explain, []

    def explain(self, *arguments, **options):
        gc.collect()
        alive.append(sum(isinstance(one, Explanation) for one in gc.get_objects()))
        return plain(self, *arguments, **options)

    monkeypatch.setattr(fastcam.Classifier, "explain", explain)
    for seed in range(8):
        make(files / "photos" / f"{seed}.png", seed)
    gc.freeze()  # so that `get_objects` returns only later objects
    try:
        assert run("photos") == 0
    finally:
        gc.unfreeze()
    assert len(alive) == 11
    assert max(alive) <= min(alive) + processors()


def test_a_terminal_sees_how_far_it_is(files, monkeypatch):
    (files / "photos" / "b.png").write_bytes(b"no png")
    terminal = Terminal()
    monkeypatch.setattr(progress, "INTERVAL", 0.0)
    monkeypatch.setattr(sys, "stderr", terminal)
    assert run("photos", "--lenient") == 1
    shown = terminal.getvalue()
    assert re.findall(r"photo (\d of \d), [\d.]+ photos/s", shown)[0] == "1 of 3"
    assert "photo 3 of 3" in shown
    assert "\rfastcam explain: left out: photos/b.png: not an image" in shown
    assert shown.split("\r")[-1] == ""


def test_methods_that_ask_again_tell_a_terminal_how_far_they_are(files, monkeypatch, capsys):
    command = ["photos/a.JPG", "photos/b.png"]
    monkeypatch.setattr(progress, "INTERVAL", 0.0)
    told = []
    for options in (["--method", "scorecam"], ["--method", "scorecam", "--batch-size", "4"], []):
        with monkeypatch.context() as patch:
            terminal = Terminal()
            patch.setattr(sys, "stderr", terminal)
            assert run(*command, *options, "--force") == 0
            told.append(re.findall(r"step (\d+ of \d+), [\d.]+ steps/s", terminal.getvalue()))
            assert terminal.getvalue().split("\r")[-1] == ""
    assert told == [["6 of 6"] * 2, ["4 of 6", "6 of 6"] * 2, []]
    capsys.readouterr()
    assert run(*command, "--method", "scorecam") == 0
    assert capsys.readouterr().err == ""
