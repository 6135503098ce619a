"""Places of baked models: files that appear meanwhile aren't replaced, and names may have any length."""

import threading

import onnx
import onnxruntime as ort
import pytest

from fastcam import InputError
from fastcam.export.baked_model import bake
from tests.export.baked import noise, nothing_else_in, run
from tests.model.models import classifier
from tests.waiting import until


@pytest.fixture
def model_file(tmp_path):
    """A small model's file, in a folder of its own."""
    (tmp_path / "model.onnx").write_bytes(classifier())
    return tmp_path / "model.onnx"


def test_a_file_that_appeared_meanwhile_stays(model_file, tmp_path):
    out = tmp_path / "out.onnx"

    def appear():
        until(lambda: list(tmp_path.glob(".out.onnx.*.part")))
        out.write_text("precious")

    other = threading.Thread(target=appear)
    other.start()
    with pytest.raises(InputError, match=r"out\.onnx: expected a name that is free; there is one\. force=True"):
        bake(model_file, out)
    other.join()
    assert out.read_text() == "precious"
    nothing_else_in(tmp_path, "model.onnx", "out.onnx")


def test_weights_that_appeared_meanwhile_stay(tmp_path):
    """Neither of the two files is written then."""
    model = onnx.load_from_string(classifier())
    onnx.save_model(model, tmp_path / "model.onnx", save_as_external_data=True, location="w.bin", size_threshold=0)
    out = tmp_path / "out.onnx"

    def appear():
        until(lambda: list(tmp_path.glob(".out.onnx.*.part")))
        (tmp_path / "out.onnx.data").write_text("precious")

    other = threading.Thread(target=appear)
    other.start()
    with pytest.raises(InputError, match=r"out\.onnx\.data: expected a name that is free"):
        bake(tmp_path / "model.onnx", out)
    other.join()
    assert (tmp_path / "out.onnx.data").read_text() == "precious"
    nothing_else_in(tmp_path, "model.onnx", "w.bin", "out.onnx.data")


def test_of_several_that_bake_into_one_place_one_is_first(model_file, tmp_path):
    found = []

    def work(method):
        try:
            found.append(bake(model_file, tmp_path / "out.onnx", method=method))
        except InputError as error:
            found.append(error)

    threads = [threading.Thread(target=work, args=(method,)) for method in ("cam", "gradcam") * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    refused = [one for one in found if isinstance(one, InputError)]
    assert len(refused) == 3
    assert all("expected a name that is free" in str(error) for error in refused)
    (made,) = (one for one in found if not isinstance(one, InputError))
    said = ort.InferenceSession(tmp_path / "out.onnx").get_modelmeta().custom_metadata_map
    assert said["fastcam.method"] == made.method
    nothing_else_in(tmp_path, "model.onnx", "out.onnx")


def test_names_that_are_long(model_file, tmp_path):
    longest = f"{'猫' * 83}b.onnx"  # 255 bytes
    bake(model_file, tmp_path / longest)
    run(tmp_path / longest, image=noise())
    too_long = tmp_path / f"{'x' * 251}.onnx"
    with pytest.raises(InputError, match=r"x\.onnx: can't be written \(File name too long\)"):
        bake(model_file, too_long)
    model = onnx.load_from_string(classifier())
    onnx.save_model(model, tmp_path / "two.onnx", save_as_external_data=True, location="w.bin", size_threshold=0)
    with pytest.raises(InputError, match=r"b\.onnx\.data: can't be written \(File name too long\)"):
        bake(tmp_path / "two.onnx", tmp_path / longest, force=True)
    nothing_else_in(tmp_path, "model.onnx", "two.onnx", "w.bin", longest)
