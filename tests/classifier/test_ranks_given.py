"""Signals, volumes and clips as they are handed in: sizes, channels, frames, and what is refused."""

import numpy as np
import pytest
from PIL import Image

import fastcam
from fastcam.errors import AssumedPreprocessWarning, InputError, ModelError
from fastcam.images.volumes import resampled
from tests.model.models import build
from tests.model.ranks import INPUTS, SIZES, array, network


@pytest.fixture(scope="module")
def signals():
    return fastcam.load(network(1).model, preprocess="raw")


@pytest.fixture(scope="module")
def volumes():
    return fastcam.load(network(3).model, preprocess="raw")


def conv3(channels, sides="4, 8, 8"):
    """A network of one convolution over volumes or clips."""
    body = "c = Conv<pads = [1, 1, 1, 1, 1, 1]>(clip, k) maps = Relu(c) p = GlobalAveragePool(maps) q = Flatten(p)"
    body += " logits = Gemm<transB = 1>(q, w, b)"
    weights = {"k": (6, channels, 3, 3, 3), "w": (5, 6), "b": (5,)}
    return build(body, f"float[N, {channels}, {sides}] clip", "float[N, 5] logits", **weights)


@pytest.mark.parametrize("rank", [1, 3])
def test_without_a_specification_values_are_as_they_are(rank):
    with pytest.warns(AssumedPreprocessWarning, match=r"scale=1.0, channels='bands', fit='stretch'"):
        model = fastcam.load(network(rank).model)
    image = array(rank)
    found = model.explain(image)
    tensors = model.explain(tensors=np.moveaxis(image, -1, 0))
    np.testing.assert_array_equal(found.logits, tensors.logits)


@pytest.mark.parametrize("rank", [1, 3])
def test_values_are_scaled_and_normalised_by_channel(rank):
    options = {"base": "raw", "channels": "bands", "scale": 0.5, "mean": (1, 2), "std": (2, 4)}
    model = fastcam.load(network(rank).model, preprocess=options)
    image = array(rank)
    expected = (image * np.float32(0.5) - np.array([1, 2], np.float32)) / np.array([2, 4], np.float32)
    np.testing.assert_array_equal(
        model.explain(image).logits, model.explain(tensors=np.moveaxis(expected, -1, 0)).logits
    )
    levels = fastcam.load(network(rank).model, preprocess="raw,levels=-1/3,scale=1/255")
    inside = (np.clip(image, -1, 3) + 1) / 4
    np.testing.assert_allclose(
        levels.explain(image).logits, model_of(rank).explain(tensors=np.moveaxis(inside, -1, 0)).logits, atol=1e-6
    )


def model_of(rank):
    return fastcam.load(network(rank).model, preprocess="raw")


@pytest.mark.parametrize("size", [(7,), (5,), (4, 9, 8), (9, 3, 5)])
def test_resampling_is_linear_between_centres(size):
    """Against `np.interp` along each axis, which clamps at the first and the last centre as well."""
    given = np.random.default_rng(0).standard_normal((*((6,) if len(size) == 1 else (5, 6, 7)), 2)).astype(np.float32)
    expected = given.astype(np.float64)
    for axis, want in enumerate(size):
        have = expected.shape[axis]
        at = (np.arange(want) + 0.5) * have / want - 0.5
        expected = np.apply_along_axis(lambda line, at=at: np.interp(at, np.arange(len(line)), line), axis, expected)
    np.testing.assert_allclose(resampled(given, size), expected, atol=1e-6)


def test_open_sizes_are_those_of_the_array():
    model = fastcam.load(network(3, is_open=True).model, preprocess="raw")
    found = model.explain(array(3, size=(9, 14, 20)))
    assert found.activation_maps.shape == (1, 1, 5, 7, 10)
    assert "sizes as they are" in found.preprocess
    fixed = fastcam.load(network(3, is_open=True).model, preprocess="raw,size=8x12x16")
    assert fixed.explain(array(3, size=(9, 14, 20))).activation_maps.shape == (1, 1, 4, 6, 8)
    cubes = fastcam.load(network(3, is_open=True).model, preprocess="raw,size=10")
    assert cubes.explain(array(3)).activation_maps.shape == (1, 1, 5, 5, 5)
    lines = fastcam.load(network(1, is_open=True).model, preprocess="raw,size=64")
    assert lines.explain(array(1)).activation_maps.shape == (1, 1, 32)


def test_arrays_of_several_sizes_go_one_by_one():
    model = fastcam.load(network(1, is_open=True).model, preprocess="raw")
    with pytest.raises(InputError, match=r"network inputs of one size in a call, .*explain them one by one"):
        model.explain([array(1, size=(40,)), array(1, size=(50,))])


def test_a_channel_alone_needs_no_axis():
    model = fastcam.load(conv3(1), preprocess="raw")
    scan = np.random.default_rng(0).integers(-1000, 2000, (4, 8, 8), np.int16)
    np.testing.assert_array_equal(model.explain(scan).logits, model.explain(scan[..., None]).logits)


def test_frames_of_clips_go_the_way_of_photos():
    """Each frame as the photo road makes it; of ten frames those at the centres of four equal parts."""
    model = fastcam.load(conv3(3), preprocess="imagenet")
    clip = np.random.default_rng(0).integers(0, 256, (10, 20, 30, 3), np.uint8)
    found = model.explain(clip)
    assert found.preprocess.endswith("; 4 frames at the centres of equal parts of the clip")
    assert found.image_sizes.tolist() == [[10, 20, 30]]
    x0, y0, z0, x1, y1, z1 = found.regions[0].tolist()
    assert (z0, z1, x1 - x0) == (0, 10, y1 - y0)  # a square crop of all frames
    photo = fastcam.load(
        build(
            "maps = Conv(image, k) p = GlobalAveragePool(maps) logits = Flatten(p)",
            "float[N, 3, 8, 8] image",
            "float[N, 2] logits",
            k=(2, 3, 1, 1),
        ),
        preprocess="imagenet",
    )
    frames = [photo.vision.prepare(clip[t]).network_input for t in (1, 3, 6, 8)]
    np.testing.assert_array_equal(model.vision.prepare(clip).network_input, np.stack(frames, axis=2))
    assert found.heatmap().shape == (10, 20, 30)


def test_a_model_of_three_channels_may_be_one_of_clips():
    says = r"as the model was trained; for clips preprocess='imagenet,\.\.\.' or the like"
    with pytest.warns(AssumedPreprocessWarning, match=says):
        assert fastcam.load(conv3(3)).preprocess.channels == "bands"
    with pytest.warns(AssumedPreprocessWarning, match="as the model was trained$"):
        fastcam.load(conv3(2))


def test_dark_frames_of_clips_of_16_bits():
    """A frame alone doesn't tell how many bits are filled; the clip does."""
    model = fastcam.load(conv3(3), preprocess="imagenet,fit=stretch")
    clip = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3), np.uint8)
    clip[2] //= 16
    expected = model.vision.prepare(clip).network_input
    np.testing.assert_array_equal(model.vision.prepare(clip.astype(np.uint16) * 257).network_input, expected)
    with pytest.raises(InputError, match="clip: expected 8 or 16 bits a pixel; got values .* leave 16 bits unfilled"):
        model.explain(clip.astype(np.uint16) * 16)


@pytest.mark.parametrize("channels", ["bgr", "rgb"])
def test_channels_of_clips(channels):
    model = fastcam.load(conv3(3), preprocess=f"raw,channels={channels},fit=stretch")
    clip = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3), np.uint8)
    turned = clip[..., ::-1] if channels == "bgr" else clip
    expected = np.moveaxis(turned.astype(np.float32), -1, 0)
    np.testing.assert_array_equal(model.vision.prepare(clip).network_input[0], expected)


@pytest.mark.parametrize(
    ("given", "match"),
    [
        (np.zeros((40, 3)), r"signal: expected \(L,\) or \(L, C\) .* C = 2 for the network input .*; got \(40, 3\)"),
        (np.zeros((2, 40)), r"got \(2, 40\) float64. These are channels first: use .transpose\(1, 0\)"),
        (np.zeros((0, 2)), "not empty"),
        (np.zeros(40, complex), "real numbers"),
        (np.full((40, 2), np.nan), "signal: expected finite values; got 80 of 80 that are NaN"),
        (["ecg.wav"], "signal: expected an array"),
        ("ecg.wav", "images: expected a signal, an array"),
        ([], "images: expected at least one signal; got none"),
        (np.zeros((40, 1, 1, 2)), "got"),
    ],
    ids=str,
)
def test_signals_that_are_refused(signals, given, match):
    with pytest.raises(InputError, match=match):
        signals.explain(given)


def test_volumes_that_are_refused(volumes):
    match = r"volume: expected \(D, H, W\) or \(D, H, W, C\).*\(N, 2, 8, 12, 16\).*got \(2, 8, 12, 16\).*\.transpose\(1, 2, 3, 0\)"
    with pytest.raises(InputError, match=match):
        volumes.explain(np.zeros((2, 8, 12, 16)))
    with pytest.raises(InputError, match=r"tensors: expected \(N, 2, 8, 12, 16\) float32.*got \(8, 12, 16, 2\)"):
        volumes.explain(tensors=np.zeros((8, 12, 16, 2), np.float32))
    with pytest.raises(InputError, match="expected fewer|connectivity: expected 6 or 26"):
        volumes.explain(array(3), connectivity=8)
    with pytest.raises(InputError, match="images: expected a volume, an array"):
        volumes.explain(Image.new("RGB", (8, 8)))
    with pytest.raises(InputError, match=r"clip: expected frames \(T, H, W, 3\)"):
        fastcam.load(conv3(3), preprocess="imagenet").explain(np.zeros((8, 8), np.uint8))


def test_specifications_that_are_refused():
    for rank, text in ((1, "raw,fit=letterbox"), (3, "raw,channels=grey"), (1, "raw,interpolation=nearest")):
        with pytest.raises(InputError, match="preprocess: expected channels='bands', fit='stretch' and interpolation"):
            fastcam.load(network(rank).model, preprocess=text)
    with pytest.raises(InputError, match=r"size: expected \(D, H, W\), as the model takes; got \(8, 9\)"):
        fastcam.load(network(3, is_open=True).model, preprocess="raw,size=8x9")
    with pytest.raises(InputError, match="preprocess: mean: expected one number, or 2 for the 2 channels"):
        fastcam.load(network(1).model, preprocess="raw,channels=bands,mean=1/2/3")
    with pytest.raises(InputError, match="expected uint8 for scale=1/255"):
        fastcam.load(network(1).model, preprocess="unit").explain(array(1))


def test_inputs_of_two_and_six_axes_are_refused():
    two = build("s = MatMul(x, w) logits = Relu(s)", "float[N, 8] x", "float[N, 5] logits", w=(8, 5))
    with pytest.raises(ModelError, match=r"expected an input of three to five axes.*'x' has 2.*waves"):
        fastcam.load(two)
    body = "m = ReduceMean<axes = [2, 3, 4, 5], keepdims = 0>(x) logits = MatMul(m, w)"
    with pytest.raises(ModelError, match=r"expected an input of three to five axes.*'x' has 6"):
        fastcam.load(build(body, "float[N, 2, 3, 4, 5, 6] x", "float[N, 5] logits", w=(2, 5)))


def test_a_volume_too_large_for_memory(monkeypatch):
    model = fastcam.load(network(3, is_open=True).model, preprocess="raw")
    for place in ("fastcam.arrays.memory", "fastcam.model.opened_model"):
        monkeypatch.setattr(f"{place}.free_memory", lambda: 1 << 20)
    with pytest.raises(InputError, match=r"needs 0\.0 GiB, where 0\.0 GiB are free.*smaller"):
        model.explain(array(3, size=(64, 96, 96)))
    assert model.explain(array(3)).activation_maps.size


@pytest.mark.parametrize("rank", [1, 3])
def test_regions_of_tensors(rank):
    """A tensor that was made of a part: boxes and heatmaps are in samples of the whole."""
    model = model_of(rank)
    size = tuple(2 * side for side in SIZES[rank])
    starts = tuple(side // 4 for side in size[::-1])
    region = (*starts, *(start + side for start, side in zip(starts, SIZES[rank][::-1], strict=True)))
    tensor = np.moveaxis(array(rank), -1, 0)
    found = model.explain(tensors=tensor, region=(region, size))
    plain = model.explain(tensors=tensor)
    name = "xx" if rank == 1 else "xyzxyz"
    np.testing.assert_array_equal(
        getattr(found.boxes, name), getattr(plain.boxes, name) + np.array([*starts, *starts], np.int32)
    )
    assert found.heatmap().shape == size
    inside = tuple(slice(start, start + side) for start, side in zip(starts[::-1], SIZES[rank], strict=True))
    np.testing.assert_array_equal(found.heatmap()[inside], plain.heatmap())
    with pytest.raises(InputError, match="region: expected"):
        model.explain(tensors=tensor, region=((0, 0, 4, 4), size) if rank == 1 else ((0, 5), size))


def test_inputs_are_told(signals, volumes):
    assert (signals.input.shape, signals.input.layout) == (f"(N, {INPUTS}, 40) float32", "NCW")
    assert (volumes.input.shape, volumes.input.layout) == (f"(N, {INPUTS}, 8, 12, 16) float32", "NCDHW")
