"""Feature maps of every dtype and layout, straight to boxes, on any number of threads."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastcam
import fastcam.kernels.cpu
from fastcam import InputError
from fastcam.arrays import pool
from fastcam.arrays.checks import CHANNELS_LAST, FORMS

F = np.float32


def quantized(dtype, shape, rng):
    limits = np.iinfo(dtype)
    return rng.integers(limits.min, limits.max + 1, shape).astype(dtype)


def make(dtype, shape, rng):
    """Return feature maps of that dtype, the options of their values, and these values in float32."""
    if dtype in ("i1", "u1"):
        whole = quantized(dtype, shape, rng)
        options = {"scale": 0.0371, "zero_point": int(rng.integers(0, 100))}
        return whole, options, (whole.astype(F) - F(options["zero_point"])) * F(options["scale"])
    spread = np.exp(4 * rng.standard_normal(shape)) if dtype == "f2" else 1  # denormal halves as well
    values = np.clip(rng.standard_normal(shape) * spread, -6e4, 6e4).astype(dtype)
    return values, {}, values.astype(F)


@settings(max_examples=400)
@given(
    dtype=st.sampled_from(("f4", "f2", "i1", "u1", "f8", "i4")),
    layout=st.sampled_from(("NCHW", "NHWC", "turned")),
    shape=st.tuples(st.integers(1, 3), st.integers(1, 150), st.integers(1, 9), st.integers(1, 9)),
    maps=st.integers(1, 6),
    seed=st.integers(0, 2**32 - 1),
)
def test_every_dtype_and_layout_gives_the_bits_of_float32_channels_first(dtype, layout, shape, maps, seed):
    rng = np.random.default_rng(seed)
    features, options, values = make(dtype, shape, rng)
    weights, index = rng.standard_normal((7, shape[1])).astype(F), rng.integers(0, 7, (shape[0], maps))
    last = np.ascontiguousarray(features.transpose(0, 2, 3, 1))
    given = {"NCHW": features, "NHWC": last, "turned": last.transpose(0, 3, 1, 2)}[layout]
    options["layout"] = "NHWC" if layout == "NHWC" else "NCHW"
    expected = fastcam.activation_maps(values, weights, index, engine="reference")
    size = tuple(rng.integers(1, 60, 2).tolist())
    boxes = fastcam.find_boxes(expected, size, engine="reference")
    for engine in ("cpu", "reference"):
        made = fastcam.activation_maps(given, weights, index, engine=engine, **options)
        np.testing.assert_array_equal(made, expected)
        found = fastcam.localize(given, weights, index, size, engine=engine, **options)
        for field in ("xyxy", "area", "peak"):
            np.testing.assert_array_equal(getattr(found, field), getattr(boxes, field))


def test_every_half_is_read_exactly():
    halves = np.arange(2**16, dtype=np.uint16).view(np.float16)
    halves = halves[np.isfinite(halves)].reshape(1, 1, 1, -1)
    np.testing.assert_array_equal(fastcam.activation_maps(halves, [[1.0]], 0), halves.astype(F))
    for bad in (np.inf, -np.inf, np.nan):
        with pytest.raises(InputError, match=r"activation maps: expected finite values"):
            fastcam.activation_maps(np.array([[[[bad]]]], np.float16), [[1.0]], 0)


@pytest.mark.parametrize("options", [{}, {"convention": "gradcam"}, {"convention": "minmax", "threshold": 0.4}])
@pytest.mark.parametrize("connectivity", [4, 8])
def test_it_is_find_boxes_of_activation_maps(options, connectivity):
    rng = np.random.default_rng(0)
    features, weights = rng.standard_normal((3, 40, 7, 9)).astype(F), rng.standard_normal((10, 40)).astype(F)
    options = {"connectivity": connectivity, "window": (5, 3, 90, 60), **options}
    index = rng.integers(0, 10, (3, 5))
    boxes = fastcam.find_boxes(fastcam.activation_maps(features, weights, index), (70, 100), **options)
    found = fastcam.localize(features, weights, index, (70, 100), **options)
    for field in ("xyxy", "area", "peak"):
        np.testing.assert_array_equal(getattr(found, field), getattr(boxes, field))
    assert found.item is None


def test_the_dtypes_are_those_of_the_kernels():
    from fastcam.kernels.cpu import weighted_sum

    named = {"float32": 0, "float16": 1, "int8": 2, "uint8": 3}
    assert {str(dtype): form for dtype, form in FORMS.items()} == named
    assert [getattr(weighted_sum, name.upper()) for name in named] == [0, 1, 2, 3]
    assert weighted_sum.CHANNELS_LAST == CHANNELS_LAST


FEATURES = np.ones((2, 3, 4, 5), F)
WEIGHTS = np.ones((6, 3), F)


@pytest.mark.parametrize("function", ["activation_maps", "localize"])
@pytest.mark.parametrize(
    ("features", "weights", "options", "match"),
    [
        (FEATURES, WEIGHTS, {"layout": "CHW"}, "layout: expected 'NCHW' or 'NHWC'; got 'CHW'"),
        (FEATURES, WEIGHTS, {"layout": "NHWC"}, r"class_weights: expected \(K, 5\).*got \(6, 3\)"),
        (FEATURES, WEIGHTS, {"scale": 0.1}, "expected with int8 or uint8 feature maps only; got float32"),
        (FEATURES, WEIGHTS, {"zero_point": 3}, "expected with int8 or uint8 feature maps only; got float32"),
        (FEATURES.astype("u1"), WEIGHTS, {"zero_point": 3}, "scale: expected one positive number.*got None"),
        (FEATURES.astype("u1"), WEIGHTS, {"scale": -1.0}, "scale: expected one positive number.*got -1.0"),
        (FEATURES.astype("u1"), WEIGHTS, {"scale": [0.1, 0.2]}, "scale: expected one positive number"),
        (FEATURES.astype("u1"), WEIGHTS, {"scale": 1e-60}, "scale: expected one positive number of float32"),
        (FEATURES.astype("u1"), WEIGHTS, {"scale": np.complex64(1)}, "scale: expected one positive number"),
        (FEATURES.astype("u1"), WEIGHTS, {"scale": 1.0, "zero_point": np.array([1, 2, 3])}, "zero_point: expected"),
        (FEATURES.astype("u1"), WEIGHTS, {"zero_point": np.array([1, 2, 3])}, "scale: expected one positive number"),
        (FEATURES.astype("u1"), WEIGHTS, {"scale": 1.0, "zero_point": True}, "zero_point: expected"),
        (FEATURES.astype("i2"), WEIGHTS, {"scale": 1.0}, "expected with int8 or uint8 feature maps only; got int16"),
        (FEATURES, WEIGHTS, {"layout": np.array(["NCHW"])}, "layout: expected 'NCHW' or 'NHWC'"),
        (FEATURES, WEIGHTS, {"threads": True}, "threads: expected 1 to"),
        (FEATURES, WEIGHTS, {"threads": 1.0}, "threads: expected 1 to"),
        (FEATURES, WEIGHTS, {"threads": np.array([1, 2])}, "threads: expected 1 to"),
        (np.ma.array(FEATURES), WEIGHTS, {}, "feature_maps: expected a plain array; got a masked one"),
        (FEATURES.astype("u1"), WEIGHTS, {"scale": 1.0, "zero_point": -1}, "zero_point: expected .* 0 to 255; got -1"),
        (FEATURES.astype("i1"), WEIGHTS, {"scale": 1.0, "zero_point": 200}, "zero_point: expected .* -128 to 127"),
        (FEATURES, WEIGHTS, {"threads": 0}, "threads: expected 1 to"),
        (FEATURES, WEIGHTS, {"threads": 1.5}, "threads: expected 1 to"),
        (FEATURES[0], WEIGHTS, {}, r"feature_maps: expected 4 axes; got shape \(3, 4, 5\)"),
        (
            FEATURES.astype(complex),
            WEIGHTS,
            {},
            "feature_maps: expected an array of real numbers; got dtype complex128",
        ),
        (FEATURES * F(np.nan), WEIGHTS, {}, r"activation maps: expected finite values .* got nan at item \[0, 0\]"),
        (FEATURES, WEIGHTS * F(1e38), {}, "activation maps: expected finite values"),
    ],
)
def test_what_is_refused(function, features, weights, options, match):
    size = [(9, 9)] if function == "localize" else []
    with pytest.raises(InputError, match=match):
        getattr(fastcam, function)(features, weights, 0, *size, **options)


def test_the_item_that_is_not_finite_is_named_on_any_number_of_threads(monkeypatch):
    monkeypatch.setattr(pool, "WORTH", 0.001)
    features = np.ones((9, 3, 4, 5), F)
    features[6, 1, 2, 3] = np.nan
    for threads in (1, 2, 5, None):
        with pytest.raises(InputError, match=r"got nan at item \[6, 0\], position \[2, 3\]"):
            fastcam.localize(features, WEIGHTS, 0, (9, 9), threads=threads)
        with pytest.raises(InputError, match=r"got nan at item \[6, 1\], position \[2, 3\]"):
            fastcam.find_boxes(np.stack([np.ones((9, 4, 5)), features[:, 1]], axis=1), (9, 9), threads=threads)
