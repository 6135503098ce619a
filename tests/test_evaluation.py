"""Whole evaluations: their figures by other ways, interrupted, shared out, and refused."""

import json
import multiprocessing
import re
import shutil
import signal
import time
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

import fastcam
from fastcam import HeadNotFoundError, InputError
from fastcam.cli import main
from fastcam.components import label_images
from fastcam.evaluate import (
    AverageDrop,
    Deletion,
    EnergyInBox,
    KnownLocalisation,
    MaxBoxAcc,
    MaxBoxAccV2,
    MeanIoU,
    Pictures,
    PointingGame,
    Problem,
    Protocol,
    PxAP,
    Road,
    TopLocalisation,
    bootstrap,
    evaluate,
    heuristics,
    markdown,
    merge,
    outcome,
    peak_points,
    photo_map,
    read_annotations,
    truth_of,
    wsol_truth,
)
from fastcam.evaluate.subject import read_mask
from fastcam.ops import heatmaps
from fastcam.sweep import sweep
from tests.pairs import coco_pairs

QUICK = ("localisation", "known", "pointing", "energy")
LEVELS = np.arange(10) * 0.1


@pytest.fixture(autouse=True, scope="module")
def few_resamples():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(outcome, "RESAMPLES", 20)
        yield


@pytest.fixture(scope="module")
def table(shared, tmp_path_factory):
    """The 20 photos of CIFAR-10 with boxes made by hand, one or two classes a photo, and masks of some."""
    folder = tmp_path_factory.mktemp("cifar")
    rows = ["path,label,x0,y0,x1,y1,mask"]
    rng = np.random.default_rng(0)
    for n, path in enumerate(sorted(shared.glob("photos/cifar10/*.png"))):
        shutil.copy(path, folder)
        label = int(path.stem.split("_")[2]) if path.stem.split("_")[2].isdigit() else n % 10
        x0, y0 = rng.integers(0, 12, 2).tolist()
        x1, y1 = rng.integers(18, 33, 2).tolist()
        mask = ""
        if n % 3 == 0:
            mask = f"mask{n}.png"
            pixels = np.zeros((32, 32), np.uint8)
            pixels[y0:y1, x0:x1] = 7
            Image.fromarray(pixels).save(folder / mask)
        rows.append(f"{path.name},{label},{x0},{y0},{x1},{y1},{mask}")
        if n % 4 == 1:
            rows.append(f"{path.name},{(label + 1) % 10},1,2,20.5,30,{'mask0.png' if n == 9 else ''}")
    (folder / "boxes.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder / "boxes.csv"


@pytest.fixture(scope="module")
def cifar(load_real, table):
    return load_real("cifar10_resnet20"), read_annotations(table)


@pytest.fixture(scope="module")
def whole(cifar, tmp_path_factory):
    """The bytes of one uninterrupted run."""
    folder = tmp_path_factory.mktemp("whole")
    model, data = cifar
    evaluate(model, data, folder, methods=("cam", "layercam"), protocol=Protocol(metrics=QUICK), data="boxes.csv")
    return (folder / "results.json").read_bytes()


def again(cifar, folder, **options):
    model, data = cifar
    given = {"methods": ("cam", "layercam"), "protocol": Protocol(metrics=QUICK), "data": "boxes.csv"}
    return evaluate(model, data, folder, **(given | options))


# ---- figures ---------------------------------------------------------------------------------------------------------


def plainly(model, data, method, convention):
    """Figures by the public functions, all photos at once, in pixels of the photos or as `wsol` has them."""
    best = model.explain(data.paths, top=5, method=method)
    pairs = data.pairs()
    own = model.explain([data.paths[n] for n in pairs.image], class_index=pairs.class_index[:, None], method=method)
    size, threshold = ((32, 32), 0.2) if convention != "wsol" else ((224, 224), 0.2)
    threshold = 0.15 if convention == "gradcam" else threshold
    whole, truth, corners = data.truth(), pairs.truth, "half-open"
    if convention == "wsol":
        corners = "inclusive"
        whole, truth = (
            wsol_truth(one, np.full((len(one), 2), 32), size) for one in (whole, truth)
        )  # fmt: skip
    found = {}

    def boxes(maps, thresholds):
        return sweep(maps, size, thresholds, convention=convention).xyxy

    maps = own.activation_maps[:, 0]
    top = TopLocalisation(corners=corners)
    two = boxes(best.activation_maps, [threshold, 100 / 255])
    top.update(best.class_index, two[:, :, 0], whole)
    guesses = TopLocalisation(corners=corners)
    guesses.update(*heuristics(best.class_index, two[:, :, 1], two[:, :, 0]), whole)
    known = KnownLocalisation(corners=corners)
    tallies = known.update(boxes(maps, [threshold])[:, 0], truth)
    largest = MaxBoxAcc(LEVELS, corners=corners)
    largest.update(boxes(maps, LEVELS), truth)
    every, all_boxes = (
        MaxBoxAccV2(LEVELS, corners=corners),
        sweep(maps, size, LEVELS, convention=convention, components="all"),
    )
    cells = np.asarray(all_boxes.item) * len(LEVELS) + np.asarray(all_boxes.threshold_index)
    counts = np.bincount(cells, minlength=len(maps) * len(LEVELS))
    every.update(all_boxes.xyxy, truth, offsets=np.cumsum([0, *counts]))
    found |= {
        "localisation": top,
        "heuristics": guesses,
        "known": known,
        "max_box_acc": largest,
        "max_box_acc_v2": every,
    }
    photos = [photo_map(own, p) for p in range(len(maps))]
    for name, metric, given in (
        ("pointing", PointingGame(), peak_points(photos)),
        ("pointing_15", PointingGame(tolerance=15), peak_points(photos)),
        ("energy", EnergyInBox(), photos),
    ):
        metric.update(given, pairs.truth)
        found[name] = metric
    return found, tallies, own


@pytest.mark.parametrize(("convention", "method"), [("paper", "layercam"), ("wsol", "cam"), ("minmax", "cam")])
def test_figures_are_those_of_the_public_functions(cifar, tmp_path, convention, method):
    model, data = cifar
    protocol = Protocol(convention=convention, thresholds=10)
    results = evaluate(model, data, tmp_path, methods=[method], protocol=protocol)
    row = results["rows"][0]
    expected, tallies, own = plainly(model, data, method, convention)
    assert (row["model"], row["method"], row["how"]) == ("cifar10_resnet20", method, own.how)
    for name, metric in expected.items():
        figures = metric.summary()
        for figure, value in row["metrics"][name].items():
            if not figure.startswith(("best", "mean_of")):
                assert value == getattr(figures, figure), (name, figure)
    curves = expected["max_box_acc_v2"].summary()
    assert row["curves"]["max_box_acc_v2"] == {
        "thresholds": LEVELS.tolist(),
        "deltas": [0.3, 0.5, 0.7],
        "accuracy": [list(curve) for curve in curves.curves],
    }
    assert row["metrics"]["max_box_acc_v2"]["best_0.7"] == curves.best[2]
    interval = bootstrap(KnownLocalisation(), tallies, resamples=20)["mean_iou"]
    assert row["intervals"]["known"]["mean_iou"] == list(interval)
    index = data.pairs().class_index
    assert set(row["classes"]) == {str(one) for one in np.unique(index)}
    assert row["classes"]["3"]["accuracy"] == tallies[index == 3, 0].mean()
    assert row["classes"]["3"]["images"] == (index == 3).sum()
    for name in ("pointing", "pointing_15"):
        of_classes = [one[name] for one in row["classes"].values()]
        assert row["metrics"][name]["mean_of_classes"] == pytest.approx(np.mean(of_classes))
        low, high = row["intervals"][name]["mean_of_classes"]
        assert 0 <= low <= row["metrics"][name]["mean_of_classes"] <= high <= 1
    worst = [one for one in results["worst"] if one["row"] == 0]
    np.testing.assert_array_equal([one["iou"] * 2**32 for one in worst], np.sort(tallies[:, 1])[:10])
    place = data.ids.index(worst[0]["id"])
    assert worst[0]["path"] == str(data.paths[place])
    boxes = data.boxes[data.offsets[place] : data.offsets[place + 1]].tolist()
    assert worst[0]["truth"][0] in boxes


def test_figures_of_masks(cifar, tmp_path):
    model, data = cifar
    results = evaluate(model, data, tmp_path, protocol=Protocol(metrics=("px_ap", "mean_iou"), thresholds=10))
    pixels, masks = PxAP(LEVELS), MeanIoU(2)
    for path, files, classes in zip(data.paths, data.masks, data.mask_class, strict=True):
        for file, index in sorted(zip(files, classes, strict=True), key=lambda pair: pair[1]):
            with Image.open(file) as image:
                truth = np.asarray(image) > 0
            one = model.explain(path, class_index=index).activation_maps[0, 0]
            pixels.update([heatmaps(one, (32, 32))], [truth])
            masks.update([label_images(one, (32, 32)) > 0], [truth])
    row = results["rows"][0]
    assert pixels.images == row["metrics"]["px_ap"]["images"] == 8
    assert row["metrics"]["px_ap"]["average_precision"] == pixels.summary().average_precision
    assert row["metrics"]["mean_iou"]["mean_iou"] == masks.summary().mean_iou
    assert [row["method"] for row in results["rows"]] == ["cam", "centre-gaussian"]


def test_masks_as_they_come(tmp_path):
    """Several of one photo, as palette and colour images, of another size, and what is to be ignored."""
    one, other, ignored = np.zeros((4, 6), np.uint8), np.zeros((2, 3, 3), np.uint8), np.zeros((4, 6), np.uint8)
    one[0, 1], other[1, 2, 1], ignored[0] = 3, 9, 255
    palette = Image.fromarray(one).convert("P")
    palette.putdata(one.ravel().tolist())
    for name, image in (("a", palette), ("b", Image.fromarray(other)), ("c", Image.fromarray(ignored))):
        image.save(tmp_path / f"{name}.png")
    expected = np.zeros((4, 6), np.uint8)
    expected[0], expected[0, 1], expected[2:, 4:] = 255, 1, 1
    files = (tmp_path / "a.png", tmp_path / "b.png")
    np.testing.assert_array_equal(read_mask(files, tmp_path / "c.png", (4, 6)), expected)
    (tmp_path / "b.png").write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"b.png: expected a mask that can be read as an image"):
        read_mask(files, None, (4, 6))


def test_faithfulness_is_that_of_the_best_class(cifar, tmp_path):
    model, data = cifar
    some = data.take([3, 1])
    protocol = Protocol(metrics=("average_drop", "deletion", "road", "energy"))
    results = evaluate(model, some, tmp_path, methods=["layercam"], protocol=protocol)
    explanation = model.explain(some.paths, method="layercam")
    for name, measure in (("average_drop", AverageDrop()), ("deletion", Deletion()), ("road", Road())):
        measure.update(model, some.paths, explanation)
        expected = measure.summary()
        for figure in measure.values():
            assert results["rows"][0]["metrics"][name][figure] == pytest.approx(expected[figure], abs=1e-7)
            low, high = results["rows"][0]["intervals"][name][figure]
            assert low <= expected[figure] <= high


def test_boxes_of_the_release(cifar, tmp_path):
    model, data = cifar
    few = data.take(np.arange(6))
    row = evaluate(model, few, tmp_path, protocol=Protocol(convention="cam-release"))["rows"][0]
    assert set(row["metrics"]) == {"localisation", "known", "pointing", "pointing_15", "energy", "px_ap"}
    pairs, known = few.pairs(), KnownLocalisation(corners="inclusive")
    for p, (n, index) in enumerate(zip(pairs.image, pairs.class_index, strict=True)):
        one = model.explain(few.paths[n], class_index=index).activation_maps[0, 0]
        found = sweep(one, (32, 32), convention="cam-release", components="all").xyxy
        box = found[0] if len(found) else np.zeros(4)
        known.update([box], truth_of([pairs.truth.of(p) - (0, 0, 1, 1)]))
    assert row["metrics"]["known"]["mean_iou"] == known.summary().mean_iou


def test_maps_of_another_layer(cifar, tmp_path):
    model, data = cifar
    few, layer = data.take(np.arange(4)), "/layer2/layer2.2/Relu_1_output_0"
    results = evaluate(
        model, few, tmp_path, methods=["gradcam", "layercam"], layer=layer, protocol=Protocol(metrics=("energy",))
    )
    pairs, energy = few.pairs(), EnergyInBox()
    paths, index = [few.paths[n] for n in pairs.image], pairs.class_index[:, None]
    own = model.explain(paths, class_index=index, method="layercam", layer=layer)
    energy.update([photo_map(own, p) for p in range(len(paths))], pairs.truth)
    assert results["plan"]["layers"] == [layer]
    assert results["rows"][1]["metrics"]["energy"]["energy"] == pytest.approx(energy.summary().energy, abs=1e-6)
    assert results["rows"][1]["how"] == own.how


def test_one_forward_a_photo(cifar, tmp_path, monkeypatch):
    """For all methods, the best classes and the true ones."""
    model, data = cifar
    session, runs = model._explainer.session, []
    run = session.run
    monkeypatch.setattr(session, "run", lambda *given: runs.append(1) or run(*given))
    again(cifar, tmp_path, methods=("cam", "gradcam", "layercam", "finercam"))
    assert len(runs) == len(data)


def test_pictures_of_the_worst_cases(cifar, tmp_path):
    model, _ = cifar
    results = again(cifar, tmp_path)
    pictures = Pictures({"cifar10_resnet20": model}, results)
    rows, case = [row["method"] for row in results["rows"]], results["worst"][0]
    one = model.explain(case["path"], class_index=case["class_index"], method="layercam")
    expected = fastcam.overlay(case["path"], one, label=False)
    np.testing.assert_array_equal(pictures(rows.index("layercam"), 0), expected)
    own = model.explain(case["path"], class_index=case["class_index"], method="cam")
    assert case["box"] == own.boxes.xyxy[0, 0].tolist()
    assert pictures(rows.index("centre"), 0) is None
    assert Pictures({}, results)(0, 0) is None


def test_two_models_and_three_methods_on_photos(load_real, shared, tmp_path, capsys):
    """Of several sizes, through the command line; the models see them in different ways."""
    folder, models = shared / "photos" / "openimages_cc", shared / "models"
    assert run(
        models / "squeezenet1_1_nchw.onnx", folder / "boxes.csv", "-o", tmp_path / "out",
        "--preprocess", "caffe-bgr,fit=stretch,size=227", "--labels", "imagenet",
        "--column", "path=file", "--column", "label=imagenet_id", "--method", "cam,layercam,finercam",
        "--model", models / "mobilenet_v2_1.0_224_nchw_gemm.onnx", "inception",
        "--metrics", "localisation,pointing,energy",
    ) == 0  # fmt: skip
    results = json.loads((tmp_path / "out" / "results.json").read_bytes())
    assert capsys.readouterr().out.startswith((tmp_path / "out" / "results.md").read_text(encoding="utf-8"))
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert all(word in page for word in ("squeezenet1_1_nchw", "finercam", "pointing"))
    names = ["squeezenet1_1_nchw", "mobilenet_v2_1.0_224_nchw_gemm"]
    methods = ["cam", "layercam", "finercam"]
    expected = [*((name, method) for name in names for method in methods), (None, "centre"), (None, "centre-gaussian")]
    assert [(row["model"], row["method"]) for row in results["rows"]] == expected
    assert results["labels"]["281"] == "tabby"
    assert results["data"] | {"path": None} == {
        "format": "table", "path": None, "absent_classes": 992, "images": 8, "problems": []
    }  # fmt: skip
    data = read_annotations(folder / "boxes.csv", columns={"path": "file", "label": "imagenet_id"})
    cropping = fastcam.load(models / f"{names[1]}.onnx", preprocess="inception")
    own = cropping.explain(data.paths, class_index=data.class_index[:, None], method="finercam")
    maps = [photo_map(own, n) for n in range(8)]
    energy, game, top = EnergyInBox(), PointingGame(), TopLocalisation()
    energy.update(maps, data.truth())
    game.update(peak_points(maps), data.truth())
    best = cropping.explain(data.paths, top=5, method="finercam")
    top.update(best.class_index, best.boxes.xyxy, data.truth())
    found = results["rows"][5]["metrics"]
    assert found["energy"]["energy"] == energy.summary().energy
    assert found["pointing"]["accuracy"] == game.summary().accuracy
    assert found["localisation"]["localisation_error"] == top.summary().localisation_error
    assert results["rows"][0]["metrics"]["pointing"]["accuracy"] == 1.0
    table = markdown(results)
    assert "## mobilenet_v2_1.0_224_nchw_gemm, convention paper" in table
    assert table.count("| centre |") == 2


def test_the_numbers_of_the_manifest(shared, tmp_path, capsys):
    """.656 and .421 of SqueezeNet on 96 pairs of COCO, .510 of the image's centre."""
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
    assert re.search(r"\| cam \| 0.\d+ \(.*\) \| 0.656 \(", capsys.readouterr().out)
    rows = json.loads((tmp_path / "out" / "results.json").read_bytes())["rows"]
    assert rows[0]["metrics"]["pointing"] | {"mean_of_classes": 0} == {
        "images": 96, "hits": 63, "accuracy": 63 / 96, "mean_of_classes": 0
    }  # fmt: skip
    assert round(rows[0]["metrics"]["energy"]["energy"], 3) == 0.421
    assert round(rows[1]["metrics"]["pointing"]["accuracy"], 3) == 0.510


# ---- interrupted, and shared out -------------------------------------------------------------------------------------


def test_batches_and_shards_change_nothing(cifar, tmp_path, whole):
    assert "NaN" not in whole.decode()
    again(cifar, tmp_path / "sevens", batch=7)
    assert (tmp_path / "sevens" / "results.json").read_bytes() == whole
    for part in (3, 1, 2):
        again(cifar, tmp_path / str(part), shard=(part, 3), batch=part)
    results = merge([tmp_path / "2", tmp_path / "3", tmp_path / "1"], tmp_path / "merged")
    assert (tmp_path / "merged" / "results.json").read_bytes() == whole
    assert results == json.loads(whole)
    assert (tmp_path / "merged" / "results.md").read_text(encoding="utf-8") == markdown(results)


def test_an_interrupted_run_goes_on_from_its_last_batch(cifar, tmp_path, whole):
    class Stop(Exception):
        pass

    def stop_after(count):
        def tell(done, total):
            seen.append((done, total))
            if done > count:
                raise Stop

        return tell

    for count in (0, 3, 11):
        seen = []
        with pytest.raises(Stop):
            again(cifar, tmp_path, batch=3, progress=stop_after(count))
    assert sorted(path.name for path in (tmp_path / "batches").iterdir()) == [f"{n:06d}.npz" for n in range(3)]
    assert seen[:2] == [(3, 20), (4, 20)]  # a batch that was there at once
    seen = []
    again(cifar, tmp_path, batch=3, progress=stop_after(20))
    assert seen[:4] == [(3, 20), (6, 20), (9, 20), (10, 20)]
    assert (tmp_path / "results.json").read_bytes() == whole
    assert not list(tmp_path.rglob(".*"))


def test_killed_at_ten_random_moments(shared, table, tmp_path):
    from tests import evaluating  # loads kernels

    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.evaluating", "onnx", "onnxruntime", "numba"])
    model = shared / "models" / "cifar10_resnet20.onnx"

    def begin(folder):
        process = context.Process(target=evaluating.run, args=(model, table, folder, QUICK))
        process.start()
        return process

    begin(tmp_path / "first").join()
    began = time.perf_counter()
    begin(tmp_path / "whole").join()
    seconds = time.perf_counter() - began
    expected = (tmp_path / "whole" / "results.json").read_bytes()
    kills, rounds, rng, stages = 0, 0, np.random.default_rng(0), []
    while kills < 10:
        folder = tmp_path / str(rounds)
        process = begin(folder)
        process.join(rng.uniform(0.1, 1) * seconds)
        if process.is_alive():
            process.kill()
            process.join()
        if process.exitcode == -signal.SIGKILL:
            kills += 1
            stages.append(len(list((folder / "batches").glob("0*.npz"))))
        else:
            assert process.exitcode == 0
            assert (folder / "results.json").read_bytes() == expected
            rounds += 1
    process = begin(tmp_path / str(rounds))
    process.join()
    assert (tmp_path / str(rounds) / "results.json").read_bytes() == expected
    assert not list((tmp_path / str(rounds)).rglob(".*"))
    assert max(stages) > 0  # not all of them while the model was opened


@pytest.mark.parametrize("damage", ["bit", "cut", "changed", "empty", "foreign", "text"])
def test_damaged_batches_are_made_anew(cifar, tmp_path, whole, damage):
    again(cifar, tmp_path, batch=5)
    file = tmp_path / "batches" / "000002.npz"
    data = file.read_bytes()
    if damage == "foreign":
        again(cifar, tmp_path / "other", batch=5, protocol=Protocol(metrics=QUICK, top=3))
        data = (tmp_path / "other" / "batches" / "000002.npz").read_bytes()
    spoilt = bytearray(data)
    spoilt[len(spoilt) // 3 : len(spoilt) // 3 + 200] = bytes(200)
    bit = bytearray(data)
    bit[data.rindex(b"0/known.npy") - 36] ^= 1  # how a member is packed, in the directory at the end
    spoiled = {
        "bit": bytes(bit),
        "cut": data[:-200],
        "changed": bytes(spoilt),
        "empty": b"",
        "foreign": data,
        "text": b"no zip",
    }
    file.write_bytes(spoiled[damage])
    (tmp_path / "results.json").unlink()
    notes = []
    again(cifar, tmp_path, batch=5, note=notes.append)
    assert (tmp_path / "results.json").read_bytes() == whole
    assert len(notes) == 1
    assert "000002.npz: expected a batch" in notes[0]
    assert notes[0].endswith("it is made anew")


def test_other_photos_of_the_same_names_are_another_plan(cifar, tmp_path):
    from PIL import Image

    rows = "path,label,x0,y0,x1,y1,mask\np.png,3,2,2,20,20,m.png\n"
    rng = np.random.default_rng(0)
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
        Image.fromarray(rng.integers(0, 256, (32, 32, 3)).astype(np.uint8)).save(tmp_path / name / "p.png")
        Image.fromarray(np.eye(32, dtype=np.uint8) * 255).save(tmp_path / name / "m.png")
        (tmp_path / name / "d.csv").write_text(rows, encoding="utf-8")
    (tmp_path / "c" / "p.png").write_bytes((tmp_path / "a" / "p.png").read_bytes())
    Image.fromarray(255 - np.eye(32, dtype=np.uint8) * 255).save(tmp_path / "c" / "m.png")  # other masks alone
    evaluate(cifar[0], read_annotations(tmp_path / "a" / "d.csv"), tmp_path / "out")
    with open(tmp_path / "b" / "p.png", "ab") as file:
        file.write(b"more")
    for name in ("b", "c"):
        with pytest.raises(InputError, match="digest|data"):
            evaluate(cifar[0], read_annotations(tmp_path / name / "d.csv"), tmp_path / "out")


def test_a_plan_tells_the_newest_problems(cifar, tmp_path):
    """Which aren't part of what is compared: the photos that are left are the same."""
    again(cifar, tmp_path)
    problem = Problem("x.png", "missing", "t.csv:9: no such file")
    found = again((cifar[0], replace(cifar[1], problems=(problem,))), tmp_path)
    assert found["data"]["problems"] == [problem._asdict()]
    assert json.loads((tmp_path / "plan.json").read_bytes())["told"]["problems"] == [problem._asdict()]


def test_another_plan_is_refused(cifar, tmp_path, whole):
    again(cifar, tmp_path, batch=8)
    model, data = cifar
    for options, words in (
        ({"methods": ("cam",)}, "they differ in rows: "),
        ({"protocol": Protocol(metrics=QUICK, threshold=0.3)}, "threshold: 0.2 there, 0.3 here"),
        ({"batch": 9}, "batch: 8 there, 9 here"),
        ({"shard": (1, 2), "batch": 8}, r"shard: \[1, 1\] there, \[1, 2\] here. Use another folder, or --force"),
    ):
        with pytest.raises(InputError, match=words):
            again(cifar, tmp_path, **({"batch": 8} | options))
    with pytest.raises(InputError, match="images: 20 there, 19 here; data: "):
        again((model, data.take(np.arange(19))), tmp_path, batch=8)
    again(cifar, tmp_path, methods=("cam",), force=True)
    assert len(list((tmp_path / "batches").iterdir())) == 1
    (tmp_path / "plan.json").unlink()
    with pytest.raises(InputError, match="it has a results.json alone"):
        again(cifar, tmp_path)
    (tmp_path / "plan.json").write_text("[]")
    with pytest.raises(InputError, match="expected"):
        again(cifar, tmp_path)


def test_shards_that_do_not_fit_are_refused(cifar, tmp_path):
    few = cifar[0], cifar[1].take(np.arange(6))
    for part in (1, 2, 3):
        again(few, tmp_path / str(part), shard=(part, 3), batch=1)
    one, two, three = (tmp_path / str(part) for part in (1, 2, 3))
    target = tmp_path / "merged"
    shutil.copytree(two, tmp_path / "copy")
    again(few, tmp_path / "half", shard=(2, 2))
    again(few, tmp_path / "other", shard=(3, 3), methods=("cam",))
    for folders, words in (
        ([one, three], "expected all shards; 2/3 missing"),
        ([one, two, three, tmp_path / "copy"], "copy: expected another shard than that of .*; both are 2/3"),
        ([one, two, three, tmp_path / "half"], "half: expected a shard of 3, as .* is; got 2/2"),
        ([one, two, tmp_path / "other"], "they differ in rows: .*Use shards of one evaluation"),
        ([one, one], "each once"),
        ([], "one or more"),
        ([tmp_path], r"expected a folder that an evaluation began, with its plan.json"),
    ):
        with pytest.raises(InputError, match=words):
            merge(folders, target)
    with pytest.raises(InputError, match="expected a folder of its own"):
        merge([one, two, three], one)
    (two / "batches" / "000001.npz").write_bytes(b"PK")
    with pytest.raises(InputError, match=r"000001.npz: expected a batch that is whole"):
        merge([one, two, three], target)
    (two / "batches" / "000001.npz").unlink()
    with pytest.raises(InputError, match="2: expected 2 batches; 1 aren't there. Finish it first"):
        merge([one, two, three], target)
    assert not (target / "results.json").exists()


# ---- what is refused, and listed -------------------------------------------------------------------------------------


def test_photos_that_cannot_be_decoded(load_real, shared, tmp_path, capsys):
    """Their headers are sound: it shows when they are read."""
    for n, path in enumerate(sorted(shared.glob("photos/cifar10/*.png"))[:3]):
        with Image.open(path) as photo:
            photo.save(tmp_path / f"{n}.bmp")
        if n == 1:
            (tmp_path / "1.bmp").write_bytes((tmp_path / "1.bmp").read_bytes()[:500])
    rows = ["path,label,x0,y0,x1,y1", *(f"{n}.bmp,{n},1,1,30,30" for n in range(3)), "gone.bmp,1,1,1,9,9"]
    (tmp_path / "boxes.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    command = (shared / "models" / "cifar10_resnet20.onnx", tmp_path / "boxes.csv", "-o", tmp_path / "out")
    command += ("--preprocess", "imagenet,fit=stretch", "--metrics", "energy", "--faithfulness", "--batch", "1")
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
    assert "## 2 problems" in printed
    assert "| maps | energy in boxes | average drop | increase | deletion | insertion | ROAD |" in printed
    assert "- gone.bmp: missing (" in printed


def test_masks_that_cannot_be_decoded(cifar, tmp_path):
    for name in ("a.png", "b.png"):
        Image.fromarray(np.full((32, 32, 3), 90, np.uint8)).save(tmp_path / name)
    Image.fromarray(np.eye(32, dtype=np.uint8)).save(tmp_path / "m.bmp")
    (tmp_path / "n.bmp").write_bytes((tmp_path / "m.bmp").read_bytes()[:-300])
    rows = ("path,label,x0,y0,x1,y1,mask", "a.png,3,0,0,9,9,m.bmp", "b.png,3,0,0,9,9,n.bmp")
    (tmp_path / "t.csv").write_text("\n".join(rows), encoding="utf-8")
    data, protocol = read_annotations(tmp_path / "t.csv"), Protocol(metrics=("px_ap",))
    with pytest.raises(InputError, match="n.bmp: expected a mask that can be read"):
        evaluate(cifar[0], data, tmp_path / "out", protocol=protocol)
    found = evaluate(cifar[0], data, tmp_path / "out", protocol=protocol, strict=False)
    assert found["data"]["images"] == 1
    assert [(one["id"], one["reason"]) for one in found["data"]["problems"]] == [("b.png", "unreadable")]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Protocol(metrics=5), "metrics: expected a tuple of names, or None for all; got 5"),  # pyright: ignore
        (lambda: Protocol(metrics="energy"), "metrics: expected a tuple of names, .*got 'energy'"),  # pyright: ignore
        (lambda: Protocol(metrics=("heuristics",), threshold=0.4), "with top=5 and threshold=0.4; got heuristics"),
        (lambda: Protocol(metrics=("heuristics",), top=2), "with top=2 and threshold=0.2; got heuristics"),
    ],
)
def test_protocols_that_are_refused(make, words):
    with pytest.raises(InputError, match=words):
        make()
    assert "heuristics" in Protocol(threshold=0.39).asked
    assert "heuristics" not in Protocol(threshold=0.4).asked


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--shard", "3/2"), "--shard: expected I/N with 1 <= I <= N, such as 2/3; got '3/2'"),
        (("--shard", "21/21"), "shard: expected no more parts than photos, 20; 21/21 has none"),
        (("--method", "cam,scam"), "method: expected one of .*; got 'scam'"),
        (("--method", "cam,auto"), "methods: expected each once; got cam, auto, which are cam"),
        (("--metrics", "energy,speed"), "metrics: expected some of localisation, .*; got speed"),
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
        (("--batch", "0"), "batch: expected 1 photo or more; got 0"),
        (("--classes", "labels"), "--classes: expected --labels with 'labels'"),
        (("--model", "a", "b", "c"), "--model: expected MODEL, or MODEL and its preprocessing; got a b c"),
        (("--root", "nowhere"), "root: expected a folder; got nowhere"),
        (("more.csv",), "DATA: expected one file or folder"),
    ],
)
def test_the_command_refuses(options, words, shared, table, tmp_path, capsys):
    command = [shared / "models" / "cifar10_resnet20.onnx", table, *(options if options[0][0] != "-" else ())]
    given = [] if "--preprocess" in options else ["--preprocess", "imagenet,fit=stretch"]
    assert run(*command, "-o", tmp_path / "out", *given, *(options if options[0][0] == "-" else ())) == 2
    assert re.search(words, capsys.readouterr().err)
    assert not (tmp_path / "out").exists()


def test_models_and_data_that_do_not_fit(load_real, shared, cifar, tmp_path):
    model, data = cifar
    with pytest.raises(HeadNotFoundError):
        evaluate(fastcam.load(shared / "models" / "mnist_cnn_flatten_fc.onnx"), data, tmp_path / "out", methods=["cam"])
    with pytest.raises(
        InputError, match="expected the same classes of all, 10 or more as the data has; a has 10, b has 1000"
    ):
        evaluate({"a": model, "b": load_real("squeezenet1_1_nchw")}, data, tmp_path / "out")
    with pytest.raises(InputError, match="models: expected at least one; got none"):
        evaluate({}, data, tmp_path / "out")
    with pytest.raises(InputError, match="methods: expected one name or more; got 'cam'"):
        evaluate(model, data, tmp_path / "out", methods="cam")
    with pytest.raises(InputError, match="metrics: expected one that the data has truth for; got px_ap; no masks"):
        evaluate(model, data.take([1, 2]), tmp_path / "out", protocol=Protocol(metrics=("px_ap",)))
    for shard in (5, (1,), (0, 2), (1, 2.0), "12"):
        with pytest.raises(InputError, match=r"shard: expected \(i, n\) with 1 <= i <= n; got "):
            evaluate(model, data, tmp_path / "out", shard=shard)  # pyright: ignore
    with pytest.raises(InputError, match="batch: expected 1 photo or more; got 2.5"):
        evaluate(model, data, tmp_path / "out", batch=2.5)  # pyright: ignore
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="can't be written"):
        evaluate(model, data, tmp_path / "file" / "out")
    assert not (tmp_path / "out").exists()


def run(*arguments):
    return main(["eval", *map(str, arguments)])
