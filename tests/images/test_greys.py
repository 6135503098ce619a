"""Greys of more than 8 bits a pixel: a window of levels, or 16 bits that are filled; never black by accident."""

import io
import json
import struct
import zlib

import numpy as np
import pytest
from PIL import Image
from tifffile import imwrite

import fastcam
from fastcam import InputError, overlay
from fastcam.cli import main
from fastcam.evaluate import Protocol, evaluate, read_annotations
from fastcam.images.photos import decode_photo, photo_pixels, read_photo
from fastcam.images.preprocessing import preprocess
from tests.model.models import classifier, red_finder

RAMP = np.linspace(0, 4095, 40 * 60).reshape(40, 60).astype(np.uint16)
GREYS = np.rint(RAMP / 4095 * 255).astype(np.uint8)


def png(values):
    """Return a 16-bit PNG of (H, W, channels), which Pillow can't write."""
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[values.shape[2]]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", values.shape[1], values.shape[0], 16, kind, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@pytest.fixture(params=["png", "tiff", "int16", "int32", "float", "array", "image"])
def twelve_bits(request, tmp_path):
    """One picture in every form with more than 8 bits."""
    kinds = {"int16": np.int32, "int32": np.int32, "float": np.float32}
    values = RAMP.astype(kinds.get(request.param, np.uint16))
    if request.param == "array":
        return values
    if request.param == "image":
        return Image.fromarray(values)
    path = tmp_path / f"scan.{'png' if request.param == 'png' else 'tif'}"
    if request.param == "int16":
        imwrite(path, RAMP.astype(np.int16))
    else:
        Image.fromarray(values).save(path)
    return path


def test_twelve_bits_need_levels_and_are_seen_in_them(twelve_bits):
    with pytest.raises(InputError, match=r"Give levels=\(low, high\) in preprocess, .*levels=0/4095"):
        read_photo(twelve_bits)
    np.testing.assert_array_equal(np.asarray(read_photo(twelve_bits, (0, 4095)))[..., 1], GREYS)
    window = np.rint(255 * np.clip((RAMP - 1000.0) / 500, 0, 1))
    np.testing.assert_array_equal(photo_pixels(twelve_bits, (1000, 1500))[..., 0], window)


def test_the_network_and_the_overlay_see_the_same_picture(twelve_bits):
    model = fastcam.load(red_finder(40, 60), preprocess="unit,fit=stretch,levels=0/4095")
    explanation = model.explain(twelve_bits, class_index=0)
    np.testing.assert_allclose(explanation.activation_maps[0, 0], GREYS / np.float32(255), atol=1e-6)
    assert explanation.levels == (0, 4095)
    plain = np.stack([GREYS] * 3, axis=-1)
    expected = overlay(plain, model.explain(plain, class_index=0))
    np.testing.assert_array_equal(overlay(twelve_bits, explanation), expected)
    np.testing.assert_array_equal(photo_pixels(plain, (0, 4095)), plain)  # of 8 bits, they stay


@pytest.mark.parametrize(
    ("values", "match"),
    [
        (np.full((4, 4), 4095, np.uint16), "values 4095 to 4095, which leave 16 bits unfilled: those of 12 bits"),
        (np.full((4, 4), 16383, np.uint16), "those of 14 bits, or dark.*levels=0/16383"),
        (np.full((4, 4), 32767, np.uint16), "those of 15 bits"),
        (np.zeros((4, 4), np.uint16), "whose range isn't known.*levels=0/255"),
        (
            np.array([[-1024, 3000]], np.int16),
            "got int16 values -1024 to 3000, whose range isn't known.*levels=-1024/3000",
        ),
        (np.array([[0, 70000]], np.uint32), "got uint32 values 0 to 70000"),
        (
            np.array([[0, 1.5]], np.float32),
            r"expected floats in \[0, 1\]; got 0 to 1.5. Divide them by 255, or give levels",
        ),
        (
            np.array([[-1, 1]], np.float32),
            r"expected floats in \[0, 1\]; got -1 to 1. Scale them, or give levels=.*-1.*1",
        ),
        (np.array([[0, np.nan]], np.float32), "expected finite values"),
    ],
)
def test_ranges_that_are_not_known_are_refused(values, match):
    with pytest.raises(InputError, match=match):
        read_photo(values)


def test_filled_sixteen_bits_need_no_levels():
    values = np.array([[0, 256, 32767, 32768, 65535]], np.uint16)
    assert np.asarray(read_photo(values))[0, :, 0].tolist() == [0, 1, 127, 128, 255]
    np.testing.assert_array_equal(read_photo(values), read_photo(values, (0, 65535)))


@pytest.mark.parametrize("channels", [2, 3, 4])
def test_colours_of_sixteen_bits_are_looked_at_as_well(channels):
    dark, filled = (np.full((5, 6, channels), value, np.uint16) for value in (4095, 65535))
    with pytest.raises(InputError, match=r"scan\.png: expected 8 bits a channel.*colours below 4096"):
        decode_photo(png(dark), "scan.png", (0, 4095))
    assert np.asarray(decode_photo(png(filled))).min() == 255
    assert np.asarray(decode_photo(png(RAMP[..., None]), levels=(0, 4095)))[-1, -1].tolist() == [255] * 3


def colors(value, depth, kind):
    """Return a file's bytes: 5×6 pixels of one grey, as colours of `depth` bits."""
    values = np.full((5, 6, 3), value, np.uint8 if depth == 8 else np.uint16)
    file = io.BytesIO()
    if kind == "tif":
        imwrite(file, values, photometric="rgb")
    elif kind == "ppm":
        file.write(b"P6 6 5 %d\n" % (2**depth - 1) + values.astype(f">u{depth // 8}").tobytes())
    elif kind == "sgi":  # Pillow writes zeros for the lower 8 bits
        Image.fromarray((values >> (depth - 8)).astype(np.uint8)).save(file, "SGI", bpc=depth // 8)
    elif depth == 16:
        file.write(png(values))
    else:
        Image.fromarray(values).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize("kind", ["png", "tif", "sgi", "ppm"])
@pytest.mark.parametrize("is_decoded", [False, True])
def test_colours_of_a_file_that_pillow_opened_are_looked_at(tmp_path, kind, is_decoded):
    for depth, value, seen in ((16, 4095, None), (16, 65535, 255), (8, 15, 15), (8, 0, 0)):
        path = tmp_path / f"{depth}-{value}.{kind}"
        path.write_bytes(colors(value, depth, kind))
        with Image.open(path) as image:
            if is_decoded:
                image.load()
            if seen is None:
                with pytest.raises(InputError, match=r"image: expected 8 bits a channel.*colours below 4\d{3}"):
                    read_photo(image)
            else:
                assert np.asarray(read_photo(image)).max() == seen


def test_colours_whose_file_is_not_known_any_more_are_taken_as_they_are(tmp_path):
    """Pillow keeps 8 of 16 bits, which look like any dark photo; a TIFF keeps its tags."""
    with Image.open(io.BytesIO(colors(4095, 16, "png"))) as image:
        image.load()
        assert np.asarray(read_photo(image)).max() == 15
    with Image.open(io.BytesIO(colors(4095, 16, "tif"))) as image:
        assert np.asarray(read_photo(image.copy())).max() == 15
        with pytest.raises(InputError, match="expected 8 bits a channel"):
            read_photo(image)


def test_sixteen_bits_a_pixel_are_not_sixteen_a_colour(tmp_path):
    """A bitmap of 5, 6 and 5 bits."""
    pixels = np.full((8, 8), 0x2104, "<u2").tobytes()
    head = struct.pack("<IiiHHIIiiII3I", 40, 8, 8, 1, 16, 3, len(pixels), 0, 0, 0, 0, 0xF800, 0x7E0, 0x1F)
    data = b"BM" + struct.pack("<IHHI", 66 + len(pixels), 0, 0, 66) + head + pixels
    assert 16 < np.asarray(decode_photo(data)).max() < 64


def test_levels_as_texts_and_values():
    assert preprocess("imagenet,levels=-160/240").levels == (-160, 240)
    assert preprocess({"levels": [0, 4095]}).describe() == "levels=(0.0, 4095.0)"
    for levels in ((1,), (2, 2), (3, 1), (0, 1, 2)):
        with pytest.raises(InputError, match=r"preprocess: levels: expected \(low, high\), low < high"):
            preprocess({"levels": levels})


def test_commands_and_evaluation_see_the_window(tmp_path, capsys):
    (tmp_path / "model.onnx").write_bytes(classifier())
    Image.fromarray(RAMP).save(tmp_path / "scan.png")
    command = ["explain", str(tmp_path / "model.onnx"), str(tmp_path / "scan.png"), "-o", str(tmp_path / "out")]
    assert main(command) == 2
    assert "--preprocess levels=0/4095" in capsys.readouterr().err
    assert main([*command, "--preprocess", "unit,levels=0/4095"]) == 0
    assert json.loads((tmp_path / "out" / "results.json").read_text())["model"]["preprocess"]["specification"][
        "levels"
    ] == [0, 4095]
    model = fastcam.load(tmp_path / "model.onnx", preprocess="unit,fit=stretch,levels=0/4095")
    expected = overlay(
        np.stack([GREYS] * 3, -1),
        fastcam.load(classifier(), preprocess="unit").explain(read_photo(RAMP, (0, 4095))),
        scale=8,
    )
    with Image.open(tmp_path / "out" / "scan-overlay.png") as picture:
        np.testing.assert_array_equal(np.asarray(picture), expected)
    (tmp_path / "t.csv").write_text("path,label,x0,y0,x1,y1\nscan.png,b,5,5,30,30\n", encoding="utf-8")
    data = read_annotations(tmp_path / "t.csv", classes=list("abcde"))
    evaluate(model, data, tmp_path / "eval", protocol=Protocol(metrics=("pointing",), top=1))
    results = json.loads((tmp_path / "eval" / "results.json").read_text(encoding="utf-8"))
    assert "levels=(0.0, 4095.0)" in results["models"][0]["preprocess"]
    other = fastcam.load(tmp_path / "model.onnx", preprocess="unit,fit=stretch,levels=0/255")
    with pytest.raises(InputError, match="models: expected the same levels in the preprocessing of all"):
        evaluate({"a": model, "b": other}, data, tmp_path / "both")
