"""JPEGs by simplejpeg: the pixels of Pillow, or left to Pillow, with its errors."""

import io

import numpy as np
import pytest
from PIL import Image, ImageFile

from fastcam import InputError
from fastcam.images import jpeg
from fastcam.images.photos import decode_photo, photo_pixels, read_photo

pytest.importorskip("simplejpeg")

PIXELS = np.asarray(
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (6, 9, 3)).astype(np.uint8)).resize((90, 61))
)


def written(image=None, **options):
    file = io.BytesIO()
    (image or Image.fromarray(PIXELS)).save(file, "JPEG", **options)
    return file.getvalue()


def by_pillow(data):
    """Return the pixels by Pillow alone, or its error, as `read_photo` had them without simplejpeg."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jpeg, "_simplejpeg", lambda: None)
        return found(data)


def found(data):
    try:
        return photo_pixels(data)
    except InputError as error:
        return str(error)


def is_fast(data):
    with Image.open(io.BytesIO(data)) as image:
        return jpeg.fast_pixels(image) is not None


def expect_the_same(data):
    got, expected = found(data), by_pillow(data)
    if isinstance(expected, str) or isinstance(got, str):
        assert got == expected
    else:
        assert got.dtype == np.uint8
        np.testing.assert_array_equal(got, expected)


def test_all_real_photos_are_the_same_to_the_bit(photos):
    fast = 0
    for path in photos:
        with Image.open(path) as image:
            pixels = jpeg.fast_pixels(image)
            if pixels is not None:
                np.testing.assert_array_equal(pixels, np.asarray(image))
                fast += 1
    assert fast == len(photos) - 1  # one is grey


@pytest.mark.parametrize("options", [{"subsampling": k} for k in (0, 1, 2)] + [{"quality": k} for k in (5, 100)])
@pytest.mark.parametrize("size", [(90, 61), (1, 1), (8, 8), (17, 3)])
def test_kinds_of_colour_jpegs(options, size):
    data = written(Image.fromarray(PIXELS).resize(size), **options)
    assert is_fast(data)
    expect_the_same(data)
    np.testing.assert_array_equal(np.asarray(read_photo(data)), photo_pixels(data))
    np.testing.assert_array_equal(np.asarray(decode_photo(data)), photo_pixels(data))


def with_orientation(value):
    exif = Image.Exif()
    exif[0x0112] = value
    return written(exif=exif)


def test_exif_without_a_turn_is_fast():
    assert is_fast(with_orientation(1))
    assert is_fast(written(comment=b"a comment", dpi=(300, 300)))


@pytest.mark.parametrize(
    "data",
    [
        *(with_orientation(k) for k in (3, 6, 8)),
        written(progressive=True),
        written(Image.fromarray(PIXELS).convert("L")),
        written(Image.fromarray(PIXELS).convert("CMYK")),
        written(keep_rgb=True),
        written()[:-2],  # without its end
        written()[: len(written()) // 2],
    ],
)
def test_what_is_left_to_pillow(data):
    assert not is_fast(data)
    expect_the_same(data)


def test_damaged_jpegs_are_what_pillow_makes_of_them():
    whole, rng = written(), np.random.default_rng(1)
    for stop in (2, 30, 200):
        expect_the_same(whole[:stop])
    for _ in range(150):
        damaged = bytearray(whole)
        for place in rng.integers(2, len(whole), rng.integers(1, 4)):
            damaged[place] = rng.integers(0, 256)
        expect_the_same(bytes(damaged))


def test_truncated_jpegs_that_pillow_is_told_to_accept(monkeypatch):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    expect_the_same(written()[:-200])


def test_bombs_are_refused_before_they_are_decoded(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(InputError, match="bomb"):
        photo_pixels(written())


def test_a_file_is_left_where_it_was():
    with Image.open(io.BytesIO(written())) as image:
        assert image.fp is not None
        place = image.fp.tell()
        first = jpeg.fast_pixels(image)
        assert image.fp.tell() == place
        np.testing.assert_array_equal(first, np.asarray(image))
        assert jpeg.fast_pixels(image) is None  # decoded already
