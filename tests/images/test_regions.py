"""Photos on their way to the network and back: the regions that it sees, and the places of its boxes."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image

import fastcam
from fastcam import InputError
from fastcam.images.frames import pillow_input
from fastcam.images.inputs import ImageInput
from fastcam.images.preprocessing import preprocess
from fastcam.images.regions import seen_region, visible
from tests.arrays import naive
from tests.model.models import red_finder

RED = np.array([255, 0, 0], np.uint8)
NETWORK = (32, 48)


def test_network_input_is_resized_normalised_and_laid_out():
    photo = Image.fromarray(np.random.default_rng(0).integers(0, 256, (10, 14, 3), dtype=np.uint8))
    spec = preprocess({"mean": [0.1, 0.2, 0.3], "std": [0.5, 1, 2], "channels": "bgr", "fit": "stretch"})
    planes = pillow_input(photo, (0, 0, 14, 10), spec, ImageInput("x", np.float32, "NCHW", None, 3, (5, 7)))
    pixels = np.asarray(photo.resize((7, 5), Image.Resampling.BILINEAR), np.float64)[..., ::-1] / 255
    expected = ((pixels - [0.1, 0.2, 0.3]) / [0.5, 1, 2]).transpose(2, 0, 1)[None]
    np.testing.assert_allclose(planes, expected, rtol=1e-5, atol=1e-6)
    last = pillow_input(photo, (0, 0, 14, 10), spec, ImageInput("x", np.float16, "NHWC", None, 3, (5, 7)))
    assert last.dtype == np.float16
    np.testing.assert_allclose(last, expected.transpose(0, 2, 3, 1), atol=2e-3)


def test_grey_models_get_luma():
    photo = Image.new("RGB", (6, 6), (255, 0, 0))
    model = ImageInput("x", np.float32, "NCHW", None, 1, (3, 3))
    np.testing.assert_allclose(
        pillow_input(photo, (0, 0, 6, 6), preprocess("unit,channels=grey"), model), 0.299, atol=2e-3
    )


def test_letterbox_borders_have_the_fill_colour():
    photo = Image.new("RGB", (40, 20), (255, 255, 255))
    model = ImageInput("x", np.uint8, "NHWC", None, 3, (40, 40))
    region = seen_region((20, 40), (40, 40), "letterbox", 1.0)
    pixels = pillow_input(photo, region, preprocess("raw,fit=letterbox,fill=7"), model)[0]
    assert (pixels[:9] == 7).all()
    assert (pixels[11:29] == 255).all()
    assert (pixels[31:] == 7).all()


@given(
    size=st.tuples(st.integers(1, 500), st.integers(1, 500)),
    target=st.tuples(st.integers(1, 300), st.integers(1, 300)),
    fraction=st.floats(0.1, 1.0),
)
def test_the_region_has_the_aspect_ratio_of_the_network(size, target, fraction):
    for fit in ("center-crop", "letterbox"):
        x0, y0, x1, y1 = seen_region(size, target, fit, fraction)
        width, height = x1 - x0, y1 - y0
        shrink = [size[k] / target[k] for k in (0, 1)]
        scale = min(shrink) * fraction if fit == "center-crop" else max(shrink)
        assert abs(height - max(1, scale * target[0])) <= 0.5
        assert abs(width - max(1, scale * target[1])) <= 0.5
        assert abs((x0 + x1) - size[1]) <= 1  # centred
        assert abs((y0 + y1) - size[0]) <= 1
        inside = visible((x0, y0, x1, y1), size)
        assert inside[0] < inside[2]
        assert inside[1] < inside[3]
        assert (inside == (x0, y0, x1, y1)) or fit == "letterbox"


@pytest.fixture(scope="module")
def find_red():
    """Models whose map is known: the red channel of the network input; one for each fit."""
    data = red_finder(*NETWORK)
    return {fit: fastcam.load(data, preprocess=f"unit,fit={fit}") for fit in ("stretch", "center-crop", "letterbox")}


sides = st.integers(8, 160)


@settings(max_examples=300)
@given(
    size=st.tuples(sides, sides),
    fit=st.sampled_from(("stretch", "center-crop", "letterbox")),
    corners=st.tuples(*[st.floats(0, 1)] * 4),
)
def test_a_red_rectangle_is_boxed_where_it_is_in_the_photo(find_red, size, fit, corners):
    height, width = size
    x0, x1 = sorted(int(c * width) for c in corners[:2])
    y0, y1 = sorted(int(c * height) for c in corners[2:])
    model = find_red[fit]
    region = seen_region(size, NETWORK, fit, model.preprocess.crop_fraction)
    pixel_width, pixel_height = (region[2] - region[0]) / NETWORK[1], (region[3] - region[1]) / NETWORK[0]
    left, top, right, bottom = visible(region, size)
    wanted = np.array([max(x0, left), max(y0, top), min(x1, right), min(y1, bottom)])
    assume(wanted[2] - wanted[0] > 2 * pixel_width)
    assume(wanted[3] - wanted[1] > 2 * pixel_height)
    photo = np.zeros((height, width, 3), np.uint8)
    photo[y0:y1, x0:x1] = RED
    explanation = model.explain(photo, class_index=0, threshold=0.5)
    slack = np.array([pixel_width, pixel_height] * 2) + 1
    assert (np.abs(explanation.boxes.xyxy[0, 0] - wanted) <= slack).all()
    assert_box_is_exact(explanation, height, width)


def assert_box_is_exact(explanation, height, width):
    """Check that the box is, to the pixel, that of the map upsampled over its region and clipped to the photo."""
    x0, y0, x1, y1 = explanation.regions[0].tolist()
    left, top, right, bottom = visible((x0, y0, x1, y1), (height, width))
    whole = fastcam.heatmaps(explanation.activation_maps[0, 0], (y1 - y0, x1 - x0), normalize=False, engine="reference")
    inside = naive.mask(whole[top - y0 : bottom - y0, left - x0 : right - x0], "paper", 0.5)
    box, area = naive.largest_component(inside, 8)
    assert explanation.boxes.xyxy[0, 0].tolist() == [box[0] + left, box[1] + top, box[2] + left, box[3] + top]
    assert explanation.boxes.area[0, 0] == area


@pytest.mark.parametrize("fit", ["stretch", "center-crop", "letterbox", "resize-crop", "crop-resize"])
@pytest.mark.parametrize("size", [(512, 640), (640, 512), (40, 300)])
def test_heatmaps_lie_where_the_thing_is(fit, size):
    """The brightest pixel of a photo is the peak of the heatmap, which lies in the box, as the overlay has it."""
    height, width = size
    photo = np.zeros((height, width, 3), np.uint8)
    y, x = height // 2 + height // 8, width // 2 + min(size) // 5
    photo[y - 5 : y + 6, x - 8 : x + 9] = RED
    model = fastcam.load(red_finder(*NETWORK), preprocess=f"unit,fit={fit}" + ",resize=36" * (fit == "resize-crop"))
    explanation = model.explain([photo[::-1], photo], class_index=0)
    heat = explanation.heatmap(1, 0)
    assert (heat.shape, heat.dtype, heat.min(), heat.max()) == (size, np.float32, 0, pytest.approx(1))
    top, left = np.unravel_index(heat.argmax(), size)
    region = explanation.regions[1]
    slack = 1 + max((region[2] - region[0]) / NETWORK[1], (region[3] - region[1]) / NETWORK[0])
    assert abs(top - y) <= 5 + slack
    assert abs(left - x) <= 8 + slack
    x0, y0, x1, y1 = explanation.boxes.xyxy[1, 0]
    assert x0 <= left < x1
    assert y0 <= top < y1
    options = {"colormap": "gray", "box": False, "label": False, "outline": False}
    grey = fastcam.overlay(photo, explanation, item=1, opacity=1, **options)[..., 0]
    seen = tuple(
        slice(*ends) for ends in zip(*np.reshape(visible(tuple(region.tolist()), size), (2, 2))[:, ::-1], strict=True)
    )
    assert np.abs(grey[seen] - 255 * heat[seen]).max() <= 1.5
    unseen = np.ones(size, bool)
    unseen[seen] = False
    assert not heat[unseen].any()
    np.testing.assert_allclose(explanation.heatmap(1, dtype="uint8") / 255, heat, atol=0.003)


def test_heatmaps_of_maps_and_images_that_are_not_there(find_red):
    explanation = find_red["stretch"].explain(np.zeros((9, 9, 3), np.uint8), class_index=0)
    assert not explanation.heatmap().any()  # constant
    with pytest.raises(InputError, match="n: expected 0 to 0; got 1"):
        explanation.heatmap(1)
    with pytest.raises(InputError, match="m: expected 0 to 0; got -1"):
        explanation.heatmap(0, -1)
    with pytest.raises(InputError, match="dtype: expected float32 or uint8"):
        explanation.heatmap(dtype="int8")


def test_gradients_at_the_input_have_heatmaps_as_well(find_red):
    photo = np.zeros((64, 200, 3), np.uint8)
    found = find_red["center-crop"].input_gradient(photo, class_index=0)
    assert found.heatmap().shape == (64, 200)


def test_a_photo_of_the_networks_size_is_boxed_exactly(find_red):
    photo = np.zeros((*NETWORK, 3), np.uint8)
    photo[5:17, 11:40] = RED
    explanation = find_red["stretch"].explain(photo, class_index=0)
    assert explanation.boxes.xyxy[0, 0].tolist() == [11, 5, 40, 17]
    assert explanation.boxes.area[0, 0] == 12 * 29
    np.testing.assert_array_equal(explanation.activation_maps[0, 0], photo[..., 0] * np.float32(1 / 255))


def test_a_sideways_photo_is_boxed_upright(find_red, tmp_path):
    upright = np.zeros((60, 90, 3), np.uint8)
    upright[10:30, 50:80] = RED
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.rot90(upright)).save(tmp_path / "side.png", exif=exif)
    explanation = find_red["stretch"].explain(tmp_path / "side.png", class_index=0, threshold=0.5)
    assert explanation.image_sizes.tolist() == [[60, 90]]
    assert np.abs(explanation.boxes.xyxy[0, 0] - [50, 10, 80, 30]).max() <= 2


def test_a_letterbox_that_would_not_fit_into_memory_is_refused(find_red):
    """Pillow pastes the photo on a canvas; the kernel needs none."""
    photo = np.zeros((1, 60000, 3), np.uint8)
    with pytest.raises(InputError, match="letterbox: expected"):
        fastcam.load(red_finder(*NETWORK), preprocess="unit,fit=letterbox,interpolation=bicubic").explain(photo)
    assert find_red["letterbox"].explain(photo).regions.tolist() == [[0, -20000, 60000, 20000]]
