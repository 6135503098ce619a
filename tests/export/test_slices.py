"""Pictures of volumes and clips."""

import numpy as np
import pytest

from fastcam import InputError
from fastcam.arrays.colors import colormap
from fastcam.export.slices import overlay_frames, overlay_montage, overlay_slices
from tests.export.places import explained

RNG = np.random.default_rng(0)
VOLUME = RNG.integers(-1000, 1000, (6, 16, 24)).astype(np.int16)
MAP = np.zeros((3, 4, 6))
MAP[1, 2, 4] = 1
TURBO = colormap("turbo")
TOP = 4 + 12 + 12 // 3  # rows above the first slice: margin, title, gap


def panel(picture, rows, columns, left=4):
    """Return the first cell of a sheet of narrow cells."""
    top = next(y for y in range(len(picture)) if (picture[y, left : left + columns] != 255).any(axis=1).all())
    return picture[top : top + rows, left : left + columns]


def test_slices_are_grey_values_under_the_heatmap():
    picture = overlay_slices(VOLUME, MAP, at=(2, 8, 12), levels=(-1000, 1000), opacity=0, side=24)
    grey = np.rint(255 * (VOLUME[2].astype(float) + 1000) / 2000)
    seen = panel(picture, 16, 24)
    off = np.ones((16, 24), bool)
    off[8], off[:, 12] = False, False  # the lines
    np.testing.assert_array_equal(seen[off], grey[..., None].repeat(3, axis=2)[off])
    assert (seen[8] >= grey[8][:, None]).all()


def test_the_slices_go_through_the_highest_heat():
    """One across each axis, and the box where it crosses them."""
    explanation = explained(MAP, VOLUME.shape)
    made = overlay_slices(VOLUME, explanation, opacity=1, side=24)
    np.testing.assert_array_equal(made, overlay_slices(VOLUME, explanation, opacity=1, side=24, at=(2, 9, 17)))
    bare = overlay_slices(VOLUME, explanation, opacity=1, side=24, box=False)
    assert (made != bare).any()
    away = overlay_slices(VOLUME, explanation, at=(0, 0, 0), side=24)
    np.testing.assert_array_equal(away, overlay_slices(VOLUME, explanation, at=(0, 0, 0), side=24, box=False))
    without = overlay_slices(VOLUME, explanation, opacity=1, side=24, label=False)
    assert without.shape != made.shape or (without != made).any()


def test_voxels_may_be_farther_apart_along_one_axis():
    flat, tall = (overlay_slices(VOLUME, MAP, side=96, spacing=spacing) for spacing in ((1, 1, 1), (4, 1, 1)))
    assert len(tall) > len(flat)
    named = overlay_slices(VOLUME, MAP, side=96, axes=("S", "A", "L"))
    assert len(named) >= len(flat)


def test_a_montage_has_slices_across_any_axis():
    for axis, shape in enumerate(((16, 24), (6, 24), (6, 16))):
        picture = overlay_montage(VOLUME, MAP, axis=axis, count=2, columns=1, levels=(-1000, 1000), opacity=0, side=24)
        place = VOLUME.shape[axis] // 4
        grey = np.rint(255 * (np.take(VOLUME, place, axis).astype(float) + 1000) / 2000)
        np.testing.assert_array_equal(panel(picture, *shape)[..., 0], grey)
    every = overlay_montage(VOLUME, MAP, count=99, side=24)
    assert every.shape[1] < overlay_montage(VOLUME, MAP, count=99, columns=6, side=24).shape[1]


def test_colors_and_channels():
    colors = RNG.integers(0, 256, (*VOLUME.shape, 3)).astype(np.uint8)
    picture = overlay_montage(colors, MAP, count=1, opacity=0, side=24)
    np.testing.assert_array_equal(panel(picture, 16, 24), colors[3])
    bands = np.stack([VOLUME, -VOLUME], axis=-1)
    picked = overlay_slices(bands, MAP, channel=1, side=24)
    np.testing.assert_array_equal(picked, overlay_slices(-VOLUME, MAP, side=24))
    constant = overlay_slices(np.full((4, 4, 4), 7.0), MAP, opacity=0, side=24, at=(0, 0, 0))
    assert not panel(constant, 24, 24)[12:, 12:].any()


def test_frames_of_a_clip_are_a_strip():
    clip = RNG.integers(0, 256, (9, 16, 24, 3)).astype(np.uint8)
    picture = overlay_frames(clip, MAP, count=3, opacity=0, side=24)
    for k, frame in enumerate((1, 4, 7)):
        np.testing.assert_array_equal(panel(picture, 16, 24, 4 + k * 28), clip[frame])
    np.testing.assert_array_equal(
        overlay_frames(clip[..., 0], MAP, opacity=1, side=24), overlay_frames(clip, MAP, opacity=1, side=24)
    )
    heat = panel(overlay_frames(clip, np.ones((1, 1, 1)), count=1, opacity=1, side=24), 16, 24)
    np.testing.assert_array_equal(heat, np.broadcast_to(TURBO[0], heat.shape))  # a constant map is all zero
    assert overlay_frames(clip, explained(MAP, (9, 16, 24)), rate=25, side=48).shape[1] > 8 * 48


@pytest.mark.parametrize("function", [overlay_slices, overlay_montage])
@pytest.mark.parametrize(
    ("volume", "options", "match"),
    [
        (np.zeros((4, 4)), {}, r"volume: expected \(D, H, W\) or \(D, H, W, C\) of real numbers, not empty; got"),
        (np.full((2, 2, 2), np.inf), {}, r"volume: expected finite values; got inf at \[0, 0, 0\]"),
        (VOLUME, {"channel": 1}, "channel: expected 0 to 0; got 1"),
        (VOLUME, {"levels": (1, 1)}, "levels: expected the value that is black below the one that is white"),
        (VOLUME, {"levels": 3}, "levels: expected 2 finite numbers, black and white; got 3"),
        (VOLUME, {"spacing": (1, 1)}, "spacing: expected 3 finite numbers, distances along D, H and W"),
        (VOLUME, {"spacing": (1, 0, 1)}, r"spacing: expected positive numbers; got \(1, 0, 1\)"),
        (VOLUME, {"side": 3}, "side: expected a whole number from 16 to 4096; got 3"),
        (VOLUME, {"opacity": -1}, "opacity: expected 0 to 1"),
        (VOLUME, {"limits": (0, np.nan)}, "limits: expected finite numbers"),
    ],
)
def test_bad_volumes_and_options_are_refused(function, volume, options, match):
    with pytest.raises(InputError, match=match):
        function(volume, MAP, **options)


@pytest.mark.parametrize(
    ("function", "options", "match"),
    [
        (overlay_slices, {"at": (1, 2)}, r"at: expected \(z, y, x\); got \(1, 2\)"),
        (overlay_slices, {"at": (6, 2, 2)}, "at: z: expected 0 to 5; got 6"),
        (overlay_slices, {"axes": "SA"}, "axes: expected three directions, of D, H and W; got 'SA'"),
        (overlay_montage, {"axis": 3}, "axis: expected 0 to 2; got 3"),
        (overlay_montage, {"count": 0}, "count: expected a whole number from 1 to 256; got 0"),
        (overlay_montage, {"columns": 0}, "columns: expected a whole number from 1 to 64; got 0"),
        (overlay_frames, {}, r"clip: expected \(T, H, W, 3\) or \(T, H, W\) uint8; got int16 \(6, 16, 24\)"),
    ],
)
def test_bad_options_of_one_are_refused(function, options, match):
    with pytest.raises(InputError, match=match):
        function(VOLUME, MAP, **options)
    with pytest.raises(InputError, match="rate: expected frames a second, a positive number; got -1"):
        overlay_frames(VOLUME.astype(np.uint8), MAP, rate=-1)


def test_another_volume_than_was_explained_is_refused():
    with pytest.raises(
        InputError, match=r"volume: expected the one that was explained, \(6, 16, 25\); got \(6, 16, 24"
    ):
        overlay_slices(VOLUME, explained(MAP, (6, 16, 25)))
