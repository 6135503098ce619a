"""Heatmaps, boxes and labels drawn over an image."""

from dataclasses import replace

import numpy as np
import pytest

import fastcam
from fastcam import InputError
from fastcam.arrays.colors import colormap
from tests.model.models import red_finder

F = np.float32
PHOTO = np.random.default_rng(0).integers(0, 256, (60, 90, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def model():
    return fastcam.load(red_finder(32, 48), preprocess="unit,fit=stretch", labels=["red thing", "green"])


def test_the_blend_is_the_formula(model):
    explanation = model.explain(PHOTO, class_index=0)
    levels = fastcam.heatmaps(explanation.activation_maps[0, 0], (60, 90), dtype="u1")
    colors = colormap("jet")[levels]
    drawn = fastcam.overlay(PHOTO, explanation, opacity=0.25, colormap="jet", box=False, label=False)
    assert np.abs(drawn - (0.75 * PHOTO + 0.25 * colors)).max() <= 0.5
    np.testing.assert_array_equal(fastcam.overlay(PHOTO, explanation, opacity=0, box=False, label=False), PHOTO)


def test_what_the_network_did_not_see_is_left_alone_on_request():
    model = fastcam.load(red_finder(32, 48), preprocess="unit")
    explanation = model.explain(PHOTO)
    x0, y0, x1, y1 = explanation.regions[0]
    drawn = fastcam.overlay(PHOTO, explanation, box=False, label=False, outline=False)
    outside = np.ones(PHOTO.shape[:2], bool)
    outside[y0:y1, x0:x1] = False
    assert outside.any()
    np.testing.assert_array_equal(drawn[outside], PHOTO[outside])
    assert (drawn[~outside] != PHOTO[~outside]).any(axis=1).mean() > 0.9


def test_the_callers_image_is_not_written_to(model):
    before = PHOTO.copy()
    fastcam.overlay(PHOTO, model.explain(PHOTO))
    np.testing.assert_array_equal(PHOTO, before)


def test_the_box_is_drawn_where_it_is(model):
    photo = np.full((60, 90, 3), 90, np.uint8)
    photo[20:40, 30:70] = (250, 90, 90)
    explanation = model.explain(photo, class_index=0, convention="minmax", threshold=0.5)
    x0, y0, x1, y1 = explanation.boxes.xyxy[0, 0]
    drawn = fastcam.overlay(photo, explanation, opacity=0, label=False)
    assert (drawn[y0, x0:x1] == 255).all()
    assert (drawn[y1 - 1, x0:x1] == 255).all()
    assert (drawn[y0:y1, x0] == 255).all()
    assert (drawn[y0:y1, x1 - 1] == 255).all()
    assert (drawn[y0 - 1, x0:x1] == 0).all()
    np.testing.assert_array_equal(drawn[y0 + 4 : y1 - 4, x0 + 4 : x1 - 4], photo[y0 + 4 : y1 - 4, x0 + 4 : x1 - 4])


def test_a_scaled_overlay_keeps_the_place_of_everything(model):
    photo = np.full((20, 30, 3), 90, np.uint8)
    photo[5:15, 10:20] = (250, 90, 90)
    explanation = model.explain(photo, class_index=0, convention="minmax", threshold=0.5)
    x0, y0, x1, y1 = explanation.boxes.xyxy[0, 0] * 8
    drawn = fastcam.overlay(photo, explanation, opacity=0, label=False, scale=8)
    assert drawn.shape == (160, 240, 3)
    assert (drawn[y0, x0:x1] == 255).all()
    assert (drawn[y0:y1, x1 - 1] == 255).all()


def test_labels_without_names_and_other_maps(model):
    nameless = fastcam.load(red_finder(32, 48), preprocess="unit,fit=stretch")
    explanation = nameless.explain([PHOTO, PHOTO[::-1]], top=2)
    pictures = [fastcam.overlay((PHOTO, PHOTO[::-1])[n], explanation, item=n, map=m) for n in (0, 1) for m in (0, 1)]
    assert len({picture.tobytes() for picture in pictures}) == 4


@pytest.mark.parametrize("opacity", [0, 0.25, 0.5, 0.999, 1])
@pytest.mark.parametrize("size", [(1, 1), (2, 3), (5, 7), (33, 41), (64, 64), (3, 130), (120, 2)])
def test_engines_draw_the_same_pixels(size, opacity):
    """Widths of every remainder by 4 and 8, as the kernel blends words."""
    rng = np.random.default_rng(0)
    for shape in [(1, 1), (3, 5), (7, 7), (40, 60)]:
        one, frame = rng.standard_normal(shape), rng.integers(0, 256, (*size, 3)).astype(np.uint8)
        levels = fastcam.heatmaps(one, size, dtype="u1", engine="reference")
        share = round(256 * opacity)
        expected = (frame.astype(int) * (256 - share) + colormap("turbo")[levels].astype(int) * share + 128) >> 8
        for engine in ("cpu", "reference"):
            drawn = fastcam.overlay(frame, one, opacity=opacity, engine=engine)
            np.testing.assert_array_equal(drawn, expected)


@pytest.mark.parametrize("engine", ["cpu", "reference"])
def test_limits_colour_raw_values(engine):
    rng = np.random.default_rng(0)
    one, frame = rng.standard_normal((5, 6)), rng.integers(0, 256, (33, 41, 3)).astype(np.uint8)
    levels = fastcam.heatmaps(one, (33, 41), dtype="u1", limits=(-0.3, 0.9))
    expected = (frame.astype(int) * 128 + colormap("turbo")[levels].astype(int) * 128 + 128) >> 8
    np.testing.assert_array_equal(fastcam.overlay(frame, one, limits=(-0.3, 0.9), engine=engine), expected)


def test_limits_of_an_explanation(model):
    explanation = model.explain(PHOTO)
    limited = replace(explanation, limits=np.array([[[-1, 2]]], np.float32))
    plain = fastcam.overlay(PHOTO, explanation, limits=(-1, 2))
    np.testing.assert_array_equal(fastcam.overlay(PHOTO, limited), plain)
    assert (fastcam.overlay(PHOTO, limited) != fastcam.overlay(PHOTO, explanation)).any()
    np.testing.assert_array_equal(
        fastcam.overlay(PHOTO, limited, limits=(0, 1)), fastcam.overlay(PHOTO, explanation, limits=(0, 1))
    )


@pytest.mark.parametrize("fit", ["stretch", "center-crop", "letterbox"])
@pytest.mark.parametrize("scale", [1, 2])
def test_several_maps_are_scaled_as_each_of_them_is(fit, scale):
    """One map is the same as twice that map: by its extrema at the size of the image, in the part that was seen."""
    explanation = fastcam.load(red_finder(32, 48), preprocess=f"unit,fit={fit}").explain(PHOTO, top=2)
    maps = np.random.default_rng(1).standard_normal((1, 1, 3, 4)).astype(F).repeat(2, axis=1)
    twice = replace(explanation, activation_maps=maps)
    look = {"box": False, "label": False, "scale": scale, "colormap": "gray"}
    one = fastcam.overlay(PHOTO, twice, map=0, **look).astype(int)
    assert np.abs(one - fastcam.overlay(PHOTO, twice, map=[0, 1], **look)).max() <= 1
    limited = replace(twice, limits=np.array([[[-0.5, 0.25]] * 2], F))  # clipped after upsampling, both ways
    one = fastcam.overlay(PHOTO, limited, map=0, **look).astype(int)
    assert np.abs(one - fastcam.overlay(PHOTO, limited, map=[0, 1], **look)).max() <= 1
    flat = replace(twice, activation_maps=np.full_like(maps, 3))
    np.testing.assert_array_equal(
        fastcam.overlay(PHOTO, flat, map=0, **look), fastcam.overlay(PHOTO, flat, map=[0, 1], **look)
    )


def test_drawing_in_place_and_into_another_array(model):
    expected, explanation = fastcam.overlay(PHOTO, model.explain(PHOTO)), model.explain(PHOTO)
    other, frame = np.full_like(PHOTO, 3), PHOTO.copy()
    assert fastcam.overlay(PHOTO, explanation, out=other) is other
    assert fastcam.overlay(frame, explanation, out=frame) is frame
    np.testing.assert_array_equal(other, expected)
    np.testing.assert_array_equal(frame, expected)


def test_drawing_in_place_outside_of_what_the_network_saw():
    cropping = fastcam.load(red_finder(32, 48), preprocess="unit")
    explanation, frame = cropping.explain(PHOTO), PHOTO.copy()
    expected = fastcam.overlay(PHOTO, explanation)
    np.testing.assert_array_equal(fastcam.overlay(frame, explanation, out=frame), expected)


@pytest.mark.parametrize(
    ("out", "match"),
    [
        (np.empty((60, 91, 3), np.uint8), r"out: expected uint8 \(60, 90, 3\); got uint8 \(60, 91, 3\)"),
        (np.empty((60, 90, 3), F), r"out: expected uint8 \(60, 90, 3\); got float32"),
        (
            np.broadcast_to(np.uint8(0), (60, 90, 3)),
            "out: expected a writable, C-contiguous array; got a read-only one",
        ),
        ([[[0, 0, 0]]], "out: expected a NumPy array; got list"),
    ],
)
def test_arrays_to_draw_into_that_are_refused(out, match):
    with pytest.raises(InputError, match=match):
        fastcam.overlay(PHOTO, [[1.0, 2.0]], out=out)  # pyright: ignore[reportArgumentType]


VIEWS = {
    "bgr": lambda frame: frame[..., ::-1],
    "mirrored": lambda frame: frame[:, ::-1],
    "upside down": lambda frame: frame[::-1],
    "all turned": lambda frame: frame[::-1, ::-1, ::-1],
    "planes": lambda frame: np.zeros((3, 60, 90), np.uint8).transpose(1, 2, 0),
    "columns first": lambda frame: np.zeros((90, 60, 3), np.uint8).transpose(1, 0, 2),
    "of a larger one": lambda frame: np.zeros((70, 100, 4), np.uint8)[5:65, 7:97, :3],
    "every other": lambda frame: np.zeros((120, 180, 6), np.uint8)[::2, ::2, ::2],
}


@pytest.mark.parametrize("scale", [1, 2])
@pytest.mark.parametrize("name", VIEWS)
def test_drawing_into_views_of_any_strides(model, name, scale):
    explanation = model.explain(PHOTO)
    expected = fastcam.overlay(PHOTO, explanation, scale=scale)
    out = VIEWS[name](np.zeros((60, 90, 3), np.uint8))
    if scale == 2:
        out = np.repeat(np.repeat(out, 2, 0), 2, 1)[::-1]
    assert fastcam.overlay(PHOTO, explanation, out=out, scale=scale) is out
    np.testing.assert_array_equal(out, expected)


@pytest.mark.parametrize("name", ["bgr", "mirrored", "upside down", "all turned"])
def test_drawing_in_place_on_views(model, name):
    """A view of OpenCV's BGR frame as RGB: the frame itself is drawn on."""
    view, explanation = VIEWS[name], model.explain(PHOTO)
    expected = fastcam.overlay(PHOTO, explanation)
    frame = np.ascontiguousarray(view(PHOTO))
    out = view(frame)
    assert fastcam.overlay(view(frame), explanation, out=out) is out
    np.testing.assert_array_equal(frame, view(expected))
    frame = np.ascontiguousarray(view(PHOTO))
    fastcam.overlay(view(frame), explanation, out=frame)  # the same memory, in another order
    np.testing.assert_array_equal(frame, expected)
    frame = PHOTO.copy()
    fastcam.overlay(frame, explanation, out=view(frame))
    np.testing.assert_array_equal(view(frame), expected)


def test_drawing_into_a_part_of_what_the_image_is_of(model):
    """Memory that overlaps."""
    both = np.zeros((61, 90, 3), np.uint8)
    both[:-1] = PHOTO
    explanation = model.explain(PHOTO)
    expected = fastcam.overlay(PHOTO, explanation)
    assert fastcam.overlay(both[:-1], explanation, out=both[1:]).base is both
    np.testing.assert_array_equal(both[1:], expected)


def test_a_view_of_the_same_memory_is_drawn_on_without_a_copy(model):
    frame, explanation = PHOTO.copy(), model.explain(PHOTO)
    other = frame[:]
    assert fastcam.overlay(frame, explanation, out=other) is other
    np.testing.assert_array_equal(frame, fastcam.overlay(PHOTO, explanation))


def test_a_map_that_is_not_finite_leaves_the_frame_as_it_was():
    frame = PHOTO.copy()
    with pytest.raises(InputError, match=r"explanation: expected finite values .* got nan at position \[0, 1\]"):
        fastcam.overlay(frame, [[1.0, np.nan]], out=frame)
    np.testing.assert_array_equal(frame, PHOTO)
    for other in (np.full_like(PHOTO, 7), np.full_like(PHOTO, 7)[..., ::-1]):
        with pytest.raises(InputError, match="got nan"):
            fastcam.overlay(frame, [[1.0, np.nan]], out=other)
        assert (other == 7).all()
    with pytest.raises(InputError, match="item, map: expected with an Explanation only; got 1, 0"):
        fastcam.overlay(frame, [[1.0]], item=1)
    with pytest.raises(InputError, match=r"explanation: expected 2 axes; got shape \(1, 1, 1\)"):
        fastcam.overlay(frame, [[[1.0]]])


@pytest.mark.parametrize(
    ("image", "options", "match"),
    [
        (
            PHOTO[1:],
            {},
            r"image: expected the one explained, 60×90; got 59×90",
        ),
        (PHOTO, {"item": 1}, "item: expected 0 to 0; got 1"),
        (PHOTO, {"map": -1}, "map: expected 0 to 0; got -1"),
        (PHOTO, {"opacity": 1.5}, "opacity: expected 0 to 1; got 1.5"),
        (PHOTO, {"scale": 0}, "scale: expected a whole number from 1 to 64; got 0"),
        (PHOTO, {"item": 0.5}, "item: expected 0 to 0; got 0.5"),
        (PHOTO, {"opacity": np.complex64(0.5)}, "opacity: expected 0 to 1"),
        (PHOTO, {"opacity": "a"}, "opacity: expected 0 to 1; got 'a'"),
        (PHOTO, {"limits": (1, 0)}, "limits: expected finite numbers, low <= high"),
        (PHOTO, {"colormap": "hot"}, "colormap: expected one of"),
        (PHOTO.astype(float), {}, r"image: expected floats in \[0, 1\]"),
    ],
)
def test_what_is_refused(model, image, options, match):
    with pytest.raises(InputError, match=match):
        fastcam.overlay(image, model.explain(PHOTO), **options)
