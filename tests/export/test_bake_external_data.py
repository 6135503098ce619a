"""Baked models with weights in a file of their own: whole or not at all, and no other file is touched."""

import os
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx.external_data_helper import convert_model_to_external_data

from fastcam import InputError
from fastcam.export.baked_model import bake
from fastcam.model.file import storage
from tests.export.baked import noise, nothing_else_in, run
from tests.model.models import classifier


@pytest.fixture
def external(tmp_path):
    """A model with weights in a file beside it."""
    (tmp_path / "in").mkdir()
    model = onnx.load_from_string(classifier(side=24))
    convert_model_to_external_data(model, location="weights.bin", size_threshold=0)
    onnx.save_model(model, tmp_path / "in" / "model.onnx")
    return tmp_path / "in" / "model.onnx"


def test_external_data_get_a_file_of_their_own(external, tmp_path):
    before = {path.name: path.read_bytes() for path in external.parent.iterdir()}
    made = bake(external, tmp_path / "baked.onnx")
    assert [path.name for path in made.files] == ["baked.onnx", "baked.onnx.data"]
    nothing_else_in(tmp_path, "in", "baked.onnx", "baked.onnx.data")
    assert {path.name: path.read_bytes() for path in external.parent.iterdir()} == before
    bake(classifier(side=24), tmp_path / "inside.onnx")
    found, expected = (run(tmp_path / f"{name}.onnx", image=noise(side=24)) for name in ("baked", "inside"))
    for name in expected:
        np.testing.assert_array_equal(found[name], expected[name])
    locations = {
        entry.value
        for one in onnx.load(made.path, load_external_data=False).graph.initializer
        for entry in one.external_data
        if entry.key == "location"
    }
    assert locations == {"baked.onnx.data"}


def test_external_data_whole_or_not_at_all(external, tmp_path, monkeypatch):
    (tmp_path / "b.onnx.data").write_text("another file")
    with pytest.raises(InputError, match=r"b\.onnx\.data: expected a name that is free"):
        bake(external, tmp_path / "b.onnx")
    nothing_else_in(tmp_path, "in", "b.onnx.data")
    replace = Path.replace

    def fail(self, target):
        if Path(target).name == "b.onnx":
            raise OSError(28, "No space left on device")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(InputError, match=r"b\.onnx: can't be written \(No space left on device\)"):
        bake(external, tmp_path / "b.onnx", force=True)
    nothing_else_in(tmp_path, "in", "b.onnx.data")
    assert (tmp_path / "b.onnx.data").read_text() == "another file"
    monkeypatch.undo()
    bake(external, tmp_path / "b.onnx", force=True)
    nothing_else_in(tmp_path, "in", "b.onnx", "b.onnx.data")
    run(tmp_path / "b.onnx", image=noise(side=24))


def test_weights_of_a_file_that_is_replaced_go(external, tmp_path, monkeypatch):
    """Weights go once the new file is there; files that aren't the old model's stay."""
    model_file = tmp_path / "model.onnx"
    model_file.write_bytes(classifier())
    bake(external, tmp_path / "b.onnx")
    with monkeypatch.context() as failing:
        failing.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        with pytest.raises(InputError, match=r"b\.onnx: can't be written \(No space left on device\)"):
            bake(model_file, tmp_path / "b.onnx", force=True)
    run(tmp_path / "b.onnx", image=noise(side=24))
    made = bake(model_file, tmp_path / "b.onnx", force=True)
    assert made.files == (tmp_path / "b.onnx",)
    nothing_else_in(tmp_path, "in", "model.onnx", "b.onnx")
    run(tmp_path / "b.onnx", image=noise())
    for before in (b"no model", (tmp_path / "b.onnx").read_bytes()):
        (tmp_path / "b.onnx").write_bytes(before)
        (tmp_path / "b.onnx.data").write_text("of somebody else")
        bake(model_file, tmp_path / "b.onnx", force=True)
        assert (tmp_path / "b.onnx.data").read_text() == "of somebody else"


def test_the_models_own_weights_are_never_written_over(external):
    for name in ("weights.onnx", "weights"):
        (external.parent / f"{name}.data").unlink(missing_ok=True)
    os.rename(external.parent / "weights.bin", external.parent / "baked.onnx.data")
    model = onnx.load(external, load_external_data=False)
    for tensor in model.graph.initializer:
        tensor.external_data[0].value = "baked.onnx.data"
    external.write_bytes(model.SerializeToString())
    before = (external.parent / "baked.onnx.data").read_bytes()
    with pytest.raises(InputError, match=r"baked\.onnx\.data: expected another file than the model's own"):
        bake(external, external.parent / "baked.onnx", force=True)
    assert (external.parent / "baked.onnx.data").read_bytes() == before
    nothing_else_in(external.parent, "model.onnx", "baked.onnx.data")


def test_models_too_large_for_one_file(load_real, tmp_path, monkeypatch):
    monkeypatch.setattr(storage, "MOST_BYTES", 1 << 20)
    model = load_real("cifar10_resnet20")
    made = bake(model.path, tmp_path / "b.onnx", head=model.head)
    assert [path.name for path in made.files] == ["b.onnx", "b.onnx.data"]
    assert made.path.stat().st_size < 1 << 20
    assert all(offset % 4096 == 0 for offset in offsets(made.path))
    run(made.path, input=noise(side=32))


def offsets(path):
    stored = onnx.load(path, load_external_data=False).graph.initializer
    return [int(entry.value) for one in stored for entry in one.external_data if entry.key == "offset"]
