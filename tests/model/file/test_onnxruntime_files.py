"""Files that ONNX Runtime wrote: .ort, and ONNX that it has optimised, channels in blocks included."""

import numpy as np
import onnx
import onnxruntime as ort
import pytest

import fastcam
from tests.conftest import PREPROCESS

LEVELS = {
    "basic": ort.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    "extended": ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
    "all": ort.GraphOptimizationLevel.ORT_ENABLE_ALL,
}
NAMES = ("squeezenet1_1_nchw", "mobilenet_v2_1.0_224_nchw_gemm", "cifar10_resnet20")


def optimised(path, level, file):
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = LEVELS[level]
    options.optimized_model_filepath = str(file)
    if file.suffix == ".ort":
        options.add_session_config_entry("session.save_model_format", "ORT")
    ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return file


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("suffix", [".onnx", ".ort"])
@pytest.mark.parametrize("name", NAMES)
def test_what_onnx_runtime_wrote_has_the_same_head_and_maps(name, suffix, level, load_real, shared, tmp_path):
    model = load_real(name)
    file = optimised(model.path, level, tmp_path / f"model{suffix}")
    if level == "all" and suffix == ".onnx":
        assert "com.microsoft.nchwc" in {node.domain for node in onnx.load(file).graph.node}
    again = fastcam.load(file, preprocess=PREPROCESS[name])
    assert (again.head.kind, again.head.layout, again.head.feature_shape) == ("cam", "NCHW", model.head.feature_shape)
    np.testing.assert_allclose(again.head.class_weights, model.head.class_weights, rtol=0, atol=1e-6)
    photo = shared / "photos" / ("cifar10/cifar10_0_3.png" if "cifar" in name else "openimages_cc/parrot.jpg")
    photo = photo if photo.exists() else sorted((shared / "photos" / "cifar10").glob("*.png"))[0]
    ours, theirs = again.explain(photo), model.explain(photo)
    scale = np.abs(theirs.activation_maps).max()
    np.testing.assert_allclose(ours.activation_maps, theirs.activation_maps, rtol=0, atol=1e-4 * scale)
    np.testing.assert_array_equal(ours.class_index, theirs.class_index)
    if suffix == ".ort":
        assert fastcam.load(file, head=again.head, preprocess=PREPROCESS[name]).candidates == ()
        assert fastcam.load(file.read_bytes(), preprocess=PREPROCESS[name]).head.kind == "cam"


def test_a_broken_ort_file():
    with pytest.raises(fastcam.ModelError, match=r"ONNX Runtime \S+ can't load it"):
        fastcam.load(b"\x18\x00\x00\x00ORTM" + b"\xff" * 64)


def test_exposing_inner_tensors_changes_no_bit_of_the_scores(load_real, shared):
    """A few more bytes leave fusions as they were."""
    for name in NAMES:
        model = load_real(name)
        side = {"squeezenet1_1_nchw": 227, "cifar10_resnet20": 32}.get(name, 224)
        image = np.random.default_rng(0).standard_normal((1, 3, side, side)).astype(np.float32)
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        plain = ort.InferenceSession(model.path, options, providers=["CPUExecutionProvider"])
        single = fastcam.load(model.path, threads=1, preprocess=PREPROCESS[name])
        (expected,) = plain.run(None, {plain.get_inputs()[0].name: image})
        np.testing.assert_array_equal(single.run(image)[0], expected)
