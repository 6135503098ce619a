"""A head that is saved and loaded again: nothing is searched, and it fits this very model only."""

import dataclasses

import numpy as np
import onnx
import onnxruntime as ort
import pytest

import fastcam
from fastcam import Head, HeadNotFoundError, InputError, ModelError
from fastcam.cli import main
from tests.model.heads import GAP, HEADS, B, K, W
from tests.model.models import BACKBONE, build, classifier, make
from tests.zoo import ALL

PHOTO = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)


def saved(model, path, **options):
    """The classifier of a model, and the same one opened with its saved head."""
    first = fastcam.load(model, **options)
    first.head.save(path)
    options.pop("output", None)
    return first, fastcam.load(model, head=Head.load(path), **options)


def expect_same(first, again):
    assert again.candidates == ()
    for field in dataclasses.fields(Head):
        ours, theirs = getattr(again.head, field.name), getattr(first.head, field.name)
        if isinstance(ours, np.ndarray):
            np.testing.assert_array_equal(ours, theirs, strict=True)
        else:
            assert ours == theirs or ours != ours, field.name  # identity_error may be NaN
    assert (again.input, again.outputs, again.sha256) == (first.input, first.outputs, first.sha256)
    if first.head.is_exact:
        given = PHOTO if first.input.rank == 2 else np.resize(PHOTO, (*first.input.sides(), first.input.channels))
        ours, theirs = again.explain(given), first.explain(given)
        np.testing.assert_array_equal(ours.activation_maps, theirs.activation_maps)
        np.testing.assert_array_equal(ours.scores, theirs.scores)


@pytest.mark.parametrize("name", sorted(ALL)[::3])
def test_heads_of_all_kinds_survive(name, tmp_path):
    case = ALL[name]()
    if case.kind != "none":
        expect_same(*saved(case.model, tmp_path / "head.npz", **case.options))


@pytest.mark.parametrize("name", ["mobilenet_v2_1.0_224_quant_q", "squeezenet1_1_nchw_fp16", "cifar10_resnet20"])
def test_heads_of_real_models_survive(name, load_real, tmp_path):
    first = load_real(name)
    first.head.save(tmp_path / "head.npz")
    again = fastcam.load(
        first.path, head=Head.load(tmp_path / "head.npz"), labels=first.labels, preprocess=first.preprocess
    )
    expect_same(first, again)


def test_a_head_of_a_model_with_local_functions_external_data_or_open_axes(tmp_path):
    model = make(HEADS["gemm"][0], k=K, w=W, b=B)
    external = tmp_path / "external.onnx"
    onnx.save_model(model, external, save_as_external_data=True, location="w.bin", size_threshold=0)
    expect_same(*saved(external, tmp_path / "a.npz"))
    model = make(HEADS["gemm"][0], k=K, w=W, b=B)
    relu = onnx.helper.make_node("Relu", ["x"], ["y"])
    opset = [onnx.helper.make_opsetid("", 17)]
    model.functions.append(onnx.helper.make_function("mine", "MyRelu", ["x"], ["y"], [relu], opset))
    model.opset_import.append(onnx.helper.make_opsetid("mine", 1))
    node = next(node for node in model.graph.node if node.op_type == "Relu")
    node.op_type, node.domain = "MyRelu", "mine"
    expect_same(*saved(model.SerializeToString(), tmp_path / "b.npz"))
    turned = f"channels = Transpose<perm = [0, 3, 1, 2]>(image) {GAP.replace('image', 'channels')} logits = Flatten(p)"
    data = build(turned, inputs="float[N, H, W, C] image", outputs="float[N, 6] logits", k=K)
    first, again = saved(data, tmp_path / "c.npz", preprocess="unit,size=16")
    assert first.input.layout == "NHWC"
    expect_same(first, again)


def test_another_model_is_refused(tmp_path):
    head = fastcam.load(classifier(k=K, w=W, b=B)).head
    with pytest.raises(
        HeadNotFoundError, match=r"head: it was found in another model than .*expected sha256 [0-9a-f]{64}"
    ):
        fastcam.load(classifier(k=K, w=W, b=B + 1), head=head)


def test_another_onnx_runtime_is_held_against_the_identity_again():
    data = classifier(k=K, w=W, b=B)
    head = dataclasses.replace(fastcam.load(data).head, proven_with="0.1")
    assert fastcam.load(data, head=head).head.identity_error < 1e-5
    wrong = dataclasses.replace(head, class_weights=-W)
    with pytest.raises(HeadNotFoundError, match="should be 'logits' to 0.0001; off by"):
        fastcam.load(data, head=wrong)


def test_files_that_are_no_heads(tmp_path):
    with pytest.raises(ModelError, match=r"none\.npz: no such file; expected a head that Head.save wrote"):
        Head.load(tmp_path / "none.npz")
    for name, content in {"text": b"hello", "npy": b"\x93NUMPY", "zip": b"PK\x03\x04"}.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ModelError, match="expected a head that Head.save wrote"):
            Head.load(tmp_path / name)
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    with pytest.raises(ModelError, match="expected a head that Head.save wrote"):
        Head.load(tmp_path / "other.npz")
    head = fastcam.load(classifier(k=K, w=W, b=B)).head
    with pytest.raises(InputError, match="can't be written"):
        head.save(tmp_path / "no" / "such" / "folder.npz")
    head.save(tmp_path / "head.npz")
    assert not list(tmp_path.glob(".*"))


def test_the_command_line_saves_and_loads(tmp_path, capsys):
    (tmp_path / "model.onnx").write_bytes(classifier(k=K, w=W, b=B))
    model, head = str(tmp_path / "model.onnx"), str(tmp_path / "head.npz")
    assert main(["inspect", model, "--save-head", head]) == 0
    assert main(["inspect", model, "--head", head, "-v"]) == 0
    first, again = capsys.readouterr().out.split("model  ")[1:]
    assert "looked at" not in again
    assert [line for line in first.splitlines() if "took" not in line] == [
        line for line in again.splitlines() if "took" not in line
    ]


def test_scores_that_are_no_known_function_of_the_logits_are_the_models_own(tmp_path):
    body = (
        f"{GAP} q = Flatten(p) logits = Gemm<transB = 1>(q, w, b) e = Exp(logits) one = Constant<value_float = 1.0>() "
        "over = Add(e, one) out = Log(over)"
    )
    data = build(body, outputs="float[N, 5] out", k=K, w=W, b=B)
    first, again = saved(data, tmp_path / "head.npz", preprocess="unit,fit=stretch")
    assert (first.head.logits, first.head.activation) == ("logits", "other")
    expect_same(first, again)
    explanation = first.explain(PHOTO, class_index=range(5))
    np.testing.assert_allclose(explanation.scores, np.log1p(np.exp(explanation.logits)), rtol=1e-5)
    session = ort.InferenceSession(data)
    assert [value.name for value in session.get_outputs()] == list(first.outputs) == ["out"]


def test_weights_for_each_position_give_maps_whose_mean_is_the_logit():
    body = f"{BACKBONE} q = Flatten(maps) logits = Gemm<transB = 1>(q, w, b)"
    model = fastcam.load(build(body, k=K, w=(5, 6 * 256), b=B))
    assert (model.head.kind, model.head.class_weights.shape) == ("cam-spatial", (5, 6, 16, 16))
    for engine in ("cpu", "reference"):
        explanation = model.explain(PHOTO, class_index=[3, 1], engine=engine)
        means = explanation.activation_maps[0].mean(axis=(1, 2), dtype=np.float64) + model.head.bias[[3, 1]]
        np.testing.assert_allclose(means, explanation.logits[0, [3, 1]], rtol=1e-4)
        assert explanation.boxes.xyxy.shape == (1, 2, 4)


def test_a_head_is_bound_to_the_constants_that_it_was_found_with():
    body = f"{GAP} q = Flatten(p) s = Gemm<transB = 1>(q, w, b) logits = Mul(s, factor)"
    inputs = "float[N, 3, 16, 16] image, float[1] factor"
    data = build(body, inputs=inputs, k=K, w=W, b=B)
    first = fastcam.load(data, constants={"factor": [1]})
    assert fastcam.load(data, constants={"factor": np.ones(1, np.float32)}, head=first.head).candidates == ()
    with pytest.raises(HeadNotFoundError, match="in another model than .*, or with other constants"):
        fastcam.load(data, constants={"factor": [-3.0]}, head=first.head)
    with pytest.raises(ModelError, match="constants: expected float32 for 'factor'; got <U1"):
        fastcam.load(data, constants={"factor": ["a"]})


@pytest.mark.parametrize("name", [name for name in sorted(ALL) if name.startswith(("quantised", "narrow"))])
def test_heads_of_narrow_models_hold_with_another_onnx_runtime(name):
    case = ALL[name]()
    head = fastcam.load(case.model, **case.options).head
    if head.is_exact:
        older = dataclasses.replace(head, proven_with="onnxruntime 0.1, CPUExecutionProvider")
        assert fastcam.load(case.model, head=older, **case.options).head.proven_with == head.proven_with


def test_the_best_classes_are_those_of_the_models_own_scores():
    body = f"{GAP} q = Flatten(p) logits = Gemm<transB = 1>(q, w, b) s = Sigmoid(logits) out = Div(s, t)"
    thresholds = np.array([1, 1, 1, 1, 1e-3], np.float32)
    model = fastcam.load(build(body, outputs="float[N, 5] out", k=K, w=W, b=B, t=thresholds))
    explanation = model.explain(PHOTO, top=5)
    assert model.head.activation == "other"
    assert explanation.class_index[0, 0] == 4
    assert (np.diff(explanation.scores[0]) <= 0).all()


def test_a_head_file_names_no_file_outside(tmp_path):
    data = classifier(k=K, w=W, b=B)
    head = fastcam.load(data).head
    for name in ("../../dev/zero", "/dev/zero"):
        wrong = dataclasses.replace(head, access=dataclasses.replace(head.access, files=(name,)))
        with pytest.raises(ModelError, match="expected .* to be a file in the model's own folder"):
            fastcam.load(data, head=wrong)
