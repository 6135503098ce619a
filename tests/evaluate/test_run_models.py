"""Models of an evaluation: what is recorded, what is assumed, and what makes it another one."""

import json
import shutil

import cv2
import numpy as np
import pytest
from PIL import Image

import fastcam
from fastcam import InputError
from fastcam.cli import main
from fastcam.evaluate import Protocol, PxAP, evaluate, read_annotations
from tests.evaluate.evaluations import again
from tests.model.models import BACKBONE, WEIGHTS, build

pytestmark = pytest.mark.usefixtures("few_resamples")
POINTING = Protocol(metrics=("pointing",))
HEADS = f"{BACKBONE} p = GlobalAveragePool(maps) q = Flatten(p) one = Gemm<transB = 1>(q, w, b) two = Gemm(q, v)"


@pytest.fixture
def one_box(tmp_path):
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 30, 3)).astype(np.uint8)).save(tmp_path / "a.png")
    (tmp_path / "t.csv").write_text("path,label,x0,y0,x1,y1\na.png,1,2,2,9,9\n", encoding="utf-8")
    return read_annotations(tmp_path / "t.csv")


def test_another_output_of_the_same_maps_is_another_plan(one_box, tmp_path):
    data = build(HEADS, outputs="float[N, 5] one, float[N, 5] two", v=(6, 5), **WEIGHTS)
    one, two = (fastcam.load(data, output=name, preprocess="unit,fit=stretch") for name in ("one", "two"))
    evaluate({"m": one}, one_box, tmp_path / "out", protocol=POINTING)
    with pytest.raises(InputError, match="they differ in models: "):
        evaluate({"m": two}, one_box, tmp_path / "out", protocol=POINTING)


def test_other_constants_are_another_plan(one_box, tmp_path):
    body = f"scaled = Mul(image, s) {BACKBONE.replace('image', 'scaled')} p = GlobalAveragePool(maps) q = Flatten(p)"
    inputs = "float[N, 3, 16, 16] image, float[1] s"
    data = build(f"{body} logits = Gemm<transB = 1>(q, w, b)", inputs=inputs, **WEIGHTS)
    models = [
        fastcam.load(data, preprocess="unit,fit=stretch", constants={"s": np.array([s], np.float32)}) for s in (1, 2)
    ]
    evaluate({"m": models[0]}, one_box, tmp_path / "out", protocol=POINTING)
    with pytest.raises(InputError, match="they differ in models: "):
        evaluate({"m": models[1]}, one_box, tmp_path / "out", protocol=POINTING)


def test_a_model_of_two_classes(one_box, tmp_path):
    """A model of two classes has two best ones; five predictions of three classes are impossible."""
    data = build(
        f"{HEADS[: HEADS.index('one')]} logits = Gemm(q, v)", outputs="float[N, 2] logits", k=(6, 3, 3, 3), v=(6, 2)
    )
    model = fastcam.load(data, preprocess="unit,fit=stretch")
    found = evaluate(model, one_box, tmp_path / "out")
    assert found["plan"]["top"] == 2
    assert "heuristics" not in found["plan"]["metrics"]
    assert found["rows"][0]["metrics"]["localization"]["classification_error"] == 0
    with pytest.raises(InputError, match="top: expected 1 to 2, the number of classes; got 5"):
        evaluate(model, one_box, tmp_path / "five", protocol=Protocol())
    path = tmp_path / "two.onnx"
    path.write_bytes(data)
    command = ["eval", str(path), str(tmp_path / "t.csv"), "-o", str(tmp_path / "cli"), "--metrics", "pointing"]
    assert main([*command, "--preprocess", "unit,fit=stretch"]) == 0


def test_each_model_has_preprocessing_of_its_own(shared, one_box, tmp_path, capsys):
    """Another model isn't given the first one's; what was merely assumed is told."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        shutil.copy(shared / "models" / "cifar10_resnet20.onnx", tmp_path / name / f"{name}.onnx")
    (tmp_path / "b" / "preprocessor_config.json").write_text(
        '{"image_mean": [0.5, 0.5, 0.5], "image_std": [0.25, 0.25, 0.25], "size": 32}'
    )
    out, table = str(tmp_path / "out"), str(tmp_path / "t.csv")
    models = [str(tmp_path / name / f"{name}.onnx") for name in ("a", "b")]
    command = ["eval", models[0], table, "-o", out, "--metrics", "pointing", "--model", models[1], "--model", models[0]]
    assert main([*command, "--preprocess", "unit"]) == 0
    plan = json.loads((tmp_path / "out" / "results.json").read_bytes())["plan"]
    means = {one["name"]: one["preprocess"]["mean"] for one in plan["models"]}
    assert means == {"a": [0.0], "b": [0.5, 0.5, 0.5], "a-2": pytest.approx([0.485, 0.456, 0.406])}
    told = [one["preprocess"] for one in json.loads((tmp_path / "out" / "results.json").read_bytes())["models"]]
    assert told[0].endswith("(as given)")
    assert told[1].endswith("preprocessor_config.json)")
    assert told[2].endswith("(assumed, as nothing was given and no file beside the model tells)")
    assert capsys.readouterr().err.count("preprocess: imagenet, assumed; labels: none") == 1


def test_what_was_lenient_is_strict_when_resumed_so(model_and_data, tmp_path):
    model, _ = model_and_data
    photo = Image.fromarray(np.zeros((8, 8, 3), np.uint8))
    for name in ("a.bmp", "b.bmp"):
        photo.save(tmp_path / name)
    (tmp_path / "b.bmp").write_bytes((tmp_path / "a.bmp").read_bytes()[:-100])
    rows = ("path,label,x0,y0,x1,y1", "a.bmp,1,0,0,4,4", "b.bmp,1,0,0,4,4")
    (tmp_path / "t.csv").write_text("\n".join(rows), encoding="utf-8")
    data = read_annotations(tmp_path / "t.csv")
    found = evaluate(model, data, tmp_path / "out", protocol=POINTING, strict=False)
    assert [one["id"] for one in found["data"]["problems"]] == ["b.bmp"]
    with pytest.raises(InputError, match=r"b.bmp"):
        evaluate(model, data, tmp_path / "out", protocol=POINTING)
    assert evaluate(model, data, tmp_path / "out", protocol=POINTING, strict=False) == found


def test_a_plan_of_which_nothing_is_done_may_change(model_and_data, tmp_path):
    again(model_and_data, tmp_path)
    shutil.rmtree(tmp_path / "batches")
    assert len(again(model_and_data, tmp_path, methods=("cam",))["rows"]) == 3


def test_pixels_by_wsol_are_those_of_its_source(model_and_data, tmp_path):
    """Bicubic maps between their extrema and masks by the nearest pixel, both 224×224 and by OpenCV; 1000 thresholds."""
    model, data = model_and_data
    chosen = data.take(np.flatnonzero([len(files) == 1 for files in data.masks]))
    pixels = PxAP(np.arange(0, 1, 0.001).tolist())
    for path, (file,), (index,) in zip(chosen.paths, chosen.masks, chosen.mask_class, strict=True):
        one = model.explain(path, class_index=index).activation_maps[0, 0]
        scores = cv2.resize(one, (224, 224), interpolation=cv2.INTER_CUBIC)
        scores = (scores - scores.min()) / (scores.max() - scores.min())
        with Image.open(file) as image:
            mask = cv2.resize(np.asarray(image), (224, 224), interpolation=cv2.INTER_NEAREST)
        pixels.update([scores], [mask > 0.5])
    protocol = Protocol(convention="wsol", metrics=("px_ap",))
    found = evaluate(model, chosen, tmp_path, protocol=protocol)
    assert found["plan"]["thresholds"] == 1000
    expected = pixels.summary()
    assert found["rows"][0]["metrics"]["px_ap"]["object_pixels"] == expected.object_pixels
    assert found["rows"][0]["metrics"]["px_ap"]["average_precision"] == pytest.approx(
        expected.average_precision, abs=1e-5
    )


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"models": []}, "models: expected a Classifier, or several by name"),
        ({"models": {"a": "model.onnx"}}, "models: expected a Classifier, or several by name"),
        ({"annotations": "t.csv"}, "annotations: expected what read_annotations returns; got 't.csv'"),
        ({"protocol": "wsol"}, "protocol: expected a Protocol, .*; got 'wsol'"),
        ({"protocol": {}}, "protocol: expected a Protocol, .*; got {}"),
    ],
)
def test_arguments_of_other_types(model_and_data, tmp_path, given, words):
    model, data = model_and_data
    with pytest.raises(InputError, match=words):
        evaluate(**({"models": model, "annotations": data, "folder": tmp_path / "out"} | given))
    assert not (tmp_path / "out").exists()
