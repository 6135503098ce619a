"""Images of any number of bands: arrays, NPY and TIFF files, and what the network and the picture make of them."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

import fastcam
from fastcam import InputError
from fastcam.images import ImageInput, Preprocess, network_input
from fastcam.images.bands import band_values, picture
from fastcam.images.regions import view_of
from tests.model.models import build

SIZE = (20, 30)


def scene(channels, dtype: Any = np.float32, size=SIZE, seed=0):
    values = np.random.default_rng(seed).uniform(0, 200, (*size, channels))
    return values.astype(dtype)


def model_of(channels, layout="NCHW", dtype: Any = np.float32, size=(7, 9)):
    kind = {np.float32: "tensor(float)", np.uint8: "tensor(uint8)"}[dtype]
    return ImageInput.of("image", kind, [1, channels, *size] if layout == "NCHW" else [1, *size, channels])


def bands_model(channels, layout="NCHW", size="16, 16"):
    """Bytes of a CNN of that many channels, with global average pooling."""
    turn = "" if layout == "NCHW" else "t = Transpose<perm = [0, 3, 1, 2]>(image) "
    sides = f"{channels}, {size}" if layout == "NCHW" else f"{size}, {channels}"
    return build(
        f"{turn}f = Conv<pads = [1, 1, 1, 1]>({'t' if turn else 'image'}, k) maps = Relu(f) "
        "p = GlobalAveragePool(maps) q = Flatten(p) logits = Gemm<transB = 1>(q, w, b)",
        inputs=f"float[N, {sides}] image",
        k=(6, channels, 3, 3),
        w=(5, 6),
        b=(5,),
    )


# ---- network inputs --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.float32, np.float64])
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic", "nearest"])
def test_each_band_is_resized_as_pillows_mode_f(dtype, layout, interpolation):
    values, model = scene(4, dtype), model_of(4, layout)
    mean, std = (0.5, 1.0, 2.0, 3.0), (1.0, 2.0, 4.0, 8.0)
    spec = Preprocess(mean, std, scale=0.01, channels="bands", fit="stretch", interpolation=interpolation)
    got = network_input(values, view_of(SIZE, (7, 9), spec), spec, model)
    planes = got[0] if layout == "NCHW" else got[0].transpose(2, 0, 1)
    assert got.dtype == np.float32
    for c, plane in enumerate(planes):
        band = Image.fromarray(np.ascontiguousarray(values[..., c].astype(np.float32)))
        resized = np.asarray(band.resize((9, 7), Image.Resampling[interpolation.upper()]))
        np.testing.assert_allclose(plane, (resized * 0.01 - mean[c]) / std[c], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("fit", ["stretch", "center-crop", "letterbox", "crop-resize", "resize-crop"])
def test_bands_of_a_photo_are_fitted_as_the_photo(fit):
    """Three bands of 8 bits give the photo's network input, to the rounding of its levels."""
    values = scene(3, np.uint8)
    how: dict[str, Any] = {"fit": fit, "fill": 114, "scale": 1.0} | ({"resize": 12} if fit == "resize-crop" else {})
    rgb, bands = Preprocess(**how), Preprocess(channels="bands", **how)
    view, model = view_of(SIZE, (7, 9), rgb), model_of(3)
    photo = network_input(values, view, rgb, model)
    np.testing.assert_allclose(network_input(values, view, bands, model), photo, atol=1.01)


def test_levels_become_0_and_255():
    values = np.array([[[0.0, 500.0], [1000.0, 2000.0]]])
    spec = Preprocess(channels="bands", fit="stretch", levels=(0, 1000))
    got = network_input(values, (0, 0, 2, 1), spec, model_of(2, size=(1, 2)))
    np.testing.assert_allclose(got[0], [[[0, 1]], [[0.5, 1]]], atol=1e-6)
    whole = network_input(values, (0, 0, 2, 1), replace(spec, scale=1.0), model_of(2, size=(1, 2), dtype=np.uint8))
    assert whole.dtype == np.uint8
    assert whole[0, :, 0].tolist() == [[0, 255], [128, 255]]


@pytest.mark.parametrize(
    ("values", "match"),
    [
        (scene(4, np.uint16), r"expected uint8 for scale=1/255; got bands of uint16, .* such as scale=1 or 1/10000"),
        (scene(4), r"expected uint8 for scale=1/255; got bands of float32"),
    ],
)
def test_the_scale_of_8_bits_is_not_taken_for_others(values, match):
    model = fastcam.load(bands_model(4), preprocess="unit,channels=bands,fit=stretch")
    with pytest.raises(InputError, match=match):
        model.explain(values)


def test_values_that_are_not_finite():
    model = fastcam.load(bands_model(4), preprocess="raw,channels=bands")
    values = scene(4)
    values[3, 4, 2] = np.nan
    with pytest.raises(InputError, match=r"image: band 2: expected finite values; got 1 of 600 that are NaN"):
        model.explain(values)
    with pytest.raises(InputError, match=r"image 1 of 2: image: band 0: .* got 600 of 600"):
        model.explain([scene(4), np.full((*SIZE, 4), 1e300)])


# ---- models ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("channels", [2, 4, 6, 13])
def test_models_of_any_number_of_channels(channels, layout):
    model = fastcam.load(bands_model(channels, layout), preprocess="raw,channels=bands,fit=stretch,scale=1/200")
    assert (model.input.channels, model.input.layout) == (channels, layout)
    assert model.head.kind == "cam"
    assert model.head.identity_error < 1e-5
    values = scene(channels)
    found, by_gradient = model.explain(values, top=2), model.explain(values, top=2, method="gradcam")
    means = found.activation_maps.mean(axis=(2, 3)) + model.head.bias[found.class_index]
    np.testing.assert_allclose(means, np.take_along_axis(found.logits, found.class_index, 1), rtol=1e-5, atol=1e-5)
    expected = np.maximum(found.activation_maps, 0) / (16 * 16)  # the gradient of a mean: class weights / places
    np.testing.assert_allclose(by_gradient.activation_maps, expected, rtol=1e-5, atol=1e-5)
    assert found.boxes.xyxy.shape == (1, 2, 4)
    gradient = model.input_gradient(values)
    assert gradient.gradients.shape == (1, 1, channels, 16, 16)
    assert fastcam.overlay(values, found).shape == (*SIZE, 3)


@pytest.mark.parametrize("method", ["scorecam", "layercam", "gradcam++", "eigencam", "ablationcam"])
def test_methods_of_other_kinds(method):
    model = fastcam.load(bands_model(6), preprocess="raw,channels=bands,fit=stretch,scale=1/200")
    assert np.isfinite(model.explain(scene(6), method=method).activation_maps).all()


@pytest.mark.parametrize(
    ("shape", "layout", "channels"),
    [
        ("1, 224, 224, 4", "NHWC", 4),
        ("N, 13, 64, 64", "NCHW", 13),
        ("N, 4, 480, 640", "NCHW", 4),
        ("1, 480, 640, 6", "NHWC", 6),
        ("N, 64, 32, 64", "NCHW", 64),  # of equals the first, ONNX's own order
        ("N, 8, 16, 3", "NHWC", 3),
        ("N, 3, 16, 8", "NCHW", 3),
    ],
)
def test_the_channels_of_a_shape(shape, layout, channels):
    sides = [int(side) if side.isdecimal() else side for side in shape.split(", ")]
    found = ImageInput.of("image", "tensor(float)", sides)
    assert (found.layout, found.channels) == (layout, channels)


def test_the_first_convolution_says_what_a_shape_leaves_open():
    for layout in ("NCHW", "NHWC"):
        model = fastcam.load(bands_model(24, layout), preprocess="raw,channels=bands,scale=1/200")
        assert (model.input.layout, model.input.channels) == (layout, 24)  # though height and width are smaller
        sides = {"NCHW": "C, H, W", "NHWC": "H, W, C"}[layout]
        opened = build(
            ("t = Transpose<perm = [0, 3, 1, 2]>(image) " if layout == "NHWC" else "t = Identity(image) ")
            + "f = Conv<pads = [1, 1, 1, 1]>(t, k) maps = Relu(f) p = GlobalAveragePool(maps) q = Flatten(p) "
            "logits = Gemm<transB = 1>(q, w, b)",
            inputs=f"float[N, {sides}] image",
            k=(6, 5, 3, 3),
            w=(5, 6),
            b=(5,),
        )
        model = fastcam.load(opened, preprocess="raw,channels=bands,scale=1/200,size=16")
        assert (model.input.layout, model.input.channels) == (layout, 5)
        assert model.explain(scene(5)).activation_maps.shape == (1, 1, 16, 16)


def test_what_is_assumed_of_a_model_of_bands():
    model = fastcam.load(bands_model(4))
    assert model.preprocess.describe() == "channels='bands'"
    assert model.assumed == "preprocess: channels='bands', assumed; labels: none"
    assert model.explain(scene(4, np.uint8)).channels == "bands"


@pytest.mark.parametrize(
    ("preprocess", "match"),
    [
        ("imagenet", "the model takes 4 channels, 'rgb' makes 3; use channels='bands', with their mean, std"),
        ("unit,channels=bands,mean=1/2/3", "mean: expected one number, or 4 for the 4 channels of the model; got 3"),
        ("unit,channels=bands,std=1/2/3/4/5", "std: expected one number, or 4 for the 4 channels of the model; got 5"),
    ],
)
def test_preprocessing_that_does_not_fit_the_channels(preprocess, match):
    with pytest.raises(InputError, match=match):
        fastcam.load(bands_model(4), preprocess=preprocess)


@pytest.mark.parametrize(
    ("image", "match"),
    [
        (scene(3), r"image: expected \(H, W, 4\); got \(20, 30, 3\) float32. The model takes 4 bands, the image has 3"),
        (scene(4)[..., 0], r"expected \(H, W, 4\); got \(20, 30\) float32. The model takes 4 bands, the image has 1"),
        (scene(4).transpose(2, 0, 1), r"got \(4, 20, 30\) float32. It seems to have its bands first: .*transpose"),
        (scene(4).astype(np.complex64), "expected .* of real numbers, not empty; got .* complex64"),
        (scene(4) > 100, r"got .* bool. Give it with values.astype\(np.uint8\)"),
        (np.zeros((0, 5, 4)), "not empty"),
        (np.zeros((1, 70000, 4), np.uint8), "expected at most 65536 pixels along a side; got 70000"),
        (Image.new("RGB", (5, 5)), r"got \(5, 5, 3\) uint8. The model takes 4 bands, the image has 3"),
        (3, r"image 0 of 2: image: expected an \(H, W, C\) array or a file of one; got int"),
    ],
)
def test_images_that_do_not_fit_the_channels(image, match):
    model = fastcam.load(bands_model(4), preprocess="raw,channels=bands")
    with pytest.raises(InputError, match=match):
        model.explain([image, image] if isinstance(image, int) else image)


def test_a_model_with_three_or_one_channel_may_take_bands():
    """Floats without the rounding to 8 bits, from any range."""
    model = fastcam.load(bands_model(3), preprocess="raw,channels=bands,fit=stretch,scale=1/200")
    assert model.explain(scene(3)).channels == "bands"
    grey = fastcam.load(bands_model(1), preprocess={"channels": "bands", "levels": (-1000, 3000), "fit": "stretch"})
    for values in (scene(1)[..., 0], scene(1)):
        found = grey.explain(values)
        assert found.logits.shape == (1, 5)
        assert fastcam.overlay(values, found).shape == (*SIZE, 3)


# ---- files -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("kind", ["npy", "contig", "separate", "pages", "tiled", "deflate", "bigtiff"])
def test_files_of_bands(tmp_path, kind, dtype):
    values = scene(6, dtype, (32, 48))
    path = tmp_path / f"scene.{'npy' if kind == 'npy' else 'tif'}"
    first = np.ascontiguousarray(values.transpose(2, 0, 1))
    plain: dict[str, Any] = {"photometric": "minisblack"}
    if kind == "npy":
        np.save(path, values)
    elif kind == "pages":
        tifffile.imwrite(path, first, **plain)
    elif kind == "separate":
        tifffile.imwrite(path, first, planarconfig="separate", **plain)
    else:
        more: dict[str, dict[str, Any]] = {
            "tiled": {"tile": (16, 16)},
            "deflate": {"compression": "zlib"},
            "bigtiff": {"bigtiff": True},
        }
        tifffile.imwrite(path, values, planarconfig="contig", **plain, **more.get(kind, {}))
    for form in (path, path.read_bytes()):
        found = band_values(form, 6)
        assert found.dtype == dtype
        np.testing.assert_array_equal(found, values)


def test_a_picture_with_as_many_channels_is_taken_as_its_bands(tmp_path):
    values = scene(4, np.uint8)
    Image.fromarray(values).save(tmp_path / "rgba.png")
    np.testing.assert_array_equal(band_values(tmp_path / "rgba.png", 4), values)
    np.testing.assert_array_equal(band_values(Image.fromarray(values), 4), values)
    np.testing.assert_array_equal(band_values(Image.fromarray(values[..., 0]), 1)[..., 0], values[..., 0])
    palette = Image.fromarray(values[..., 0]).convert("P")
    assert band_values(palette, 3).shape == (*SIZE, 3)
    assert set(np.unique(band_values(Image.new("1", (3, 2), 1)))) == {255}


def test_files_of_bands_that_are_refused(tmp_path):
    stack = scene(6, np.uint16).transpose(2, 0, 1)
    tifffile.imwrite(tmp_path / "pages.tif", stack, photometric="minisblack")
    with pytest.raises(InputError, match=r"pages\.tif: expected one picture of 4 bands, or as many pages .*'QYX'"):
        band_values(tmp_path / "pages.tif", 4)
    tifffile.imwrite(tmp_path / "time.tif", stack, photometric="minisblack", metadata={"axes": "TYX"})
    with pytest.raises(InputError, match=r"time\.tif: expected one picture of 6 bands.*got \(6, 20, 30\) .*'TYX'"):
        band_values(tmp_path / "time.tif", 6)
    tifffile.imwrite(tmp_path / "bands.tif", scene(6, np.uint16), photometric="minisblack", planarconfig="contig")
    with pytest.raises(InputError, match=r"bands\.tif: expected \(H, W, 4\); got \(20, 30, 6\) uint16"):
        band_values(tmp_path / "bands.tif", 4)
    whole = (tmp_path / "bands.tif").read_bytes()
    for cut in (whole[:100], whole[: len(whole) // 2], b"II*\0" + bytes(40)):
        (tmp_path / "cut.tif").write_bytes(cut)
        with pytest.raises(InputError, match=r"cut\.tif: can't be read as a TIFF"):
            band_values(tmp_path / "cut.tif", 6)
    np.save(tmp_path / "first.npy", scene(6).transpose(2, 0, 1))
    with pytest.raises(InputError, match=r"first\.npy: .*bands first: give image\.transpose\(1, 2, 0\)"):
        band_values(tmp_path / "first.npy", 6)
    with pytest.raises(InputError, match=r"none\.tif: no such file"):
        band_values(tmp_path / "none.tif", 6)


def test_bombs_of_bands_are_refused_before_they_are_read(tmp_path, monkeypatch):
    tifffile.imwrite(tmp_path / "bomb.tif", scene(6, np.uint16), photometric="minisblack", planarconfig="contig")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 599)
    with pytest.raises(InputError, match=r"bomb\.tif: expected at most 599 pixels a band .* got \(20, 30, 6\) uint16"):
        band_values(tmp_path / "bomb.tif", 6)


# ---- pictures --------------------------------------------------------------------------------------------------------


def test_pictures_of_bands():
    values = scene(13, np.uint16) * 20
    chosen = picture(values, bands=(3, 2, 1), levels=(0, 4000))
    np.testing.assert_array_equal(chosen[..., 0], np.rint(values[..., 3] / 4000 * 255))
    np.testing.assert_array_equal(picture(values, levels=(0, 4000)), picture(values, bands=(0, 1, 2), levels=(0, 4000)))
    shares = picture(values)
    low, high = np.percentile(values[..., 1], (2, 98))
    np.testing.assert_array_equal(
        shares[..., 1], np.rint(255 * (np.clip(values[..., 1], low, high) - low) / (high - low))
    )
    bytes_ = scene(5, np.uint8)
    np.testing.assert_array_equal(picture(bytes_), bytes_[..., :3])
    two = picture(scene(2))
    np.testing.assert_array_equal(two[..., 0], two[..., 2])
    assert picture(np.full((3, 4, 5), 7.0)).max() == 0  # without a range
    np.testing.assert_array_equal(picture(bytes_[..., :4], channels="bands"), bytes_[..., :3])  # no alpha
    wrong: list[Any] = [(0, 1, 5), (0, 1), (0, 1, True), 5, "012"]
    for bands in wrong:
        with pytest.raises(InputError, match=r"bands: expected one or three indices of bands, 0 to 4; got"):
            picture(bytes_, bands=bands)


def test_files_are_drawn_on_as_they_are_explained(tmp_path):
    """Pages of one band each are bands, whether or not somebody says how many there have to be."""
    values = scene(6, np.uint16)
    first = np.ascontiguousarray(values.transpose(2, 0, 1))
    np.save(tmp_path / "scene.npy", values)
    tifffile.imwrite(tmp_path / "pages.tif", first, photometric="minisblack")
    tifffile.imwrite(tmp_path / "separate.tif", first, photometric="minisblack", planarconfig="separate")
    model = fastcam.load(bands_model(6), preprocess="raw,channels=bands,scale=1/10000,levels=0/200,fit=stretch")
    for path in sorted(tmp_path.iterdir()):
        found = model.explain(path, top=2)
        np.testing.assert_array_equal(band_values(path), values)
        for bands in (None, (3, 2, 1)):
            drawn = fastcam.overlay(path, found, bands=bands)
            np.testing.assert_array_equal(drawn, fastcam.overlay(values, found, bands=bands))
        assert fastcam.show(path, found, width=64).height
    tifffile.imwrite(tmp_path / "photos.tif", np.zeros((4, 20, 30, 3), np.uint8), photometric="rgb")
    with pytest.raises(InputError, match=r"photos\.tif: expected one picture of some bands, or pages of one band each"):
        band_values(tmp_path / "photos.tif")


def test_overlays_of_bands(tmp_path):
    model = fastcam.load(bands_model(13), preprocess="raw,channels=bands,scale=1/10000,levels=0/200")
    values = scene(13, np.uint16)
    np.save(tmp_path / "scene.npy", values)
    found = model.explain(tmp_path / "scene.npy")
    plain = fastcam.overlay(picture(values, levels=(0, 200), bands=(3, 2, 1)), found)
    for image in (values, tmp_path / "scene.npy"):
        np.testing.assert_array_equal(fastcam.overlay(image, found, bands=(3, 2, 1)), plain)
    kept = model.explain(values, keep_images=True)
    assert kept.images is not None
    np.testing.assert_array_equal(kept.images[0], picture(values, levels=(0, 200)))
    with pytest.raises(InputError, match="bands: expected one or three"):
        fastcam.overlay(values, found, bands=(0, 1, 13))
