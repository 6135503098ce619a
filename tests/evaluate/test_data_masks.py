"""Masks of annotated photos: whose they are, what in them is the object, and which are listed or refused."""

import re

import numpy as np
import pytest
from PIL import Image

from fastcam import InputError
from fastcam.evaluate import Protocol, evaluate, read_annotations
from fastcam.evaluate.data.masks import read_mask
from tests.evaluate.annotations import photo, reasons

pytestmark = pytest.mark.usefixtures("few_resamples")

HEADER = "path,label,x0,y0,x1,y1,mask,ignored"


def masked(folder, *lines):
    """The path of a table with masks."""
    (folder / "t.csv").write_text("\n".join((HEADER, *lines)), encoding="utf-8")
    return folder / "t.csv"


def mask(path, size=(60, 40), mode="L", value: int | tuple[int, ...] = 0):
    Image.new(mode, size, value).save(path)


def test_two_classes_share_a_mask(tmp_path, model_and_data):
    """Each has it, and figures are of both; the same row twice is the same mask."""
    photo(tmp_path, "a.png")
    mask(tmp_path / "m.png", value=1)
    rows = ("a.png,3,0,0,9,9,m.png,", "a.png,5,,,,,m.png,", "a.png,5,1,1,9,9,m.png,")
    data = read_annotations(masked(tmp_path, *rows))
    assert data.masks == ((tmp_path / "m.png",) * 2,)
    assert data.mask_class == ((3, 5),)
    asked = Protocol(metrics=("px_ap",), thresholds=10)
    found = evaluate(model_and_data[0], data, tmp_path / "out", protocol=asked)
    assert found["rows"][0]["metrics"]["px_ap"]["images"] == 2


def test_one_mask_of_what_to_ignore(tmp_path):
    rows = ("a.png,3,0,0,9,9,m.png,i.png", "a.png,3,,,,,n.png,i.png", "a.png,3,1,1,9,9,,")
    found = read_annotations(masked(tmp_path, *rows), verify=False)
    assert found.ignored == (tmp_path / "i.png",)
    with pytest.raises(InputError, match="t.csv:5: expected one mask of what to ignore; got 'j.png' for 'a.png', and"):
        read_annotations(masked(tmp_path, *rows, "a.png,3,,,,,m.png,j.png"), verify=False)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_masks_with_an_alpha_channel(tmp_path, mode):
    """Opaque ones too, as nobody can tell where the object is."""
    photo(tmp_path, "a.png", "b.png")
    mask(tmp_path / "m.png", mode=mode, value=(0,) * (len(mode) - 1) + (255,))
    mask(tmp_path / "n.png", mode="RGB", value=(0, 9, 0))
    found = read_annotations(masked(tmp_path, "a.png,3,0,0,9,9,m.png,", "b.png,3,0,0,9,9,n.png,"))
    assert reasons(found) == [("a.png", "unreadable")]
    words = f"m.png: expected a mask without an alpha channel, .*; got {mode}. Save it in grey, 0 where"
    assert re.search(f"t.csv:2: .*{words}", found.problems[0].detail)
    for files, ignored in (([tmp_path / "m.png"], None), ([], tmp_path / "m.png")):
        with pytest.raises(InputError, match=words):
            read_mask(files, ignored, (40, 60))
    assert read_mask([tmp_path / "n.png"], None, (40, 60)).all()


@pytest.mark.parametrize(
    ("size", "ok"),
    [((60, 40), True), ((30, 20), True), ((1200, 806), True), ((20, 14), True), ((40, 60), False), ((60, 43), False)],
)
@pytest.mark.parametrize("column", ["m.png,", "o.png,m.png"])
def test_masks_have_the_proportions_of_their_photo(tmp_path, size, ok, column):
    """Sizes agree to 1 % or a pixel; masks are of photos as they are shown."""
    exif = Image.Exif()
    exif[0x0112] = 8
    Image.new("RGB", (40, 60)).save(tmp_path / "a.jpg", exif=exif)
    photo(tmp_path, "b.jpg")
    mask(tmp_path / "m.png", size=size)
    mask(tmp_path / "o.png")
    path = masked(tmp_path, f"a.jpg,3,0,0,9,9,{column}", "b.jpg,3,0,0,9,9,,")
    if ok:
        assert read_annotations(path).ids == ("a.jpg", "b.jpg")
        return
    expected = f"expected a mask of 60×40 pixels, or scaled from that; .*m.png has {size[0]}×{size[1]}"
    with pytest.raises(InputError, match=f"problems: size 1. .*\n.*t.csv:2: {expected}"):
        read_annotations(path)
    assert reasons(read_annotations(path, strict=False)) == [("a.jpg", "size")]
    assert len(read_annotations(path, verify=False)) == 2


def test_a_mask_without_any_object_counts_as_background(tmp_path, model_and_data):
    """Pixels of all images are added up, as in the code of Choe et al. 2020."""
    rng = np.random.default_rng(5)
    for name in ("a.png", "b.png"):
        Image.fromarray(rng.integers(0, 256, (32, 32, 3), np.uint8)).save(tmp_path / name)
    mask(tmp_path / "all.png", (32, 32), value=1)
    mask(tmp_path / "none.png", (32, 32))
    data = read_annotations(masked(tmp_path, "a.png,3,,,,,all.png,", "b.png,3,,,,,none.png,"))
    asked = Protocol(metrics=("px_ap",), thresholds=10)
    found = evaluate(model_and_data[0], data, tmp_path / "out", protocol=asked)
    pixels = found["rows"][0]["metrics"]["px_ap"]
    assert (pixels["images"], pixels["object_pixels"], pixels["background_pixels"]) == (2, 1024, 1024)
