"""Assumptions about a model are shown: a warning in Python, a line of commands; class names beside a model."""

import json
import warnings
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from PIL import Image

import fastcam
from fastcam.cli import main
from fastcam.errors import AssumedPreprocessWarning, FastcamWarning, LabelsWarning
from fastcam.images.preprocessing import Preprocess
from tests.model.models import build, classifier

PLAIN = "maps = Conv(image, k) p = GlobalAveragePool(maps) logits = Flatten(p)"
GREY = build(PLAIN, inputs="float[N, 1, 8, 8] image", k=(5, 1, 1, 1))


def run(*arguments):
    return main([str(argument) for argument in arguments])


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "model.onnx").write_bytes(classifier())
    Image.fromarray(np.zeros((20, 20, 3), np.uint8)).save(tmp_path / "photo.png")
    return tmp_path


def test_an_assumed_preprocessing_warns_once_a_load(shared):
    quantised = shared / "models" / "mobilenet_v2_1.0_224_quant_q.onnx"
    cases: list[tuple[Any, dict[str, Any], str]] = [
        (classifier(), {}, "preprocess: imagenet, assumed; labels: none"),
        (classifier(), {"labels": list("abcde")}, "preprocess: imagenet, assumed; labels: 5, argument"),
        (classifier(), {"preprocess": "fit=stretch"}, r"preprocess: mean=.*, fit='stretch', assumed"),
        (quantised, {}, "preprocess: raw, assumed"),
        (GREY, {}, "preprocess: channels='grey', assumed"),
    ]
    for data, options, words in cases:
        with pytest.warns(AssumedPreprocessWarning, match=words) as caught:
            model = fastcam.load(data, **options)
        assert len(caught) == 1
        assert caught[0].filename == __file__
        assert model.assumed
    assert issubclass(AssumedPreprocessWarning, FastcamWarning | UserWarning)


def test_what_is_given_or_stands_beside_the_model_is_not_assumed(folder):
    (folder / "preprocessor_config.json").write_text('{"image_processor_type": "ViTImageProcessor", "size": 16}')
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert fastcam.load(folder / "model.onnx").assumed is None
        assert fastcam.load(folder / "model.onnx", preprocess="fit=letterbox").assumed is None
        model = fastcam.load(classifier(), preprocess="unit")
        assert model.assumed is None
        assert model.with_classes(np.ones((2, 6)), np.zeros(2)).labels_origin == "none"


def test_commands_print_a_line(folder, capsys):
    model, photo = folder / "model.onnx", folder / "photo.png"
    assert run("explain", model, photo, "-o", folder / "out") == 0
    line = f"{model}: preprocess: imagenet, assumed; labels: none (--preprocess, --labels)\n"
    assert capsys.readouterr().err == line
    assert run("explain", model, photo, "-o", folder / "out", "--preprocess", "fit=stretch") == 0
    assert "fit='stretch', assumed; labels: none" in capsys.readouterr().err
    assert run("explain", model, photo, "-o", folder / "out", "--preprocess", "unit") == 0
    assert capsys.readouterr().err == ""


def test_the_page_says_it_beside_its_address(folder, capsys, monkeypatch):
    from fastcam.serve import Server

    monkeypatch.setattr(Server, "wait", lambda self: None)  # for Ctrl-C
    assert run("serve", folder / "model.onnx", "--port", "0") == 0
    assert "(Ctrl-C ends it); preprocess: imagenet, assumed; labels: none (--pre" in capsys.readouterr().err


def test_inspect_prints_all_of_it_always(folder, capsys):
    model = folder / "model.onnx"
    assert run("inspect", model) == 0
    printed = capsys.readouterr().out
    for words in (
        "preprocess  assumed (default)",
        "fit         center-crop, crop_fraction 0.875, size 16×16, interpolation bilinear, fill 0",
        "values      mean 0.485/0.456/0.406, std 0.229/0.224/0.225, scale 0.00392157, channels rgb",
        "labels      none",
    ):
        assert words in printed
    (folder / "preprocessor_config.json").write_text('{"image_processor_type": "DeiTImageProcessor", "crop_size": 16}')
    (folder / "config.json").write_text(json.dumps({"id2label": {str(k): f"thing {k}" for k in range(5)}}))
    assert run("inspect", model) == 0
    printed = capsys.readouterr().out
    for words in (
        f"preprocess  {folder / 'preprocessor_config.json'}; DeiTImageProcessor: from the file crop_size; by default ",
        "fit         resize-crop, resize 256×256, size 16×16, interpolation bicubic, fill 0",
        f"labels      5: thing 0, thing 1, thing 2, ... ({folder / 'config.json'})",
    ):
        assert words in printed
    assert run("inspect", model, "--json") == 0
    record = json.loads(capsys.readouterr().out)
    assert set(record["preprocess"]["specification"]) == {field.name for field in fields(Preprocess)}
    assert record["preprocess"]["origin"] == str(folder / "preprocessor_config.json")
    assert record["preprocess"]["details"].startswith("DeiTImageProcessor: from the file crop_size")
    assert record["preprocess"]["size"] == [16, 16]
    assert record["labels"] == {"count": 5, "origin": str(folder / "config.json"), "details": ""}


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"id2label": {"0": "a", "1": "b"}}, "has 2 names, not those of classes 0 to 4"),
        ({"id2label": {str(k): "a" for k in (0, 1, 2, 3, 5)}}, "has 5 names, not those of classes 0 to 4"),
        ({"id2label": ["a"]}, "has 0 names"),
        ("{", "can't be understood"),
    ],
)
def test_class_names_that_do_not_fit_are_left_out_with_a_warning(folder, capsys, config, reason):
    text = config if isinstance(config, str) else json.dumps(config)
    (folder / "preprocessor_config.json").write_text('{"image_processor_type": "ViTImageProcessor", "size": 16}')
    if isinstance(config, str):
        (folder / "preprocessor_config.json").unlink()
    (folder / "config.json").write_text(text)
    options: dict[str, Any] = {"preprocess": "unit"} if isinstance(config, str) else {}
    with pytest.warns(LabelsWarning, match=reason):
        model = fastcam.load(folder / "model.onnx", **options)
    assert model.labels is None
    assert reason in model.labels_origin
    assert fastcam.load(folder / "model.onnx", labels=list("abcde"), **options).labels_origin == "argument"
    given = ("--preprocess", "unit") if options else ()
    assert run("inspect", folder / "model.onnx", *given) == 0
    captured = capsys.readouterr()
    assert (reason in captured.out, captured.err) == (True, "")
    assert run("explain", folder / "model.onnx", folder / "photo.png", "-o", folder / "out", *given) == 0
    assert reason in capsys.readouterr().err


def test_class_names_beside_the_model_name_classes_on_the_command_line(folder, capsys):
    names = {"0": "cat", "1": "dog", "2": "tree", "3": "cup", "4": "sky"}
    (folder / "config.json").write_text(json.dumps({"model_type": "vit", "id2label": names}))
    command = ("explain", folder / "model.onnx", folder / "photo.png", "-o", folder / "out", "--class", "tree")
    assert run(*command) == 0
    captured = capsys.readouterr()
    assert "tree" in captured.out
    assert "labels: 5, " in captured.err
