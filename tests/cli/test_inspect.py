"""`fastcam inspect`: head and proof of a model."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from fastcam.cli import main
from tests.model.models import classifier


def run(*arguments):
    return main([str(argument) for argument in arguments])


def test_inspect_prints_what_was_found_and_proven(shared, capsys):
    assert run("inspect", shared / "models" / "mobilenet_v2_1.0_224_quant_q.onnx") == 0
    printed = capsys.readouterr().out
    for words in (
        "(1, H, W",
        "uint8 NHWC",
        "1001",
        "AveragePool",
        "softmax",
        "quantisation gap",
        "(default)",
        "CPUExecution",
    ):
        assert words.replace("(1, H, W", "(1, 224, 224, 3)") in printed


def test_inspect_as_json(shared, capsys):
    path = shared / "models" / "cifar10_resnet20.onnx"
    assert run("inspect", path, "--json") == 0
    record = json.loads(capsys.readouterr().out)
    assert record["sha256"] == "426e23472fce7e6c78a1c3e3296c74d0ab12f73e806f5f6be2e45e0fd08dbedb"
    assert record["classes"] == 10
    assert record["outputs"] == ["logits"]
    assert record["head"]["feature_shape"] == [64, 8, 8]
    assert record["head"]["identity_error"] < 1e-5
    assert set(record["versions"]) >= {"fastcam", "numpy", "onnxruntime", "numba"}


def test_inspect_says_what_kind_of_head_there_is_and_explain_takes_another_method(shared, capsys, tmp_path):
    path = shared / "models" / "mnist_cnn_flatten_fc.onnx"
    assert run("inspect", path, "-v") == 0
    printed = capsys.readouterr().out
    assert "kind        generic: the logits are neither linear nor indifferent to where things stand" in printed
    assert "Grad-CAM and its kin by the gradient" in printed
    assert "looked at   'model/max_pooling2d/MaxPool__16:0' (1, 12, 12, 32): generic: Reshape" in printed
    Image.fromarray(np.zeros((40, 40, 3), np.uint8)).save(tmp_path / "photo.png")
    assert run("explain", path, tmp_path / "photo.png", "-o", tmp_path / "out") == 0
    written = json.loads((tmp_path / "out" / "results.json").read_text())
    assert written["images"][0]["maps"][0]["method"] == "gradcam"


@pytest.mark.parametrize("options", [[], ["--provider", "CUDAExecutionProvider"]])
def test_onnxruntime_says_nothing_of_its_own(tmp_path, options):
    """ONNX Runtime is silent even where its telemetry can't write to the home directory."""
    (tmp_path / "model.onnx").write_bytes(classifier())
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "ORT_"))}
    command = [sys.executable, "-m", "fastcam", "inspect", "model.onnx", *options]
    done = subprocess.run(
        command, cwd=tmp_path, env={**environment, "HOME": os.devnull}, capture_output=True, text=True, check=False
    )
    assert done.returncode == (2 if options else 0)
    assert [line for line in done.stderr.splitlines() if "fastcam inspect: error: --provider: " not in line] == []
