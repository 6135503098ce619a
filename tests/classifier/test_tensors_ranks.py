"""Tensors of signals, volumes and many channels: the bits of the road of arrays, and boxes of their ranks in regions."""

import re
from typing import Any

import numpy as np
import pytest

import fastcam
from fastcam import HeadNotFoundError, InputError, methods
from tests.model.models import build

RNG = np.random.default_rng(0)
TAIL = "p = GlobalAveragePool(maps) q = Flatten(p) logits = Gemm<transB = 1>(q, w, b)"
BENT = TAIL.replace("logits", "s") + " r = Relu(s) logits = Gemm(r, v)"
# name → (input, kernel, pads, array that is handed in)
KINDS = {
    "signals": ("float[N, 4, 40] image", (6, 4, 3), 2, (40, 4)),
    "volumes": ("float[N, 2, 6, 8, 10] image", (6, 2, 3, 3, 3), 6, (6, 8, 10, 2)),
    "bands": ("float[N, 13, 12, 16] image", (6, 13, 3, 3), 4, (12, 16, 13)),
}
CORNERS = {1: "xx", 2: "xyxy", 3: "xyzxyz"}


@pytest.fixture(scope="module", params=[(kind, tail) for kind in KINDS for tail in (TAIL, BENT)])
def case(request):
    """A model of a kind of input, arrays, and the tensors that are made of them."""
    kind, tail = request.param
    image, kernel, pads, shape = KINDS[kind]
    body = f"f = Conv<pads = {[1] * pads}>(image, k) maps = Relu(f) {tail}"
    more: Any = {"v": (5, 5)} if tail is BENT else {}
    preprocess = "raw,channels=bands,fit=stretch" if kind == "bands" else "raw"
    model = fastcam.load(build(body, image, k=kernel, w=(5, 6), b=(5,), **more), preprocess=preprocess)
    arrays = [RNG.standard_normal(shape).astype(np.float32) for _ in range(2)]
    return model, arrays, np.concatenate([model.vision.prepare(array).network_input for array in arrays])


def test_every_method_gives_the_bits_of_the_road_of_arrays(case):
    model, arrays, tensors = case
    for method in methods.METHODS:
        try:
            expected = model.explain(arrays, method=method, top=2)
        except HeadNotFoundError:
            assert method == "cam"
            continue
        got = model.explain(tensors=tensors, method=method, top=2)
        for name in ("activation_maps", "logits", "image_sizes", "regions"):
            np.testing.assert_array_equal(getattr(got, name), getattr(expected, name), strict=True)
        for name in (CORNERS[tensors.ndim - 2], "area", "peak"):
            np.testing.assert_array_equal(getattr(got.boxes, name), getattr(expected.boxes, name), strict=True)


def test_boxes_are_in_the_places_of_a_region(case):
    model, arrays, tensors = case
    sides = np.array(arrays[0].shape[:-1])
    first, twice = sides[::-1], 2 * sides
    region = ((*first, *(first + sides[::-1])), 3 * sides)
    own, found = model.explain(tensors=tensors), model.explain(tensors=tensors, region=region)
    corners = CORNERS[tensors.ndim - 2]
    np.testing.assert_array_equal(getattr(own.boxes, corners) + np.tile(first, 2), getattr(found.boxes, corners))
    assert (found.image_sizes == 3 * sides).all()
    with pytest.raises(InputError, match=r"region: expected a part of .*, outside it"):
        model.explain(tensors=tensors, region=((*first, *(first + sides[::-1])), sides))
    with pytest.raises(InputError, match=r"region: expected .*, 2 here"):
        model.explain(tensors=tensors, region=((*first, *twice[::-1], 1), 3 * sides))


def test_another_order_of_axes_says_how_to_turn_it(case):
    model, arrays, tensors = case
    turned = (0, tensors.ndim - 1, *range(1, tensors.ndim - 1))
    says = f"expected {model.input.shape}, or one item without N; got {(2, *arrays[0].shape)} float32. These have "
    says = re.escape(says) + ".*" + re.escape(f".transpose({', '.join(map(str, turned))})")
    with pytest.raises(InputError, match=says):
        model.explain(tensors=np.moveaxis(tensors, 1, -1))
    assert np.moveaxis(tensors, 1, -1).transpose(turned).shape == tensors.shape


def test_values_that_are_not_finite_name_the_item_and_its_place(case):
    model, _, tensors = case
    given, place = tensors.copy(), (1, *[1] * (tensors.ndim - 2))
    given[(1, *place)] = np.nan
    says = re.escape(f"image 1 of 2: tensors: expected finite values; got nan at {list(place)}")
    with pytest.raises(InputError, match=says):
        model.explain(tensors=given)
