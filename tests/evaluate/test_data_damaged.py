"""Annotations that are damaged: each says where, and what was expected there."""

import time

import pytest

from fastcam import InputError
from fastcam.evaluate import read_annotations
from tests.evaluate.annotations import CUB, VOC, write, wsol

FLAT = {"verify": False, "classes": "order"}


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
        (
            {"t_csv": "Path,LABEL,x0,y0,x1,y1\na.jpg,1,0,0,9,9"},
            "without path, label. Where .* say so: columns={'path': 'Path', 'label': 'LABEL'}$",
        ),
        (
            {"t_csv": "file,label,x0,y0,x1,y1\na.jpg,1,0,0,9,9"},
            "without path. Where they are called otherwise, say so: columns={'path': '...'}$",
        ),
        (
            {"t_csv": "path;label;x0;y0;x1;y1\na.jpg;1;0,5;0;9;9"},
            "t.csv:1: expected commas between values; got 'path;label;x0;",
        ),
        ({"t_csv": "path\tlabel\na.jpg\t1"}, "t.csv:1: expected commas between values; got 'path.tlabel'"),
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


@pytest.mark.parametrize("name", ["x" * 300, "y/" * 3000, "a\0b"])
def test_names_that_no_file_can_have(tmp_path, name):
    """Paths of photos and masks count as missing files; paths of annotations are refused."""
    rows = "path,label,x0,y0,x1,y1,mask\n"
    for row in (f"{name},1,1,1,4,4,\n", f"t.csv,1,1,1,4,4,{name}\n"):
        write(tmp_path, t_csv=rows + row)
        with pytest.raises(InputError, match="missing|no such file|expected a path below"):
            read_annotations(tmp_path / "t.csv", class_count=5)
    (tmp_path / "voc").mkdir()
    write(tmp_path / "voc", t_xml=VOC)
    voc = tmp_path / "voc"
    for options in ({"path": name}, {"path": tmp_path / name}, {"root": name}, {"path": voc, "split": name}):
        with pytest.raises(InputError, match="x{300}|y/y|a.b"):
            read_annotations(**({"path": tmp_path / "t.csv", "class_count": 5} | options))


@pytest.mark.parametrize("encoding", ["klingon", "zlib", "utf-7", "undefined", "idna", "big5", "x" * 300])
def test_xml_of_unknown_encodings(tmp_path, encoding):
    text = f'<?xml version="1.0" encoding="{encoding}"?>{VOC}'
    with pytest.raises(InputError, match=r"t\.xml:1: not XML \("):
        read_annotations(write(tmp_path, t_xml=text), **FLAT)


def test_xml_of_too_many_elements_or_texts(tmp_path):
    many = "<annotation>" + "<a/>" * 200_000 + "</annotation>"
    with pytest.raises(InputError, match=r"t\.xml:1: expected XML of one image, at most 100000 elements"):
        read_annotations(write(tmp_path, t_xml=many), **FLAT)
    began = time.process_time()
    texts = "<annotation>" + ("z" * 100 + "<a/>") * 99_000 + "</annotation>"
    with pytest.raises(InputError):
        read_annotations(write(tmp_path, t_xml=texts), **FLAT)
    assert time.process_time() - began < 5  # and not the square of it


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
        ("class_labels.txt", "val/1.jpg,1000\n", "class_labels.txt:1: the model has no class for the category '1000'"),
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
