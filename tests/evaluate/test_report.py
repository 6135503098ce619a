"""The page of an evaluation: all of its numbers, and well-formed."""

import base64
import io
import json
from functools import partial

import numpy as np
import pytest
from PIL import Image

from tests.evaluate.reports import numbers, picture, read_report, results


@pytest.fixture
def read(tmp_path):
    return partial(read_report, tmp_path)


# ---- figures ---------------------------------------------------------------------------------------------------------


def test_the_table_has_each_figure_its_interval_and_the_best_of_each_column(read):
    given = results("cam", "gradcam", "eigencam")
    groups, heads, model, *lines = read(given).table("Figures of each method")
    names = [
        "Method",
        "ILSVRC localisationn = 1,234 images",
        "GT-known localisationn = 1,234 pairs",
        "MaxBoxAccn = 1,234 pairs",
    ]
    assert [cell.text for cell in groups] == names
    assert [cell["colspan"] for cell in groups] == [None, "2", "2", "1"]
    less, more = "\u00a0↓, less is better", "\u00a0↑, more is better"
    expected = [f"top-5 {kind} error{less}" for kind in ("localisation", "classification")]
    expected += [f"accuracy{more}", f"mean IoU{more}", f"accuracy{more}"]
    assert [cell.text for cell in heads] == expected
    assert [cell.text for cell in model] == ["resnet20"]
    for line, row in zip(lines, given["rows"], strict=True):
        metrics, ends = row["metrics"], row["intervals"]["known"]["accuracy"]
        assert line[0].text == row["method"] + "class weights"
        assert numbers(line[1:]) == [
            [metrics["localization"]["localization_error"]],
            [0.25],
            [metrics["known"]["accuracy"], *ends],
            [metrics["known"]["mean_iou"]],
            [metrics["max_box_acc"]["accuracy"]],
        ]
        known = metrics["known"]["accuracy"]
        assert line[3].text == f"{known:.3f}{' best' * (line[3]['class'] == 'best')}{ends[0]:.2f}–{ends[1]:.2f}"
    for column, choose in ((1, np.argmin), (3, np.argmax), (4, np.argmax), (5, np.argmax)):
        values = [numbers([line[column]])[0][0] for line in lines]
        marked = [line[column]["class"] == "best" for line in lines]
        assert marked == [k == choose(values) for k in range(3)]
    assert not any(line[2]["class"] for line in lines)  # all alike


def test_figures_that_look_alike_are_best_together(read):
    given = results("cam", "gradcam", "eigencam")
    for row, value in zip(given["rows"], (0.5, 0.50001, 0.6), strict=True):
        row["metrics"] = {"energy": {"images": 4, "energy": value, "empty": 0}}
    given["rows"][2]["metrics"]["energy"]["energy"] = None
    given["rows"].append({**given["rows"][0], "metrics": {"energy": {"energy": 0.4}}})
    lines = read(given).table("Figures of each method")[3:]
    assert [line[1]["class"] for line in lines] == ["best", "best", None, None]
    assert [line[1].text for line in lines] == ["0.500 best", "0.500 best", "–", "0.400"]


def test_figures_are_called_what_they_are(read):
    given = results("cam", "gradcam", cases=0)
    pointing = {"images": 1, "hits": 1, "accuracy": 1.0, "mean_of_classes": 1.0}
    best = {"images": 1, "top": 5, "localization_error": 0.5, "classification_error": 0.25}
    for row in given["rows"]:
        row["metrics"] = {"heuristics": best, "pointing": pointing}
    page = read(given)
    groups, heads, *_ = page.table("Figures of each method")
    heuristics = "ILSVRC, five boxes of three classes (heuristics)n = 1 image"
    assert [cell.text for cell in groups] == ["Method", heuristics, "Pointing gamen = 1 pair"]
    assert [cell.text.partition("\u00a0")[0] for cell in heads] == [
        "top-5 localisation error",
        "accuracy of all pairs",
        "mean accuracy of classes",
    ]
    assert "The fraction of pairs of an image and a class whose box is right" in page.text


def test_baselines_are_never_best_and_have_rows_only_with_figures(read):
    given = results("cam", "gradcam", "center", "center-gaussian", cases=0)
    for row, energy in zip(given["rows"], (0.4, 0.5, 0.9, None), strict=True):
        row["metrics"] = {"energy": {"images": 4, "energy": energy}} if energy else {}
    for row in given["rows"][2:]:
        row["model"] = None
    lines = [row for row in read(given).table("Figures of each method")[2:] if len(row) > 1]
    assert [line[0].text for line in lines] == [f"{name}class weights" for name in ("cam", "gradcam", "center")]
    assert [line[1]["class"] for line in lines] == [None, "best", None]


def test_models_and_rows_without_a_model_have_heads_of_their_own(read):
    given = results("cam", "gradcam", "center")
    given["rows"][1]["model"], given["rows"][2]["model"] = "vgg", None
    given["models"][0]["sha256"] = None
    page = read(given)
    assert {line[0].text: line[1].text for line in page.table("All options")[1:]}["SHA-256 of resnet20"] == "–"
    heads = [row[0].text for row in page.table("Figures of each method") if len(row) == 1]
    assert heads == ["resnet20", "vgg", "Baselines"]
    assert [node.text for node in page.all("h3")] == ["resnet20, cam", "vgg, gradcam", "center"]
    sections = [section for section in page.all("section") if any(True for _ in section.all("h3"))][1:]
    shown = [[node.text for node in next(section.all("li")).all("figcaption")] for section in sections]
    every = ["resnet20, cam, IoU 0.000", "vgg, gradcam, IoU 0.000"]
    assert shown == [
        ["cam, IoU 0.000", "center, IoU 0.000"],
        ["gradcam, IoU 0.000", "center, IoU 0.000"],
        [*every, "center, IoU 0.000"],
    ]


def test_what_was_evaluated_and_what_was_left_out(read):
    given = results("cam")
    page = read(given)
    told = {pair.children[0].text: pair.children[1].text for dl in page.all("dl") for pair in dl.children}
    assert told == {
        "Data": "instances.json (coco)",
        "Images": "1,234",
        "Convention": "paper",
        "fastcam": "0.1.0",
    }
    assert next(page.all("title")).text == "resnet20 on 1,234 images (coco), convention paper – fastcam"
    assert [[cell.text for cell in line] for line in page.table("Models")] == [
        ["Model", "Head", "Preprocessing", "File"],
        ["resnet20", "cam head", "imagenet: RGB (assumed: nothing said otherwise)", "resnet20.onnx"],
    ]
    options = {line[0].text: line[1].text for line in page.table("All options")[1:]}
    metrics = json.dumps(given["plan"]["metrics"])
    assert options == {"convention": "paper", "metrics": metrics, "SHA-256 of resnet20": "ab" * 32}
    *_, last = page.all("section")
    assert [node.text for node in last.all("summary")] == ["All options, and hashes"]
    assert [[cell.text for cell in line] for line in page.table("Left out")[1:]] == [
        list(problem.values()) for problem in given["data"]["problems"]
    ]
    assert "Not in the data: 3 of the model's classes. Left out: 3 images or boxes." in page.text
    assert [node.text for node in page.all("li")][-2:] == ["no box: 2", "missing: 1"]


@pytest.mark.parametrize(
    "folder", ["/home/ann lee/secret", "C:\\Users\\ann\\secret", "\\\\server\\ann\\secret", "secret"]
)
def test_the_page_has_no_folders(read, tmp_path, folder):
    """All that a page tells of files is their names."""
    given, sign = results("cam", "center"), "\\" if "\\" in folder else "/"
    at = f"{folder}{sign}"
    given["data"]["path"], given["models"][0]["path"] = f"{at}boxes.csv", f"{at}m.onnx"
    for case in given["worst"]:
        case["path"] = f"{at}{case['id']}.jpg"
    if folder != "secret":  # a text doesn't tell where a relative path begins
        given["data"]["problems"][0]["detail"] = f"x.jpg: {at}boxes.csv:3: '{at}x.jpg' isn't there"
        given["models"][0]["preprocess"] = f"as in {at}config.json"
    page = read(
        given, lambda row, case: f"{at}x.jpg: no such file" if folder != "secret" and case else picture(row, case)
    )
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "secret" not in text
    assert "ann" not in text.replace("cannot", "")
    assert "boxes.csv (table)" not in text
    told = [node.text for node in page.all("p", class_="path")]
    assert told[:2] == ["photo0: photo0.jpg", "photo1: photo1.jpg"] or told[:2] == ["photo0", "photo1"]


def test_many_figures_make_several_tables(read):
    given = results("cam", "gradcam")
    for row in given["rows"]:
        row["metrics"] = {f"metric{k}": {f"part{j}": 0.1 * j for j in range(3)} for k in range(9)}
    page = read(given)
    tables = [node for node in page.all("table") if node["class"] == "figures"]
    assert [len(list(node.all("tr", class_=None))[1].children) for node in tables] == [12, 12, 3]


# ---- curves ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("thresholds", [1, 2, 100])
def test_curves_have_a_point_for_each_threshold(read, thresholds):
    given = results("cam", "gradcam", thresholds=thresholds)
    panels = list(read(given).all("figure", class_="panel"))
    assert [next(one.all("figcaption")).text for one in panels] == ["MaxBoxAcc, IoU ≥ 0.3", "MaxBoxAcc, IoU ≥ 0.5"]
    for d, panel in enumerate(panels):
        curves = [row["curves"]["max_box_acc"] for row in given["rows"]]
        grid, lines = list(panel.all("line", class_="grid")), list(panel.all("polyline"))
        x0, x1 = min(float(node["x1"]) for node in grid), max(float(node["x2"]) for node in grid)
        y0, y1 = max(float(node["y1"]) for node in grid), min(float(node["y1"]) for node in grid)
        top = max(float(label.text) for label in panel.all("text") if label["text-anchor"] == "end")
        assert len({line["class"] for line in lines}) == 2
        for line, curve in zip(lines, curves, strict=True):
            points = np.array([pair.split(",") for pair in line["points"].split()], float)
            assert len(points) == thresholds
            np.testing.assert_allclose((points[:, 0] - x0) / (x1 - x0), curve["thresholds"], atol=2e-4)
            np.testing.assert_allclose(top * (points[:, 1] - y0) / (y1 - y0), curve["accuracy"][d], atol=4e-4)
        legend = panel.table(f"Best accuracy, MaxBoxAcc, IoU ≥ {(0.3, 0.5)[d]}")
        for line, row, curve in zip(legend[1:], given["rows"], curves, strict=True):
            k = int(np.argmax(curve["accuracy"][d]))
            assert line[0].text == row["method"]
            assert numbers(line[1:]) == [[curve["accuracy"][d][k]], [curve["thresholds"][k]]]


def test_low_curves_fill_their_panels(read):
    given = results("cam", deltas=(0.3,))
    given["rows"][0]["curves"]["max_box_acc"]["accuracy"] = [[0.01, 0.09, None, 0.05, 0.0]]
    panel = next(read(given).all("figure", class_="panel"))
    labels = [label.text for label in panel.all("text") if label["text-anchor"] == "end"]
    assert labels == ["0", "0.02", "0.04", "0.06", "0.08", "0.1"]
    assert len(next(panel.all("polyline"))["points"].split()) == 4


# ---- classes ---------------------------------------------------------------------------------------------------------


def test_classes_stand_in_the_order_of_their_means(read):
    given = results("cam", "gradcam", classes=30)
    given["rows"][1]["classes"].pop("3")  # no box, for example
    heads, *lines = read(given).table("GT-known accuracy of 30 classes")
    assert [cell.text for cell in heads] == ["Class", "Label", "Images", "cam", "gradcam", "Mean of methods"]
    assert [cell["aria-sort"] for cell in heads] == [None] * 5 + ["ascending"]
    found = {}
    for index, label, images, *values in lines:
        k = int(index.text)
        found[k] = float(next(values[2].all("data"))["value"])
        expected = [row["classes"].get(str(k), {}).get("accuracy") for row in given["rows"]]
        assert (label.text, images.text) == (f"kind {k}", str(k))
        known = [value for value in expected if value is not None]
        assert [value.text for value in values[:2]] == ["–" if value is None else f"{value:.3f}" for value in expected]
        assert found[k] == pytest.approx(np.mean(known), abs=1e-12)
    assert len(found) == 30
    assert list(found.values()) == sorted(found.values())


def test_baselines_stand_beside_the_classes_but_do_not_order_them(read):
    given = results("cam", "center", "empty", classes=12)
    for row in given["rows"][1:]:
        row["model"] = None
    given["rows"][2]["classes"] = {}
    heads, *lines = read(given).table("GT-known accuracy of 12 classes")
    assert [cell.text for cell in heads] == ["Class", "Label", "Images", "resnet20, cam", "center"]
    assert [cell["aria-sort"] for cell in heads] == [None, None, None, "ascending", None]
    accuracy = [given["rows"][0]["classes"][str(k)]["accuracy"] for k in range(12)]
    assert [int(line[0].text) for line in lines] == np.argsort(accuracy).tolist()


def test_a_thousand_classes_of_one_method(read):
    given = results("cam", classes=1000, cases=0, thresholds=0)
    page = read(given)
    heads, *lines = page.table("GT-known accuracy of 1,000 classes")
    assert [cell.text for cell in heads] == ["Class", "Label", "Images", "cam"]
    values = sorted(one["accuracy"] for one in given["rows"][0]["classes"].values())
    assert [numbers(line[3:]) for line in lines] == [[[value]] for value in values]
    assert [node["open"] for node in page.all("details")][:2] == ["", None]  # the second figure has no value at all


# ---- worst cases -----------------------------------------------------------------------------------------------------


def test_worst_cases_show_all_methods_side_by_side(read):
    asked = []

    def show(row, case):
        asked.append((row, case))
        return None if row == 1 else picture(row, case)

    given = results("cam", "gradcam", "eigencam")
    given["worst"][1]["box"] = [0, 0, 9, 9]
    page = read(given, show)
    assert asked == [(row, case) for case in (0, 1) for row in (0, 1, 2)]  # those of other rows are of the same photos
    embedded = {node["id"]: node["href"] for node in page.all("image")}
    assert len(embedded) == 4
    items = [item for items in page.all("ol", class_="cases") for item in items.all("li")]
    heads = ["kind 0, IoU 0.000, no box", "kind 1, IoU 0.100"] + [
        "kind 0, IoU 0.000, no box",
        "kind 1, IoU 0.100, no box",
    ] * 2
    assert [next(item.all("h4")).text for item in items] == heads
    for k, item in enumerate(items):
        assert next(item.all("p")).text == f"photo{k % 2}: {k % 2}.jpg"
        figures = list(item.all("figure"))
        assert [figure["class"] for figure in figures] == ["own" if row == k // 2 else None for row in range(3)]
        assert [figure["class"] for figure in figures if "No picture." in figure.text] == [
            "own" if k // 2 == 1 else None
        ]
        for row in (0, 2):
            drawn = next(figures[row].all("svg"))
            assert (drawn["viewbox"], drawn["role"]) == ("0 0 60 40", "img")
            assert drawn["aria-label"] == f"photo{k % 2}, kind {k % 2}, by {given['rows'][row]['method']}"
            boxes = [[box[side] for side in ("x", "y", "width", "height")] for box in drawn.all("rect")]
            assert boxes == [["5", "6", "20.5", "10"]] * 2
            data = embedded[next(drawn.all("use"))["href"][1:]].removeprefix("data:image/jpeg;base64,")
            with Image.open(io.BytesIO(base64.b64decode(data))) as image:
                pixels = np.asarray(image).astype(int)
            np.testing.assert_allclose(pixels, picture(row, 0).astype(int), atol=3)


def test_an_iou_that_is_not_known_is_not_told(read):
    given = results("cam", "gradcam", "center", cases=2)
    given["rows"][2]["model"] = None
    given["worst"] = [given["worst"][0], given["worst"][3]]  # each method has another one
    figures = [list(item.all("figcaption")) for item in read(given).all("li") if any(True for _ in item.all("h4"))]
    assert [[caption.text for caption in captions] for captions in figures] == [
        ["cam, IoU 0.000", "gradcam, not among its worst", "center"],
        ["cam, not among its worst", "gradcam, IoU 0.100", "center"],
    ]


def test_large_photos_are_embedded_small_and_boxes_stay_in_their_pixels(read):
    page = read(results("cam", cases=1), lambda row, case: np.zeros((1000, 4000, 3), np.uint8))
    image = next(page.all("image"))
    assert (image["width"], image["height"], next(page.all("svg", role="img", class_=None))["viewbox"]) == (
        "4000",
        "1000",
        "0 0 4000 1000",
    )
    with Image.open(io.BytesIO(base64.b64decode(image["href"].partition(",")[2]))) as embedded:
        assert embedded.size == (640, 160)
