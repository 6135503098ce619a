"""Masks of maps, by threshold and by area, and label images that follow the edges of the photo."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import fastcam
from fastcam import InputError
from fastcam.arrays import components
from fastcam.arrays.masks import area_masks, threshold_masks
from fastcam.export import save_labels, to_coco
from fastcam.export.segments import seeds, segment
from tests.arrays import naive

F = np.float32
MAPS = np.random.default_rng(0).standard_normal((2, 3, 5, 7)).astype(F)
SIDES = st.tuples(st.integers(1, 9), st.integers(1, 9))
SIZES = st.tuples(st.integers(1, 40), st.integers(1, 40))


@settings(max_examples=30)
@given(
    shape=SIDES,
    size=SIZES,
    convention=st.sampled_from(("paper", "gradcam", "minmax")),
    threshold=st.sampled_from((None, 0.45)),
    connectivity=st.sampled_from((4, 8)),
    seed=st.integers(0, 2**32 - 1),
)
def test_threshold_masks_are_the_pixels_of_the_components(shape, size, convention, threshold, connectivity, seed):
    one = np.random.default_rng(seed).standard_normal(shape).astype(F)
    rectified = np.maximum(one, 0) if convention == "gradcam" else one
    expected = naive.mask(
        naive.upsample(rectified, size), convention, threshold or {"gradcam": 0.15}.get(convention, 0.2)
    )
    options = {"convention": convention, "threshold": threshold}
    every = threshold_masks(one, size, **options)
    assert (every.dtype, every.shape) == (np.bool_, size)
    np.testing.assert_array_equal(every, expected)
    largest = threshold_masks(one, size, components="largest", connectivity=connectivity, **options)
    labels = components.label_images(one, size, connectivity=connectivity, **options)
    np.testing.assert_array_equal(largest, labels == 1)
    np.testing.assert_array_equal(every, labels > 0)
    box = fastcam.find_boxes(one, size, connectivity=connectivity, **options)
    assert largest.sum() == box.area


def test_masks_have_the_leading_axes_of_the_maps_and_a_window():
    whole = threshold_masks(MAPS, (50, 71))
    assert whole.shape == (2, 3, 50, 71)
    raw = fastcam.heatmaps(MAPS, (50, 71), normalize=False)
    np.testing.assert_array_equal(whole, raw > F(0.2) * raw.max(axis=(2, 3), keepdims=True))
    part = area_masks(MAPS, (50, 71), 0.25, window=(10, 5, 40, 45))
    assert part.shape == (2, 3, 40, 30)
    assert (part.sum(axis=(2, 3)) == 300).all()


@settings(max_examples=60)
@given(
    shape=SIDES,
    size=SIZES,
    area=st.floats(0, 1, exclude_min=True),
    levels=st.sampled_from((1, 2, 5, 1000)),
    seed=st.integers(0, 2**32 - 1),
)
def test_area_masks_have_the_highest_pixels_and_exactly_so_many(shape, size, area, levels, seed):
    one = np.random.default_rng(seed).integers(0, levels, shape).astype(F)
    values = naive.upsample(one, size).ravel()
    count = max(1, round(area * values.size))
    expected = np.zeros(values.size, bool)
    expected[sorted(range(values.size), key=lambda i: (-values[i], i))[:count]] = True
    got = area_masks(one, size, area)
    np.testing.assert_array_equal(got, expected.reshape(size))
    assert got.sum() == count


def test_area_masks_of_a_constant_map_are_its_first_pixels():
    assert area_masks(np.full((3, 3), 2.0), (2, 4), 0.5).tolist() == [[True] * 4, [False] * 4]


# ---- seeds -----------------------------------------------------------------------------------------------------------


def test_seeds_by_the_rule():
    high, low = 0.6, 0.25
    got = seeds(MAPS[0], (40, 61), foreground=high, background=low)
    assert (got.dtype, got.shape) == (np.int32, (40, 61))
    raw = np.stack([naive.upsample(one, (40, 61)) for one in MAPS[0]])
    peaks = [one.max() for one in raw]
    for y, x in np.ndindex(40, 61):
        above = [m for m in range(3) if raw[m, y, x] > F(high) * peaks[m]]
        if above:
            expected = 1 + max(above, key=lambda m: (raw[m, y, x] / peaks[m], -m))
        else:
            expected = -1 if any(raw[m, y, x] > F(low) * peaks[m] for m in range(3)) else 0
        assert got[y, x] == expected


def test_seeds_of_maps_without_a_maximum():
    """A map without a maximum has no seeds; the others have theirs."""
    empty = -np.ones((5, 7), F)
    got = seeds([empty, MAPS[0, 0], np.zeros((5, 7))], (40, 61))
    np.testing.assert_array_equal(got == 2, seeds(MAPS[0, 0], (40, 61)) == 1)
    assert set(np.unique(got)) == {-1, 0, 2}
    assert not seeds(empty, (9, 9)).any()
    assert (seeds(np.ones((2, 2)), (9, 9)) == 1).all()


# ---- segments --------------------------------------------------------------------------------------------------------


def scene(size, *rectangles):
    """Rectangles (y0, y1, x0, x1) of strong colours on grey, a little noisy."""
    photo = np.full((*size, 3), 90) + np.random.default_rng(0).integers(-6, 7, (*size, 3))
    for color, (y0, y1, x0, x1) in zip(((220, 40, 40), (40, 70, 230)), rectangles, strict=False):
        photo[y0:y1, x0:x1] = color + np.random.default_rng(1).integers(-6, 7, (y1 - y0, x1 - x0, 3))
    return photo.astype(np.uint8)


def blurred(size, shape, rectangle):
    """A coarse map of a rectangle."""
    y0, y1, x0, x1 = rectangle
    h, w = shape
    y, x = (np.arange(h) + 0.5) * size[0] / h, (np.arange(w) + 0.5) * size[1] / w
    down, across = (y[:, None] - (y0 + y1) / 2) / (y1 - y0), (x - (x0 + x1) / 2) / (x1 - x0)
    far = np.maximum(down**2, across**2)
    return np.exp(-6 * far).astype(F)


ONE, TWO = (31, 92, 23, 61), (20, 70, 90, 141)


def iou(a, b):
    return (a & b).sum() / (a | b).sum()


def test_segments_end_at_the_edges_of_the_photo():
    photo = scene((120, 161), ONE, TWO)
    maps = [blurred((120, 161), (14, 18), one) for one in (ONE, TWO)]
    found = segment(photo, maps)
    assert (found.dtype, found.shape) == (np.int32, (120, 161))
    for m, (y0, y1, x0, x1) in enumerate((ONE, TWO)):
        truth = np.zeros((120, 161), bool)
        truth[y0:y1, x0:x1] = True
        assert iou(found == m + 1, truth) > 0.95
        assert iou(threshold_masks(maps[m], (120, 161)), truth) < 0.9
    known = seeds(maps, (120, 161))
    np.testing.assert_array_equal(found[known >= 0], known[known >= 0])
    assert set(np.unique(found)) == {0, 1, 2}


def test_segments_of_maps_that_tell_nothing():
    photo = scene((40, 50), (10, 20, 10, 30))
    assert not segment(photo, np.zeros((3, 3))).any()
    assert not segment(photo, -np.ones((2, 3, 3))).any()
    assert (segment(photo, np.ones((3, 3))) == 1).all()
    found = segment(photo, [np.zeros((3, 3)), np.outer([0, 1, 0], [0, 1, 0])])
    assert set(np.unique(found)) == {0, 2}


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (7, 1), (2, 2), (3, 100)])
def test_small_and_narrow_photos(size):
    photo = np.random.default_rng(0).integers(0, 256, (*size, 3)).astype(np.uint8)
    found = segment(photo, np.random.default_rng(1).standard_normal((2, 4, 4)))
    assert found.shape == size
    assert found.min() >= 0


@pytest.fixture(scope="module")
def explained(load_real, photos):
    """A photo that is wider than high, seen through a centre crop, and with bars above and below it."""
    photo = next(path for path in photos if path.name == "bird.jpg")
    opened = load_real("cifar10_resnet20")
    models = [fastcam.load(opened.path, preprocess=f"imagenet,fit={fit}") for fit in ("center-crop", "letterbox")]
    return photo, [model.explain(photo, top=2) for model in models]


def test_segments_lie_where_the_network_looked(explained):
    path, (cropped, letterboxed) = explained
    photo = np.asarray(Image.open(path).convert("RGB"))
    x0, y0, x1, y1 = cropped.regions[0].tolist()
    found = segment(path, cropped)
    assert found.shape == photo.shape[:2]
    np.testing.assert_array_equal(found[y0:y1, x0:x1], segment(photo[y0:y1, x0:x1].copy(), cropped.activation_maps[0]))
    assert not found[:, :x0].any()
    assert not found[:, x1:].any()
    x0, y0, x1, y1 = letterboxed.regions[0].tolist()
    known = seeds(
        letterboxed.activation_maps[0], (y1 - y0, x1 - x0), window=(-x0, -y0, photo.shape[1] - x0, photo.shape[0] - y0)
    )
    found = segment(photo, letterboxed)
    np.testing.assert_array_equal(found[known >= 0], known[known >= 0])


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning:pycocotools")
def test_segments_in_coco_and_as_a_picture(explained, tmp_path):
    from pycocotools import mask as coco_mask

    path, (found, _) = explained
    labels = segment(path, found)
    data = to_coco(found, segments=[labels])
    assert len(data["annotations"]) == 2
    for m, one in enumerate(data["annotations"]):
        pixels = labels == m + 1
        np.testing.assert_array_equal(coco_mask.decode(one["segmentation"]), pixels)
        y, x = np.nonzero(pixels)
        assert one["area"] == pixels.sum()
        assert one["bbox"] == [x.min(), y.min(), x.max() + 1 - x.min(), y.max() + 1 - y.min()]
    assert [one["category_id"] for one in to_coco(found, segments=[labels * (labels == 2)])["annotations"]] == [
        found.class_index[0, 1]
    ]
    with pytest.raises(InputError, match=r"segments: expected 1 label images, one for each image; got 2"):
        to_coco(found, segments=[labels, labels])
    with pytest.raises(
        InputError, match=r"segments: expected whole numbers \(343, 512\) for image 0; got int32 \(3, 4\)"
    ):
        to_coco(found, segments=[labels[:3, :4]])
    save_labels(tmp_path / "labels.png", labels)
    with Image.open(tmp_path / "labels.png") as picture:
        assert picture.mode == "P"
        np.testing.assert_array_equal(np.asarray(picture), labels)
        assert picture.palette is not None
        assert list(picture.palette.palette[:6]) == [0, 0, 0, 128, 0, 0]


# ---- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "function", [threshold_masks, lambda maps, size: area_masks(maps, size, 0.5), lambda m, s: seeds(m[0], s)]
)
def test_maps_that_are_not_finite_are_refused(function):
    maps = np.ones((2, 2, 3, 3))
    maps[0, 1, 2, 1] = np.nan
    with pytest.raises(InputError, match=r"maps: .* got nan at item \[.*1\], position \[2, 1\]"):
        function(maps, (9, 9))


@pytest.mark.parametrize("area", [0, -0.1, 1.1, True, "half", None, np.nan])
def test_areas_that_are_refused(area):
    with pytest.raises(InputError, match="area: expected a fraction of the pixels, above 0 and up to 1; got "):
        area_masks(MAPS, (9, 9), area)


@pytest.mark.parametrize("function", [lambda maps: area_masks(maps, (9, 9), 0.5), lambda maps: seeds(maps, (9, 9))])
def test_maps_on_a_device_are_refused(function):
    class OnDevice:
        __cuda_array_interface__: dict[str, object] = {}  # noqa: RUF012

    with pytest.raises(InputError, match="maps: expected in the host's memory; got an array on a device"):
        function(OnDevice())


def test_thresholds_that_are_refused():
    with pytest.raises(InputError, match="foreground, background: expected background <= foreground; got 0.2, 0.4"):
        seeds(MAPS[0], (9, 9), foreground=0.2, background=0.4)
    with pytest.raises(InputError, match=r"threshold: expected a fraction .* got 1"):
        seeds(MAPS[0], (9, 9), foreground=1)
    with pytest.raises(InputError, match=r"maps: expected \(M, h, w\) or \(h, w\); got shape \(2, 3, 5, 7\)"):
        seeds(MAPS, (9, 9))


def test_photos_that_are_refused(explained):
    path, (found, _) = explained
    with pytest.raises(InputError, match=r"image: expected the one explained, 343×512; got 9×9"):
        segment(np.zeros((9, 9, 3), np.uint8), found)
    with pytest.raises(InputError, match="item: expected 0 to 0; got 1"):
        segment(path, found, item=1)
    with pytest.raises(InputError, match="item: expected with an Explanation only; got 1"):
        segment(np.zeros((9, 9, 3), np.uint8), MAPS[0], item=1)
    with pytest.raises(InputError, match=r"image: expected \(H, W\), .*; got \(9, 9\) bool. Of a mask"):
        segment(np.zeros((9, 9), np.bool_), MAPS[0])
    with pytest.raises(InputError, match="maps: .* got inf at item"):
        segment(path, replace(found, activation_maps=np.full_like(found.activation_maps, np.inf)))


def test_labels_that_are_no_picture(tmp_path):
    for wrong in (np.zeros((3, 4, 3), np.int32), np.zeros((3, 4)), np.full((3, 4), -1), np.full((3, 4), 256)):
        with pytest.raises(InputError, match=r"labels: expected \(H, W\) whole numbers from 0 to 255; got"):
            save_labels(tmp_path / "labels.png", wrong)
    assert not list(tmp_path.iterdir())
