"""Writing of video files: every frame with its time, its colours and its shape."""

import os
from fractions import Fraction

import numpy as np
import pytest

from fastcam import video
from tests.video.videos import LOSSLESS, assert_alike, av, copy, decoded, make, pictures, read_all

pytestmark = pytest.mark.usefixtures("nothing_left_running")


def test_nothing_is_lost_but_what_the_codec_takes(tmp_path):
    given = pictures(12, 47, 63)
    make(tmp_path / "in.mkv", given, **LOSSLESS)
    frames, times = decoded(copy(tmp_path / "in.mkv", tmp_path / "out.mkv", codec="ffv1"))
    np.testing.assert_array_equal(frames, given)
    assert times == decoded(tmp_path / "in.mkv")[1]
    frames, _ = decoded(copy(tmp_path / "in.mkv", tmp_path / "out.mp4", codec="libx264rgb", options={"qp": "0"}))
    np.testing.assert_array_equal(frames, given)


@pytest.mark.parametrize("suffix", [".mp4", ".m4v", ".mov", ".mkv", ".webm"])
def test_formats_to_write(tmp_path, suffix):
    given = pictures(10)
    make(tmp_path / "in.mp4", given)
    frames, times = decoded(copy(tmp_path / "in.mp4", tmp_path / f"out{suffix}"))
    assert_alike(frames, given)
    assert [one - times[0] for one in times] == [Fraction(k, 25) for k in range(10)]
    assert sorted(os.listdir(tmp_path)) == ["in.mp4", f"out{suffix}"]


@pytest.mark.parametrize("name", ["9:00", "100%03d", "-o", "blank space", "très ×", "http", "a'b\"c", "7"])
def test_names_that_mean_something_to_others(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    os.rename(make(tmp_path / "in.mp4", pictures(3)), f"{name}.mp4")
    copy(f"{name}.mp4", f"{name}.mkv")
    assert len(read_all(f"{name}.mkv")[0]) == 3
    assert sorted(os.listdir()) == sorted([f"{name}.mp4", f"{name}.mkv"])


def test_varying_rate_is_kept(tmp_path):
    ticks = [0, 40, 45, 200, 333, 1000]
    make(tmp_path / "in.mp4", pictures(6), ticks=ticks, clock=Fraction(1, 1000))
    assert decoded(copy(tmp_path / "in.mp4", tmp_path / "out.mp4"))[1] == [Fraction(tick, 1000) for tick in ticks]
    import cv2

    capture = cv2.VideoCapture(str(tmp_path / "out.mp4"))
    times = []
    while capture.read()[0]:
        times.append(round(capture.get(cv2.CAP_PROP_POS_MSEC)))
    assert times == ticks


def test_odd_sizes_get_a_row_and_a_column_more(tmp_path):
    given = pictures(3, 47, 63)
    make(tmp_path / "in.mkv", given, **LOSSLESS)
    frames, _ = decoded(copy(tmp_path / "in.mkv", tmp_path / "out.mp4"))
    assert_alike(frames, np.pad(given, ((0, 0), (0, 1), (0, 1), (0, 0)), mode="edge"))


def test_turned_frames_are_written_upright_and_once(tmp_path):
    given = pictures(3)
    make(tmp_path / "in.mp4", given, change=lambda stream: stream.set_display_rotation(90))
    copy(tmp_path / "in.mp4", tmp_path / "out.mp4")
    frames, _ = read_all(tmp_path / "out.mp4")
    assert_alike(frames, np.rot90(given, 1, (1, 2)))
    assert_alike(decoded(tmp_path / "out.mp4")[0], frames)


def test_shape_of_pixels_is_kept_and_turned_along(tmp_path):
    def change(stream):
        stream.codec_context.sample_aspect_ratio = Fraction(4, 3)

    def change_and_turn(stream):
        change(stream)
        stream.set_display_rotation(90)

    for name, how, expected in (("in", change, Fraction(4, 3)), ("turned", change_and_turn, Fraction(3, 4))):
        make(tmp_path / f"{name}.mp4", pictures(3), change=how)
        with av.open(str(copy(tmp_path / f"{name}.mp4", tmp_path / f"{name}-out.mp4"))) as file:
            assert file.streams.video[0].sample_aspect_ratio == expected


@pytest.mark.parametrize(("space", "full"), [(1, False), (5, False), (9, False), (2, False), (1, True)])
def test_colors_are_kept(tmp_path, space, full):
    """A player sees the same colours: it converts stored values by the file's colour space."""

    def change(stream):
        context = stream.codec_context
        context.colorspace = context.color_primaries = context.color_trc = space
        context.color_range = 2 if full else 1

    plain = np.empty((3, 48, 64, 3), np.uint8)
    plain[:] = (200, 30, 90)
    with av.open(str(tmp_path / "in.mp4"), "w") as file:
        stream = file.add_stream("libx264", rate=25, options={"qp": "0"})
        stream.height, stream.width, stream.pix_fmt = 48, 64, "yuv444p"
        change(stream)
        for frame in plain:
            picture = av.VideoFrame.from_ndarray(frame)
            file.mux(
                stream.encode(
                    picture.reformat(format="yuv444p", dst_colorspace=space, dst_color_range=2 if full else 1)
                )
            )
        file.mux(stream.encode())
    np.testing.assert_allclose(read_all(tmp_path / "in.mp4")[0], plain, atol=2)
    copy(tmp_path / "in.mp4", tmp_path / "out.mp4")
    np.testing.assert_allclose(read_all(tmp_path / "out.mp4")[0], plain, atol=3)
    with av.open(str(tmp_path / "out.mp4")) as file:
        context = file.streams.video[0].codec_context
        assert (context.colorspace, context.color_primaries) == (space, space)


def test_frames_of_any_origin(tmp_path):
    given = pictures(10)
    with video.write(tmp_path / "out.mp4", rate=29.97) as out:
        for frame in given[:, :, ::-1]:  # views are fine
            out.write(frame)
    frames, times = decoded(tmp_path / "out.mp4")
    assert_alike(frames, given[:, :, ::-1])
    assert times == [Fraction(1001 * k, 30_000) for k in range(10)]
    with video.write(tmp_path / "timed.mp4") as out:
        for k in (0, 1, 5):
            out.write(given[k], 0.1 * k)
    assert [float(one) for one in decoded(tmp_path / "timed.mp4")[1]] == [0, 0.1, 0.5]


def test_a_frame_may_be_changed_after_it_was_written(tmp_path):
    frame, given = np.empty((48, 64, 3), np.uint8), pictures(20)
    with video.write(tmp_path / "out.mkv", rate=25, codec="ffv1") as out:
        for one in given:
            frame[:] = one
            out.write(frame)
            frame[:] = 0
    np.testing.assert_array_equal(decoded(tmp_path / "out.mkv")[0], given)
