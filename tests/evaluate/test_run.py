"""Results of evaluations against other ways to them: the public functions, all photos at once, and loops."""

import numpy as np
import pytest
from PIL import Image

import fastcam
from fastcam import InputError
from fastcam.arrays.components import label_images
from fastcam.arrays.maps import heatmaps
from fastcam.arrays.sweeps import sweep
from fastcam.evaluate import (
    AverageDrop,
    Deletion,
    EnergyInBox,
    KnownLocalization,
    MaxBoxAcc,
    MaxBoxAccV2,
    MeanIoU,
    Pictures,
    PointingGame,
    Protocol,
    PxAP,
    Road,
    TopLocalization,
    bootstrap,
    evaluate,
    heuristics,
    peak_points,
    photo_map,
    truth_of,
    wsol_truth,
)
from fastcam.evaluate.data.masks import read_mask
from tests.evaluate.evaluations import again

pytestmark = pytest.mark.usefixtures("few_resamples")

LEVELS = np.arange(10) * 0.1


def by_boxes(best, maps, whole, truth, convention):
    """Metrics of boxes by name, and tallies of the known classes, in pixels of the photos or as `wsol` has them."""
    size, corners = (32, 32), "half-open"
    if convention == "wsol":
        size, corners = (224, 224), "inclusive"
        whole, truth = (wsol_truth(one, np.full((len(one), 2), 32), size) for one in (whole, truth))

    def boxes(maps, thresholds):
        return sweep(maps, size, thresholds, convention=convention).xyxy

    top, guesses = TopLocalization(corners=corners), TopLocalization(corners=corners)
    two = boxes(best.activation_maps, [0.2, 100 / 255])
    top.update(best.class_index, two[:, :, 0], whole)
    guesses.update(*heuristics(best.class_index, two[:, :, 1], two[:, :, 0]), whole)
    known = KnownLocalization(corners=corners)
    tallies = known.update(boxes(maps, [0.2])[:, 0], truth)
    largest, every = MaxBoxAcc(LEVELS, corners=corners), MaxBoxAccV2(LEVELS, corners=corners)
    largest.update(boxes(maps, LEVELS), truth)
    all_boxes = sweep(maps, size, LEVELS, convention=convention, components="all")
    cells = np.asarray(all_boxes.item) * len(LEVELS) + np.asarray(all_boxes.threshold_index)
    counts = np.bincount(cells, minlength=len(maps) * len(LEVELS))
    every.update(all_boxes.xyxy, truth, offsets=np.cumsum([0, *counts]))
    found = {"localization": top, "heuristics": guesses, "known": known}
    return found | {"max_box_acc": largest, "max_box_acc_v2": every}, tallies


def by_photos(own, truth):
    """Metrics of points and energy by name."""
    photos = [photo_map(own, p) for p in range(len(own.activation_maps))]
    found = {"pointing": PointingGame(), "pointing_15": PointingGame(tolerance=15), "energy": EnergyInBox()}
    for name, metric in found.items():
        metric.update(photos if name == "energy" else peak_points(photos), truth)
    return found


def plainly(model, data, method, convention):
    """Metrics by the public functions, all photos at once; tallies of the known classes; and their maps."""
    best, pairs = model.explain(data.paths, top=5, method=method), data.pairs()
    own = model.explain([data.paths[n] for n in pairs.image], class_index=pairs.class_index[:, None], method=method)
    found, tallies = by_boxes(best, own.activation_maps[:, 0], data.truth(), pairs.truth, convention)
    return found | by_photos(own, pairs.truth), tallies, own


@pytest.mark.parametrize(("convention", "method"), [("paper", "layercam"), ("wsol", "cam"), ("minmax", "cam")])
def test_figures_are_those_of_the_public_functions(model_and_data, tmp_path, convention, method):
    model, data = model_and_data
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
    interval = bootstrap(KnownLocalization(), tallies, resamples=20)["mean_iou"]
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


def test_figures_of_masks(model_and_data, tmp_path):
    model, data = model_and_data
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
    assert [row["method"] for row in results["rows"]] == ["cam", "center-gaussian"]


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


def test_faithfulness_is_that_of_the_best_class(model_and_data, tmp_path):
    model, data = model_and_data
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


def test_boxes_of_the_release(model_and_data, tmp_path):
    model, data = model_and_data
    few = data.take(np.arange(6))
    row = evaluate(model, few, tmp_path, protocol=Protocol(convention="cam-release"))["rows"][0]
    assert set(row["metrics"]) == {"localization", "known", "pointing", "pointing_15", "energy", "px_ap"}
    pairs, known = few.pairs(), KnownLocalization(corners="inclusive")
    for p, (n, index) in enumerate(zip(pairs.image, pairs.class_index, strict=True)):
        one = model.explain(few.paths[n], class_index=index).activation_maps[0, 0]
        found = sweep(one, (32, 32), convention="cam-release", components="all").xyxy
        box = found[0] if len(found) else np.zeros(4)
        known.update([box], truth_of([pairs.truth.of(p) - (0, 0, 1, 1)]))
    assert row["metrics"]["known"]["mean_iou"] == known.summary().mean_iou


def test_maps_of_another_layer(model_and_data, tmp_path):
    model, data = model_and_data
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


def test_one_forward_a_photo(model_and_data, tmp_path, monkeypatch):
    """Figures of all methods, of the best classes and of the true ones."""
    model, data = model_and_data
    session, runs = model.vision.session, []
    run = session.run
    monkeypatch.setattr(session, "run", lambda *given, **more: runs.append(1) or run(*given, **more))
    again(model_and_data, tmp_path, methods=("cam", "gradcam", "layercam", "finercam"))
    assert len(runs) == len(data)


def test_pictures_of_the_worst_cases(model_and_data, tmp_path):
    model, _ = model_and_data
    results = again(model_and_data, tmp_path)
    pictures = Pictures({"cifar10_resnet20": model}, results)
    rows, case = [row["method"] for row in results["rows"]], results["worst"][0]
    one = model.explain(case["path"], class_index=case["class_index"], method="layercam")
    expected = fastcam.overlay(case["path"], one, label=False)
    np.testing.assert_array_equal(pictures(rows.index("layercam"), 0), expected)
    own = model.explain(case["path"], class_index=case["class_index"], method="cam")
    assert case["box"] == own.boxes.xyxy[0, 0].tolist()
    assert pictures(rows.index("center"), 0) is None
    assert Pictures({}, results)(0, 0) is None
