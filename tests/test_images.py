"""Photos as they come: orientation, transparency, depth; broken and hostile files; the way to the network and back."""

import io
import os

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image

import fastcam
from fastcam import InputError
from fastcam.images import decode_photo, network_input, read_photo, seen_region, visible
from fastcam.preprocess import preprocess
from fastcam.session import ImageInput
from tests import naive
from tests.models import red_finder

RED = np.array([255, 0, 0], np.uint8)
NETWORK = (32, 48)


def saved(tmp_path, image, name, **options):
    image.save(tmp_path / name, **options)
    return tmp_path / name


def ramp(mode="RGB", size=(30, 20)):
    values = np.linspace(0, 255, size[0] * size[1]).reshape(size[1], size[0]).astype(np.uint8)
    return Image.fromarray(values).convert(mode)


# ---- reading ----------------------------------------------------------------------------------------------------------


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
    with pytest.raises(InputError, match="expected 8 or 16 bits a pixel; got 32-bit values 0 to 70000"):
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
    "image",
    [
        np.zeros((4, 4, 3)),
        np.zeros((4, 4, 3), np.int8),
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((3, 4, 4), np.uint8),
        np.zeros((0, 4, 3), np.uint8),
    ],
)
def test_arrays_that_are_no_photos(image):
    with pytest.raises(InputError, match=r"image: expected \(H, W, 3\) uint8 in RGB order, not empty; got"):
        read_photo(image)


def test_other_things_than_photos():
    with pytest.raises(InputError, match="image: expected a path, a PIL image or an .* array; got int"):
        read_photo(7)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="at least one pixel"):
        read_photo(Image.new("RGB", (0, 5)))


def test_a_strided_array_is_read_as_it_looks():
    pixels = np.random.default_rng(0).integers(0, 256, (8, 9, 3), dtype=np.uint8)
    np.testing.assert_array_equal(np.asarray(read_photo(pixels[::-1, ::2, ::-1])), pixels[::-1, ::2, ::-1])


# ---- to the network and back ------------------------------------------------------------------------------------------


def test_network_input_is_resized_normalised_and_laid_out():
    photo = Image.fromarray(np.random.default_rng(0).integers(0, 256, (10, 14, 3), dtype=np.uint8))
    spec = preprocess({"mean": [0.1, 0.2, 0.3], "std": [0.5, 1, 2], "channels": "bgr", "fit": "stretch"})
    planes = network_input(photo, (0, 0, 14, 10), spec, ImageInput("x", np.float32, "NCHW", None, 3, 5, 7))
    pixels = np.asarray(photo.resize((7, 5), Image.Resampling.BILINEAR), np.float64)[..., ::-1] / 255
    expected = ((pixels - [0.1, 0.2, 0.3]) / [0.5, 1, 2]).transpose(2, 0, 1)[None]
    np.testing.assert_allclose(planes, expected, rtol=1e-5, atol=1e-6)
    last = network_input(photo, (0, 0, 14, 10), spec, ImageInput("x", np.float16, "NHWC", None, 3, 5, 7))
    assert last.dtype == np.float16
    np.testing.assert_allclose(last, expected.transpose(0, 2, 3, 1), atol=2e-3)


def test_grey_models_get_luma():
    photo = Image.new("RGB", (6, 6), (255, 0, 0))
    model = ImageInput("x", np.float32, "NCHW", None, 1, 3, 3)
    np.testing.assert_allclose(
        network_input(photo, (0, 0, 6, 6), preprocess("unit,channels=grey"), model), 0.299, atol=2e-3
    )


def test_letterbox_borders_have_the_fill_colour():
    photo = Image.new("RGB", (40, 20), (255, 255, 255))
    model = ImageInput("x", np.uint8, "NHWC", None, 3, 40, 40)
    region = seen_region((20, 40), (40, 40), "letterbox", 1.0)
    pixels = network_input(photo, region, preprocess("raw,fit=letterbox,fill=7"), model)[0]
    assert (pixels[:9] == 7).all()
    assert (pixels[11:29] == 255).all()
    assert (pixels[31:] == 7).all()


@given(
    size=st.tuples(st.integers(1, 500), st.integers(1, 500)),
    target=st.tuples(st.integers(1, 300), st.integers(1, 300)),
    fraction=st.floats(0.1, 1.0),
)
def test_the_region_has_the_aspect_ratio_of_the_network(size, target, fraction):
    for fit in ("center-crop", "letterbox"):
        x0, y0, x1, y1 = seen_region(size, target, fit, fraction)
        width, height = x1 - x0, y1 - y0
        shrink = [size[k] / target[k] for k in (0, 1)]
        scale = min(shrink) * fraction if fit == "center-crop" else max(shrink)
        assert abs(height - max(1, scale * target[0])) <= 0.5
        assert abs(width - max(1, scale * target[1])) <= 0.5
        assert abs((x0 + x1) - size[1]) <= 1  # centred
        assert abs((y0 + y1) - size[0]) <= 1
        inside = visible((x0, y0, x1, y1), size)
        assert inside[0] < inside[2]
        assert inside[1] < inside[3]
        assert (inside == (x0, y0, x1, y1)) or fit == "letterbox"


@pytest.fixture(scope="module")
def find_red():
    """Models whose map is known: the red channel of the network input; one for each fit."""
    data = red_finder(*NETWORK)
    return {fit: fastcam.load(data, preprocess=f"unit,fit={fit}") for fit in ("stretch", "center-crop", "letterbox")}


sides = st.integers(8, 160)


@settings(max_examples=300)
@given(
    size=st.tuples(sides, sides),
    fit=st.sampled_from(("stretch", "center-crop", "letterbox")),
    corners=st.tuples(*[st.floats(0, 1)] * 4),
)
def test_a_red_rectangle_is_boxed_where_it_is_in_the_photo(find_red, size, fit, corners):
    height, width = size
    x0, x1 = sorted(int(c * width) for c in corners[:2])
    y0, y1 = sorted(int(c * height) for c in corners[2:])
    model = find_red[fit]
    region = seen_region(size, NETWORK, fit, model.preprocess.crop_fraction)
    pixel_width, pixel_height = (region[2] - region[0]) / NETWORK[1], (region[3] - region[1]) / NETWORK[0]
    left, top, right, bottom = visible(region, size)
    wanted = np.array([max(x0, left), max(y0, top), min(x1, right), min(y1, bottom)])
    assume(wanted[2] - wanted[0] > 2 * pixel_width)
    assume(wanted[3] - wanted[1] > 2 * pixel_height)
    photo = np.zeros((height, width, 3), np.uint8)
    photo[y0:y1, x0:x1] = RED
    explanation = model.explain(photo, class_index=0, threshold=0.5)
    slack = np.array([pixel_width, pixel_height] * 2) + 1
    assert (np.abs(explanation.boxes.xyxy[0, 0] - wanted) <= slack).all()
    assert_box_is_exact(explanation, height, width)


def assert_box_is_exact(explanation, height, width):
    """The box is, to the pixel, that of the map upsampled over its region and seen through the photo."""
    x0, y0, x1, y1 = explanation.regions[0].tolist()
    left, top, right, bottom = visible((x0, y0, x1, y1), (height, width))
    whole = fastcam.heatmaps(explanation.activation_maps[0, 0], (y1 - y0, x1 - x0), normalise=False, engine="reference")
    inside = naive.mask(whole[top - y0 : bottom - y0, left - x0 : right - x0], "paper", 0.5)
    box, area = naive.largest_component(inside, 8)
    assert explanation.boxes.xyxy[0, 0].tolist() == [box[0] + left, box[1] + top, box[2] + left, box[3] + top]
    assert explanation.boxes.area[0, 0] == area


def test_a_photo_of_the_networks_size_is_boxed_exactly(find_red):
    photo = np.zeros((*NETWORK, 3), np.uint8)
    photo[5:17, 11:40] = RED
    explanation = find_red["stretch"].explain(photo, class_index=0)
    assert explanation.boxes.xyxy[0, 0].tolist() == [11, 5, 40, 17]
    assert explanation.boxes.area[0, 0] == 12 * 29
    np.testing.assert_array_equal(explanation.activation_maps[0, 0], photo[..., 0] * np.float32(1 / 255))


def test_a_sideways_photo_is_boxed_upright(find_red, tmp_path):
    upright = np.zeros((60, 90, 3), np.uint8)
    upright[10:30, 50:80] = RED
    exif = Image.Exif()
    exif[0x0112] = 6
    path = saved(tmp_path, Image.fromarray(np.rot90(upright)), "side.png", exif=exif)
    explanation = find_red["stretch"].explain(path, class_index=0, threshold=0.5)
    assert explanation.image_sizes.tolist() == [[60, 90]]
    assert np.abs(explanation.boxes.xyxy[0, 0] - [50, 10, 80, 30]).max() <= 2


def test_a_letterbox_that_would_not_fit_into_memory_is_refused(find_red):
    """Pillow pastes the photo on a canvas; the kernel needs none."""
    photo = np.zeros((1, 60000, 3), np.uint8)
    with pytest.raises(InputError, match="letterbox: expected"):
        fastcam.load(red_finder(*NETWORK), preprocess="unit,fit=letterbox,interpolation=bicubic").explain(photo)
    assert find_red["letterbox"].explain(photo).regions.tolist() == [[0, -20000, 60000, 20000]]
