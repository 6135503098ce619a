"""The files of baked models: their contents, and refused options."""

import json
import os

import numpy as np
import onnx
import onnxruntime as ort
import pytest

import fastcam
from fastcam import GradientError, HeadNotFoundError, InputError, ModelError
from fastcam.cli import main
from fastcam.export.baked_model import bake
from tests.export.baked import generic, network_input, noise, nothing_else_in, run, small
from tests.model.models import BACKBONE, WEIGHTS, build, classifier, make


@pytest.fixture
def model_file(tmp_path):
    """A small model's file, in a folder of its own."""
    (tmp_path / "model.onnx").write_bytes(classifier())
    return tmp_path / "model.onnx"


# ---- the file --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("data", "method"), [(classifier(), "cam"), (generic(), "gradcam")])
def test_only_standard_operators_are_added_and_the_models_own_stay(tmp_path, data, method):
    before = onnx.load_from_string(data)
    made = bake(data, tmp_path / "b.onnx", size="input", normalize=True)
    after = onnx.load(tmp_path / "b.onnx")
    onnx.checker.check_model(after, full_check=True)
    assert made.method == method
    assert [*after.graph.node[: len(before.graph.node)]] == [*before.graph.node]
    assert [*after.graph.initializer[: len(before.graph.initializer)]] == [*before.graph.initializer]
    assert {node.domain for node in after.graph.node} == {""}
    # The forward pass isn't there twice, nor are the weights.
    counts = [sum(node.op_type == "Gemm" for node in one.graph.node) for one in (before, after)]
    assert counts[1] - counts[0] <= (0 if method == "cam" else 2)
    assert len(after.SerializeToString()) - len(data) < 8000


def test_metadata_say_what_the_maps_are(shared, load_real, tmp_path):
    model = load_real("cifar10_resnet20")
    bake(model.path, tmp_path / "b.onnx", head=model.head)
    session = ort.InferenceSession(tmp_path / "b.onnx")
    said = session.get_modelmeta().custom_metadata_map
    assert said["fastcam.version"] == fastcam.__version__
    assert said["fastcam.source_sha256"] == model.sha256
    assert said["fastcam.method"] == "cam"
    assert said["fastcam.head"] == model.head.describe()
    assert said["fastcam.feature_maps"] == model.head.feature_maps
    assert json.loads(said["fastcam.outputs"])["activation_maps"].startswith("class activation map, sum_k W[c, k]")
    place = json.loads(said["fastcam.class_weights"])
    stored = {one.name: one for one in onnx.load(tmp_path / "b.onnx").graph.initializer}[place["initializer"]]
    weights = onnx.numpy_helper.to_array(stored).reshape(model.head.class_weights.shape)
    np.testing.assert_allclose(weights, model.head.class_weights, atol=1e-6)
    np.testing.assert_array_equal(np.float32(json.loads(said["fastcam.bias"])), model.head.bias)
    # With these, anyone can hold the file against its own logits.
    found = run(tmp_path / "b.onnx", input=noise(side=32))
    best = found["class_index"][0]
    logit = found["activation_maps"].mean() + json.loads(said["fastcam.bias"])[best]
    assert abs(logit - found["logits"][0, best]) < 1e-4 * np.abs(found["logits"]).max()


POOLED = f"{BACKBONE} p = GlobalAveragePool(maps) q = Flatten(p) logits = Gemm<transB = 1>(q, w, b)"


@pytest.mark.parametrize("opset", [9, 11, 12, 13, 18])
@pytest.mark.parametrize("method", ["cam", "gradcam"])
def test_opsets(tmp_path, opset, method):
    """A model is converted only if its opset is too old for the added operators."""
    older = make(POOLED, opset=opset, **WEIGHTS)
    if opset == 9:  # a format in which stored tensors are inputs as well
        older.ir_version = 3
        stored = [onnx.helper.make_tensor_value_info(w.name, w.data_type, w.dims) for w in older.graph.initializer]
        older.graph.input.extend(stored)
    made = bake(older.SerializeToString(), tmp_path / "b.onnx", method=method, normalize=True)
    after = onnx.load(made.path)
    onnx.checker.check_model(after)
    assert after.opset_import[0].version == (opset if method == "cam" or opset >= 16 else 17)
    assert [value.name for value in after.graph.input] == ["image"]
    model = fastcam.load(older.SerializeToString(), preprocess="unit,fit=stretch")
    photo = np.random.default_rng(0).integers(0, 256, (20, 20, 3)).astype(np.uint8)
    expected = fastcam.heatmaps(model.explain(photo, method=method).activation_maps, (16, 16))
    found = run(made.path, image=network_input(model, photo))["activation_maps"]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_other_inputs_stay_inputs(tmp_path):
    body = f"{BACKBONE} p = GlobalAveragePool(maps) q = Flatten(p) s = Mul(q, gain) logits = Gemm<transB = 1>(s, w, b)"
    data = small(body, inputs="float[N, 3, 16, 16] image, float gain")
    bake(data, tmp_path / "b.onnx", method="gradcam", constants={"gain": 2.0})
    session = ort.InferenceSession(tmp_path / "b.onnx")
    assert [value.name for value in session.get_inputs()] == ["image", "gain"]
    one, two = (
        run(tmp_path / "b.onnx", image=noise(), gain=np.array(v, np.float32))["activation_maps"] for v in (1, 3)
    )
    np.testing.assert_allclose(3 * one, two, rtol=1e-5, atol=1e-6)


# ---- what is refused -------------------------------------------------------------------------------------------------


def test_files_that_are_there(model_file, tmp_path):
    before = model_file.read_bytes()
    out = tmp_path / "out.onnx"
    out.write_text("precious")
    with pytest.raises(InputError, match=r"out\.onnx: expected a name that is free; there is one\. force=True"):
        bake(model_file, out)
    assert out.read_text() == "precious"
    bake(model_file, out, force=True)
    run(out, image=noise())
    (tmp_path / "link.onnx").symlink_to(model_file)
    os.link(model_file, tmp_path / "hard.onnx")
    for name in ("model.onnx", "link.onnx", "hard.onnx"):
        with pytest.raises(InputError, match=rf"{name}: expected another file than the model's own"):
            bake(model_file, tmp_path / name, force=True)
    (tmp_path / "loose.onnx").symlink_to(tmp_path / "nowhere.onnx")
    with pytest.raises(InputError, match=r"loose\.onnx: expected a name that is free"):
        bake(model_file, tmp_path / "loose.onnx")
    (tmp_path / "folder.onnx").mkdir()
    with pytest.raises(InputError, match=r"folder\.onnx: expected a place for a file; there is a directory"):
        bake(model_file, tmp_path / "folder.onnx", force=True)
    with pytest.raises(InputError, match="expected a folder that there is"):
        bake(model_file, tmp_path / "missing" / "out.onnx")
    with pytest.raises(InputError, match=r"expected a name that ends in \.onnx; got '.*out\.ort'"):
        bake(model_file, tmp_path / "out.ort")
    assert model_file.read_bytes() == before
    nothing_else_in(tmp_path, "model.onnx", "out.onnx", "link.onnx", "hard.onnx", "loose.onnx", "folder.onnx")


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"method": "layercam"}, "method: expected one of auto, cam, gradcam; got 'layercam'"),
        ({"classes": "best"}, "classes: expected one of top, given, all; got 'best'"),
        ({"classes": 3}, "classes: expected one of top, given, all; got 3"),
        ({"size": (0, 3)}, r"size: expected \(H, W\) in pixels, 'input' or None; got \(0, 3\)"),
        ({"size": "224"}, r"size: expected \(H, W\) in pixels, 'input' or None; got '224'"),
        ({"size": (1.5, 2)}, r"size: expected \(H, W\)"),
        ({"size": np.array([10, 0])}, r"size: expected \(H, W\) in pixels.*got array\(\[10,  0\]\)"),
        ({"size": (True, 3)}, r"size: expected \(H, W\)"),
        *(
            ({"input_size": value}, r"input_size: expected \(height, width\) in pixels, or None; got .* 1 to 65536")
            for value in ("224", (1, 2, 3, 4), (0, 0), (-5, 5), 224, (1 << 17, 1))
        ),
        ({"input_size": (1, 2, 3)}, r"size: expected \(H, W\), as the model takes; got \(1, 2, 3\)"),
        ({"size": (1, 2, 3)}, r"size: expected as many sides as the places of the model's input"),
        ({"classes": np.array(["top", "all"])}, "classes: expected one of top, given, all; got array"),
        ({"head": 5}, "head, output: expected the name of a tensor, for head also a Head; got 5, None"),
        ({"output": 5}, "head, output: expected the name of a tensor, .* got None, 5"),
        ({"normalize": 1}, "normalize: expected True or False; got 1"),
        (
            {"method": "gradcam", "classes": "all"},
            r"classes: expected 'top' or 'given' for Grad-CAM.*method='cam' gives",
        ),
    ],
)
def test_options_out_of_range(model_file, tmp_path, options, match):
    with pytest.raises((InputError, HeadNotFoundError), match=match):
        bake(model_file, tmp_path / "out.onnx", **options)
    nothing_else_in(tmp_path, "model.onnx")


def test_a_path_that_is_none(model_file):
    with pytest.raises(InputError, match=r"path: expected a path that ends in \.onnx; got 5"):
        bake(model_file, 5)  # pyright: ignore


def test_sizes_of_numpy(model_file, tmp_path):
    sizes = {"list": [10, 12], "array": np.array([10, 12]), "integers": (np.int64(10), np.uint8(12))}
    for name, size in sizes.items():
        bake(model_file, tmp_path / f"{name}.onnx", size=size, input_size=(np.int32(16), 16))  # pyright: ignore
        assert run(tmp_path / f"{name}.onnx", image=noise())["activation_maps"].shape == (1, 1, 10, 12)


def test_models_that_can_not_be_baked(model_file, tmp_path):
    first = bake(model_file, tmp_path / "once.onnx").path
    with pytest.raises(InputError, match=r"it has \['activation_maps', 'class_index'\]. Is it baked already"):
        bake(first, tmp_path / "twice.onnx")
    with pytest.raises(InputError, match="model: expected a path or bytes, .*; got InferenceSession"):
        bake(ort.InferenceSession(first), tmp_path / "twice.onnx")  # pyright: ignore[reportArgumentType]
    with pytest.raises(HeadNotFoundError, match="no class activation maps for a head of kind 'generic'"):
        bake(generic(), tmp_path / "twice.onnx", method="cam")
    sums = f"{BACKBONE} q = Flatten(maps) s = MatMul(q, v) z = CumSum(s, one) t = Relu(z) logits = Gemm(t, w, b)"
    with pytest.raises(GradientError, match="no gradient of the operator CumSum"):
        bake(build(sums, k=(6, 3, 3, 3), v=(6 * 256, 6), w=(6, 5), b=(5,), one=np.array(1)), tmp_path / "twice.onnx")
    nothing_else_in(tmp_path, "model.onnx", "once.onnx")


def test_a_file_that_is_not_as_good_as_fastcam_is_not_put_in_its_place(model_file, tmp_path, monkeypatch):
    out = tmp_path / "out.onnx"
    out.write_text("what was there")
    monkeypatch.setattr("fastcam.export.bake_graph.ALIKE", 2.0)  # takes any weights for the head's own
    changed = onnx.load(model_file)
    wrong = onnx.numpy_helper.from_array(np.ones((5, 6), np.float32), "wrong")
    changed.graph.initializer.insert(0, wrong)
    changed.graph.node.append(onnx.helper.make_node("Identity", ["wrong"], ["used"]))
    with pytest.raises(ModelError, match="expected the baked maps to be those of fastcam to 1e-05 of their maximum"):
        bake(changed.SerializeToString(), out, force=True)
    assert out.read_text() == "what was there"
    nothing_else_in(tmp_path, "model.onnx", "out.onnx")


# ---- on the command line ---------------------------------------------------------------------------------------------


def test_the_command(model_file, tmp_path, capsys):
    arguments = [
        "bake",
        str(model_file),
        "-o",
        str(tmp_path / "out.onnx"),
        "--classes",
        "given",
        "--size",
        "8x12",
        "--normalize",
    ]
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    assert "scaled to [0, 1]" in printed
    assert "checked     on probe images: fastcam's own maps to " in printed
    found = run(tmp_path / "out.onnx", image=noise(), class_index=np.array([2]))["activation_maps"]
    assert found.shape == (1, 1, 8, 12)
    assert (found.min(), found.max()) == (0, pytest.approx(1, abs=1e-6))
    assert main(arguments) == 2
    assert "fastcam bake: error: " in capsys.readouterr().err
    assert main([*arguments, "--force"]) == 0
    assert main([*arguments, "--force", "--size", "8"]) == 2
    assert "size: expected as many sides as the places of the model's input" in capsys.readouterr().err
    assert main([*arguments, "--force", "--input-size", "0x0"]) == 2
    assert "--input-size: expected HEIGHTxWIDTH, such as 224x224, LENGTH of signals" in capsys.readouterr().err
