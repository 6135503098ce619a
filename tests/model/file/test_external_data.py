"""Weights in other files: beside the model, in a cache of links, outside, and mapped out of the model's own file."""

import os

import numpy as np
import onnx
import pytest
from onnx.external_data_helper import convert_model_to_external_data

import fastcam
from fastcam import ModelError
from fastcam.model.file import source as model_source
from fastcam.model.file import wire
from tests.model.models import WEIGHTS, build, make

BODY = (
    "f = Conv<pads = [1, 1, 1, 1]>(image, k) p = GlobalAveragePool(f) q = Flatten(p) logits = Gemm<transB = 1>(q, w, b)"
)
PHOTO = np.full((16, 16, 3), 200, np.uint8)


@pytest.fixture
def external(tmp_path):
    """A model whose weights lie in a file beside it."""
    model = make(BODY, **WEIGHTS)
    convert_model_to_external_data(model, location="weights.bin", size_threshold=0)
    onnx.save_model(model, tmp_path / "model.onnx")
    return tmp_path / "model.onnx"


def point_elsewhere(path, location):
    model = onnx.load_model(path, load_external_data=False)
    for tensor in model.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location":
                entry.value = location
    path.write_bytes(model.SerializeToString())


def expect_same(path):
    inside, outside = fastcam.load(build(BODY, **WEIGHTS)), fastcam.load(path)
    np.testing.assert_array_equal(outside.head.class_weights, inside.head.class_weights)
    np.testing.assert_array_equal(outside.explain(PHOTO).logits, inside.explain(PHOTO).logits)


def test_external_data_beside_the_model(external):
    expect_same(external)
    folder = external.parent / "deep"
    folder.mkdir()
    (external.parent / "weights.bin").rename(folder / "weights.bin")
    point_elsewhere(external, "deep/weights.bin")
    expect_same(external)


def test_a_cache_that_links_the_model_and_its_data_into_a_folder_of_blobs(external, tmp_path_factory):
    """The cache of Hugging Face: snapshots/<revision>/model.onnx is a link to blobs/<hash>, and so are its weights."""
    root = tmp_path_factory.mktemp("cache")
    (root / "blobs").mkdir()
    (root / "snapshots" / "1").mkdir(parents=True)
    for name, blob in (("model.onnx", "a" * 40), ("weights.bin", "b" * 40)):
        (external.parent / name).rename(root / "blobs" / blob)
        (root / "snapshots" / "1" / name).symlink_to(f"../../blobs/{blob}")
    expect_same(root / "snapshots" / "1" / "model.onnx")
    head = fastcam.load(root / "snapshots" / "1" / "model.onnx").head
    assert fastcam.load(root / "snapshots" / "1" / "model.onnx", head=head).candidates == ()


def test_external_data_that_is_missing(external):
    (external.parent / "weights.bin").unlink()
    with pytest.raises(ModelError, match=r"external data of '\w' at 'weights\.bin': no such file"):
        fastcam.load(external)


def test_external_data_of_a_model_given_as_bytes(external):
    with pytest.raises(ModelError, match="give the path of the file instead of bytes"):
        fastcam.load(external.read_bytes())


@pytest.mark.parametrize(
    "location", ["../weights.bin", "/etc/passwd", "sub/../../weights.bin", "C:\\weights.bin", "", "..\\w"]
)
def test_external_data_outside_the_folder_is_refused(external, location):
    (external.parent.parent / "weights.bin").write_bytes(b"x" * 4096)
    point_elsewhere(external, location)
    with pytest.raises(ModelError, match="expected a file in the model's own folder; refused"):
        fastcam.load(external)


def test_a_link_out_of_the_folder_is_refused(external, tmp_path_factory):
    target = tmp_path_factory.mktemp("elsewhere") / "weights.bin"
    (external.parent / "weights.bin").rename(target)
    (external.parent / "weights.bin").symlink_to(target)
    with pytest.raises(ModelError, match="the link leads out of it; refused"):
        fastcam.load(external)


def test_a_hard_link_is_refused(external, tmp_path_factory):
    os.link(external.parent / "weights.bin", external.parent / "also.bin")
    with pytest.raises(ModelError, match=r"'weights\.bin': expected a file with one name; got one with hard links"):
        fastcam.load(external)


def test_the_model_file_is_never_touched(external):
    before = external.read_bytes(), external.stat().st_mtime_ns, sorted(external.parent.iterdir())
    fastcam.load(external).explain(PHOTO)
    assert (external.read_bytes(), external.stat().st_mtime_ns, sorted(external.parent.iterdir())) == before


def test_external_data_hidden_in_a_constant_is_checked_as_well(tmp_path):
    model = make(BODY, **WEIGHTS)
    hidden = onnx.TensorProto(name="h", data_type=1, dims=[1], data_location=onnx.TensorProto.EXTERNAL)
    hidden.external_data.add(key="location", value="../../etc/passwd")
    model.graph.node.append(onnx.helper.make_node("Constant", [], ["c"], value=hidden))
    with pytest.raises(ModelError, match="external data of 'h'"):
        fastcam.load(model.SerializeToString())
    (tmp_path / "model.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match="external data of 'h' at .* refused"):
        fastcam.load(tmp_path / "model.onnx")


def test_the_hash_covers_external_data(external):
    before = fastcam.load(external).sha256
    weights = external.parent / "weights.bin"
    data = bytearray(weights.read_bytes())
    data[3] ^= 1
    weights.write_bytes(bytes(data))
    assert fastcam.load(external).sha256 != before


# ---- weights that stay in the model's own file --------------------------------------------------------------------------


def test_a_model_without_its_large_weights_is_the_same_model(shared):
    path = shared / "models" / "mobilenet_v2_1.0_224_nchw_gemm.onnx"
    data = path.read_bytes()
    light = onnx.ModelProto.FromString(wire.without_large_weights(data, path.name))
    assert light.ByteSize() < len(data) / 10
    onnx.load_external_data_for_model(light, str(path.parent))
    whole = onnx.ModelProto.FromString(data)
    assert light.graph.node == whole.graph.node
    for ours, theirs in zip(light.graph.initializer, whole.graph.initializer, strict=True):
        assert (ours.name, ours.dims, ours.raw_data) == (theirs.name, theirs.dims, theirs.raw_data)


@pytest.mark.parametrize("data", [b"\x3a", b"\x3a\x05\x0a", b"\xff" * 12, b"\x0b", b"\x39\x01", b"\x3a\x02\x2a\x09"])
def test_bytes_that_are_no_message(data):
    with pytest.raises(ValueError, match="field|number"):
        wire.without_large_weights(data, "x")


def test_a_small_file_is_opened_as_it_is_and_a_large_one_is_mapped(shared, monkeypatch, load_real):
    name = "mobilenet_v2_1.0_224_nchw_gemm"
    small = load_real(name)
    monkeypatch.setattr(model_source, "LARGE_FILE", 1 << 20)
    source = model_source.read_source(small.path)
    data, folder = model_source.session_bytes(source)
    assert len(data) < small.path.stat().st_size / 10
    assert folder == small.path.parent.resolve()
    photo = shared / "photos" / "openimages_cc" / "parrot.jpg"
    large = fastcam.load(small.path, preprocess=small.preprocess)
    again = fastcam.load(small.path, preprocess=small.preprocess, head=large.head)
    as_bytes = fastcam.load(small.path.read_bytes(), preprocess=small.preprocess)
    for model in (large, again, as_bytes):
        np.testing.assert_array_equal(model.explain(photo).activation_maps, small.explain(photo).activation_maps)
        np.testing.assert_array_equal(model.head.class_weights, small.head.class_weights)
