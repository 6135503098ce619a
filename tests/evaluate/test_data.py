"""Annotations of real photos, and which photos, boxes, paths and options are listed or refused."""

import json
import os
from contextlib import nullcontext

import numpy as np
import pytest
from PIL import Image

from fastcam import InputError
from fastcam.evaluate import read_annotations
from tests.evaluate.annotations import ANIMALS, photo, reasons, table, write


@pytest.fixture(scope="module")
def real(shared):
    """929 boxes of 71 categories on photos of COCO."""
    return read_annotations(
        shared / "photos" / "coco" / "boxes.csv",
        root=shared / "photos" / "coco" / "images",
        columns={"path": "file", "label": "coco_category"},
        classes="order",
    )


def test_the_real_photos(real, shared, rows):
    sizes = {row["file"]: (int(row["height"]), int(row["width"])) for row in rows(shared / "photos/coco/images.csv")}
    assert [tuple(size) for size in real.sizes.tolist()] == [sizes[path.name] for path in real.paths]
    assert (len(real), len(real.boxes), len(real.categories), real.problems) == (126, 929, 71, ())
    assert all(path.is_file() for path in real.paths)
    found = read_annotations(
        shared / "photos" / "openimages_cc" / "boxes.csv", columns={"path": "file", "label": "imagenet_id"}
    )
    assert (len(found), found.class_index.tolist()[:3]) == (8, [19, 281, 319])


def test_there_and_back_by_csv_and_coco(real, tmp_path):
    """Annotations that are written in another format and read again are the same arrays."""
    root = real.paths[0].parent
    lines = ["id,path,label,x0,y0,x1,y1,width,height"]
    coco = {"images": [], "annotations": [], "categories": []}
    coco["categories"] = [{"id": 7 * n + 3, "name": name} for n, name in enumerate(real.categories)]
    for n, path in enumerate(real.paths):
        height, width = real.sizes[n].tolist()
        coco["images"].append({"id": n, "file_name": path.name, "width": width, "height": height})
        for k in range(real.offsets[n], real.offsets[n + 1]):
            (x0, y0, x1, y1), index = real.boxes[k].tolist(), real.box_class[k]
            lines.append(
                f"{path.name},{path.name},{real.categories[index]},{x0!r},{y0!r},{x1!r},{y1!r},{width},{height}"
            )
            coco["annotations"].append(
                {"image_id": n, "category_id": int(7 * index + 3), "bbox": [x0, y0, x1 - x0, y1 - y0]}
            )
    write(tmp_path, boxes_csv="\n".join(lines), boxes_json=json.dumps(coco))
    for name in ("boxes.csv", "boxes.json"):
        again = read_annotations(tmp_path / name, root=root, classes=real.categories)
        assert (again.paths, again.categories) == (real.paths, real.categories)
        np.testing.assert_allclose(again.boxes, real.boxes, atol=1e-9)
        for field in ("class_index", "box_class", "offsets", "sizes"):
            np.testing.assert_array_equal(getattr(again, field), getattr(real, field))


def test_pairs_and_parts(real):
    """An image once for each of its classes, with the boxes of that class; and some images by themselves."""
    pairs = real.pairs()
    seen = 0
    for p, (n, index) in enumerate(zip(pairs.image, pairs.class_index, strict=True)):
        own = slice(real.offsets[n], real.offsets[n + 1])
        np.testing.assert_array_equal(pairs.truth.of(p), real.boxes[own][real.box_class[own] == index])
        seen += len(pairs.truth.of(p))
    assert seen == 929
    assert len(set(zip(pairs.image.tolist(), pairs.class_index.tolist(), strict=True))) == len(pairs.truth)
    part = real.take([5, 2])
    assert part.ids == (real.ids[5], real.ids[2])
    np.testing.assert_array_equal(part.truth().of(1), real.truth().of(2))
    for index, message in (([], "at least one"), ([126], "expected 0 to 125; got 126"), ([-1], "got -1")):
        with pytest.raises(InputError, match=message):
            real.take(np.array(index, int))


def test_files_that_are_missing_broken_or_turned(tmp_path):
    photo(tmp_path, "good.jpg", "turned.jpg")
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (60, 40)).save(tmp_path / "turned.jpg", exif=exif)
    (tmp_path / "text.jpg").write_text("no photo")
    (tmp_path / "empty.jpg").touch()
    names = ("good", "turned", "text", "empty", "missing")
    found = read_annotations(table(tmp_path, *(f"{name}.jpg,1,0,0,9,9" for name in names)))
    assert found.ids == ("good.jpg", "turned.jpg")
    assert found.sizes.tolist() == [[40, 60], [60, 40]]
    assert reasons(found) == [("text.jpg", "unreadable"), ("empty.jpg", "unreadable"), ("missing.jpg", "missing")]
    with pytest.raises(InputError, match=r"expected at least one image .* none is left \(missing: 1; x.jpg: .*t.csv:2"):
        read_annotations(table(tmp_path, "x.jpg,1,0,0,9,9"))


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ("9,0,3,9", "expected a box x0 < x1, y0 < y1; got .9.0, 0.0, 3.0, 9.0., inverted"),
        ("3,0,3,9", "without area"),
        ("0,0,62,9", "expected a box in the image of 60×40 pixels; got"),
        ("-1.5,0,9,9", "in the image of 60×40"),
        ("60.2,0,60.8,9", "in the image of 60×40"),
    ],
)
def test_boxes_that_can_not_be(tmp_path, box, message):
    photo(tmp_path, "a.jpg", "b.jpg")
    path = table(tmp_path, f"a.jpg,1,{box}", "a.jpg,1,0,0,60.9,41", f"b.jpg,1,{box}")
    with pytest.raises(InputError, match=rf"got problems: box 2. strict=False .*\n.*t.csv:2: .*{message}"):
        read_annotations(path)
    found = read_annotations(path, strict=False)
    assert found.boxes.tolist() == [[0, 0, 60, 40]]
    assert reasons(found) == [("a.jpg", "box"), ("b.jpg", "box"), ("b.jpg", "no box")]


def test_a_photo_of_another_size_than_was_said(tmp_path):
    photo(tmp_path, "a.jpg", "b.jpg")
    path = write(tmp_path, t_csv="path,label,x0,y0,x1,y1,width,height\na.jpg,1,0,0,9,9,60,40\nb.jpg,1,0,0,9,9,40,60\n")
    with pytest.raises(InputError, match="the annotations say 40×60 pixels; .*b.jpg has 60×40"):
        read_annotations(path / "t.csv")
    assert reasons(read_annotations(path / "t.csv", strict=False)) == [("b.jpg", "size")]


def test_a_photo_whose_annotations_are_from_before_it_was_turned(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (60, 40)).save(tmp_path / "a.jpg", exif=exif)
    path = write(tmp_path, t_csv="path,label,x0,y0,x1,y1,width,height\na.jpg,1,0,0,9,9,60,40\n") / "t.csv"
    with pytest.raises(InputError, match="say 60×40 pixels; .*a.jpg has 40×60, turned upright by its EXIF orientation"):
        read_annotations(path)


@pytest.mark.parametrize("part", [1, 3], ids=["warned of", "refused"])
def test_photos_of_more_pixels_than_pillow_reads(tmp_path, monkeypatch, part):
    """Photos are checked by their headers, with words of what to do, whether Pillow raises or warns."""
    photo(tmp_path, "a.jpg", "b.png", "c.bmp", "d.webp", "e.tiff", "f.gif")
    photo(tmp_path, "ok.png", size=(9, 9))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 60 * 40 // part - 1)
    names = ("a.jpg", "b.png", "c.bmp", "d.webp", "e.tiff", "f.gif")
    found = read_annotations(table(tmp_path, *(f"{name},1,0,0,9,9" for name in (*names, "ok.png"))))
    assert reasons(found) == [(name, "unreadable") for name in names]
    limit = 2399 if part == 1 else 799
    told = f"t.csv:2: {tmp_path / 'a.jpg'}: expected at most {limit} pixels; got more. Scale the image down"
    assert found.problems[0].detail.endswith(told)
    with nullcontext() if part > 2 else pytest.warns(Image.DecompressionBombWarning):
        assert reasons(read_annotations(tmp_path / "t.csv")) == reasons(found)
    monkeypatch.undo()
    assert read_annotations(tmp_path / "t.csv").sizes.tolist() == [[40, 60]] * 6 + [[9, 9]]


def test_absolute_paths_below_the_root(tmp_path):
    root = tmp_path / "photos"
    photo(root, "a.jpg", "b/c.jpg")
    path = table(tmp_path, f"{root}/a.jpg,1,0,0,9,9", f"{root}/x/../b//c.jpg,1,0,0,9,9")
    assert read_annotations(path, root=root).paths == (root / "a.jpg", root / "b" / "c.jpg")
    with pytest.raises(InputError, match="t.csv:2: expected a path below the root folder"):
        read_annotations(path, root=root / "b")
    with pytest.raises(InputError, match="t.csv:3: expected each file once; got 'a.jpg', which is at .*t.csv:2 too"):
        read_annotations(table(tmp_path, f"{root}/a.jpg,1,0,0,9,9", "a.jpg,1,0,0,9,9"), root=root)


@pytest.mark.parametrize("name", ["../a.jpg", "/etc/passwd", "b/../../a.jpg", "a\0.jpg", ".", "b/.."])
def test_paths_do_not_lead_out_of_the_root(tmp_path, name):
    with pytest.raises(InputError, match="expected a path below the root folder"):
        read_annotations(table(tmp_path, f"{name},1,0,0,9,9"), verify=False)
    inner = read_annotations(table(tmp_path, "b/../c.jpg,1,0,0,9,9"), verify=False)
    assert os.path.normpath(inner.paths[0]) == str(tmp_path / "c.jpg")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"format": "yolo"}, "format: expected one of coco, voc, ilsvrc, wsol, cub, table; got 'yolo'"),
        ({"format": "voc"}, "t.csv: expected a folder in the format voc"),
        ({"format": "coco"}, "t.csv:1: not JSON"),
        ({"root": "nowhere"}, "root: expected a folder; got nowhere"),
        ({"class_count": 0}, "class_count: expected 1 class or more, or None; got 0"),
        ({"class_count": "3"}, "class_count: expected 1 class or more, or None; got '3'"),
        ({"split": "val"}, "split: expected only with the format voc or cub; this is table"),
        ({"columns": {"file": "path"}}, "columns: expected some of path, label, .*; got file"),
        ({"columns": {3: "path"}}, "columns: expected some of path, label, .*; got 3"),
        ({"columns": ["path"]}, r"columns: expected a mapping to text, such as {'path': 'file'}; got \['path'\]"),
        ({"columns": {"path": 3}}, "columns: expected a mapping to text, such as {'path': 'file'}; got {'path': 3}"),
        ({"classes": 3}, "classes: expected names, a mapping, a path, 'imagenet', 'order' or None; got 3"),
        ({"classes": b"order"}, "classes: expected names, .*; got b'order'"),
        ({"root": 3}, "root: expected text or a path; got 3"),
        ({"format": "voc", "split": ["val"]}, r"split: expected text or a path; got \['val'\]"),
    ],
)
def test_options_that_do_not_fit(tmp_path, options, message):
    with pytest.raises(InputError, match=message):
        read_annotations(table(tmp_path, *ANIMALS), **options)
    with pytest.raises(InputError, match="path: expected text or a path; got None"):
        read_annotations(None)  # pyright: ignore
    with pytest.raises(InputError, match="nothing: no such file or folder"):
        read_annotations(tmp_path / "nothing")
    (tmp_path / "a.bin").touch()
    with pytest.raises(InputError, match=r"a.bin: expected a .json or .csv file or a folder; give format="):
        read_annotations(tmp_path / "a.bin")
