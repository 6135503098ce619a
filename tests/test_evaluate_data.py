"""Annotations of other people's data sets: by the documented examples of each format, the real photos, and what is wrong."""

import json
import os

import numpy as np
import pytest
from PIL import Image

from fastcam import InputError
from fastcam.evaluate import read_annotations

FLAT = {"verify": False, "classes": "order"}


def write(folder, **files):
    """Files of text, by name with __ in place of / and a dot for the last _."""
    for name, text in files.items():
        path = folder / ".".join(name.replace("__", "/").rsplit("_", 1))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def photo(folder, *names, size=(60, 40)):
    """Photos of that (width, height)."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", size).save(folder / name)


def reasons(found):
    return [(problem.id, problem.reason) for problem in found.problems]


# ---- formats, by their documented examples ---------------------------------------------------------------------------

VOC = """<annotation>
	<folder>VOC2007</folder>
	<filename>000001.jpg</filename>
	<source><database>The VOC2007 Database</database></source>
	<size><width>353</width><height>500</height><depth>3</depth></size>
	<segmented>0</segmented>
	<object>
		<name>dog</name><pose>Left</pose><truncated>1</truncated><difficult>0</difficult>
		<bndbox><xmin>48</xmin><ymin>240</ymin><xmax>195</xmax><ymax>371</ymax></bndbox>
	</object>
	<object>
		<name>person</name>
		<bndbox><xmin>8</xmin><ymin>12</ymin><xmax>352</xmax><ymax>498</ymax></bndbox>
		<part><name>head</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox></part>
	</object>
</annotation>"""


def test_voc(tmp_path):
    """Pixels count from 1, and the last one is inside; photos without XML are listed."""
    write(tmp_path, Annotations__000001_xml=VOC, ImageSets__Main__val_txt="000001  1\n")
    photo(tmp_path / "JPEGImages", "000001.jpg", "000002.jpg", size=(353, 500))
    found = read_annotations(tmp_path, classes={"dog": 12, "person": 15}, class_count=21)
    assert (found.format, found.ids, found.categories) == ("voc", ("000001",), ("dog", "person"))
    assert found.boxes.tolist() == [[47, 239, 195, 371], [7, 11, 352, 498]]
    assert found.box_class.tolist() == [12, 15]
    assert found.class_index.tolist() == [-1]
    assert found.sizes.tolist() == [[500, 353]]
    assert found.paths == (tmp_path / "JPEGImages" / "000001.jpg",)
    assert reasons(found) == [("000002", "no label")]
    assert found.absent_classes(21).tolist() == [n for n in range(21) if n not in (12, 15)]
    assert not read_annotations(tmp_path, split="val", classes=["dog", "person"]).problems
    with pytest.raises(InputError, match=r"test.txt: can't be read \(No such file"):
        read_annotations(tmp_path, split="test", classes="order")


ILSVRC = """<annotation><folder>val</folder><filename>ILSVRC2012_val_00000001</filename>
<source><database>ILSVRC_2012</database></source><size><width>500</width><height>375</height><depth>3</depth></size>
<segmented>0</segmented><object><name>n01751748</name><pose>Unspecified</pose><truncated>0</truncated>
<difficult>0</difficult><bndbox><xmin>111</xmin><ymin>108</ymin><xmax>441</xmax><ymax>193</ymax></bndbox></object>
</annotation>"""
SOLUTION = "ImageId,PredictionString\nILSVRC2012_val_00000001,n01751748 111 108 441 193 \n"


@pytest.mark.parametrize("kind", ["xml", "csv"])
def test_ilsvrc(tmp_path, kind):
    """The first validation image, whose class is 65; a file name without its suffix."""
    if kind == "xml":
        write(tmp_path, Annotations__CLSXLOC__val__ILSVRC2012X1_xml=ILSVRC)
        (tmp_path / "Annotations" / "CLSXLOC").rename(tmp_path / "Annotations" / "CLS-LOC")
        path, photos = tmp_path / "Annotations" / "CLS-LOC" / "val", tmp_path / "Data" / "CLS-LOC" / "val"
    else:
        path = write(tmp_path, LOC_val_solution_csv=SOLUTION) / "LOC_val_solution.csv"
        photos = tmp_path / "ILSVRC" / "Data" / "CLS-LOC" / "val"
    photo(photos, "ILSVRC2012_val_00000001.JPEG", size=(500, 375))
    for classes, index in (("imagenet", 65), (("background", *imagenet()), 66)):
        found = read_annotations(path, classes=classes)
        assert (found.format, found.class_index.tolist(), found.box_class.tolist()) == ("ilsvrc", [index], [index])
    assert found.boxes.tolist() == [[111, 108, 442, 194]]
    assert found.paths[0].name == "ILSVRC2012_val_00000001.JPEG"
    photo(photos, "ILSVRC2012_val_00000001.png", size=(500, 375))
    with pytest.raises(InputError, match="expected one file for .*; got .*JPEG, .*png"):
        read_annotations(path, classes="imagenet")


def imagenet():
    from fastcam.labels import read_labels

    return read_labels("imagenet", 1000)


def test_wordnet_ids_stand_in_the_order_of_the_classes(shared):
    from importlib.resources import files

    ours = (files("fastcam.data") / "imagenet_wnids.txt").read_text(encoding="ascii").split()
    assert ours == sorted(ours) == (shared / "labels" / "imagenet_wnids.txt").read_text().split()


def wsol(folder):
    return write(
        folder,
        image_ids_txt="val/1.jpg\nval/2,3.jpg\nval/4.jpg\n",
        class_labels_txt="val/1.jpg,65\nval/2,3.jpg,970\nval/4.jpg,1\n",
        image_sizes_txt="val/1.jpg,500,375\nval/2,3.jpg,500,375\nval/4.jpg,9,9\n",
        localization_txt="val/1.jpg,111,108,441,193\nval/2,3.jpg,45,49,499,162\nval/2,3.jpg,2,69,437,207\n",
    )


def test_wsolevaluation(tmp_path):
    found = read_annotations(wsol(tmp_path), verify=False, class_count=1000)
    assert (found.format, found.ids) == ("wsol", ("val/1.jpg", "val/2,3.jpg"))
    assert found.boxes.tolist() == [[111, 108, 442, 194], [45, 49, 500, 163], [2, 69, 438, 208]]
    assert found.offsets.tolist() == [0, 1, 3]
    assert found.class_index.tolist() == [65, 970]
    assert found.sizes.tolist() == [[375, 500], [375, 500]]
    assert reasons(found) == [("val/4.jpg", "no box")]


def test_masks_of_wsolevaluation(tmp_path):
    (wsol(tmp_path) / "localization.txt").write_text("val/1.jpg,a.png,ignore.png\nval/1.jpg,b.png,\nval/4.jpg,c.png,\n")
    found = read_annotations(tmp_path, verify=False)
    assert found.masks == ((tmp_path / "a.png", tmp_path / "b.png"), (tmp_path / "c.png",))
    assert found.ignored == (tmp_path / "ignore.png", None)
    assert reasons(found) == [("val/2,3.jpg", "no box")]
    assert len(found.boxes) == 0


CUB = {
    "images_txt": "1 001.Black_footed_Albatross/Black_Footed_Albatross_0046_18.jpg\n2 002.Laysan_Albatross/L_0002.jpg\n",
    "bounding_boxes_txt": "1 60.0 27.0 325.0 304.0\n2 14.0 112.0 388.0 186.0\n",
    "image_class_labels_txt": "1 1\n2 2\n",
    "train_test_split_txt": "1 0\n2 1\n",
    "classes_txt": "1 001.Black_footed_Albatross\n2 002.Laysan_Albatross\n3 003.Sooty_Albatross\n",
}


def test_cub(tmp_path):
    """Classes count from 1 there; boxes are x, y, width and height."""
    found = read_annotations(write(tmp_path, **CUB), verify=False)
    assert (found.format, found.class_index.tolist()) == ("cub", [0, 1])
    assert found.boxes.tolist() == [[60, 27, 385, 331], [14, 112, 402, 298]]
    assert found.paths[0] == tmp_path / "images/001.Black_footed_Albatross/Black_Footed_Albatross_0046_18.jpg"
    assert found.categories[2] == "003.Sooty_Albatross"
    assert not found.sizes.any()
    assert read_annotations(tmp_path, verify=False, split="train").ids == ("2",)
    assert read_annotations(tmp_path, verify=False, split="test").ids == ("1",)
    with pytest.raises(InputError, match="split: expected train or test"):
        read_annotations(tmp_path, split="val")


COCO = {
    "info": {"year": 2017},
    "images": [
        {"id": 289343, "file_name": "a.jpg", "width": 60, "height": 40},
        {"id": 61471, "file_name": "b.jpg", "width": 60, "height": 40},
        {"id": 7, "file_name": "c.jpg", "width": 60, "height": 40},
    ],
    "annotations": [
        {"id": 1768, "image_id": 289343, "category_id": 18, "bbox": [1.5, 2.25, 20.5, 10], "iscrowd": 0, "area": 2},
        {"id": 1773, "image_id": 61471, "category_id": 18, "bbox": [0, 0, 60.4, 40], "iscrowd": 0, "area": 2},
        {"id": 1774, "image_id": 289343, "category_id": 1, "bbox": [0, 0, 5, 5], "iscrowd": 1, "area": 2},
    ],
    "categories": [{"id": 18, "name": "dog"}, {"id": 1, "name": "person"}],
}


def test_coco(tmp_path):
    """Rounding is cut off at the image's side; crowds are listed, and images without annotations."""
    path = write(tmp_path, instances_json=json.dumps(COCO)) / "instances.json"
    found = read_annotations(path, classes={"dog": 200, "1": None}, verify=False)
    assert (found.format, found.ids) == ("coco", ("289343", "61471"))
    assert found.boxes.tolist() == [[1.5, 2.25, 22, 12.25], [0, 0, 60, 40]]
    assert found.class_index.tolist() == [200, 200]
    assert reasons(found) == [("289343", "crowd"), ("7", "no label")]
    assert (found.categories, found.category_class.tolist()) == (("person", "dog"), [-1, 200])


def test_a_table_with_all_its_columns_and_odd_writing(tmp_path):
    """A byte order mark, quoted names with commas and line ends, blanks, and lines that are empty."""
    text = (
        "\ufeffid, path,label,x0,y0,x1,y1,width,height,mask,ignored\r\n"
        '1,"a,1.jpg",3,0.5,1,9,9,60,40,,\r\n\r\n'
        '1,"a,1.jpg", 5 ,1,1,9,9,60,40,m.png,i.png\r\n'
        '2,"ü\n2.jpg",3,,,,,60,40,n.png,\r\n'
        "3,c.jpg,,,,,,,,,\r\n"
    )
    found = read_annotations(write(tmp_path, boxes_csv=text) / "boxes.csv", verify=False, class_count=6)
    assert found.ids == ("1", "2")
    assert found.box_class.tolist() == [3, 5]
    assert found.class_index.tolist() == [-1, 3]
    assert found.sizes.tolist() == [[40, 60], [40, 60]]
    assert found.masks == ((tmp_path / "m.png",), (tmp_path / "n.png",))
    assert found.mask_class == ((5,), (3,))
    assert found.ignored == (tmp_path / "i.png", None)
    assert reasons(found) == [("3", "no label")]


# ---- the real photos -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real(shared):
    """929 boxes of 80 categories on photos of COCO."""
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
    """What was read is written as another format has it, and read again: the same arrays."""
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


# ---- images and boxes that are left out, or refused ------------------------------------------------------------------


def table(folder, *lines):
    return write(folder, t_csv="\n".join(["path,label,x0,y0,x1,y1", *lines])) / "t.csv"


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
    with pytest.raises(InputError, match=rf"2 boxes or images aren't. strict=False .*\n.*t.csv:2: .*{message}"):
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


@pytest.mark.parametrize("name", ["../a.jpg", "/etc/passwd", "b/../../a.jpg", "a\0.jpg", ".", "b/.."])
def test_paths_do_not_lead_out_of_the_root(tmp_path, name):
    with pytest.raises(InputError, match="expected a path below the root folder"):
        read_annotations(table(tmp_path, f"{name},1,0,0,9,9"), verify=False)
    inner = read_annotations(table(tmp_path, "b/../c.jpg,1,0,0,9,9"), verify=False)
    assert os.path.normpath(inner.paths[0]) == str(tmp_path / "c.jpg")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            {"t_csv": "id,path,label,x0,y0,x1,y1\n1,a.jpg,1,0,0,9,9\n1,b.jpg,1,0,0,9,9"},
            "t.csv:3: expected one file and size for the id '1'",
        ),
        (
            {"t_csv": "id,path,label,x0,y0,x1,y1\n1,a.jpg,1,0,0,9,9\n2,./a.jpg,1,0,0,9,9"},
            "t.csv:3: expected each file once; got 'a.jpg', which is at .*:2",
        ),
        ({"t_csv": "path,label,x0,y0,x1,y1\na.jpg,1,0,0,9"}, "t.csv:2: expected 6 values, as in the header; got 5"),
        ({"t_csv": "path,label,x0,y0,x1,y1\na.jpg,1,0,0,9,x"}, "t.csv:2: y1: expected a finite number; got 'x'"),
        ({"t_csv": "path,label,x0,y0,x1,y1\na.jpg,1,0,0,9,nan"}, "expected a finite number; got 'nan'"),
        ({"t_csv": "path,label,x0,y0,x1,y1\na.jpg,1,0,0,9,"}, "t.csv:2: y1: expected a finite number; got ''"),
        ({"t_csv": 'path,label,x0,y0,x1,y1\n"a.jpg,1'}, "t.csv:2: not CSV"),
        ({"t_csv": "path,label,x0\na.jpg,1,0"}, "expected the columns path, .*without y0, x1, y1"),
        ({"t_csv": "path,path\na.jpg,1"}, "t.csv:1: expected a header of different names"),
        ({"t_csv": "path,label,x0,y0,x1,y1\n,1,0,0,9,9"}, "t.csv:2: expected a path"),
        (
            {"t_csv": "path,label,x0,y0,x1,y1\na.jpg,1,,,,\na.jpg,2,,,,"},
            "t.csv:3: expected one class of an image with a row that has neither box nor mask; got '1' and '2'",
        ),
        ({"t_csv": "path,label,x0,y0,x1,y1\na.jpg,1,,,,\na.jpg,2,0,0,9,9"}, "t.csv:2: .*; got '1' and '2'"),
        ({"t_csv": ""}, "expected a header; the file is empty"),
        ({"t_csv": "path,label,x0,y0,x1,y1\n"}, "t.csv: expected at least one image; the data set is empty"),
        ({"t_json": '{"images": [,]}'}, "t.json:1: not JSON"),
        ({"t_json": "[" * 100_000}, "t.json: not JSON of annotations"),
        ({"t_json": "[]"}, "t.json: expected COCO's JSON, .*; no images"),
        (
            {"t_json": '{"images": [{"id": 1, "file_name": "a"}, {"id": 1, "file_name": "b"}]}'},
            r"images\[1\]: expected each image id once; got 1 again",
        ),
        ({"t_json": '{"images": [{"file_name": "a"}]}'}, r"images\[0\]: expected id; it isn't there"),
        (
            {"t_json": '{"images": [{"id": 1.5, "file_name": "a"}]}'},
            r"images\[0\].id: expected a whole number of 64 bits; got '1.5'",
        ),
        ({"t_json": '{"images": [{"id": 1}]}'}, r"images\[0\]: expected a file_name; got None"),
        ({"t_json": '{"images": [], "categories": [{"id": 1}, {"id": 1}]}'}, "expected each category id once"),
        (
            {
                "t_json": '{"images": [{"id": 1, "file_name": "a"}], "categories": [], "annotations": [{"image_id": 1, "category_id": 2}]}'
            },
            r"annotations\[0\]: expected an image and a category of this file; got 1 and 2",
        ),
        (
            {
                "t_json": '{"images": [{"id": 1, "file_name": "a"}], "categories": [{"id": 2}], "annotations": [{"image_id": 1, "category_id": 2, "bbox": [1, 2, 3]}]}'
            },
            "expected a bbox of x, y, width and height",
        ),
        (
            {
                "t_json": '{"images": [{"id": 1, "file_name": "a"}], "categories": [{"id": 2}], "annotations": [{"image_id": 1, "category_id": 2, "bbox": [1, 2, NaN, 3]}]}'
            },
            "expected a finite number; got 'nan'",
        ),
        ({"t_xml": "<annotation><object>\n<name>a</object></annotation>"}, "t.xml:2: not XML .*mismatched tag"),
        ({"t_xml": ""}, "t.xml:1: not XML .*no element found"),
        ({"t_xml": "<html/>"}, "t.xml:1: expected <annotation>; got <html>"),
        ({"t_xml": VOC.replace("<xmin>48</xmin>", "")}, "t.xml:9: expected one <xmin> in <bndbox>; got 0"),
        ({"t_xml": VOC.replace("48", "wide")}, "t.xml:9: expected a finite number; got 'wide'"),
        ({"t_xml": VOC.replace("353", "353.5")}, "t.xml:5: expected a whole number"),
        ({"t_xml": "<a>" * 200}, "expected at most 100 elements in one another"),
        ({"u_txt": ""}, "expected a folder with XML files of annotations; got none"),
    ],
)
def test_files_that_are_damaged(tmp_path, files, message):
    name = next(iter(files)).replace("_", ".")
    path = write(tmp_path, **files) / name
    with pytest.raises(InputError, match=message):
        read_annotations(path if path.suffix in (".csv", ".json") else tmp_path, **FLAT)


LAUGHS = (
    '<!DOCTYPE a [<!ENTITY b "ha">'
    + "".join(f'<!ENTITY c{n} "&b;&b;">' for n in range(9))
    + "]><annotation>&c8;</annotation>"
)
OUTSIDE = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><annotation>&x;</annotation>'


@pytest.mark.parametrize("text", [LAUGHS, OUTSIDE, '<!DOCTYPE a SYSTEM "http://a.invalid/a.dtd"><annotation/>'])
def test_xml_has_no_entities(tmp_path, text):
    with pytest.raises(InputError, match="t.xml:1: expected XML without a document type .*; refused"):
        read_annotations(write(tmp_path, t_xml=text), **FLAT)
    with pytest.raises(InputError, match=r"t.xml:1: not XML \(undefined entity"):
        read_annotations(write(tmp_path, t_xml="<annotation>&x;</annotation>"), **FLAT)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            "image_ids.txt",
            "val/1.jpg\nval/1.jpg\n",
            "image_ids.txt:2: expected each image id once; got 'val/1.jpg' again",
        ),
        (
            "class_labels.txt",
            "val/9.jpg,1\n",
            "class_labels.txt:1: expected an id of image_ids.txt and 1 values; got 'val/9.jpg,1'",
        ),
        ("class_labels.txt", "val/1.jpg,1\nval/1.jpg,2\n", "expected one class an image; got 1 and 2"),
        ("class_labels.txt", "val/1.jpg,1000\n", "classes: expected 0 to 999, a class of the model; got 1000"),
        ("image_sizes.txt", "val/1.jpg,500\n", "image_sizes.txt:1: expected an id of image_ids.txt and 2 values"),
        (
            "localization.txt",
            "val/1.jpg,1,2,3\n",
            "localization.txt:1: expected an id of image_ids.txt and 4 or 2 values",
        ),
        ("localization.txt", "val/1.jpg,a.png,i.png\nval/1.jpg,b.png,j.png\n", "expected one mask of what to ignore"),
    ],
)
def test_metadata_that_is_damaged(tmp_path, name, text, message):
    (wsol(tmp_path) / name).write_text(text)
    with pytest.raises(InputError, match=message):
        read_annotations(tmp_path, verify=False, class_count=1000)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("images.txt", "1 a.jpg\n1 b.jpg\n", "images.txt:2: expected each number once; got 1 again"),
        ("images.txt", "one a.jpg\n", "images.txt:1: expected a number and 1 values"),
        ("bounding_boxes.txt", "1 2 3 4\n", "bounding_boxes.txt:1: expected a number and 4 values"),
        ("bounding_boxes.txt", "9 1 2 3 4\n", "expected an image of images.txt; got '9' in bounding_boxes.txt"),
        ("image_class_labels.txt", "1 x\n", "image_class_labels.txt:1: expected a finite number; got 'x'"),
    ],
)
def test_birds_that_are_damaged(tmp_path, name, text, message):
    (write(tmp_path, **CUB) / name).write_text(text)
    with pytest.raises(InputError, match=message):
        read_annotations(tmp_path, verify=False)


# ---- categories and classes ------------------------------------------------------------------------------------------

ANIMALS = ("a.jpg,cat,0,0,9,9", "b.jpg,Guinea-Pig,0,0,9,9", "b.jpg,cat,0,0,9,9", "c.jpg,unicorn,0,0,9,9")


def test_a_category_that_the_model_lacks(tmp_path):
    """An error that says so; or listed, or left out on purpose."""
    path, names = table(tmp_path, *ANIMALS), ["dog", "guinea_pig", "CAT"]
    with pytest.raises(
        InputError, match="1 boxes or images aren't.*\n.*t.csv:5: the model has no class for the category 'unicorn'"
    ):
        read_annotations(path, classes=names, verify=False)
    found = read_annotations(path, classes=names, verify=False, strict=False)
    assert found.box_class.tolist() == [2, 1, 2]
    assert reasons(found) == [("c.jpg", "class"), ("c.jpg", "no box")]
    assert found.absent_classes(3).tolist() == [0]
    mapping = {"cat": 2, "Guinea-Pig": 2, "unicorn": None}
    found = read_annotations(path, classes=mapping, verify=False)
    assert found.class_index.tolist() == [2, 2]
    assert reasons(found) == [("c.jpg", "no class"), ("c.jpg", "no box")]
    write(tmp_path, map_json=json.dumps(mapping), map_csv="category,class\ncat,2\nGuinea-Pig,2\nunicorn,\n")
    for name in ("map.json", "map.csv"):
        again = read_annotations(path, classes=tmp_path / name, verify=False, class_count=3)
        np.testing.assert_array_equal(again.box_class, found.box_class)


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (
            None,
            "classes: expected which class of the model each category is: .*got None, .*Its categories: Guinea-Pig, cat, unicorn",
        ),
        ({"cat": 3}, "classes: expected 0 to 2, a class of the model; got 3 for the category 'cat'"),
        ({"cat": [1, 2]}, r"classes: expected one class index for 'cat', or None; got \[1, 2\]"),
        (["CAT", "Cat", "dog"], r"classes: 'cat' is the name of classes \[0, 1\]; give a mapping"),
        ("nothing.json", "nothing.json: can't be read"),
        ("imagenet", "the model has no class for the category"),
    ],
)
def test_classes_that_do_not_fit(tmp_path, classes, message):
    count = 1000 if classes == "imagenet" else 3
    with pytest.raises(InputError, match=message):
        read_annotations(table(tmp_path, *ANIMALS), classes=classes, class_count=count, verify=False)


@pytest.mark.parametrize("digits", [19, 5000])
def test_numbers_that_are_too_long(tmp_path, digits):
    """They are names, as in the file; in CUB and COCO, which have numbers alone, they are refused."""
    label = "9" * digits
    place = table(tmp_path, f"a.jpg,{label},0,0,9,9")
    assert read_annotations(place, classes="order", verify=False).categories == (label,)
    with pytest.raises(InputError, match="and the data doesn't say. Its categories: 9{19,40}$"):
        read_annotations(place, verify=False)
    with pytest.raises(InputError, match=r"(expected a whole number of 64 bits|a finite number); got '9"):
        read_annotations(place, classes=write(tmp_path, c_csv=f"category,class\n1,{label}") / "c.csv", verify=False)


def test_ids_beyond_what_a_float_holds(tmp_path):
    """Two that are the same in float64."""
    first, second = 2**53, 2**53 + 1
    images = [{"id": one, "file_name": f"{one}.jpg"} for one in (first, second)]
    boxes = [{"image_id": one, "category_id": 1, "bbox": [one - first, 0, 9, 9]} for one in (first, second)]
    text = json.dumps({"images": images, "annotations": boxes, "categories": [{"id": 1, "name": "cat"}]})
    found = read_annotations(write(tmp_path, t_json=text) / "t.json", classes="order", verify=False)
    assert found.ids == (str(first), str(second))
    assert found.boxes[:, 0].tolist() == [0, 1]


def test_masks_have_classes(tmp_path):
    """That of their row; a file that can't be read is listed at once."""
    photo(tmp_path, "a.jpg", "m.png", "n.png", "b.jpg")
    (tmp_path / "bad.png").write_bytes(b"nothing")
    lines = ("a.jpg,2,0,0,9,9,m.png", "a.jpg,1,,,,,n.png", "b.jpg,1,0,0,9,9,bad.png", "c.jpg,,1,1,9,9,m.png")
    (tmp_path / "t.csv").write_text("\n".join(("path,label,x0,y0,x1,y1,mask", *lines)), encoding="utf-8")
    found = read_annotations(tmp_path / "t.csv")
    assert found.masks == ((tmp_path / "m.png", tmp_path / "n.png"),)
    assert found.mask_class == ((2, 1),)
    assert found.class_index.tolist() == [-1]
    assert reasons(found) == [("b.jpg", "unreadable"), ("c.jpg", "no label")]
    assert found.take([0]).mask_class == found.mask_class


def test_names_that_differ_in_capitals_only(tmp_path):
    """ImageNet has the dog Cardigan and the garment cardigan."""
    lines = ("a.jpg,cardigan,0,0,9,9", "b.jpg,Cardigan,0,0,9,9", "c.jpg,n02963159,0,0,9,9", "d.jpg,Tiger_Cat,0,0,9,9")
    found = read_annotations(table(tmp_path, *lines), classes="imagenet", verify=False)
    assert dict(zip(found.ids, found.class_index.tolist(), strict=True)) == {
        "a.jpg": 474,
        "b.jpg": 264,
        "c.jpg": 474,
        "d.jpg": 282,
    }
    with pytest.raises(InputError, match=r"classes: 'CARDIGAN' is the name of classes \[264, 474\]"):
        read_annotations(table(tmp_path, "a.jpg,CARDIGAN,0,0,9,9"), classes="imagenet", verify=False)


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
    ],
)
def test_options_that_do_not_fit(tmp_path, options, message):
    with pytest.raises(InputError, match=message):
        read_annotations(table(tmp_path, *ANIMALS), **options)
    with pytest.raises(InputError, match="nothing: no such file or folder"):
        read_annotations(tmp_path / "nothing")
    (tmp_path / "a.bin").touch()
    with pytest.raises(InputError, match=r"a.bin: expected a .json or .csv file or a folder; give format="):
        read_annotations(tmp_path / "a.bin")
