"""Reading of video files: every frame with its time, its colours and its orientation."""

import threading
import time
from fractions import Fraction

import numpy as np
import pytest

import fastcam
from fastcam import video
from tests.video.videos import LOSSLESS, assert_alike, av, copy, decoded, make, pictures, read_all

pytestmark = pytest.mark.usefixtures("nothing_left_running")


def test_real_clip_as_pyav_decodes_it(shared):
    path = shared / "video" / "cockatoo.mp4"
    with video.read(path) as frames:
        assert (frames.rate, frames.count, frames.is_live) == (20, 280, False)
        assert not frames.has_ended
        times = []
        with av.open(str(path)) as file:
            for (frame, seconds), picture in zip(frames, file.decode(video=0), strict=True):
                times.append(seconds)
                if len(times) % 40 == 1:
                    np.testing.assert_array_equal(frame, picture.to_ndarray(format="rgb24"))
                assert frame.shape == (720, 1280, 3)
        assert frames.has_ended
    assert times == [k / 20 for k in range(280)]


@pytest.mark.parametrize(
    ("suffix", "codec", "pixels"),
    [
        (".mp4", "libx264", "yuv420p"),
        (".mp4", "libx264", "yuv444p"),
        (".mp4", "libx264", "yuv420p10le"),
        (".mov", "prores_ks", "yuva444p10le"),
        (".mkv", "ffv1", "bgra"),
        (".mkv", "ffv1", "gbrp16le"),
        (".avi", "mpeg4", "yuv420p"),
        (".webm", "libvpx-vp9", "yuv420p"),
        (".h264", "libx264", "yuv420p"),
        (".ts", "libx264", "yuv420p"),
        (".gif", "gif", "rgb8"),
    ],
)
def test_formats_codecs_and_pixels(tmp_path, suffix, codec, pixels):
    path, given = tmp_path / f"clip{suffix}", pictures(9, 50, 60)
    make(path, given, codec, pixels, b="4000000")
    frames, times = read_all(path)
    if suffix != ".gif":  # it has 256 fixed colours
        assert_alike(frames, given)
    np.testing.assert_allclose(times, [k / 25 for k in range(9)], atol=1e-6)
    assert all(one.flags.c_contiguous and one.flags.writeable and one.dtype == np.uint8 for one in frames)


@pytest.mark.parametrize(("codec", "pixels"), [("qtrle", "rgb24"), ("rawvideo", "rgb24"), ("libx264", "yuv420p")])
@pytest.mark.parametrize("width", [60, 64])
def test_drawing_on_a_frame_leaves_the_next_one_alone(tmp_path, codec, pixels, width):
    """A decoder may keep its last picture to make the next one, so a frame must not share its memory."""
    given = pictures(6, 48, width)
    given[1:, :24] = given[0, :24]
    make(tmp_path / "clip.mov", given, codec, pixels)
    expected, _ = decoded(tmp_path / "clip.mov")
    with video.read(tmp_path / "clip.mov") as frames:
        for (frame, _), other in zip(frames, expected, strict=True):
            np.testing.assert_array_equal(frame, other)
            frame[:] = 255 - frame


@pytest.mark.parametrize("pixels", ["gray", "gray16le"])
def test_grey(tmp_path, pixels):
    given = np.repeat(pictures(3)[..., :1], 3, axis=3)
    frames, _ = read_all(make(tmp_path / "grey.mkv", given, "ffv1", pixels))
    assert_alike(frames, given)


def test_interlaced_frames_come_whole(tmp_path):
    given = pictures(6)
    make(tmp_path / "clip.mkv", given, **{"x264-params": "interlaced=1"})
    with av.open(str(tmp_path / "clip.mkv")) as file:
        assert next(file.decode(video=0)).interlaced_frame
    assert_alike(read_all(tmp_path / "clip.mkv")[0], given)


@pytest.mark.parametrize("size", [(47, 63), (1, 1), (2, 65), (49, 64)])
def test_odd_sizes(tmp_path, size):
    given = pictures(3, *size)
    frames, _ = read_all(make(tmp_path / "odd.mkv", given, **LOSSLESS))
    np.testing.assert_array_equal(frames, given)


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_rotated_and_mirrored_frames_come_upright(tmp_path, degrees, flip):
    given = pictures(2)
    path = tmp_path / "turned.mov"
    change = lambda stream: stream.set_display_rotation(degrees, hflip=flip)  # noqa: E731
    make(path, given, change=change)
    turned = np.rot90(given, degrees // 90, (1, 2))
    expected = turned[:, :, ::-1] if flip else turned
    frames, _ = read_all(path)
    assert_alike(frames, expected)
    assert frames[0].flags.c_contiguous
    import cv2

    if not flip:  # the oracle rotates frames by itself
        got, bgr = cv2.VideoCapture(str(path)).read()
        assert got
        assert_alike([frames[0]], [bgr[..., ::-1]])


def test_an_angle_between_the_quarters(tmp_path):
    make(tmp_path / "turned.mov", pictures(2), change=lambda stream: stream.set_display_rotation(30))
    with pytest.raises(fastcam.InputError, match=r"turned\.mov: expected a rotation by quarters; got the display"):
        read_all(tmp_path / "turned.mov")


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_varying_rate(tmp_path, suffix):
    ticks = [0, 40, 45, 200, 333, 1000]
    make(tmp_path / f"vfr{suffix}", pictures(6), ticks=ticks, clock=Fraction(1, 1000), bf="0")
    assert read_all(tmp_path / f"vfr{suffix}")[1] == [tick / 1000 for tick in ticks]


def test_times_count_from_the_beginning_of_the_file(tmp_path):
    make(tmp_path / "late.ts", pictures(5), ticks=[900_000 + 3600 * k for k in range(5)], clock=Fraction(1, 90_000))
    with av.open(str(tmp_path / "late.ts")) as file:
        assert file.start_time >= 10_000_000
    np.testing.assert_allclose(read_all(tmp_path / "late.ts")[1], [0.04 * k for k in range(5)], atol=1e-9)


def test_frames_that_change_their_size(tmp_path):
    first, second = pictures(3), pictures(3, 64, 96)
    data = b"".join(make(tmp_path / f"{k}.h264", one).read_bytes() for k, one in enumerate((first, second)))
    (tmp_path / "both.h264").write_bytes(data)
    frames, times = read_all(tmp_path / "both.h264")
    assert_alike(frames, [*first, *second])
    assert times == sorted(set(times))
    with pytest.raises(fastcam.InputError, match="frame 3: expected 64×48 pixels as before; got 96×64. A file has one"):
        copy(tmp_path / "both.h264", tmp_path / "out.mp4")
    assert_alike(read_all(tmp_path / "out.mp4")[0], first)


def test_closing_while_another_thread_reads(shared):
    """The thread that reads releases the decoder, which is in use."""
    for _ in range(5):
        frames = video.read(shared / "video" / "cockatoo.mp4")
        reader = threading.Thread(target=lambda frames=frames: list(frames))
        reader.start()
        time.sleep(0.05)
        frames.close()
        reader.join(5)
        assert not reader.is_alive()
        assert not frames.has_ended
        assert list(frames) == []
