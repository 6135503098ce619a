"""Broken, hostile and unusual model files: a clear error, before anything is written or run."""

import os

import numpy as np
import onnxruntime as ort
import pytest

import fastcam
import fastcam.model.run.runtime
from fastcam import BackendError, InputError, ModelError
from fastcam.model.run import providers
from fastcam.model.run.runtime import open_session
from tests.model.models import WEIGHTS, classifier, make

BODY = (
    "f = Conv<pads = [1, 1, 1, 1]>(image, k) p = GlobalAveragePool(f) q = Flatten(p) logits = Gemm<transB = 1>(q, w, b)"
)


def test_no_such_file(tmp_path):
    with pytest.raises(ModelError, match=r"nothing\.onnx: no such file; expected the path of an \.onnx file"):
        fastcam.load(tmp_path / "nothing.onnx")


def test_a_directory_or_an_empty_file(tmp_path):
    with pytest.raises(ModelError, match="got a directory or device"):
        fastcam.load(tmp_path)
    (tmp_path / "empty.onnx").touch()
    with pytest.raises(ModelError, match="got an empty file"):
        fastcam.load(tmp_path / "empty.onnx")


def test_something_else_than_a_model():
    with pytest.raises(ModelError, match="expected a path.* got int"):
        fastcam.load(5)  # type: ignore[arg-type]
    with pytest.raises(ModelError, match=r"expected an ONNX model; the file can't be parsed"):
        fastcam.load(b"GIF89a, not a model at all")
    with pytest.raises(ModelError, match=r"ONNX Runtime \S+ can't load it"):
        fastcam.load(b"\x18\x00\x00\x00ORTM" + b"\xff" * 64)


@pytest.mark.parametrize("fraction", [0.001, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_model(shared, fraction, tmp_path):
    data = (shared / "models" / "cifar10_resnet20.onnx").read_bytes()
    (tmp_path / "cut.onnx").write_bytes(data[: int(len(data) * fraction)])
    with pytest.raises(ModelError, match=r"cut.onnx: expected an ONNX model; .*is it truncated\?"):
        fastcam.load(tmp_path / "cut.onnx")
    with pytest.raises(ModelError, match=r"is it truncated\?"):
        fastcam.load(data[: int(len(data) * fraction)])


def test_an_opset_of_the_future_and_an_unknown_operator():
    model = make(BODY, **WEIGHTS)
    model.opset_import[0].version = 999
    with pytest.raises(ModelError, match=r"ONNX Runtime \S+ can't load it: .*999") as error:
        fastcam.load(model.SerializeToString())
    assert error.value.__cause__ is not None
    model = make(BODY, **WEIGHTS)
    model.graph.node[0].op_type = "Cnov"
    with pytest.raises(ModelError, match="can't load it: .*Cnov"):
        fastcam.load(model.SerializeToString())


def test_a_graph_with_a_cycle():
    model = make(BODY, **WEIGHTS)
    model.graph.node[0].input[0] = "p"
    with pytest.raises(ModelError, match="has a cycle"):
        fastcam.load(model.SerializeToString())


def test_a_provider_that_is_not_there_is_an_error_not_a_fallback():
    with pytest.raises(BackendError) as caught:
        fastcam.load(classifier(), providers=["CUDAExecutionProvider", "CPUExecutionProvider"])
    assert str(caught.value) == (
        f"providers: expected some of {', '.join(ort.get_available_providers())}, which onnxruntime {ort.__version__} "
        "(CPU build) has; got CUDAExecutionProvider. Install onnxruntime-gpu in place of onnxruntime"
    )
    for given, match in (
        ([("NoSuch", {})], "got NoSuch. ONNX Runtime knows none of that name$"),
        (["cuda"], "got cuda. ONNX Runtime knows none of that name; did you mean CUDAExecutionProvider?"),
        (["CPUExecutionProvider", "RknpuExecutionProvider"], "got Rknpu.* another build of ONNX Runtime"),
        (["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"], "got TensorrtExec.*-gpu in"),
    ):
        with pytest.raises(BackendError, match=match):
            fastcam.load(classifier(), providers=given)
    assert fastcam.load(classifier(), providers=["CPUExecutionProvider"]).provider == "CPUExecutionProvider"


def test_a_provider_that_cannot_start_is_an_error_too(monkeypatch):
    claimed = [*ort.get_available_providers(), "CUDAExecutionProvider"]
    monkeypatch.setattr(ort, "get_available_providers", lambda: claimed)
    with (
        pytest.warns(UserWarning, match="CUDAExecutionProvider"),
        pytest.raises(
            BackendError,
            match=r"^providers: CUDAExecutionProvider can't be started: (there is no NVIDIA|ONNX Runtime took)",
        ),
    ):
        fastcam.load(classifier(), providers=["CUDAExecutionProvider", "CPUExecutionProvider"])


def test_a_library_that_a_provider_lacks_is_named(monkeypatch, tmp_path):
    (tmp_path / "libonnxruntime_providers_cuda.so").write_bytes(b"no library")
    monkeypatch.setattr(providers.build_and_package_info, "__file__", str(tmp_path / "info.py"))
    reason = providers.why_not_started("CUDAExecutionProvider")
    assert reason.startswith("its library can't be loaded: ")
    assert "libonnxruntime_providers_cuda.so" in reason
    assert "onnxruntime.preload_dlls()" in reason
    assert "\n" not in reason
    assert providers.why_not_started("CoreMLExecutionProvider") == ""


def test_a_model_that_no_provider_loads_is_the_model_s_fault():
    data = make(BODY, **WEIGHTS)
    data.opset_import[0].version = 99
    with pytest.raises(ModelError, match="ONNX Runtime .* can't load it"):
        open_session(data.SerializeToString(), name="m", providers=["AzureExecutionProvider", "CPUExecutionProvider"])


@pytest.mark.parametrize(
    "providers", [[], "CPUExecutionProvider", [5], [("CPUExecutionProvider",)], ["CPUExecutionProvider"] * 2]
)
def test_providers_of_another_form(providers, capsys):
    with pytest.raises(InputError, match="providers: expected a list of names or"):
        fastcam.load(classifier(), providers=providers)
    assert capsys.readouterr() == ("", "")


def test_paths_that_cannot_be():
    with pytest.raises(ModelError, match="can't be read"):
        fastcam.load("x" * 5000)
    with pytest.raises(ModelError, match="no such file|null"):
        fastcam.load("a\0b")


def test_options_of_the_session():
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    assert fastcam.load(classifier(), session_options=options).head.classes == 5
    own = fastcam.model.run.runtime._session_options(3)
    assert (own.intra_op_num_threads, own.inter_op_num_threads) == (3, 1)
    assert own.get_session_config_entry("session.intra_op.allow_spinning") == "0"
    assert fastcam.model.run.runtime._session_options(None).intra_op_num_threads == len(os.sched_getaffinity(0))
    with pytest.raises(InputError, match=r"threads: expected 1 to \d+; got 100000"):
        fastcam.load(classifier(), threads=100000)
    with pytest.raises(InputError, match=r"session_options: expected onnxruntime\.SessionOptions; got str"):
        fastcam.load(classifier(), session_options="x")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="threads: set it on the session_options"):
        fastcam.load(classifier(), session_options=options, threads=2)
    with pytest.raises(InputError, match=r"threads: expected 1 to \d+; got 0"):
        fastcam.load(classifier(), threads=0)


def test_labels_must_be_as_many_as_the_classes(tmp_path):
    file = tmp_path / "labels.txt"
    file.write_text("a\nb\nc\nd\ne\n", encoding="utf-8")
    assert fastcam.load(classifier(), labels=file).labels == ("a", "b", "c", "d", "e")
    assert fastcam.load(classifier(), labels=list("vwxyz")).labels == ("v", "w", "x", "y", "z")
    with pytest.raises(InputError, match="labels: expected 5 names, one a class; got 4; .*background"):
        fastcam.load(classifier(), labels=list("abcd"))
    with pytest.raises(InputError, match="labels: expected 5 names, one a class; got 1000"):
        fastcam.load(classifier(), labels="imagenet")
    file.write_text("\ufeffa\nb\n\nc\nd\n", encoding="utf-8")
    with pytest.raises(InputError, match="expected a class name on every line; line 3 is empty"):
        fastcam.load(classifier(), labels=file)
    file.write_text("\ufeffa\nb\nc\nd\ne\n\n", encoding="utf-8")
    assert fastcam.load(classifier(), labels=file).labels == ("a", "b", "c", "d", "e")
    with pytest.raises(
        InputError, match="labels: expected 'imagenet', a text, CSV, JSON or YAML file, or the names; got int"
    ):
        fastcam.load(classifier(), labels=5)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="labels: .*none.txt: can't be read as text"):
        fastcam.load(classifier(), labels=tmp_path / "none.txt")


@pytest.mark.parametrize(
    ("images", "match"),
    [
        (
            np.zeros((1, 3, 16, 15), np.float32),
            r"network input: expected \(N, 3, 16, 16\) float32; got \(1, 3, 16, 15\)",
        ),
        (np.zeros((1, 16, 16, 3), np.float32), "network input: expected"),
        (np.zeros((3, 16, 16), np.float32), r"got \(3, 16, 16\) float32"),
        (np.zeros((1, 3, 16, 16)), r"got \(1, 3, 16, 16\) float64"),
        (np.zeros((0, 3, 16, 16), np.float32), r"got \(0, 3, 16, 16\)"),
    ],
)
def test_network_inputs_that_do_not_fit(images, match):
    with pytest.raises(InputError, match=match):
        fastcam.load(classifier()).run(images)
