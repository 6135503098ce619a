"""Functions of arrays: shapes, values, and errors for bad input."""

from typing import Any, cast

import numpy as np
import pytest

import fastcam
from fastcam import InputError

F = np.float32
MAPS_AND_OUT = np.random.default_rng(2).standard_normal(160).astype(F)
FEATURES = np.random.default_rng(0).standard_normal((2, 4, 3, 5)).astype(F)
WEIGHTS = np.random.default_rng(1).standard_normal((6, 4)).astype(F)


@pytest.mark.parametrize(
    ("index", "maps"), [(3, 1), ([1, 2, 3], 3), ([[0, 1], [2, 3]], 2), (np.uint8(5), 1), ([[4, 5]], 2)]
)
def test_class_index_broadcasts_to_images_and_maps(index, maps):
    made = fastcam.activation_maps(FEATURES, WEIGHTS, index)
    assert made.shape == (2, maps, 3, 5)
    assert made.dtype == F
    full = np.broadcast_to(np.atleast_2d(index), (2, maps))
    expected = np.einsum("nmc,nchw->nmhw", WEIGHTS[full], FEATURES)
    np.testing.assert_allclose(made, expected, rtol=1e-5, atol=1e-5)


def test_leading_axes_of_maps_are_kept():
    maps = np.random.default_rng(0).standard_normal((2, 3, 4, 5, 6))
    boxes = fastcam.find_boxes(maps, (10, 12))
    assert (boxes.xyxy.shape, boxes.area.shape, boxes.peak.shape) == ((2, 3, 4, 4), (2, 3, 4), (2, 3, 4))
    assert fastcam.heatmaps(maps, (10, 12)).shape == (2, 3, 4, 10, 12)


def test_the_threshold_is_a_float32_product():
    """0.2 * 5 in float64 is 1.0000000000000002 at float32's 0.2; pixels that equal the product are out."""
    maps = np.array([[5.0, 1.0, 0.0]], F)
    cut = F(0.2) * F(5.0)
    assert bool(cut >= 1.0)
    assert fastcam.find_boxes(maps, (1, 3)).xyxy.tolist() == [0, 0, 1, 1]
    above = np.array([[5.0, np.nextafter(cut, F(9)), 0.0]], F)
    assert fastcam.find_boxes(above, (1, 3)).xyxy.tolist() == [0, 0, 2, 1]


@pytest.mark.parametrize("engine", ["cpu", "reference"])
@pytest.mark.parametrize(
    ("values", "convention"), [([[-1.0, -2.0]], "paper"), ([[0.0, 0.0]], "gradcam"), ([[3.0, 3.0]], "minmax")]
)
def test_without_contrast_there_is_no_box(values, convention, engine):
    boxes = fastcam.find_boxes(values, (4, 4), convention=convention, engine=engine)
    assert boxes.xyxy.tolist() == [0, 0, 0, 0]
    assert int(boxes.area) == 0


def test_minmax_boxes_a_map_that_is_all_negative():
    boxes = fastcam.find_boxes([[-9.0, -1.0, -9.0, -9.0]], (1, 4), convention="minmax")
    assert boxes.xyxy.tolist() == [1, 0, 2, 1]
    assert float(boxes.peak) == -1.0


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ((FEATURES[0], WEIGHTS, 0), r"feature_maps: expected 4 axes; got shape \(4, 3, 5\)"),
        ((FEATURES, WEIGHTS[0], 0), r"class_weights: expected 2 axes; got shape \(4,\)"),
        ((FEATURES, WEIGHTS[:, :3], 0), r"class_weights: expected \(K, 4\).*got \(6, 3\)"),
        ((FEATURES, WEIGHTS, 6), "class_index: expected 0 to 5, the model has 6 classes; got 6"),
        ((FEATURES, WEIGHTS, -1), "class_index: expected 0 to 5.*got -1"),
        ((FEATURES, WEIGHTS, 1.5), "class_index: expected whole numbers"),
        ((FEATURES, WEIGHTS, [[1], [2, 3]]), "class_index: .* ragged rows"),
        ((FEATURES, WEIGHTS, []), "class_index: expected whole numbers"),
        ((FEATURES, WEIGHTS, [[0], [1], [2]]), "class_index: expected one row for each of 2 images"),
        (
            (FEATURES.astype(complex), WEIGHTS, 0),
            "feature_maps: expected an array of real numbers; got dtype complex128",
        ),
        ((FEATURES[:0], WEIGHTS, 0), "feature_maps: expected at least one element"),
        (([[1, 2], [3]], WEIGHTS, 0), "feature_maps: .* ragged"),
        ((FEATURES.astype(object), WEIGHTS, 0), "got dtype object"),
    ],
)
def test_activation_maps_refuses(arguments, match):
    with pytest.raises(InputError, match=match):
        fastcam.activation_maps(*arguments)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e39])
@pytest.mark.parametrize("engine", ["cpu", "reference"])
def test_numbers_that_are_not_finite_are_refused_by_item(bad, engine):
    features = FEATURES.astype(np.float64)
    features[1, 2, 0, 3] = bad
    with pytest.raises(InputError, match=r"activation maps: expected finite values.* item \[1, 0\], position \[0, 3\]"):
        fastcam.activation_maps(features, WEIGHTS, 0, engine=engine)


@pytest.mark.parametrize("function", [fastcam.find_boxes, fastcam.heatmaps])
@pytest.mark.parametrize(
    ("maps", "size", "options", "match"),
    [
        ([1.0, 2.0], (4, 4), {}, r"maps: expected \(\.\.\., h, w\)"),
        ([[np.nan]], (4, 4), {}, r"maps: expected finite values.* position \[0, 0\]"),
        ([[3e38, -3e38]], (4, 4), {}, "maps: expected finite values below 8.51e"),
        ([[1.0]], (4, 4, 4, 4), {}, r"size: expected two whole numbers \(height, width\)"),
        ([[1.0]], (4, 2.5), {}, "size: expected two whole numbers"),
        ([[1.0]], 4, {}, "size: expected two whole numbers"),
        ([[1.0]], (0, 4), {}, r"size: expected \(height, width\) of 1 to"),
        ([[1.0]], (2**16, 2**16), {}, r"size: expected \(height, width\) of 1 to"),
        ([[1.0]], (4, 4), {"window": (0, 0, 5, 4)}, "window: expected x0 < x1 <= 4"),
        ([[1.0]], (4, 4), {"window": (0.5, 0, 2.5, 4)}, "window: expected four whole numbers"),
        ([[1.0]], (4, 4), {"window": (0, 0, 4)}, "window: expected four whole numbers"),
        ([[1.0]], (4, 4), {"engine": ["cpu"]}, "engine: expected one of"),
        ([[1.0]], (4, 4), {"engine": "gpu"}, "engine: expected one of auto, cpu, reference, cuda; got 'gpu'"),
    ],
)
def test_maps_and_sizes_that_are_refused(function, maps, size, options, match):
    with pytest.raises(InputError, match=match):
        function(maps, size, **options)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"threshold": 0.0}, r"threshold: expected .* in \(0, 1\); got 0.0"),
        ({"threshold": 1}, r"threshold: expected .* in \(0, 1\); got 1"),
        ({"threshold": float("nan")}, "threshold: expected"),
        ({"threshold": "0.2"}, "threshold: expected"),
        ({"convention": "cam"}, "convention: expected one of paper, gradcam, minmax; got 'cam'"),
        ({"connectivity": 6}, "connectivity: expected 4 or 8; got 6"),
    ],
)
def test_options_that_find_boxes_refuses(options, match):
    with pytest.raises(InputError, match=match):
        fastcam.find_boxes([[1.0]], (4, 4), **options)


@pytest.mark.parametrize("dtype", ["f4", "u1"])
@pytest.mark.parametrize("engine", ["cpu", "reference"])
def test_heatmaps_go_into_the_array_given(dtype, engine):
    maps = np.random.default_rng(0).standard_normal((2, 3, 5, 6)).astype(F)
    out = np.full((2, 3, 40, 50), 7, dtype)
    made = fastcam.heatmaps(maps, (40, 50), out=out, engine=engine)
    assert made is out
    np.testing.assert_array_equal(out, fastcam.heatmaps(maps, (40, 50), dtype=dtype))
    assert out.min() == 0
    assert out.max() == (1 if dtype == "f4" else 255)


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (40, 50)])
@pytest.mark.parametrize("engine", ["cpu", "reference"])
def test_limits_make_heatmaps_that_can_be_compared(size, engine):
    """Compare to raw heatmaps, scaled and clipped at image size."""
    maps = np.random.default_rng(0).standard_normal((2, 3, 5, 6)).astype(F)
    raw = fastcam.heatmaps(maps, size, normalize=False)
    each = np.sort(np.random.default_rng(1).standard_normal((2, 3, 2)), axis=-1).astype(F)
    for limits in ((-0.5, 1.25), each):
        low, high = np.moveaxis(np.broadcast_to(np.asarray(limits, F), (2, 3, 2)), -1, 0)[..., None, None]
        expected = np.clip((raw - low) / (high - low), 0, 1)
        got = fastcam.heatmaps(maps, size, limits=limits, engine=engine)
        np.testing.assert_allclose(got, expected, atol=2e-6 / (high - low).min())
        levels = fastcam.heatmaps(maps, size, limits=limits, dtype="u1", engine=engine)
        assert np.abs(levels - 255 * expected).max() <= 0.51
        np.testing.assert_array_equal(got, fastcam.heatmaps(maps, size, limits=limits))
    assert not fastcam.heatmaps(maps, size, limits=(1, 1), engine=engine).any()


def test_own_limits_are_the_extrema_at_image_size():
    maps = np.random.default_rng(0).standard_normal((2, 5, 6)).astype(F)
    raw = fastcam.heatmaps(maps, (40, 50), normalize=False)
    limits = np.stack([raw.min(axis=(1, 2)), raw.max(axis=(1, 2))], axis=1)
    own = fastcam.heatmaps(maps, (40, 50))
    np.testing.assert_array_equal(fastcam.heatmaps(maps, (40, 50), limits=limits), own)
    window = fastcam.heatmaps(maps, (40, 50), limits=limits, window=(7, 5, 30, 20))
    np.testing.assert_allclose(window, own[:, 5:20, 7:30], atol=1e-6)


@pytest.mark.parametrize(
    ("limits", "match"),
    [
        ((1.0, 0.0), r"limits: expected finite numbers, low <= high; got \(1.0, 0.0\)"),
        ((0.0, np.nan), "limits: expected finite numbers"),
        ((0.0, 1e39), "limits: expected finite numbers"),
        (1.0, r"limits: expected \(low, high\), or shape \(2, 3, 2\); got shape \(\)"),
        (np.zeros((2, 2)), r"got shape \(2, 2\)"),
        ("all", "limits: expected an array of real numbers"),
    ],
)
def test_limits_that_are_refused(limits, match):
    with pytest.raises(InputError, match=match):
        fastcam.heatmaps(np.zeros((2, 3, 4, 4)), (8, 8), limits=limits)


@pytest.mark.parametrize(
    ("out", "options", "match"),
    [
        (np.empty((2, 9, 8), F), {}, r"out: expected float32 \(2, 8, 9\); got float32 \(2, 9, 8\)"),
        (np.empty((2, 8, 9)), {}, "dtype: expected float32 or uint8; got float64"),
        (np.empty((2, 8, 18), F)[..., ::2], {}, r"out: expected a writable, C-contiguous array; got strides"),
        (np.empty((2, 8, 9), np.uint8), {"dtype": "f4"}, r"out: expected float32 \(2, 8, 9\); got uint8"),
        (np.empty((2, 8, 9), np.uint8), {"normalize": False}, "dtype: expected float32 for raw values"),
        (None, {"normalize": False, "limits": (0, 1)}, "limits: expected with normalize=True"),
        ([[0.0]], {}, "out: expected a NumPy array; got list"),
        (MAPS_AND_OUT[2:146].reshape(2, 8, 9), {}, "out: expected memory of its own; got an array that overlaps"),
    ],
)
def test_arrays_to_write_into_that_are_refused(out, options, match):
    before = np.array(out)
    with pytest.raises(InputError, match=match):
        fastcam.heatmaps(MAPS_AND_OUT[:8].reshape(2, 2, 2), (8, 9), out=out, **options)
    np.testing.assert_array_equal(out, before)


def test_a_read_only_array_to_write_into_is_refused():
    out = np.zeros((4, 4), F)
    out.flags.writeable = False
    with pytest.raises(InputError, match="out: expected a writable, C-contiguous array; got a read-only one"):
        fastcam.heatmaps([[1.0, 2.0]], (4, 4), out=out)


@pytest.mark.parametrize("dtype", ["f8", "i4", "nonsense"])
def test_other_dtypes_of_heatmaps_are_refused(dtype):
    with pytest.raises(InputError, match="dtype: expected float32 or uint8"):
        fastcam.heatmaps([[1.0, 2.0]], (4, 4), dtype=dtype)


def test_downsampling_past_a_peak_stays_within_bounds():
    """The one bright cell is between the pixels that are left: scaled, it is far out of range."""
    one = np.zeros((1, 9), F)
    one[0, 1], one[0, 4] = 1e30, 1e-30
    for engine in ("cpu", "reference"):
        heat = fastcam.heatmaps(one, (1, 3), engine=engine)
        assert heat.min() >= 0
        assert heat.max() <= 1
        assert not np.isnan(heat).any()


@pytest.mark.parametrize("engine", ["cpu", "reference"])
@pytest.mark.parametrize("size", [(1, 1), (1, 2)])
def test_a_map_that_is_constant_at_image_size_becomes_zeros(size, engine):
    """The cells differ, and the rounding of their scaled values would show."""
    rng = np.random.default_rng(0)
    maps = np.repeat((1e7 * rng.standard_normal((200, 1, 2))).astype(F), 3, axis=1)
    window = (0, 0, 1, 1)
    for dtype in ("f4", "u1"):
        assert not fastcam.heatmaps(maps, size, window=window, dtype=dtype, engine=engine).any()


def test_a_size_or_window_that_was_fine_once_doesnt_make_others_so():
    fastcam.heatmaps([[1.0, 2.0]], (4, 4), window=(0, 0, 4, 4))
    with pytest.raises(InputError, match="window: expected four whole numbers"):
        fastcam.heatmaps([[1.0, 2.0]], (4, 4), window=cast("Any", (0.0, 0, 4, 4)))
    for size in [(1.5, 9, 9), (True, 9), (2**17, 1), (2**16, 2**15)]:
        with pytest.raises(InputError, match="size: expected"):
            fastcam.find_boxes([[1.0, 2.0]], size)
    assert fastcam.heatmaps([[1.0]], cast("Any", [np.int64(4), 4.0])).shape == (4, 4)


@pytest.mark.parametrize("normalize", [None, "no", 0.5])
def test_normalize_is_a_switch(normalize):
    with pytest.raises(InputError, match="normalize: expected True or False"):
        fastcam.heatmaps([[1.0, 2.0]], (4, 4), normalize=normalize)


def test_arrays_with_a_meaning_of_their_own_are_refused():
    with pytest.raises(InputError, match="maps: expected a plain array; got a masked one"):
        fastcam.heatmaps(np.ma.array([[1.0, 2.0]]), (4, 4))
    with pytest.raises(InputError, match="out: expected a NumPy array; got MaskedArray"):
        fastcam.heatmaps([[1.0, 2.0]], (4, 4), out=np.ma.zeros((4, 4), F))
