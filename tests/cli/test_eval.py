"""`fastcam eval` on real photos and models, and options that it refuses."""

import json
import re

import pytest
from PIL import Image

import fastcam
from fastcam.cli import main
from fastcam.evaluate import (
    EnergyInBox,
    PointingGame,
    TopLocalization,
    markdown,
    peak_points,
    photo_map,
    read_annotations,
)
from tests.pairs import coco_pairs

pytestmark = pytest.mark.usefixtures("few_resamples")


def run(*arguments):
    return main(["eval", *map(str, arguments)])


def assert_narrow(printed, results):
    """All accuracies of the pointing game, in lines of 80 letters without Markdown; the last line has the folder."""
    assert max(map(len, printed.splitlines()[:-1])) <= 80
    assert "|" not in printed
    found = re.findall(r"^pointing game +(.*)$", printed, re.MULTILINE)
    shown = [f"{row['metrics']['pointing']['accuracy']:.3f}" for row in results["rows"] if "pointing" in row["metrics"]]
    assert {text.split()[0] for line in found for text in re.split(r"\)  ", line)} == set(shown)


def test_two_models_and_three_methods_on_photos(shared, tmp_path, capsys):
    """Photos of several sizes, and models with different preprocessing."""
    folder, models = shared / "photos" / "openimages_cc", shared / "models"
    assert run(
        models / "squeezenet1_1_nchw.onnx", folder / "boxes.csv", "-o", tmp_path / "out",
        "--preprocess", "caffe-bgr,fit=stretch,size=227", "--labels", "imagenet",
        "--column", "path=file", "--column", "label=imagenet_id", "--method", "cam,layercam,finercam",
        "--model", models / "mobilenet_v2_1.0_224_nchw_gemm.onnx", "inception",
        "--metrics", "localization,pointing,energy",
    ) == 0  # fmt: skip
    results = json.loads((tmp_path / "out" / "results.json").read_bytes())
    assert_narrow(capsys.readouterr().out, results)
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert all(word in page for word in ("squeezenet1_1_nchw", "finercam", "pointing"))
    names = ["squeezenet1_1_nchw", "mobilenet_v2_1.0_224_nchw_gemm"]
    methods = ["cam", "layercam", "finercam"]
    expected = [*((name, method) for name in names for method in methods), (None, "center"), (None, "center-gaussian")]
    assert [(row["model"], row["method"]) for row in results["rows"]] == expected
    assert results["labels"]["281"] == "tabby"
    assert results["data"] | {"path": None} == {
        "format": "table", "path": None, "absent_classes": 992, "images": 8, "problems": []
    }  # fmt: skip
    data = read_annotations(folder / "boxes.csv", columns={"path": "file", "label": "imagenet_id"})
    cropping = fastcam.load(models / f"{names[1]}.onnx", preprocess="inception")
    own = cropping.explain(data.paths, class_index=data.class_index[:, None], method="finercam")
    maps = [photo_map(own, n) for n in range(8)]
    energy, game, top = EnergyInBox(), PointingGame(), TopLocalization()
    energy.update(maps, data.truth())
    game.update(peak_points(maps), data.truth())
    best = cropping.explain(data.paths, top=5, method="finercam")
    top.update(best.class_index, best.boxes.xyxy, data.truth())
    found = results["rows"][5]["metrics"]
    assert found["energy"]["energy"] == energy.summary().energy
    assert found["pointing"]["accuracy"] == game.summary().accuracy
    assert found["localization"]["localization_error"] == top.summary().localization_error
    assert results["rows"][0]["metrics"]["pointing"]["accuracy"] == 1.0
    table = markdown(results)
    assert "## mobilenet_v2_1.0_224_nchw_gemm, convention paper" in table
    assert table.count("| center |") == 2
    told = [one["preprocess"] for one in results["models"]]
    assert told[0] != told[1]
    assert all(table.count(f"\n\nPreprocessing: {one}\n\n| maps |") == 1 for one in told)


def test_the_numbers_of_the_manifest(shared, tmp_path, capsys):
    """SqueezeNet has .656 and .421 on 96 pairs of COCO, the image's centre .510."""
    pairs = coco_pairs(shared)
    rows = ["path,label,x0,y0,x1,y1"]
    for p, (path, index) in enumerate(zip(pairs.paths, pairs.class_index, strict=True)):
        rows += [f"{path.name},{index},{x0},{y0},{x1},{y1}" for x0, y0, x1, y1 in pairs.truth.of(p).tolist()]
    (tmp_path / "pairs.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    assert run(
        shared / "models" / "squeezenet1_1_nchw.onnx", tmp_path / "pairs.csv", "-o", tmp_path / "out",
        "--root", pairs.paths[0].parent, "--preprocess", "caffe-bgr,fit=stretch,size=227",
        "--metrics", "pointing,energy",
    ) == 0  # fmt: skip
    printed = capsys.readouterr().out.splitlines()
    assert printed[2].split() == ["cam", "center", "center-gaussian"]
    assert any(line.startswith("pointing, all pairs  0.656 (") for line in printed)
    rows = json.loads((tmp_path / "out" / "results.json").read_bytes())["rows"]
    assert rows[0]["metrics"]["pointing"] | {"mean_of_classes": 0} == {
        "images": 96, "hits": 63, "accuracy": 63 / 96, "mean_of_classes": 0
    }  # fmt: skip
    assert round(rows[0]["metrics"]["energy"]["energy"], 3) == 0.421
    assert round(rows[1]["metrics"]["pointing"]["accuracy"], 3) == 0.510


def test_photos_that_cannot_be_decoded(shared, tmp_path, capsys):
    """Photos with sound headers fail when they are decoded."""
    for n, path in enumerate(sorted(shared.glob("photos/cifar10/*.png"))[:3]):
        with Image.open(path) as photo:
            photo.save(tmp_path / f"{n}.bmp")
        if n == 1:
            (tmp_path / "1.bmp").write_bytes((tmp_path / "1.bmp").read_bytes()[:500])
    rows = ["path,label,x0,y0,x1,y1", *(f"{n}.bmp,{n},1,1,30,30" for n in range(3)), "gone.bmp,1,1,1,9,9"]
    (tmp_path / "boxes.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    command = (shared / "models" / "cifar10_resnet20.onnx", tmp_path / "boxes.csv", "-o", tmp_path / "out")
    command += ("--preprocess", "imagenet,fit=stretch", "--metrics", "energy", "--faithfulness", "--batch-size", "1")
    assert run(*command) == 2
    told = capsys.readouterr().err
    assert "problems in the data: 1" in told
    assert "1.bmp" in told
    assert len(list((tmp_path / "out" / "batches").iterdir())) == 1
    assert run(*command, "--lenient") == 0
    results = json.loads((tmp_path / "out" / "results.json").read_bytes())
    assert results["data"]["images"] == 2
    assert [(one["id"], one["reason"]) for one in results["data"]["problems"]] == [
        ("gone.bmp", "missing"),
        ("1.bmp", "unreadable"),
    ]
    printed = capsys.readouterr().out
    assert "\n2 problems: see results.md\n2 photos: results.json, " in printed
    assert all(f"\n{title} " in printed for title in ("energy in boxes", "average drop", "deletion", "ROAD"))
    assert "gone.bmp" not in printed
    told = (tmp_path / "out" / "results.md").read_text(encoding="utf-8")
    assert "\n## 2 problems\n\n- gone.bmp: missing (" in told
    one = results["data"] | {"images": 1, "problems": results["data"]["problems"][:1]}
    assert "\n1 photo of " in markdown(results | {"data": one})
    assert "\n## 1 problem\n" in markdown(results | {"data": one})


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--shard", "3/2"), "--shard: expected I/N with 1 <= I <= N, such as 2/3; got '3/2'"),
        (("--shard", "21/21"), "shard: expected no more parts than photos, 20; 21/21 has none"),
        (("--method", "cam,scam"), "method: expected one of .*; got 'scam'"),
        (("--method", "cam,auto"), "--method: expected each once; got cam, auto, which are cam"),
        (("--metrics", "energy,speed"), "metrics: expected some of localization, .*; got speed"),
        (
            ("--metrics", "mean_iou", "--convention", "wsol"),
            "which 'wsol' has with top=5 and threshold=0.2; got mean_iou",
        ),
        (("--convention", "wsol", "--preprocess", "imagenet"), "'wsol' expects models that see whole photos"),
        (("--convention", "best"), "convention: expected one of paper, .*; got 'best'"),
        (("--convention", "cam-release", "--threshold", "0.3"), "pools thresholds of its own; got 0.3"),
        (("--thresholds", "0"), "thresholds: expected a whole number from 1; got 0"),
        (("--top", "11"), "top: expected 1 to 10, the number of classes; got 11"),
        (("--limit", "0"), "--limit: expected 1 photo or more; got 0"),
        (("--batch-size", "0"), "--batch-size: expected 1 photo or more; got 0"),
        (("--classes", "labels"), "--classes: expected --labels with 'labels'"),
        (("--model", "a", "b", "c"), "--model: expected MODEL, or MODEL and its preprocessing; got a b c"),
        (("--column", "path"), "--column: expected NAME=COLUMN, such as path=file; got 'path'"),
        (("--column", "file=path"), "error: --column: expected some of path, label, .*; got file"),
        (
            ("--column", "path=Path", "--column", "label=Label"),
            "without Path, Label. .*: --column path=path --column label=label$",
        ),
        (
            ("--format", "coco", "--column", "path=file"),
            "error: --column: expected only with the format table; this is coco",
        ),
        (("--model-output", "x"), "error: --model-output: expected one of the model's outputs"),
        (("--root", "nowhere"), "root: expected a folder; got nowhere"),
        (("more.csv",), "DATA: expected one file or folder"),
    ],
)
def test_the_command_refuses(options, words, shared, cifar_table, tmp_path, capsys):
    command = [shared / "models" / "cifar10_resnet20.onnx", cifar_table, *(options if options[0][0] != "-" else ())]
    given = [] if "--preprocess" in options else ["--preprocess", "imagenet,fit=stretch"]
    assert run(*command, "-o", tmp_path / "out", *given, *(options if options[0][0] == "-" else ())) == 2
    assert re.search(words, capsys.readouterr().err)
    assert not (tmp_path / "out").exists()
