"""Photos as they come: orientation, transparency, depth; broken and hostile files."""

import io
import os

import numpy as np
import pytest
from PIL import Image

from fastcam import InputError
from fastcam.images.photos import decode_photo, read_photo


def saved(tmp_path, image, name, **options):
    image.save(tmp_path / name, **options)
    return tmp_path / name


def ramp(mode="RGB", size=(30, 20)):
    values = np.linspace(0, 255, size[0] * size[1]).reshape(size[1], size[0]).astype(np.uint8)
    return Image.fromarray(values).convert(mode)


def test_exif_orientation_is_honoured(tmp_path):
    upright = np.zeros((20, 30, 3), np.uint8)
    upright[:10, :15] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera lay on its side: rotate by 90 degrees clockwise to see it upright
    path = saved(tmp_path, Image.fromarray(np.rot90(upright)), "side.png", exif=exif)
    np.testing.assert_array_equal(np.asarray(read_photo(path)), upright)


@pytest.mark.parametrize("name", ["photo.png", "photo.bmp", "photo.tiff", "photo.gif", "photo.webp", "photo.jpg"])
def test_a_file_and_its_bytes_are_the_same_photo(tmp_path, name):
    path = saved(tmp_path, ramp("L"), name)
    np.testing.assert_array_equal(np.asarray(decode_photo(path.read_bytes())), np.asarray(read_photo(path)))


def test_bytes_from_elsewhere_are_not_handed_to_other_programs():
    page = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\n%%EOF\n"
    with Image.open(io.BytesIO(page)) as image:
        assert image.format == "EPS"  # which Pillow would decode by way of Ghostscript
    with pytest.raises(InputError, match=r"page\.eps: not an image that Pillow can read"):
        decode_photo(page, "page.eps")


@pytest.mark.parametrize("mode", ["L", "1", "P", "CMYK", "YCbCr", "RGB"])
def test_modes_without_transparency(mode):
    image = ramp(mode)
    np.testing.assert_array_equal(np.asarray(read_photo(image)), np.asarray(image.convert("RGB")))


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA", "RGBa", "P"])
def test_transparency_of_large_pictures(mode):
    """Pictures are converted in strips, without seams."""
    values = np.random.default_rng(0).integers(0, 256, (700, 30, 4), dtype=np.uint8)
    image = Image.fromarray(values).convert(mode)
    if mode == "P":
        image.info["transparency"] = bytes(range(256))
    white = Image.new("RGBA", image.size, "white")
    expected = Image.alpha_composite(white, image.convert("RGBA")).convert("RGB")
    np.testing.assert_array_equal(np.asarray(read_photo(image)), np.asarray(expected))


@pytest.mark.parametrize("mode", ["RGBA", "LA", "RGBa"])
def test_transparency_lies_on_white(mode):
    image = Image.new("RGBA", (4, 4), (10, 20, 30, 0))
    image.putpixel((0, 0), (10, 10, 10, 255))
    pixels = np.asarray(read_photo(image.convert(mode)))
    assert pixels[0, 0].max() < 20
    assert (pixels[1:] == 255).all()


def test_a_transparent_palette_colour_lies_on_white(tmp_path):
    image = Image.fromarray(np.array([[0, 1]], np.uint8), mode=None)
    image = image.convert("P")
    image.putpalette([0, 0, 0, 200, 100, 50])
    path = saved(tmp_path, image, "palette.png", transparency=0)
    np.testing.assert_array_equal(np.asarray(read_photo(path)), [[[255, 255, 255], [200, 100, 50]]])


def test_sixteen_bits_become_eight_without_clipping(tmp_path):
    values = np.array([[0, 256, 32768, 65535]], np.uint16)
    path = saved(tmp_path, Image.fromarray(values), "deep.png")
    np.testing.assert_array_equal(np.asarray(read_photo(path))[0, :, 0], [0, 1, 128, 255])


def test_floating_point_images_are_refused(tmp_path):
    path = saved(tmp_path, Image.fromarray(np.zeros((4, 4), np.float32)), "float.tif")
    with pytest.raises(InputError, match=r"expected 8 or 16 bits a pixel; got floating point"):
        read_photo(path)
    with pytest.raises(InputError, match="expected 8 or 16 bits a pixel; got int32 values 0 to 70000"):
        read_photo(Image.fromarray(np.array([[0, 70000]], np.int32)))
    with pytest.raises(InputError, match="whose range isn't known"):
        read_photo(ramp().convert("I"))


@pytest.mark.parametrize(("kind", "keep"), [("JPEG", 0.5), ("PNG", 0.5), ("PNG", 0.99), ("GIF", 0.3), ("WEBP", 0.5)])
def test_truncated_files(tmp_path, kind, keep):
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(buffer, kind)
    path = tmp_path / "cut"
    path.write_bytes(buffer.getvalue()[: int(len(buffer.getvalue()) * keep)])
    with pytest.raises(InputError, match=r"cut: (the image is broken or truncated|not an image|can't be read)"):
        read_photo(path)


def test_pipes_are_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(InputError, match=r"pipe\.jpg: expected a photo; got a directory, pipe or device"):
        read_photo(tmp_path / "pipe.jpg")


def test_damaged_metadata_and_headers(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    whole = saved(tmp_path, ramp(), "whole.jpg", exif=exif).read_bytes()
    for place in range(2, 40):
        damaged = bytearray(whole)
        damaged[place] ^= 0xFF
        (tmp_path / "damaged.jpg").write_bytes(bytes(damaged))
        try:
            read_photo(tmp_path / "damaged.jpg")
        except InputError as error:
            assert "damaged.jpg" in str(error)  # noqa: PT017
    (tmp_path / "cut.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\x05IHDR\0\0\0\0\0")
    (tmp_path / "cut.ppm").write_bytes(b"P6 4")
    for name in ("cut.png", "cut.ppm", "null\0"):
        with pytest.raises(InputError, match="can't be read as an image|not an image"):
            read_photo(tmp_path / name)


def test_files_that_are_no_photos(tmp_path):
    with pytest.raises(InputError, match=r"none\.jpg: no such file; expected a photo"):
        read_photo(tmp_path / "none.jpg")
    with pytest.raises(InputError, match="can't be read"):
        read_photo(tmp_path)
    (tmp_path / "text.jpg").write_text("not a photo", encoding="utf-8")
    with pytest.raises(InputError, match=r"text\.jpg: not an image that Pillow can read"):
        read_photo(str(tmp_path / "text.jpg"))
    (tmp_path / "empty.png").touch()
    with pytest.raises(InputError, match=r"empty\.png: not an image"):
        read_photo(tmp_path / "empty.png")


@pytest.mark.parametrize("limit", [599, 400, 100])
def test_decompression_bombs_are_refused(tmp_path, monkeypatch, limit):
    path = saved(tmp_path, ramp(), "bomb.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    with pytest.raises(InputError, match="bomb"):
        read_photo(path)
    with pytest.raises(InputError, match=rf"image: expected at most {limit} pixels .*; got 30×20"):
        read_photo(ramp())


@pytest.mark.parametrize(
    ("image", "hint"),
    [
        (np.zeros((4, 4, 3), np.int8), r"image.astype\(np.uint8\)"),
        (np.zeros((4, 4), np.complex64), "preprocessed already"),
        (np.zeros((4, 4), np.bool_), r"Of a mask, give 255 \* mask"),
        (np.zeros((3, 4, 5), np.uint8), r"channels first: give image.transpose\(1, 2, 0\)"),
        (np.zeros((1, 4, 5), np.float32), "channels first"),
        (np.zeros((40, 50, 13), np.uint16), "load it with preprocess='raw,channels=bands"),
        (np.zeros((4, 5, 2), np.uint8), "load it with preprocess='raw,channels=bands"),
        (np.zeros((0, 4, 3), np.uint8), "Give something to see"),
        (np.zeros(4, np.uint8), "preprocessed already"),
    ],
)
def test_arrays_that_are_no_photos(image, hint):
    with pytest.raises(InputError, match=rf"image: expected \(H, W\), .*\(H, W, 4\) with alpha.*; got .*{hint}"):
        read_photo(image)


def test_other_things_than_photos():
    with pytest.raises(InputError, match=r"image: expected a path, bytes, .* or an \(H, W, 3\) array; got int"):
        read_photo(7)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="at least one pixel"):
        read_photo(Image.new("RGB", (0, 5)))


def test_a_strided_array_is_read_as_it_looks():
    pixels = np.random.default_rng(0).integers(0, 256, (8, 9, 3), dtype=np.uint8)
    np.testing.assert_array_equal(np.asarray(read_photo(pixels[::-1, ::2, ::-1])), pixels[::-1, ::2, ::-1])
