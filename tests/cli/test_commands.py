"""The command line, mostly in this process."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import fastcam
from fastcam import methods
from fastcam.arrays.engines.engine import ENGINES
from fastcam.cli import main
from tests.model.models import classifier, overflowing


@pytest.fixture
def files(tmp_path):
    """A small model, its labels and two photos of the same name."""
    (tmp_path / "model.onnx").write_bytes(classifier())
    (tmp_path / "names.txt").write_text("ape\nbat\ncat\ndog\nelk\n", encoding="utf-8")
    (tmp_path / "none").mkdir()
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "results.json").write_text('{"images": []}', encoding="utf-8")
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        pixels = np.random.default_rng(ord(folder)).integers(0, 256, (30, 40, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / folder / "photo.png")
    return tmp_path


def run(*arguments):
    return main([str(argument) for argument in arguments])


def test_demo_writes_an_overlay_and_prints_boxes(tmp_path, capsys):
    assert run("demo", "-o", tmp_path / "out") == 0
    printed = capsys.readouterr().out
    assert "espresso" in printed
    assert "box   97   29  444  361" in printed
    with Image.open(tmp_path / "out" / "overlay.png") as picture:
        assert picture.size == (600, 400)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["overlay.png"]


def test_explain_writes_overlays_and_results(files, capsys):
    photos = [files / "a" / "photo.png", files / "b" / "photo.png"]
    model = ["explain", files / "model.onnx", *photos, "-o", files / "out", "--labels", files / "names.txt"]
    assert run(*model, "--top", 2, "--convention", "minmax", "--threshold", 0.4) == 0
    names = [
        "photo-overlay-1.png",
        "photo-overlay-2.png",
        "photo.2-overlay-1.png",
        "photo.2-overlay-2.png",
        "results.json",
    ]
    assert sorted(path.name for path in (files / "out").iterdir()) == names
    result = json.loads((files / "out" / "results.json").read_text(encoding="utf-8"))
    expected = fastcam.load(files / "model.onnx").explain(photos, top=2, convention="minmax", threshold=0.4)
    for n, image in enumerate(result["images"]):
        assert image["file"] == str(photos[n])
        assert image["size"] == {"width": 40, "height": 30}
        assert image["seen"] == expected.regions[n].tolist()
        for m, record in enumerate(image["maps"]):
            assert record["class_index"] == expected.class_index[n, m]
            assert record["label"] == ["ape", "bat", "cat", "dog", "elk"][record["class_index"]]
            assert record["box"] == expected.boxes.xyxy[n, m].tolist()
            assert record["area"] == expected.boxes.area[n, m]
            assert record["logit"] == expected.logits[n, record["class_index"]]
            assert record["score"] == expected.scores[n, m]
            assert (record["convention"], record["threshold"], record["connectivity"]) == ("minmax", 0.4, 8)
            with Image.open(files / "out" / record["overlay"]) as picture:
                assert picture.size == (440, 330)  # enlarged, so that the label can be read
    assert result["model"]["head"]["feature_maps"] == "maps"
    assert len(result["model"]["sha256"]) == 64
    assert result["model"]["provider"] == "CPUExecutionProvider"
    assert result["versions"]["fastcam"] == fastcam.__version__
    printed = capsys.readouterr().out
    assert str(photos[1]) in printed


def test_results_are_enough_to_do_it_again(files):
    photo = files / "a" / "photo.png"
    assert run("explain", files / "model.onnx", photo, "-o", files / "out", "--preprocess", "unit,fit=letterbox") == 0
    result = json.loads((files / "out" / "results.json").read_text(encoding="utf-8"))
    model = fastcam.load(result["model"]["path"], preprocess=result["model"]["preprocess"]["specification"])
    record = result["images"][0]["maps"][0]
    again = model.explain(
        result["images"][0]["file"], class_index=record["class_index"], convention=record["convention"]
    )
    assert again.boxes.xyxy[0, 0].tolist() == record["box"]
    assert float(again.scores[0, 0]) == record["score"]


def test_classes_by_index_and_by_label(files):
    options = ["--class", "dog", "--class", "1", "--labels", files / "names.txt"]
    assert run("explain", files / "model.onnx", files / "a" / "photo.png", "-o", files / "out", *options) == 0
    result = json.loads((files / "out" / "results.json").read_text(encoding="utf-8"))
    assert [record["class_index"] for record in result["images"][0]["maps"]] == [3, 1]


@pytest.mark.parametrize("command", ["explain", "video"])
def test_the_help_names_every_method_and_engine(command, capsys):
    with pytest.raises(SystemExit):
        run(command, "--help")
    words = set(re.findall(r"[\w+-]+", re.sub(r"-\n\s*", "-", capsys.readouterr().out)))
    assert {*methods.METHODS, *ENGINES} <= words


def test_a_map_without_a_box_is_written_as_such(files):
    data = classifier(w=-np.ones((5, 6), np.float32), b=np.ones(5, np.float32))
    (files / "model.onnx").write_bytes(data)
    assert run("explain", files / "model.onnx", files / "a" / "photo.png", "-o", files / "out") == 0
    record = json.loads((files / "out" / "results.json").read_text(encoding="utf-8"))["images"][0]["maps"][0]
    assert (record["box"], record["area"]) == (None, 0)


BAD = {
    "no model": (["explain", "none.onnx", "a/photo.png", "-o", "out"], "none.onnx: no such file"),
    "no photo": (
        ["explain", "model.onnx", "a/photo.png", "c.png", "-o", "out"],
        "c.png: no such file; expected a photo",
    ),
    "URL": (
        ["explain", "model.onnx", "https://example.org/dog.jpg", "-o", "out"],
        "https://example.org/dog.jpg: expected a file of this machine; got a URL",
    ),
    "broken photo": (["explain", "model.onnx", "names.txt", "a/photo.png", "-o", "out"], "names.txt: not an image"),
    "empty folder": (
        ["explain", "model.onnx", "a/photo.png", "none", "-o", "out"],
        "none: expected a folder with photos, signals or volumes",
    ),
    "no photo of a lenient run": (
        ["explain", "model.onnx", "none", "-o", "out", "--lenient"],
        "none: expected a folder",
    ),
    "pattern": (["explain", "model.onnx", "a/*.jpg", "-o", "out"], "a/*.jpg: expected a pattern that some photo fits"),
    "other results": (
        ["explain", "model.onnx", "a/photo.png", "-o", "theirs"],
        "results.json: expected results of fastcam explain, or none; got another file",
    ),
    "top": (["explain", "model.onnx", "a/photo.png", "-o", "out", "--top", "6"], "top: expected 1 to 5"),
    "class": (["explain", "model.onnx", "a/photo.png", "-o", "out", "--class", "5"], " --class: expected 0 to 4"),
    "class name": (
        ["explain", "model.onnx", "a/photo.png", "-o", "out", "--class", "gnu"],
        "--class: expected class numbers, as no names are known for this model",
    ),
    "class digit": (
        ["explain", "model.onnx", "a/photo.png", "-o", "out", "--class", "²"],
        "--class: expected class numbers, as no names are known for this model",
    ),
    "both": (
        ["explain", "model.onnx", "a/photo.png", "-o", "out", "--class", "1", "--top", "1"],
        "either --top or --class",
    ),
    "threshold": (["explain", "model.onnx", "a/photo.png", "-o", "out", "--threshold", "1.5"], "threshold: expected"),
    "convention": (["explain", "model.onnx", "a/photo.png", "-o", "out", "--convention", "x"], "convention: expected"),
    "connectivity": (
        ["explain", "model.onnx", "a/photo.png", "-o", "out", "--connectivity", "6"],
        "connectivity: expected",
    ),
    "batch size": (
        ["explain", "model.onnx", "a/photo.png", "-o", "out", "--batch-size", "0"],
        " --batch-size: expected",
    ),
    "colormap": (["explain", "model.onnx", "a/photo.png", "-o", "out", "--colormap", "x"], "colormap: expected"),
    "engine": (["explain", "model.onnx", "a/photo.png", "-o", "out", "--engine", "x"], "engine: expected"),
    "preprocess": (["explain", "model.onnx", "a/photo.png", "-o", "out", "--preprocess", "x"], "preprocess: name"),
    "labels": (
        ["explain", "model.onnx", "a/photo.png", "-o", "out", "--labels", "imagenet"],
        "labels: expected 5 names",
    ),
    "provider": (["inspect", "model.onnx", "--provider", "NoSuch"], " --provider: expected some of"),
    "head": (["inspect", "model.onnx", "--head", "nothing"], "head: expected the name of a tensor"),
    "output": (
        ["inspect", "model.onnx", "--model-output", "nothing"],
        " --model-output: expected one of the model's outputs",
    ),
    "threads": (["inspect", "model.onnx", "--threads", "0"], "threads: expected 1 to "),
    "directory": (
        ["explain", "model.onnx", "a/photo.png", "-o", "names.txt/out"],
        "expected a directory that can be written",
    ),
    "demo directory": (["demo", "-o", "names.txt"], "expected a directory that can be written"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_ends_with_code_2_and_nothing_written(files, monkeypatch, capsys, name):
    arguments, message = BAD[name]
    monkeypatch.chdir(files)
    before = sorted(files.rglob("*"))
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert f"\nfastcam {arguments[0]}: error: " in f"\n{captured.err}"  # after a line of assumptions
    assert "Traceback" not in captured.err
    assert captured.out == ""
    assert sorted(files.rglob("*")) == before


def test_two_runs_write_the_same_bytes(files):
    written = []
    for _ in range(2):
        command = [sys.executable, "-m", "fastcam", "explain", "model.onnx", "a/photo.png", "b/photo.png", "-o", "out"]
        subprocess.run(command, cwd=files, check=True, capture_output=True)
        written.append({path.name: path.read_bytes() for path in (files / "out").iterdir()})
    assert written[0] == written[1]
    assert len(written[0]) == 3


def test_a_photo_that_fails_late_leaves_those_before_it(files, capsys):
    (files / "model.onnx").write_bytes(overflowing())
    for name, level in (("dark", 0), ("white", 255)):
        Image.fromarray(np.full((16, 16, 3), level, np.uint8)).save(files / f"{name}.png")
    photos = [files / "dark.png", files / "white.png"]
    assert run("explain", files / "model.onnx", *photos, "-o", files / "out", "--preprocess", "unit,scale=10") == 2
    assert "error: " + str(files / "white.png") + ": expected finite logits" in capsys.readouterr().err
    assert sorted(path.name for path in (files / "out").iterdir()) == ["dark-overlay.png", "results.json"]


def test_a_photo_is_never_written_over(files, capsys):
    photo = files / "a" / "photo.png"
    mine = files / "a" / "photo-overlay.png"
    mine.write_bytes(photo.read_bytes())
    before = mine.read_bytes()
    assert run("explain", files / "model.onnx", photo, mine, "-o", files / "a") == 2
    assert "an overlay would be written over this one" in capsys.readouterr().err
    assert mine.read_bytes() == before
    assert run("explain", files / "model.onnx", photo, mine, "-o", files / "out") == 0
    (files / "out2" / "results.json").mkdir(parents=True)
    assert run("explain", files / "model.onnx", photo, "-o", files / "out2") == 2
    assert [path.name for path in (files / "out2").iterdir()] == ["results.json"]


def test_terminals_without_unicode_and_readers_that_leave(files):
    command = [sys.executable, "-m", "fastcam", "inspect", "model.onnx"]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, cwd=files, env=environment, capture_output=True, text=True, check=True)
    assert "?" in done.stdout
    assert done.stderr == ""
    shell = " ".join(command) + " | true"
    done = subprocess.run(shell, shell=True, cwd=files, capture_output=True, text=True, check=True)
    assert done.stderr == ""


def test_long_thin_photos_are_not_enlarged_beyond_measure(files):
    Image.new("RGB", (3000, 3)).save(files / "thin.png")
    options = ["--preprocess", "unit,fit=stretch"]
    assert run("explain", files / "model.onnx", files / "thin.png", "-o", files / "out", *options) == 0
    with Image.open(files / "out" / "thin-overlay.png") as picture:
        assert picture.size == (3000, 3)


@pytest.mark.parametrize("size", [(1, 1), (2, 1), (3, 4)])
def test_tiny_photos_are_enlarged_as_far_as_it_goes(files, size):
    Image.new("RGB", size, "red").save(files / "tiny.png")
    assert run("explain", files / "model.onnx", files / "tiny.png", "-o", files / "out", "--preprocess", "unit") == 0
    with Image.open(files / "out" / "tiny-overlay.png") as picture:
        assert picture.size == (64 * size[0], 64 * size[1])


def test_files_are_replaced_whole_or_not_at_all(tmp_path, monkeypatch):
    from fastcam.files import write_whole

    write_whole(tmp_path / "results.json", b'{"good": 1}')

    def full(self: Path, data: bytes) -> int:
        self.touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(fastcam.InputError, match=r"results\.json: can't be written \(No space left on device\)"):
        write_whole(tmp_path / "results.json", b'{"good": 2}')
    assert json.loads((tmp_path / "results.json").read_text(encoding="utf-8")) == {"good": 1}
    assert len(list(tmp_path.iterdir())) == 1


def test_as_a_process_of_its_own(files):
    command = [sys.executable, "-m", "fastcam"]
    done = subprocess.run([*command, "inspect", "none.onnx"], cwd=files, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "fastcam inspect: error: none.onnx: no such file; expected the path of an .onnx file\n"
    done = subprocess.run([*command, "--version"], cwd=files, capture_output=True, text=True, check=True)
    assert done.stdout == f"fastcam {fastcam.__version__}\n"
    done = subprocess.run([*command, "inspect", "model.onnx"], cwd=files, capture_output=True, text=True, check=True)
    assert done.stderr == ""
