"""Pictures of signals."""

from itertools import pairwise

import numpy as np
import pytest

import fastcam
from fastcam import InputError
from fastcam.arrays.colors import colormap
from fastcam.export.signals import overlay_signal
from tests.export.places import explained

WAVE = np.sin(np.linspace(0, 40, 2000))
MAP = np.array([0.0, 0.0, 1.0, 3.0, 1.0, 0.0, 0.0, 0.0])


def test_the_background_is_the_heatmap_over_white():
    picture = overlay_signal(WAVE, MAP, size=(120, 500), opacity=0.5)
    assert picture.shape == (120, 500, 3)
    assert picture.dtype == np.uint8
    levels = fastcam.heatmaps(MAP, (2000,), dtype=np.uint8).reshape(500, 4).max(axis=1)
    expected = np.rint(0.5 * 255 + 0.5 * colormap("turbo")[levels])
    np.testing.assert_array_equal(picture[0], expected)  # above the curve


def test_a_peak_of_one_sample_shows_in_a_column_of_many():
    beats = np.zeros((100_000, 2))
    beats[40_000, 1] = 1
    picture = overlay_signal(beats, np.ones(4), size=(200, 400), opacity=0)
    dark = picture[:176].sum(axis=2) < 500
    assert dark[:88].any(axis=0).all()  # a line through the middle of the upper lane
    assert np.flatnonzero(dark[95:140].any(axis=0)).tolist() in ([159, 160], [160], [160, 161], [159, 160, 161])


def test_a_short_signal_is_a_line_through_its_samples():
    picture = overlay_signal([0.0, 1.0], np.ones(2), size=(100, 300), opacity=0)
    dark = picture[:78].sum(axis=2) < 500
    assert not dark[:, :70].any()
    assert dark[:, 80:220].any(axis=0).all()
    rows = [int(np.flatnonzero(dark[:, x]).mean()) for x in (90, 150, 210)]
    assert rows == sorted(rows, reverse=True)


def test_the_interval_and_the_label_are_marked():
    explanation = explained(MAP, (2000,), labels=("normal", "ectopic"))
    box = explanation.boxes.xx[0, 0]  # pyright: ignore[reportAttributeAccessIssue]
    bare = overlay_signal(WAVE, explanation, size=(200, 800), box=False, label=False)
    np.testing.assert_array_equal(bare, overlay_signal(WAVE, MAP, size=(200, 800)))
    marked = overlay_signal(WAVE, explanation, size=(200, 800), label=False)
    changed = np.flatnonzero((marked != bare).any(axis=(0, 2)))
    left, right = (round(int(x) * 800 / 2000) for x in box)
    assert left - 1 <= changed[0] <= left
    assert right - 1 <= changed[-1] <= right
    labelled = overlay_signal(WAVE, explanation, size=(200, 800))
    assert (labelled != marked).any(axis=2).sum() > 200


def test_numbers_below_are_samples_or_seconds():
    pictures = [overlay_signal(WAVE, MAP, rate=rate) for rate in (None, 500, 0.01)]
    assert all(picture.shape == (360, 1080, 3) for picture in pictures)
    for one, other in pairwise(pictures):
        np.testing.assert_array_equal(one[:310], other[:310])
        assert (one[320:] != other[320:]).any()
    assert overlay_signal([1.0], [1.0], rate=8000).shape == (360, 1080, 3)


@pytest.mark.parametrize(
    ("signal", "options", "match"),
    [
        ([], {}, r"signal: expected \(L,\) or \(L, C\) of real numbers, not empty; got float64 \(0,\)"),
        (np.zeros((5, 2, 2)), {}, r"signal: expected \(L,\) or \(L, C\)"),
        (["a"], {}, "signal: expected .* of real numbers"),
        ([0.0, np.nan], {}, r"signal: expected finite values; got nan at \[1\]"),
        (WAVE, {"rate": 0}, "rate: expected samples a second, a positive number; got 0"),
        (WAVE, {"rate": float("inf")}, "rate: expected samples a second"),
        (WAVE, {"opacity": 2}, "opacity: expected 0 to 1; got 2"),
        (WAVE, {"colormap": "hot"}, "colormap: expected one of"),
        (WAVE, {"size": 300}, r"size: expected \(height, width\) of the picture; got 300"),
        (WAVE, {"size": (30, 300)}, "size: height: expected a whole number from 60 to 16384; got 30"),
        (WAVE, {"size": (300, 30)}, "size: width: expected a whole number from 60"),
        (np.zeros((50, 40)), {}, "size: expected a height of at least 516 for 40 channels; got 360"),
        (WAVE, {"map": 1}, "item, map: expected with an Explanation only; got 0, 1"),
        (WAVE, {"limits": (1, 0)}, "limits: expected finite numbers, low <= high"),
    ],
)
def test_bad_signals_and_options_are_refused(signal, options, match):
    with pytest.raises(InputError, match=match):
        overlay_signal(signal, MAP, **options)


def test_another_signal_than_was_explained_is_refused():
    with pytest.raises(InputError, match=r"signal: expected the one that was explained, \(2000,\); got \(1999,\)"):
        overlay_signal(WAVE[1:], explained(MAP, (2000,)))
    with pytest.raises(InputError, match=r"explanation: expected one of a signal, \(L,\); got one of \(4, 4, 4\)"):
        overlay_signal(WAVE, explained(np.ones((2, 2, 2)), (4, 4, 4)))
    with pytest.raises(InputError, match="item: expected 0 to 0; got 1"):
        overlay_signal(WAVE, explained(MAP, (2000,)), item=1)
    with pytest.raises(InputError, match="explanation: expected 1 axes"):
        overlay_signal(WAVE, MAP[None])
