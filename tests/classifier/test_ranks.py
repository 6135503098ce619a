"""Signals and volumes, by the same claims as images: heads, maps, methods, gradients and boxes."""

from typing import Any

import numpy as np
import pytest

import fastcam
from fastcam.arrays.values import Cuboids, Intervals
from fastcam.methods import METHODS
from tests.model.ranks import CHANNELS, CLASSES, INPUTS, SIZES, array, network

RANKS = [1, 3]


@pytest.fixture(scope="module")
def models():
    """Return models by rank and tail, each opened once."""
    opened = {}

    def get(rank, tail):
        if (rank, tail) not in opened:
            made = network(rank, tail)
            opened[rank, tail] = made, fastcam.load(made.model, preprocess="raw")
        return opened[rank, tail]

    return get


def channels_first(image):
    return np.moveaxis(image, -1, 0)


@pytest.mark.parametrize("rank", RANKS)
@pytest.mark.parametrize("tail", ["cam", "cam-spatial"])
def test_activation_maps_add_up_to_the_logits(models, rank, tail):
    """mean(M_c) + b_c = S_c, and M_c is the weighted sum of the feature maps that NumPy computes."""
    made, model = models(rank, tail)
    image = array(rank)
    found = model.explain(image, class_index=range(CLASSES))
    maps = made.maps(channels_first(image))
    assert model.head.kind == tail
    assert model.head.feature_shape == maps.shape
    assert found.method == "cam"
    weights = made.w if tail == "cam" else made.w.reshape(CLASSES, *maps.shape) * maps[0].size
    by = "kc,c...->k..." if tail == "cam" else "kc...,c...->k..."
    expected = np.einsum(by, weights.astype(np.float64), maps)
    np.testing.assert_allclose(found.activation_maps[0], expected, atol=1e-6 * np.abs(expected).max())
    means = found.activation_maps[0].reshape(CLASSES, -1).mean(axis=1, dtype=np.float64)
    np.testing.assert_allclose(means + model.head.bias, found.logits[0], atol=1e-5)


@pytest.mark.parametrize("rank", RANKS)
@pytest.mark.parametrize("tail", ["cam", "pool-nonlinear", "gap-nonlinear", "cam-spatial"])
def test_grad_cam_against_differences(models, rank, tail):
    """`ReLU(sum_k mean(g_k) A_k)`, with g by differences of the tail in NumPy."""
    made, model = models(rank, tail)
    maps = made.maps(channels_first(array(rank)))

    def logit(values):
        flat = values.reshape(CHANNELS, -1)
        mean = flat.mean(axis=1)
        pooled = {"pool-nonlinear": flat.max(axis=1), "gap-nonlinear": 1 / (1 + np.exp(-mean)), "cam": mean}
        return float(made.w[2].astype(np.float64) @ pooled.get(tail, flat.ravel())) + float(made.b[2])

    step, weights = 1e-6, np.zeros(CHANNELS)
    for channel in range(CHANNELS):
        for place in np.ndindex(maps.shape[1:]) if tail in ("pool-nonlinear", "cam-spatial") else [None]:
            one = np.zeros_like(maps)
            one[channel if place is None else (channel, *place)] = step
            weights[channel] += (logit(maps + one) - logit(maps - one)) / (2 * step)
    expected = np.maximum(np.tensordot(weights / maps[0].size, maps, 1), 0)
    found = model.explain(array(rank), class_index=2, method="gradcam")
    np.testing.assert_allclose(found.activation_maps[0, 0], expected, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("rank", RANKS)
def test_every_method(models, rank):
    """Maps of the head's grid or the input's, heatmaps and boxes in the array's own samples, whatever its size."""
    larger = tuple(side + 5 for side in SIZES[rank])
    for tail in ("cam", "pool-nonlinear"):
        made, model = models(rank, tail)
        grid = made.maps(channels_first(array(rank))).shape[1:]
        for name, method in METHODS.items():
            if name == "cam" and not model.head.is_exact:
                continue
            found = model.explain(array(rank, size=larger), method=name, top=2)
            at_input = isinstance(method, fastcam.methods.InputMethod)
            assert found.activation_maps.shape == (1, 2, *(SIZES[rank] if at_input else grid)), name
            assert found.heatmap(0, 1).shape == larger
            assert found.image_sizes.tolist() == [list(larger)]
            assert found.regions.tolist() == [[0] * rank + list(larger[::-1])]
            corners = found.boxes.xx if rank == 1 else found.boxes.xyzxyz
            assert corners.shape == (1, 2, 2 * rank)
            assert isinstance(found.boxes, Intervals if rank == 1 else Cuboids)
            assert (corners[..., rank:] <= larger[::-1]).all()


@pytest.mark.parametrize("rank", RANKS)
def test_boxes_are_those_of_the_maps(models, rank):
    _, model = models(rank, "cam")
    found = model.explain(array(rank), convention="minmax", threshold=0.5)
    expected = fastcam.find_boxes(found.activation_maps[0], SIZES[rank], convention="minmax", threshold=0.5)
    name = "xx" if rank == 1 else "xyzxyz"
    np.testing.assert_array_equal(getattr(found.boxes, name)[0], getattr(expected, name))
    np.testing.assert_array_equal(found.boxes.area[0], expected.area)
    assert found.connectivity == {1: 2, 3: 26}[rank]


@pytest.mark.parametrize("rank", RANKS)
def test_masks_in_batches_and_by_closed_forms(models, rank):
    """ReciproCAM and Ablation-CAM of an exact head, against the logits of masked feature maps by NumPy."""
    made, model = models(rank, "cam")
    maps = made.maps(channels_first(array(rank)))
    found = model.explain(array(rank), class_index=1, method="reciprocam").activation_maps[0, 0]
    alone = np.tensordot(made.w[1].astype(np.float64), maps, 1) / maps[0].size
    np.testing.assert_allclose(found, alone - alone.min(), atol=1e-6)
    blurred = model.explain(array(rank), class_index=1, method="reciprocam-gaussian").activation_maps[0, 0]
    for axis in range(rank):
        alone = np.apply_along_axis(lambda line: np.convolve(line, [0.25, 0.5, 0.25], "same"), axis, alone)
    np.testing.assert_allclose(blurred, alone - alone.min(), atol=1e-6)


@pytest.mark.parametrize("rank", RANKS)
def test_reciprocam_by_forwards_of_the_tail(models, rank):
    made, model = models(rank, "pool-nonlinear")
    maps = made.maps(channels_first(array(rank)))
    found = model.explain(array(rank), class_index=1, method="reciprocam").activation_maps[0, 0]
    logits = np.tensordot(made.w[1].astype(np.float64), maps, 1)  # of maps that are not negative, the rest of them 0
    np.testing.assert_allclose(found, logits - logits.min(), atol=1e-5)


@pytest.mark.parametrize("rank", RANKS)
def test_gradients_at_the_input(models, rank):
    """The gradient of a logit along random directions, against differences of the whole model in NumPy."""
    made, model = models(rank, "gap-nonlinear")
    image = channels_first(array(rank)).astype(np.float64)
    found = model.input_gradient(array(rank), class_index=3)
    assert found.gradients.shape == (1, 1, INPUTS, *SIZES[rank])
    assert found.network_inputs.shape == (1, INPUTS, *SIZES[rank])

    def logit(values):
        mean = made.maps(values).reshape(CHANNELS, -1).mean(axis=1)
        return float(made.w[3].astype(np.float64) @ (1 / (1 + np.exp(-mean))))

    for seed in range(4):
        way = 1e-6 * np.random.default_rng(seed).standard_normal(image.shape)
        difference = (logit(image + way) - logit(image - way)) / 2
        along = float((found.gradients[0, 0].astype(np.float64) * way).sum())
        assert along == pytest.approx(difference, rel=1e-3, abs=1e-5 * np.abs(way).sum() / way.size)


@pytest.mark.parametrize("rank", RANKS)
def test_layers_and_input_gradients(models, rank):
    _, model = models(rank, "cam")
    fused = model.explain(array(rank), method="layercam", layer=["c", "maps"])
    assert fused.activation_maps.shape[2:] == model.head.feature_shape[1:]
    guided = model.input_gradient(array(rank), method="guidedgradcam")
    assert guided.activation_maps.shape == (1, 1, *SIZES[rank])
    assert guided.heatmap().shape == SIZES[rank]
    assert model.input_gradient(array(rank), layer="maps").gradients.shape[2:] == model.head.feature_shape


@pytest.mark.parametrize("rank", [1, 2, 3])
def test_gradients_fit_the_size_of_each_input(rank):
    """A model of open size, explained at one that it wasn't opened at, has the maps of the model of fixed size."""
    tensor = channels_first(array(rank))[None]
    opened, fixed = (
        fastcam.load(network(rank, "pool-nonlinear", is_open=is_open).model, preprocess="raw,channels=bands")
        for is_open in (True, False)
    )
    methods = ({"method": "gradcam"}, {"method": "saliency"}, {"method": "ablationcam"}, {"layer": "c"})
    options: dict[str, Any]
    for options in methods:
        one, other = (model.explain(tensors=tensor, **options).activation_maps for model in (opened, fixed))
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("rank", RANKS)
def test_channels_last_and_saved_heads(rank, tmp_path):
    made = network(rank, last=True)
    model = fastcam.load(made.model, preprocess="raw")
    assert model.input.layout == {1: "NWC", 3: "NDHWC"}[rank]
    first = fastcam.load(network(rank).model, preprocess="raw")
    one, other = model.explain(array(rank)), first.explain(array(rank))
    np.testing.assert_allclose(one.activation_maps, other.activation_maps, atol=1e-6)
    model.head.save(tmp_path / "head.npz")
    again = fastcam.load(made.model, preprocess="raw", head=fastcam.Head.load(tmp_path / "head.npz"))
    np.testing.assert_array_equal(again.explain(array(rank)).activation_maps, one.activation_maps)
    assert again.head.feature_shape == model.head.feature_shape


@pytest.mark.parametrize("rank", RANKS)
def test_features_and_other_classes(models, rank):
    made, model = models(rank, "cam")
    features = model.features([array(rank, 0), array(rank, 1)])
    expected = made.maps(channels_first(array(rank, 1))).reshape(CHANNELS, -1).mean(axis=1)
    np.testing.assert_allclose(features[1], expected, atol=1e-6)
    other = model.with_classes(np.eye(CHANNELS), np.zeros(CHANNELS), labels=None)
    np.testing.assert_allclose(other.explain(array(rank, 1), top=CHANNELS).logits[0], expected, atol=1e-6)


@pytest.mark.parametrize("rank", RANKS)
def test_batches_of_arrays(models, rank):
    _, model = models(rank, "cam")
    arrays = [array(rank, seed) for seed in range(3)]
    several, batch = model.explain(arrays), model.explain(np.stack(arrays))
    np.testing.assert_array_equal(several.activation_maps, batch.activation_maps)
    np.testing.assert_array_equal(several.activation_maps[1:2], model.explain(arrays[1]).activation_maps)
    tensors = model.explain(tensors=np.stack([channels_first(one) for one in arrays]))
    np.testing.assert_array_equal(several.activation_maps, tensors.activation_maps)
    assert [len(item.box or ()) for item in several[0]] == [2 * rank]
