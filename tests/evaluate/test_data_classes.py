"""The class of a model that each category of a data set is."""

import json
import re

import numpy as np
import pytest

from fastcam import InputError
from fastcam.evaluate import read_annotations
from tests.evaluate.annotations import ANIMALS, photo, reasons, table, write, wsol


def test_a_category_that_the_model_lacks(tmp_path):
    """An error that says so; or listed, or left out on purpose."""
    path, names = table(tmp_path, *ANIMALS), ["dog", "guinea_pig", "CAT"]
    with pytest.raises(
        InputError, match="problems: class 1. .*\n.*t.csv:5: the model has no class for the category 'unicorn'"
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


def test_a_category_without_a_class_is_told_once_an_image(tmp_path):
    """A category is found by its name, whatever the data calls it; an error names all of them, and counts their images."""
    images = [{"id": n, "file_name": f"{n}.jpg"} for n in range(3)]
    boxes = [
        {"image_id": n, "category_id": key, "bbox": [k, 0, 9, 9]} for n in (0, 1) for key in (5, 9) for k in (0, 1)
    ]
    boxes += [{"image_id": n, "category_id": 5, "bbox": [0, 0, 9, 9]} for n in (2, 2)]
    categories = [{"id": 5, "name": "bowl"}, {"id": 9, "name": "spork"}]
    text = json.dumps({"images": images, "annotations": boxes, "categories": categories})
    path = write(tmp_path, t_json=text) / "t.json"
    with pytest.raises(
        InputError, match=r"problems: class 5\. (.*\n)+.*\(and in how many images\): bowl \(3\), spork \(2\)$"
    ):
        read_annotations(path, classes={}, verify=False)
    found = read_annotations(path, classes=["spork"], verify=False, strict=False)
    assert reasons(found) == [("0", "class"), ("1", "class"), ("2", "class"), ("2", "no box")]
    words = r"t.json: annotations\[0\]: the model has no class for the category 'bowl'$"
    assert re.search(words, found.problems[0].detail)
    assert found.boxes.tolist() == [[0, 0, 9, 9], [1, 0, 10, 9]] * 2


def test_class_numbers_of_the_data_that_the_model_lacks(tmp_path):
    """Categories without a class are an error with its line, or left out; in a mapping they are always errors."""
    path = table(tmp_path, "a.jpg,999,0,0,9,9", "b.jpg,1000,0,0,9,9", "c.jpg,1000,,,,", "a.jpg,1000,0,0,9,9")
    with pytest.raises(InputError, match=r"problems: class 3\. .*\n.*t.csv:5: the model has no class for .* '1000'"):
        read_annotations(path, class_count=1000, verify=False)
    found = read_annotations(path, class_count=1000, verify=False, strict=False)
    assert (found.ids, found.box_class.tolist(), found.category_class.tolist()) == (("a.jpg",), [999], [999, -1])
    assert reasons(found) == [("a.jpg", "class"), ("b.jpg", "class"), ("b.jpg", "no box"), ("c.jpg", "class")]
    assert "t.csv:4: the model has no class" in found.problems[3].detail
    with pytest.raises(InputError, match="classes: expected 0 to 999, a class of the model; got 1000"):
        read_annotations(path, classes={"999": 1, "1000": 1000}, class_count=1000, verify=False, strict=False)
    with pytest.raises(InputError, match="class_labels.txt:1: the model has no class for the category '-1'"):
        read_annotations(write(wsol(tmp_path), class_labels_txt="val/1.jpg,-1\n"), verify=False)


def test_names_of_a_mapping_that_no_category_has(tmp_path):
    """Listed once, since it may be the mapping of a larger set; a category is known by its id or by its name."""
    path = table(tmp_path, *ANIMALS)
    found = read_annotations(
        path, classes={"cat": 1, "Guinea-Pig": 2, "unicorn": None, "zebrra": 3, "ox": None}, verify=False
    )
    assert reasons(found) == [("c.jpg", "no class"), ("c.jpg", "no box"), ("", "unused")]
    assert found.problems[-1].detail == "classes: no category of the data is called 'zebrra', 'ox'"
    assert "zebrra" not in found.categories


@pytest.mark.parametrize("name", ["map.json", "map.csv", None])
def test_a_mapping_says_each_category_once(tmp_path, name):
    write(tmp_path, map_json='{"cat": 1, "dog": 0,\n "cat": 2}', map_csv="category,class\ncat,1\ncat,2\n")
    classes = tmp_path / name if name else {"1": 1, 1: 2}
    with pytest.raises(InputError, match="expected each category once; got '(cat|1)' again"):
        read_annotations(table(tmp_path, *ANIMALS), classes=classes, verify=False)


@pytest.mark.parametrize("digits", [19, 5000])
def test_numbers_that_are_too_long(tmp_path, digits):
    """Classes are names, as in the file; in CUB and COCO, which have numbers alone, names are refused."""
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
    """A mask has the class of its row; a file that can't be read is listed at once."""
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
