"""Photos as bytes, file objects, NPY files and arrays of any usual dtype; URLs by name."""

import io
import zipfile
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import fastcam
from fastcam import InputError
from fastcam.images.bands import band_values
from fastcam.images.photos import photo_pixels, read_photo
from tests.model.models import red_finder

PIXELS = np.random.default_rng(0).integers(0, 256, (20, 30, 4)).astype(np.uint8)
RGB = PIXELS[..., :3]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    Image.fromarray(RGB).save(folder / "photo.png")
    np.save(folder / "photo.npy", RGB)
    with zipfile.ZipFile(folder / "photos.zip", "w") as archive:
        archive.write(folder / "photo.png", "inside.png")
    return folder


@pytest.fixture(scope="module")
def model():
    return fastcam.load(red_finder(20, 30), preprocess="unit,fit=stretch")


@pytest.fixture
def forms(folder):
    """The photo in every form; files are open."""
    data = (folder / "photo.png").read_bytes()
    with ExitStack() as stack:
        archive = stack.enter_context(zipfile.ZipFile(folder / "photos.zip"))
        yield {
            "text": str(folder / "photo.png"),
            "path": folder / "photo.png",
            "bytes": data,
            "bytearray": bytearray(data),
            "memoryview": memoryview(data),
            "in memory": io.BytesIO(data),
            "file": stack.enter_context((folder / "photo.png").open("rb")),
            "zipped": stack.enter_context(archive.open("inside.png")),
            "npy": folder / "photo.npy",
            "npy bytes": (folder / "photo.npy").read_bytes(),
            "image": Image.fromarray(RGB),
            "array": RGB,
            "floats": RGB / np.float32(255),
            "doubles": RGB / 255,
            "uint16": RGB.astype(np.uint16) * 257,
        }


def test_a_photo_is_the_same_in_every_form(forms, model):
    expected = model.explain(RGB)
    found = model.explain(list(forms.values()))
    assert len(found.logits) == len(forms)
    for n in range(len(forms)):
        np.testing.assert_array_equal(found.activation_maps[n], expected.activation_maps[0])
    for kind in set(forms) - {"in memory", "file", "zipped"}:  # which are read once
        np.testing.assert_array_equal(photo_pixels(forms[kind]), RGB)
        np.testing.assert_array_equal(model.explain(forms[kind]).logits, expected.logits)  # bytes: no sequence


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float16, np.float32, np.float64])
def test_greys_of_any_dtype_and_shape(dtype):
    greys = np.arange(256, dtype=np.uint8).reshape(16, 16)
    values = (greys / 255).astype(dtype) if np.dtype(dtype).kind == "f" else (greys * np.uint32(257)).astype(dtype)
    values = greys if dtype == np.uint8 else values
    for shaped in (values, values[..., None]):
        found = photo_pixels(shaped)
        np.testing.assert_array_equal(found, np.stack([greys] * 3, axis=-1))
        np.testing.assert_array_equal(np.asarray(read_photo(shaped)), found)


@pytest.mark.parametrize("fill", [None, 0, 114])
def test_alpha_lies_on_fill_in_files_images_and_arrays(tmp_path, fill):
    path = tmp_path / "alpha.png"
    Image.fromarray(PIXELS).save(path)
    change = "" if fill is None else f",fill={fill}"
    model = fastcam.load(red_finder(20, 30), preprocess=f"unit,fit=stretch{change}")
    grey = 255 if fill is None else fill  # transparent pixels lie on white unless fill says another grey
    behind = Image.new("RGBA", (30, 20), (grey, grey, grey, 255))
    expected = np.asarray(Image.alpha_composite(behind, Image.fromarray(PIXELS)).convert("RGB"))
    assert model.preprocess.background == grey
    for photo in (path, path.read_bytes(), Image.open(path), PIXELS, PIXELS / np.float32(255), PIXELS * np.uint16(257)):
        found = model.explain(photo, class_index=0)
        np.testing.assert_allclose(found.activation_maps[0, 0], expected[..., 0] / np.float32(255), atol=1e-6)
        plain = fastcam.overlay(expected, model.explain(expected, class_index=0))
        np.testing.assert_array_equal(fastcam.overlay(photo, found), plain)


def test_levels_of_colours_leave_alpha_as_it_is():
    values = np.full((2, 2, 4), 2047.5, np.float32)
    values[..., 3] = [[1, 0], [1, 0]]
    found = photo_pixels(values, (0, 4095))
    assert found[:, :, 0].tolist() == [[128, 255], [128, 255]]
    deep = photo_pixels(np.full((2, 2, 3), 4095, np.uint16), (0, 4095))
    assert deep.min() == 255


@pytest.mark.parametrize(
    ("image", "match"),
    [
        (np.full((2, 2, 3), 255.0), r"expected floats in \[0, 1\]; got 255 to 255. Divide them by 255"),
        (np.full((2, 2, 3), np.nan), "image: expected finite values; got NaN or infinity"),
        (np.full((2, 2), np.inf, np.float32), "expected finite values"),
        (np.full((2, 2, 3), 4095, np.uint16), "values 4095 to 4095, which leave 16 bits unfilled: those of 12 bits"),
        (np.full((2, 2, 4), 1 << 15, np.int32), "image: alpha: expected uint8, uint16 or floats .*; got int32"),
        (np.concatenate([np.ones((2, 2, 3)), np.full((2, 2, 1), 2)], axis=2), r"alpha: expected floats in \[0, 1\]"),
    ],
)
def test_values_that_are_no_colours(image, match):
    with pytest.raises(InputError, match=match):
        photo_pixels(image)


@pytest.mark.parametrize(
    ("url", "match"),
    [
        ("https://user:secret@example.org/dog.jpg?token=secret", r"^https://example.org/dog\.jpg: .* a URL, .*urlopen"),
        (Path("https://user:secret@example.org/dog.jpg"), r"^https:/example.org/dog\.jpg: .* got a URL"),
        ("HTTP://example.org/dog.jpg", "got a URL, which fastcam doesn't fetch. Download it"),
        ("s3://bucket/dog.jpg", r"s3://bucket/dog.jpg: .*fsspec.open\(url\).open\(\)"),
        ("gs://bucket/dog.jpg", "got a URL"),
        ("file:///photos/dog.jpg", "got a URL.* Give its path"),
        ("data:image/png;base64,iVBORw0KGgo=", r"^data:: .* got a URL.* Give its bytes: base64.b64decode"),
    ],
)
def test_urls_are_refused_by_name(model, url, match):
    with pytest.raises(InputError, match=match) as caught:
        model.explain(url)
    assert "secret" not in str(caught.value)


def test_a_file_with_a_name_like_a_url_is_a_file(tmp_path, monkeypatch, model):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my:").mkdir()
    Image.fromarray(RGB).save(tmp_path / "my:" / "photo.png")
    np.testing.assert_array_equal(model.explain("my:/photo.png").logits, model.explain(RGB).logits)


def test_bytes_and_file_objects_that_hold_no_photo(tmp_path, model):
    (tmp_path / "photo.png").write_bytes(b"no photo")
    with (tmp_path / "photo.png").open("rb") as file:
        with pytest.raises(InputError, match=r"photo\.png: not an image that Pillow can read"):
            model.explain(file)
        with pytest.raises(InputError, match=r"photo\.png: .* got none. A file object is read once"):
            model.explain(file)
    with pytest.raises(InputError, match=r"photo\.png: the file object can't be read .*closed file"):
        model.explain(file)
    text = (tmp_path / "photo.png").open(encoding="utf-8")
    with text, pytest.raises(InputError, match="expected a file object that gives bytes; got str.*mode 'rb'"):
        model.explain(text)
    with pytest.raises(InputError, match="image: expected the bytes of a photo; got none"):
        model.explain(b"")
    with pytest.raises(InputError, match="image 1 of 2: image: not an image that Pillow can read"):
        model.explain([RGB, b"no photo"])
    with pytest.raises(InputError, match="images: expected a photo, or a sequence or batch of photos; got int"):
        model.explain(7)


def test_damaged_npy_files(tmp_path, model):
    np.save(tmp_path / "objects.npy", np.array([{}], object), allow_pickle=True)
    whole = io.BytesIO()
    np.save(whole, RGB)
    (tmp_path / "cut.npy").write_bytes(whole.getvalue()[:-10])
    for name in ("objects.npy", "cut.npy"):
        with pytest.raises(InputError, match=f"{name}: can't be read as an NPY file of numbers"):
            model.explain(tmp_path / name)
        with pytest.raises(InputError, match="image: can't be read as an NPY file of numbers"):
            model.explain((tmp_path / name).read_bytes())
    np.save(tmp_path / "bands.npy", np.zeros((40, 50, 13), np.uint16))
    with pytest.raises(
        InputError, match=r"bands\.npy: expected .* got \(40, 50, 13\) uint16.*preprocess='raw,channels=bands"
    ):
        model.explain(tmp_path / "bands.npy")


@pytest.mark.parametrize("door", [photo_pixels, band_values])
def test_arrays_in_files_are_refused_by_their_size_before_they_are_read(tmp_path, monkeypatch, door):
    file = tmp_path / "scene.npy"
    np.save(file, np.zeros((20, 30, 3), np.uint8))
    assert door(file).shape == door(file.read_bytes()).shape == (20, 30, 3)
    data = file.read_bytes().replace(b"(20, 30, 3)", b"(99999999, 99999999, 3)").replace(b" " * 12 + b"\n", b"\n")
    huge = tmp_path / "huge.npy"
    huge.write_bytes(data)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 500)
    for given in (file, file.read_bytes(), huge, data):
        with pytest.raises(InputError, match="at most 500 pixels a band .decompression bombs.; got .*, 3. uint8"):
            door(given)
