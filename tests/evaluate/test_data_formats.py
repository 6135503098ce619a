"""Formats of annotations, by their documented examples."""

import json

import pytest

from fastcam import InputError
from fastcam.evaluate import read_annotations
from tests.evaluate.annotations import CUB, VOC, photo, reasons, write, wsol


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


def test_what_is_difficult_in_voc(tmp_path):
    """PASCAL's own evaluation leaves it out; as ILSVRC's files are read, they have the same mark."""
    lines = VOC.replace("<name>person</name>", "<name>person</name><difficult>1</difficult>")
    found = read_annotations(write(tmp_path, t_xml=lines), classes=["dog"], verify=False)
    assert (reasons(found), found.box_class.tolist()) == ([("t", "difficult")], [0])
    assert found.problems[0].detail.endswith("t.xml:11: an object that is marked as difficult")
    write(tmp_path, t_xml=lines.replace("<difficult>0", "<difficult>1"))
    with pytest.raises(InputError, match=r"none is left \(difficult: 2, no box: 1; .*t.xml:7"):
        read_annotations(tmp_path, classes="order", verify=False)


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
    from fastcam.classifier.labels import read_labels

    return read_labels("imagenet", 1000)


def test_wordnet_ids_stand_in_the_order_of_the_classes(shared):
    from importlib.resources import files

    ours = (files("fastcam.data") / "imagenet_wnids.txt").read_text(encoding="ascii").split()
    assert ours == sorted(ours) == (shared / "labels" / "imagenet_wnids.txt").read_text().split()


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
