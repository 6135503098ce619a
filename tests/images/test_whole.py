"""The fit "whole": photos at their own proportions for models of open size, else the whole photo, stretched."""

import numpy as np
import pytest
from PIL import Image

import fastcam
from fastcam import InputError
from fastcam.images.regions import MOST_TIMES, whole_size
from tests.model.models import BACKBONE, WEIGHTS, build, classifier

BODY = f"{BACKBONE} p = GlobalAveragePool(maps) q = Flatten(p) logits = Gemm<transB = 1>(q, w, b)"


def photo_of(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


@pytest.fixture(scope="module")
def model():
    """A model of open size whose maps have half of the rows and columns of its input."""
    halved = BODY.replace("Conv<pads = [1, 1, 1, 1]>", "Conv<pads = [1, 1, 1, 1], strides = [2, 2]>")
    return fastcam.load(build(halved, inputs="float[N, 3, H, W] image", **WEIGHTS), preprocess="unit,fit=whole,size=16")


@pytest.mark.parametrize(
    ("size", "shorter", "multiple", "expected"),
    [
        ((480, 640), 224, 32, (224, 288)),
        ((640, 480), 224, 32, (288, 224)),
        ((500, 500), 224, 16, (224, 224)),
        ((100, 2000), 224, 32, (32, 896)),
        ((1, 10_000), 224, 32, (32, 896)),
        ((3, 4), 30, 1, (30, 40)),
    ],
)
def test_the_size_of_a_whole_photo(size, shorter, multiple, expected):
    assert whole_size(size, shorter, multiple) == expected
    assert max(expected) <= MOST_TIMES * shorter


def test_the_network_sees_the_whole_photo_at_its_proportions(model):
    photo = photo_of(40, 60)
    seen = model.vision.see(photo)
    assert seen.network_input.shape == (1, 3, 16, 24)  # the stride is 2
    resized = np.asarray(Image.fromarray(photo).resize((24, 16), Image.Resampling.BILINEAR))
    np.testing.assert_allclose(seen.network_input[0].transpose(1, 2, 0), resized / 255, atol=1.01 / 255)
    found = model.explain(photo, top=2)
    assert found.regions.tolist() == [[0, 0, 60, 40]]
    assert found.activation_maps.shape == (1, 2, 8, 12)
    means = found.activation_maps.mean(axis=(2, 3)) + model.head.bias[found.class_index]
    np.testing.assert_allclose(means, np.take_along_axis(found.logits, found.class_index, 1), rtol=1e-5, atol=1e-5)
    assert found.heatmap().shape == (40, 60)
    assert fastcam.overlay(photo, found).shape == (40, 60, 3)


def test_the_shorter_side_may_be_given():
    wide = fastcam.load(build(BODY, inputs="float[N, 3, H, W] image", **WEIGHTS), preprocess="unit,fit=whole,resize=20")
    assert wide.explain(photo_of(40, 60)).activation_maps.shape == (1, 1, 20, 30)


@pytest.mark.parametrize("inputs", ["float[N, 3, 16, 16] image", "float[N, 3, 16, W] image"])
def test_a_model_of_fixed_size_sees_the_photo_stretched(inputs):
    data = build(BODY, inputs=inputs, **WEIGHTS)
    whole, stretched = (fastcam.load(data, preprocess=f"unit,size=16,fit={fit}") for fit in ("whole", "stretch"))
    photo = photo_of(40, 60)
    one, other = whole.explain(photo), stretched.explain(photo)
    np.testing.assert_array_equal(one.activation_maps, other.activation_maps)
    np.testing.assert_array_equal(one.boxes.xyxy, other.boxes.xyxy)
    assert whole.input_gradient(photo).gradients.shape == (1, 1, 3, 16, 16)


def test_photos_of_one_call_have_the_same_proportions(model):
    alike = [photo_of(40, 60), photo_of(80, 120)]
    assert model.explain(alike).activation_maps.shape == (2, 1, 8, 12)
    with pytest.raises(InputError, match=r"image 1 of 2: expected network inputs of one size in a call.*one by one"):
        model.explain([photo_of(40, 60), photo_of(60, 40)])
    assert len(model.features([photo_of(40, 60), photo_of(60, 40)])) == 2  # means, of any size


@pytest.mark.parametrize("method", ["gradcam", "gradcam++", "layercam", "eigencam", "scorecam", "ablationcam"])
def test_methods_of_feature_maps(model, method):
    assert model.explain(photo_of(30, 90), method=method).activation_maps.shape == (1, 1, 8, 24)


def test_methods_that_go_back_further_are_refused(model):
    with pytest.raises(InputError, match=r"reads the head's feature maps with fit='whole'.*got 'cmwp'.*fit='stretch'"):
        model.explain(photo_of(40, 60), method="cmwp")
    with pytest.raises(InputError, match="with fit='whole'.*got 'saliency'"):
        model.input_gradient(photo_of(40, 60))
    with pytest.raises(InputError, match=r"with fit='whole'.*got layer=\.\.\."):
        model.explain(photo_of(40, 60), layer="maps")


def test_a_stream_has_frames_of_one_size(model):
    with model.stream([photo_of(40, 60, seed) for seed in range(3)]) as pairs:
        assert {found.activation_maps.shape for _, found in pairs} == {(1, 1, 8, 12)}


def test_other_fits_have_no_length_of_a_side():
    with pytest.raises(InputError, match="resize: expected with fit='resize-crop' or 'whole'; got fit='stretch'"):
        fastcam.load(classifier(), preprocess="unit,fit=stretch,resize=20")
