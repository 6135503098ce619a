"""Rules of operators on signals and volumes, which have one and three axes of places."""

import numpy as np
import pytest

from fastcam.model.gradient.rules import RULES
from fastcam.model.gradient.tape import GRADIENT, SEED, differentiate
from tests.model.gradient.differences import by_onnxruntime, check, known_of, model, node, noise, session

SIDES = {1: (11,), 3: (5, 6, 7)}


def each(rank, *values):
    """The attributes of a window: the same along each axis but the first, where there are more."""
    first, other = values if len(values) == 2 else values * 2
    return [first] if rank == 1 else [other, first, first]


@pytest.mark.parametrize("rank", [1, 3])
@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"strides": (2, 1), "pads": 1},
        {"strides": (3, 2)},
        {"dilations": (2, 1), "pads": 1},
        {"strides": (2,), "auto_pad": "SAME_UPPER"},
        {"auto_pad": "SAME_LOWER"},
    ],
    ids=str,
)
def test_conv(rank, groups, options):
    shape, weights = (1, 4, *SIDES[rank]), noise(8, 4 // groups, *each(rank, 3, 2))
    given = {
        name: value if name == "auto_pad" else each(rank, *value) for name, value in options.items() if name != "pads"
    }
    given |= {"pads": [options["pads"]] * 2 * rank} if "pads" in options else {}
    written = model(node("Conv", "x", "w", "b", group=groups, **given), shape, w=weights, b=noise(8))
    check(written, noise(*shape), batch=2, forward=by_onnxruntime(written), step=0.5)


@pytest.mark.parametrize("rank", [1, 3])
@pytest.mark.parametrize("groups", [1, 2])
def test_conv_transpose(rank, groups):
    options = {"strides": each(rank, 2, 1), "pads": [1] * 2 * rank, "output_padding": each(rank, 1, 0)}
    shape, weights = (1, 4, *SIDES[rank]), noise(4, 3, *each(rank, 3))
    written = model(node("ConvTranspose", "x", "w", group=groups, **options), shape, w=weights)
    check(written, noise(*shape), batch=2, forward=by_onnxruntime(written), step=0.5)


@pytest.mark.parametrize("rank", [1, 3])
@pytest.mark.parametrize("kernel", [2, 3])
@pytest.mark.parametrize("options", [{}, {"ceil_mode": 1}, {"pads": 1}, {"auto_pad": "SAME_UPPER"}], ids=str)
def test_pools(rank, kernel, options):
    shape = (1, 3, *SIDES[rank])
    given = options | ({"pads": [1] * 2 * rank} if "pads" in options else {})
    given |= {"kernel_shape": each(rank, kernel, 2), "strides": each(rank, 2, 1)}
    check_maxima(model(node("MaxPool", "x", **given), shape))
    for with_pads in (0, 1):
        mean = model(node("AveragePool", "x", count_include_pad=with_pads, **given), shape)
        check(mean, noise(*shape), batch=2, forward=by_onnxruntime(mean), step=0.5)


@pytest.mark.parametrize("rank", [1, 3])
def test_global_pools(rank):
    shape = (1, 3, *SIDES[rank])
    check(model(node("GlobalAveragePool", "x"), shape), noise(*shape), batch=3)
    check_maxima(model(node("GlobalMaxPool", "x"), shape))


def check_maxima(written):
    """Values that are all different get as much gradient as there are windows that they are the largest of."""
    shape = [side.dim_value or 1 for side in written.graph.input[0].type.tensor_type.shape.dim]
    x = np.random.default_rng(0).permutation(np.prod(shape)).reshape(shape).astype(np.float32)
    y = by_onnxruntime(written)(x)
    made = session(differentiate(written, "x", "y", known_of(written, x), RULES))
    (gradient,) = made.run([GRADIENT], {"x": x, SEED: np.ones(y.shape, np.float32)})
    windows = np.bincount(y.ravel().astype(int), minlength=x.size)
    np.testing.assert_array_equal(gradient.ravel(), windows[x.ravel().astype(int)])


@pytest.mark.parametrize("rank", [1, 3])
def test_normalizations(rank):
    shape, stored = (1, 4, *SIDES[rank]), {"s": noise(4), "b": noise(4)}
    still = {"m": noise(4), "v": noise(4, positive=True)}
    check(model(node("BatchNormalization", "x", "s", "b", "m", "v"), shape, **stored, **still), noise(*shape), batch=2)
    check(model(node("InstanceNormalization", "x", "s", "b"), shape, **stored), noise(*shape), batch=2)
    grouped = model(node("GroupNormalization", "x", "s", "b", num_groups=2), shape, 21, **stored)
    check(grouped, noise(*shape), 2e-3, forward=by_onnxruntime(grouped), step=1e-2)


@pytest.mark.parametrize("rank", [1, 3])
def test_what_moves_values(rank):
    shape = (1, 2, *SIDES[rank])
    pads = np.array([0, 0, *each(rank, 2, 1), 0, 0, *each(rank, 1, 0)])
    for mode in ("constant", "reflect", "edge"):
        padded = model(node("Pad", "x", "pads", mode=mode), shape, pads=pads)
        check(padded, noise(*shape), forward=by_onnxruntime(padded), step=0.5)
    larger = model(node("Resize", "x", "", "s"), shape, s=np.array([1, 1, *each(rank, 2, 1)], np.float32))
    check(larger, noise(*shape), forward=by_onnxruntime(larger), step=0.5)


@pytest.mark.parametrize("rank", [1, 3])
def test_reductions_over_places(rank):
    shape, axes = (1, 3, *SIDES[rank]), list(range(2, 2 + rank))
    for operator in ("ReduceMean", "ReduceMax", "ReduceSum", "ReduceLogSumExp"):
        check(model(node(operator, "x", "axes", keepdims=0), shape, 18, axes=np.array(axes)), noise(*shape), 5e-5)


@pytest.mark.parametrize("rank", [1, 3])
def test_slopes_for_each_channel(rank):
    shape = (1, 3, *SIDES[rank])
    check(model(node("PRelu", "x", "s"), shape, s=noise(3, *[1] * rank)), noise(*shape), batch=2)
