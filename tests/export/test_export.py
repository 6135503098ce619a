"""Explanations in formats of other programs, read back by these."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import fastcam
from fastcam import export
from fastcam.arrays import components
from fastcam.classifier.steady import Steady
from fastcam.export.masks import mask, run_lengths
from fastcam.results import Failure

coco_is_behind_numpy = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning:pycocotools")


@pytest.fixture(scope="module")
def found(load_real, photos):
    """An explanation of photos of different sizes, after a centre crop, so that masks don't begin in a corner."""
    model = load_real("squeezenet1_1_nchw")
    cropped = fastcam.load(model.path, labels="imagenet", preprocess="caffe-bgr,fit=center-crop,size=227")
    return cropped.explain([str(path) for path in photos[:4]], top=3)


def pairs(found):
    return [(n, m) for n, m in np.ndindex(*found.class_index.shape) if found.boxes.area[n, m]]


def test_masks_fill_their_boxes(found):
    for n, m in pairs(found):
        pixels = mask(found, n, m)
        assert pixels.shape == tuple(found.image_sizes[n])
        assert pixels.sum() == found.boxes.area[n, m]
        ys, xs = np.nonzero(pixels)
        assert [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1] == found.boxes.xyxy[n, m].tolist()


@coco_is_behind_numpy
@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (7, 1), (13, 17), (300, 257)])
@pytest.mark.parametrize("density", [0, 0.02, 0.5, 0.98, 1])
def test_run_lengths_as_coco_has_them(shape, density):
    from pycocotools import mask as coco_mask

    pixels = np.random.default_rng(0).random(shape) < density
    ours: Any = run_lengths(pixels)
    theirs: Any = coco_mask.encode(np.asfortranarray(pixels, np.uint8))
    assert (ours["size"], ours["counts"].encode()) == (theirs["size"], theirs["counts"])
    np.testing.assert_array_equal(coco_mask.decode(ours), pixels)


@coco_is_behind_numpy
def test_coco_reads_it(found, tmp_path, capsys):
    from pycocotools.coco import COCO

    path = tmp_path / "found.json"
    path.write_text(json.dumps(export.to_coco(found, ["a.jpg", "b.jpg", "c.jpg", "d.jpg"])), encoding="utf-8")
    data = COCO(str(path))
    assert len(data.getImgIds()) == 4
    assert len(data.getAnnIds()) == len(pairs(found))
    for one, (n, m) in zip(data.loadAnns(data.getAnnIds()), pairs(found), strict=True):
        x0, y0, x1, y1 = found.boxes.xyxy[n, m].tolist()
        assert (one["image_id"], one["bbox"]) == (n, [x0, y0, x1 - x0, y1 - y0])
        np.testing.assert_array_equal(data.annToMask(one), mask(found, n, m))
        assert data.loadCats(one["category_id"])[0]["name"] == found.labels[found.class_index[n, m]]
    results = data.loadRes(export.to_coco(found)["annotations"])
    assert len(results.getAnnIds()) == len(pairs(found))
    capsys.readouterr()  # pycocotools prints


def test_coco_without_masks_and_with_wrong_names(found):
    assert "segmentation" not in export.to_coco(found, masks=False)["annotations"][0]
    with pytest.raises(fastcam.InputError, match="file_names: expected 4, one for each image; got 1"):
        export.to_coco(found, ["a.jpg"])


def test_yolo_lines_give_the_boxes_back(found):
    for n in range(4):
        height, width = found.image_sizes[n].tolist()
        lines = export.to_yolo(found, n, scores=True).splitlines()
        for line, (_, m) in zip(lines, [pair for pair in pairs(found) if pair[0] == n], strict=True):
            index, x, y, w, h, score = (float(number) for number in line.split())
            box = [(x - w / 2) * width, (y - h / 2) * height, (x + w / 2) * width, (y + h / 2) * height]
            np.testing.assert_allclose(box, found.boxes.xyxy[n, m], atol=1e-5)
            assert index == found.class_index[n, m]
            assert score == pytest.approx(found.scores[n, m], abs=1e-8)


def test_detections_of_supervision(found):
    for n in range(4):
        got, with_box = export.to_supervision(found, n), np.flatnonzero(found.boxes.area[n])
        np.testing.assert_array_equal(got.xyxy, found.boxes.xyxy[n, with_box])
        np.testing.assert_array_equal(got.class_id, found.class_index[n, with_box])
        np.testing.assert_array_equal(got.confidence, found.scores[n, with_box])
        assert [int(area) for area in got.area] == found.boxes.area[n, with_box].tolist()
        assert got["class_name"].tolist() == [found.labels[i] for i in found.class_index[n, with_box]]


def test_an_image_without_boxes(load_real):
    model = load_real("squeezenet1_1_nchw")
    found = model.explain(
        np.zeros((40, 50, 3), np.uint8),
        class_index=int(np.argmin(model.explain(np.zeros((40, 50, 3), np.uint8)).logits)),
    )
    if found.boxes.area.any():
        pytest.fail("the least likely class has a box after all: take another image")
    assert export.to_yolo(found) == ""
    assert export.to_coco(found)["annotations"] == []
    assert len(export.to_supervision(found)) == 0
    assert json.loads(export.to_json_line(found))["maps"][0]["box"] is None
    assert not mask(found, 0, 0).any()


def test_lines_of_json(load_real, photos):
    model = load_real("cifar10_resnet20")
    with model.stream([(np.zeros((32, 48, 3), np.uint8), 0.5)], top=2) as stream:
        (_, found), *_ = stream
    record = json.loads(export.to_json_line(found, file="x"))
    assert (record["frame"], record["timestamp"], record["file"], record["width"]) == (0, 0.5, "x", 48)
    assert set(record["milliseconds"]) == {"waiting", "preprocessing", "inference", "localization"}
    assert [one["class_index"] for one in record["maps"]] == found.class_index[0].tolist()
    assert "\n" not in export.to_json_line(found)


def test_npz_there_and_back(found, tmp_path):
    export.save_npz(tmp_path / "found.npz", found)
    held = export.load_npz(tmp_path / "found.npz")
    np.testing.assert_array_equal(held["activation_maps"], found.activation_maps)
    np.testing.assert_array_equal(held["xyxy"], found.boxes.xyxy)
    assert (held["convention"], held["threshold"], held["labels"]) == ("paper", 0.2, list(found.labels))
    assert held["limits"] is held["steady"] is None
    assert not list(tmp_path.glob(".*"))


def test_images_keep_their_numbers_where_others_were_left_out(found, tmp_path):
    left_out = replace(found, failures=(Failure(1, fastcam.InputError("b.jpg: broken")),))
    coco = export.to_coco(left_out, masks=False)
    assert [(one["id"], one["file_name"]) for one in coco["images"]] == [(0, "0"), (2, "2"), (3, "3"), (4, "4")]
    assert {one["image_id"] for one in coco["annotations"]} == {0, 2, 3, 4}
    export.save_npz(tmp_path / "found.npz", left_out)
    held = export.load_npz(tmp_path / "found.npz")
    assert held["image_index"].tolist() == [0, 2, 3, 4]
    assert (held["failed_index"].tolist(), held["failed_reason"]) == ([1], ["b.jpg: broken"])


def test_npz_of_an_earlier_version(found, tmp_path):
    export.save_npz(tmp_path / "found.npz", found)
    with np.load(tmp_path / "found.npz") as file:
        old = {name: file[name] for name in file.files if name not in ("image_index", "failed_index", "failed_reason")}
    np.savez(tmp_path / "old.npz", **old)
    held = export.load_npz(tmp_path / "old.npz")
    assert (held["image_index"].tolist(), held["failed_index"].tolist(), held["failed_reason"]) == (
        [0, 1, 2, 3],
        [],
        [],
    )


def test_npz_of_a_frame_that_was_kept_steady(load_real, tmp_path):
    model = load_real("cifar10_resnet20")
    with model.stream([(np.zeros((32, 32, 3), np.uint8), 1.5)], steady=Steady(), method="layercam") as stream:
        ((_, found),) = stream
    export.save_npz(tmp_path / "frame.npz", found)
    held = export.load_npz(tmp_path / "frame.npz")
    assert (held["frame_index"], held["timestamp"], held["method"]) == (0, 1.5, "layercam")
    assert held["steady"] == found.steady
    np.testing.assert_array_equal(held["limits"], found.limits)


def test_npz_that_is_something_else(tmp_path):
    (tmp_path / "text.npz").write_text("whale")
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    for name, match in (("none.npz", "No such file"), ("text.npz", "something else"), ("other.npz", "something else")):
        with pytest.raises(fastcam.InputError, match=f"expected a file that save_npz wrote.*{match}"):
            export.load_npz(tmp_path / name)


def test_a_folder_that_is_not_there(found, tmp_path):
    with pytest.raises(fastcam.InputError, match="can't be written"):
        export.save_npz(tmp_path / "no" / "found.npz", found)


def test_masks_are_those_of_the_components(load_real):
    model = load_real("cifar10_resnet20")
    photo = np.random.default_rng(0).integers(0, 256, (32, 32, 3)).astype(np.uint8)
    found = model.explain(photo)
    expected = components.label_images(found.activation_maps[0, 0], (32, 32)) == 1
    np.testing.assert_array_equal(mask(found, 0, 0), expected)
