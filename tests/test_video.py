"""Video files in and out: every frame with its time, colours and audio kept, and what is wrong with a file said."""

import inspect
import os
import socket
import subprocess
import sys
import threading
import time
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import fastcam
from fastcam import video
from fastcam.video.camera import Camera

av = pytest.importorskip("av", reason="the extra `video` isn't installed")
from tests.videos import add_audio, decoded, make, packets, pictures  # noqa: E402

LOSSLESS: Any = {"codec": "ffv1", "pixels": "bgr0"}
CLOSE = 12  # levels between a plain field and what a codec makes of it, but for its edges


@pytest.fixture(autouse=True)
def nothing_left_running():
    yield
    until = time.monotonic() + 5
    while (left := _threads()) and time.monotonic() < until:
        time.sleep(0.01)
    assert not left


def _threads():
    names = [thread.name for thread in threading.enumerate()]
    return [name for name in names if name.startswith(("fastcam-video", "fastcam-stream"))]


def read_all(path, **options):
    with video.read(path, **options) as frames:
        return [list(part) for part in zip(*frames, strict=True)]


def copy(path, target, **options):
    with video.read(path) as frames, video.write(target, like=frames, **options) as out:
        for frame, seconds in frames:
            out.write(frame, seconds)
    return target


def write_all(target, frames, times=None, **options):
    with video.write(target, **options) as out:
        for k, frame in enumerate(frames):
            out.write(frame, times[k] if times else None)


def assert_alike(frames, expected):
    """Equal but for what a codec does at edges."""
    assert len(frames) == len(expected)
    for frame, other in zip(frames, expected, strict=True):
        assert frame.shape == other.shape
        assert np.median(np.abs(frame.astype(int) - other)) <= 3
        assert np.percentile(np.abs(frame.astype(int) - other), 75) <= CLOSE


@pytest.mark.parametrize("function", [video.read, video.read_raw, video.write])
def test_every_parameter_is_documented_and_shown(function):
    lines = [line.strip() for line in (inspect.getdoc(function) or "").splitlines()]
    described = {word.strip() for line in lines for word in line.split(",")}
    assert set(inspect.signature(function).parameters) <= described
    assert {"Parameters", "Raises", "Examples"} <= set(lines)


# Reading


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
    if suffix != ".gif":  # of 256 fixed colours
        assert_alike(frames, given)
    np.testing.assert_allclose(times, [k / 25 for k in range(9)], atol=1e-6)
    assert all(one.flags.c_contiguous and one.flags.writeable and one.dtype == np.uint8 for one in frames)


@pytest.mark.parametrize(("codec", "pixels"), [("qtrle", "rgb24"), ("rawvideo", "rgb24"), ("libx264", "yuv420p")])
@pytest.mark.parametrize("width", [60, 64])
def test_drawing_on_a_frame_leaves_the_next_one_alone(tmp_path, codec, pixels, width):
    """A decoder may keep its last picture, which a frame must not share: the next one is a change of it."""
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

    if not flip:  # an oracle that turns frames by itself
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


def cut(path, share):
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv", "clip.webm", "clip.avi"])
def test_a_file_that_is_cut_off(tmp_path, name):
    codec = {".webm": "libvpx-vp9", ".avi": "mpeg4"}.get(name[4:], "libx264")
    container = {"movflags": "faststart"} if name == "clip.mp4" else {}
    noise = np.random.default_rng(0).integers(0, 256, (60, 48, 64, 3)).astype(np.uint8)
    path = make(tmp_path / name, noise, codec, container=container)
    whole, _ = read_all(path)
    cut(path, 0.6)
    got = []
    with pytest.raises(fastcam.InputError, match=rf"{name}: frame \d\d: expected more; the file is cut off after 1\."):
        got.extend(video.read(path))
    assert 25 <= len(got) <= 40
    np.testing.assert_array_equal([frame for frame, _ in got[:-2]], whole[: len(got) - 2])


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm", ".avi", ".mov", ".flv", ".asf", ".gif"])
@pytest.mark.parametrize("rate", [Fraction(1, 5), 1, Fraction(30_000, 1001), None])
def test_no_whole_file_is_taken_for_one_that_is_cut_off(tmp_path, suffix, rate):
    codec = {".webm": "libvpx-vp9", ".avi": "mpeg4", ".asf": "mpeg4", ".gif": "gif"}.get(suffix, "libx264")
    pixels = "rgb8" if codec == "gif" else "yuv420p"
    ticks, clock = ([1440, 1480, 2000, 9000], Fraction(1, 1000)) if rate is None else (range(4), 1 / Fraction(rate))
    make(tmp_path / f"clip{suffix}", pictures(4), codec, pixels, rate=rate or 25, ticks=ticks, clock=clock)
    assert len(read_all(tmp_path / f"clip{suffix}")[0]) == 4


def test_a_file_that_is_damaged_inside(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (60, 48, 64, 3)).astype(np.uint8)
    path = make(tmp_path / "clip.mp4", noise, g="12")
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 2000] = bytes(2000)
    path.write_bytes(data)
    got = []
    with pytest.raises(fastcam.InputError, match=r"clip\.mp4: frame (\d+): can't be read \(Invalid data") as error:
        got.extend(video.read(path))
    assert f"frame {len(got)}:" in str(error.value)
    assert 20 <= len(got) <= 40


def test_a_file_without_frames(tmp_path):
    path = tmp_path / "short.mp4"
    for frames, message in (
        (5, "short.mp4: expected frames; the video stream has none"),
        (50, "cut off after 0.00 s of 2"),
    ):
        make(path, pictures(frames), container={"movflags": "faststart"})
        path.write_bytes(path.read_bytes().partition(b"mdat")[0])
        with pytest.raises(fastcam.InputError, match=message):
            read_all(path)


def test_what_is_no_video(tmp_path, shared):
    (tmp_path / "text.mp4").write_text("not a video")
    (tmp_path / "empty.mp4").touch()
    unknown = make(tmp_path / "unknown.mp4", pictures(2))
    unknown.write_bytes(unknown.read_bytes().replace(b"avc1", b"zzq1"))
    with av.open(str(tmp_path / "sound.mka"), "w") as file:
        audio = file.add_stream("pcm_s16le", rate=8000)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.int16), "s16", "mono")
        sound.sample_rate = 8000
        file.mux(audio.encode(sound))
    cases = {
        "none.mp4": "none.mp4: no such file; expected a video",
        "text.mp4": r"text.mp4: can't be opened as a video \(Invalid data",
        "empty.mp4": r"empty.mp4: can't be opened as a video \(Invalid data",
        ".": r"can't be opened as a video \(Is a directory",
        "unknown.mp4": "unknown.mp4: expected a codec that this FFmpeg decodes",
        "sound.mka": "sound.mka: expected a video stream; it has: audio",
    }
    for name, message in cases.items():
        with pytest.raises(fastcam.InputError, match=message):
            video.read(tmp_path / name)
    with pytest.raises(fastcam.InputError, match="source: expected a path, an address or a camera; got int"):
        video.read(0)  # pyright: ignore[reportArgumentType]
    with pytest.raises(fastcam.InputError, match="no container format 'nope'"):
        video.read(shared / "video" / "cockatoo.mp4", format="nope")


def test_closing_while_another_thread_reads(shared):
    """Never under the decoder's feet: whoever reads ends it."""
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


# Live sources


@pytest.fixture
def server(tmp_path):
    """Serves some bytes to whoever connects, then does what it is told: leaves, or says nothing more."""
    path = make(tmp_path / "clip.ts", pictures(25), g="5", bf="0")
    threads, closing = [], threading.Event()

    def serve(data=None, hangs=False):
        listening = socket.create_server(("127.0.0.1", 0))

        def run():
            connection, _ = listening.accept()
            with listening, connection:
                connection.sendall(path.read_bytes() if data is None else data)
                if hangs:
                    closing.wait(10)

        threads.append(threading.Thread(target=run))
        threads[-1].start()
        return f"tcp://127.0.0.1:{listening.getsockname()[1]}"

    yield serve
    closing.set()
    for thread in threads:
        thread.join()


def test_a_live_source_that_ends(server, tmp_path):
    with pytest.raises(fastcam.InputError, match="frame 25: expected more of a live source; it ended"):
        copy(server(), tmp_path / "out.mp4")
    frames, times = read_all(tmp_path / "out.mp4")
    assert_alike(frames, pictures(25))
    assert times == [k / 25 for k in range(25)]


def test_a_live_source_that_says_nothing_more(server, monkeypatch):
    monkeypatch.setattr("fastcam.video.ffmpeg.PATIENCE", 1)
    got = []
    with pytest.raises(fastcam.InputError, match=r"frame \d+: can't be read \(no data for 1 s\)"):
        got.extend(video.read(server(hangs=True)))
    assert len(got) >= 20


def test_a_clock_that_starts_anew(server, tmp_path):
    """Of a live source the times go on; of a file they are what they are, and no video can have them."""
    twice = make(tmp_path / "clip.ts", pictures(25), g="5", bf="0").read_bytes() * 2
    got = []
    with pytest.raises(fastcam.InputError, match="frame 50: .* it ended"):
        got.extend(video.read(server(twice)))
    np.testing.assert_allclose([seconds for _, seconds in got], [k / 25 for k in range(50)], atol=1e-6)
    (tmp_path / "twice.ts").write_bytes(twice)
    with pytest.raises(fastcam.InputError, match=r"frame 25: expected a later time than 0\.96 s; got 0\.0 s"):
        copy(tmp_path / "twice.ts", tmp_path / "out.mp4")
    assert len(decoded(tmp_path / "out.mp4")[0]) == 25


def test_damaged_packets_of_a_live_source_are_left_out(server, tmp_path):
    path = make(tmp_path / "clip.mkv", pictures(25), g="5", bf="0")
    data = path.read_bytes()
    for k in (7, 16):
        damaged = packets(path, "video")[k][1]
        data = data.replace(damaged, b"\xff" * 8 + damaged[8:])
    got, frames = [], video.read(server(data))
    with pytest.raises(fastcam.InputError, match="frame 23: expected more of a live source; it ended"):
        got.extend(frames)
    assert frames.broken == 2
    assert len(got) == 23


def test_nobody_there():
    with pytest.raises(fastcam.InputError, match=r"can't be opened as a video \(Connection refused\)"):
        video.read("rtsp://127.0.0.1:9/stream")


def test_a_camera_by_opencv(shared, tmp_path):
    """A file in place of the device: what OpenCV does with that is all that can be shown without one."""
    make(tmp_path / "clip.mkv", pictures(5), **LOSSLESS)
    got = []
    with pytest.raises(fastcam.InputError, match="frame 5: expected more of a camera; none came. Is it unplugged?"):
        got.extend(Camera(str(tmp_path / "clip.mkv")))
    np.testing.assert_array_equal([frame for frame, _ in got], pictures(5))
    assert got[0][1] == 0
    assert [seconds for _, seconds in got] == sorted(seconds for _, seconds in got)
    with pytest.raises(fastcam.InputError, match="/dev/video99: expected a camera; OpenCV can't open it"):
        video.read("/dev/video99")
    with pytest.raises(fastcam.InputError, match="options: expected none for a camera without format="):
        video.read("0", options={"video_size": "640x480"})


# Writing


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
def test_colours_are_kept(tmp_path, space, full):
    """By what a player sees: it turns the stored values back as the file says."""

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


# Audio


@pytest.mark.parametrize(
    ("codec", "suffix", "target"),
    [
        ("aac", ".mp4", ".mp4"),
        ("aac", ".mkv", ".mp4"),
        ("aac", ".mp4", ".mkv"),
        ("libmp3lame", ".mp4", ".mov"),
        ("libopus", ".mkv", ".webm"),
        ("flac", ".mkv", ".mkv"),
        ("pcm_s16le", ".mkv", ".mkv"),
    ],
)
def test_audio_is_copied_packet_by_packet(tmp_path, codec, suffix, target):
    make(tmp_path / f"plain{suffix}", pictures(25), bf="0")
    add_audio(tmp_path / f"plain{suffix}", tmp_path / f"in{suffix}", codec)
    copy(tmp_path / f"in{suffix}", tmp_path / f"out{target}")
    before, after = packets(tmp_path / f"in{suffix}", "audio"), packets(tmp_path / f"out{target}", "audio")
    assert [data for _, data in after] == [data for _, data in before]
    assert len(before) > 8
    shift = after[0][0] - before[0][0]
    assert all(abs(b - a - shift) <= Fraction(1, 999) for (a, _), (b, _) in zip(before, after, strict=True))
    assert abs(shift) < 0.03
    assert len(decoded(tmp_path / f"out{target}")[0]) == 25


def test_audio_of_the_real_clip(shared, tmp_path):
    path = shared / "video" / "cockatoo.mp4"
    with video.read(path) as frames, video.write(tmp_path / "out.mp4", like=frames) as out:
        for frame, seconds in frames:
            out.write(frame[::8, ::8], seconds)
    assert packets(tmp_path / "out.mp4", "audio") == packets(path, "audio")
    assert decoded(tmp_path / "out.mp4", ())[1] == [Fraction(k, 20) for k in range(280)]


def test_several_languages(tmp_path):
    with av.open(str(tmp_path / "in.mkv"), "w") as file:
        picture: Any = file.add_stream("libx264", rate=25)
        picture.height, picture.width, picture.pix_fmt = 48, 64, "yuv420p"
        streams: list[Any] = [file.add_stream("pcm_s16le", rate=48_000, layout="mono") for _ in range(2)]
        for stream, language in zip(streams, ("eng", "fin"), strict=True):
            stream.metadata["language"] = language
        for frame in pictures(10):
            file.mux(picture.encode(av.VideoFrame.from_ndarray(frame)))
        for k, stream in enumerate(streams):
            sound = av.AudioFrame.from_ndarray(np.full((1, 19_200), 100 * k + 1, np.int16), "s16", "mono")
            sound.sample_rate = 48_000
            file.mux([*stream.encode(sound), *stream.encode()])
        file.mux(picture.encode())
    copy(tmp_path / "in.mkv", tmp_path / "out.mkv")
    with av.open(str(tmp_path / "out.mkv")) as file:
        assert [stream.metadata["language"] for stream in file.streams.audio] == ["eng", "fin"]
    before, after = packets(tmp_path / "in.mkv", "audio"), packets(tmp_path / "out.mkv", "audio")
    assert sorted(data for _, data in before) == sorted(data for _, data in after)


def test_audio_ends_with_the_last_frame_of_a_run_that_was_stopped(tmp_path):
    make(tmp_path / "plain.mp4", pictures(50))
    add_audio(tmp_path / "plain.mp4", tmp_path / "in.mp4", seconds=2)
    with video.read(tmp_path / "in.mp4") as frames, video.write(tmp_path / "out.mp4", like=frames) as out:
        for k, (frame, seconds) in enumerate(frames):
            out.write(frame, seconds)
            if k == 24:
                break
    assert len(decoded(tmp_path / "out.mp4")[0]) == 25
    assert 0.9 < packets(tmp_path / "out.mp4", "audio")[-1][0] <= 0.97


def test_audio_that_the_format_does_not_take(tmp_path):
    make(tmp_path / "plain.mp4", pictures(5))
    add_audio(tmp_path / "plain.mp4", tmp_path / "in.mp4")
    with pytest.raises(
        fastcam.InputError, match="audio: 'webm' format does not support 'aac' codec, and isn't encoded"
    ):
        copy(tmp_path / "in.mp4", tmp_path / "out.webm")
    copy(tmp_path / "in.mp4", tmp_path / "out.webm", audio=False)
    assert packets(tmp_path / "out.webm", "audio") == []
    assert sorted(os.listdir(tmp_path)) == ["in.mp4", "out.webm", "plain.mp4"]


# Whole or not at all


def test_a_good_file_is_replaced_at_the_end_only(tmp_path):
    path = make(tmp_path / "out.mp4", pictures(2))
    old = path.read_bytes()
    with video.write(path, rate=25) as out:
        for frame in pictures(30):
            out.write(frame)
            assert path.read_bytes() == old
    assert len(decoded(path)[0]) == 30
    assert os.listdir(tmp_path) == ["out.mp4"]


@pytest.mark.parametrize("kind", [KeyboardInterrupt, ValueError])
def test_an_interrupted_run_leaves_what_was_written(tmp_path, kind):
    given = pictures(40)

    def run():
        with video.write(tmp_path / "out.mp4", rate=25) as out:
            for frame in given[:17]:
                out.write(frame)
            raise kind

    with pytest.raises(kind):
        run()
    assert_alike(decoded(tmp_path / "out.mp4")[0], given[:17])
    assert os.listdir(tmp_path) == ["out.mp4"]


def test_no_frames_leave_no_file(tmp_path):
    path = make(tmp_path / "out.mp4", pictures(2))
    old = path.read_bytes()
    with video.write(path, rate=25):
        pass
    with pytest.raises(fastcam.InputError, match="frame 0: expected an"), video.write(path, rate=25) as out:
        out.write("no frame")  # pyright: ignore[reportArgumentType]
    forgotten = video.write(tmp_path / "new.mp4", rate=25)
    del forgotten
    assert path.read_bytes() == old
    assert os.listdir(tmp_path) == ["out.mp4"]


@pytest.mark.parametrize("room", [0, 100, 30_000, 60_000, 200_000])
def test_a_full_disk(tmp_path, room):
    """A limit on the size of files stands for the full disk: the same call fails in the same way."""
    import resource

    old = make(tmp_path / "out.mp4", pictures(2)).read_bytes()
    noise = np.random.default_rng(0).integers(0, 256, (16, 120, 160, 3)).astype(np.uint8)

    def run():
        with video.write(tmp_path / "out.mp4", rate=25) as out:
            for k in range(160):
                out.write(noise[k % 16])

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        with pytest.raises(fastcam.InputError, match=r"out\.mp4: can't be written \(File too large\)"):
            run()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (tmp_path / "out.mp4").read_bytes() == old
    assert os.listdir(tmp_path) == ["out.mp4"]


def test_ctrl_c_while_a_frame_is_encoded(tmp_path):
    """In a process of its own: a signal at any moment, and every frame that was written is in the file."""
    code = (
        "import sys, numpy as np, fastcam.video as video\n"
        "frames = np.random.default_rng(0).integers(0, 256, (8, 240, 320, 3)).astype(np.uint8)\n"
        "out = video.write(sys.argv[1], rate=25)\n"
        "try:\n"
        "    with out:\n"
        "        for k in range(10**6):\n"
        "            out.write(frames[k % 8])\n"
        "            if k == 3: print('go', flush=True)\n"
        "except KeyboardInterrupt:\n"
        "    print(out.count)\n"
    )
    import signal

    for delay in (0.05, 0.3):
        command = [sys.executable, "-c", code, str(tmp_path / "out.mp4")]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdout.readline() == "go\n"
        time.sleep(delay)
        process.send_signal(signal.SIGINT)
        count, _ = process.communicate(timeout=60)
        assert process.returncode == 0
        assert abs(len(decoded(tmp_path / "out.mp4")[0]) - int(count)) <= 1  # between encoding and counting
        assert os.listdir(tmp_path) == ["out.mp4"]


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("out.xyz", {}, r"out\.xyz: expected a name that ends in \.mp4, .*; got \.xyz"),
        ("out", {}, "got none"),
        ("none/out.mp4", {}, r"can't be written \(No such file or directory\)"),
        ("folder.mp4", {}, "expected a place for a file; there is a directory"),
        ("out.mp4", {"codec": "nothing"}, "codec: expected an encoder that .mp4 takes; got 'nothing'"),
        ("out.webm", {"codec": "libx264"}, "codec: expected an encoder that .webm takes; got 'libx264'"),
        ("out.mp4", {"codec": "aac"}, "codec: expected one of video; got 'aac'"),
        ("out.mp4", {"rate": 0}, "rate: expected frames a second, above 0; got 0"),
        ("out.mp4", {"rate": "25"}, "rate: expected frames a second"),
        ("out.mp4", {"like": "in.mp4"}, "like: expected what fastcam.video.read returned; got str"),
    ],
)
def test_places_and_options_that_are_refused_at_once(tmp_path, name, options, message):
    (tmp_path / "folder.mp4").mkdir()
    with pytest.raises(fastcam.InputError, match=message):
        video.write(tmp_path / name, **options)
    assert os.listdir(tmp_path) == ["folder.mp4"]


def test_options_that_the_codec_does_not_have(tmp_path):
    with pytest.raises(fastcam.InputError, match="options: expected some that libx264 has; got crff"):
        write_all(tmp_path / "out.mp4", pictures(3), rate=25, options={"crff": "3"})
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("frame", "seconds", "message"),
    [
        (None, 1, r"frame 1: expected an \(H, W, 3\) uint8 array; got NoneType"),
        (np.zeros((48, 64), np.uint8), 1, r"expected \(H, W, 3\) uint8"),
        (np.zeros((48, 64, 3), np.float32), 1, r"expected \(H, W, 3\) uint8"),
        (np.zeros((48, 66, 3), np.uint8), 1, "frame 1: expected 64×48 pixels as before; got 66×48"),
        (np.zeros((48, 64, 3), np.uint8), 0.5, r"frame 1: expected a later time than 0\.5 s; got 0\.5 s"),
        (np.zeros((48, 64, 3), np.uint8), 0.25, "expected a later time"),
        (np.zeros((48, 64, 3), np.uint8), float("nan"), "expected a time in seconds; got nan"),
        (np.zeros((48, 64, 3), np.uint8), None, "seconds: expected the frame's time, or write"),
    ],
)
def test_frames_that_are_refused(tmp_path, frame, seconds, message):
    with pytest.raises(fastcam.InputError, match=message):
        write_all(tmp_path / "out.mp4", [pictures(1)[0], frame], [0.5, seconds])
    assert len(decoded(tmp_path / "out.mp4")[0]) == 1


def test_writing_after_the_end(tmp_path):
    with video.write(tmp_path / "out.mp4", rate=25) as out:
        out.write(pictures(1)[0])
    out.close()
    with pytest.raises(fastcam.InputError, match="frame 1: expected a file that is still open; it was closed"):
        out.write(pictures(1)[0])


def test_the_source_is_never_written_over(tmp_path):
    path = make(tmp_path / "in.mp4", pictures(2))
    os.link(path, tmp_path / "hard.mp4")
    (tmp_path / "soft.mp4").symlink_to(path)
    before = path.read_bytes()
    for name in ("in.mp4", "hard.mp4", "soft.mp4"):
        with (
            video.read(path) as frames,
            pytest.raises(fastcam.InputError, match="expected another file than the source"),
        ):
            video.write(tmp_path / name, like=frames)
    assert path.read_bytes() == before


def test_without_pyav(tmp_path):
    """In a fresh process in which it can't be imported: raw frames work, the rest says what is missing."""
    code = (
        "import sys; sys.modules['av'] = None\n"
        "import io, fastcam, fastcam.video as video\n"
        "print(len(list(video.read_raw(io.BytesIO(bytes(24)), (2, 2), rate=5))))\n"
        "for call in (lambda: video.read('x.mp4'), lambda: video.write('x.mp4')):\n"
        "    try: call()\n"
        "    except fastcam.BackendError as error: print(error)\n"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    count, *messages = done.stdout.splitlines()
    assert count == "2"
    assert len(messages) == 2
    assert all(one.startswith("video files need PyAV (") and "pip install 'fastcam[video]'" in one for one in messages)
    assert list(tmp_path.iterdir()) == []


def test_importing_it_loads_no_pyav_and_using_it_prints_nothing(tmp_path):
    make(tmp_path / "in.mp4", pictures(5))
    code = (
        "import sys, fastcam.video as video; assert 'av' not in sys.modules and 'cv2' not in sys.modules\n"
        "with video.read('in.mp4') as frames, video.write('out.mp4', like=frames) as out:\n"
        "    for frame, seconds in frames: out.write(frame, seconds)\n"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


# Raw frames


def test_raw_frames_of_a_pipe():
    given = pictures(5, 33, 47)
    source, target = os.pipe()

    def run():
        with open(target, "wb") as pipe:
            pipe.write(given.tobytes())

    writer = threading.Thread(target=run)
    writer.start()
    with open(source, "rb", buffering=0) as file, video.read_raw(file, (33, 47), rate=10) as frames:
        got = list(frames)
    writer.join()
    np.testing.assert_array_equal([frame for frame, _ in got], given)
    assert [seconds for _, seconds in got] == [k / 10 for k in range(5)]
    assert all(frame.flags.writeable for frame, _ in got)


def test_raw_frames_that_do_not_fit():
    import io

    got = []
    with pytest.raises(fastcam.InputError, match="frame 2: expected 36 bytes of 4×3 rgb24; got 1. Is that the size"):
        got.extend(video.read_raw(io.BytesIO(bytes(73)), (3, 4)))
    assert len(got) == 2
    assert got[0][1] <= got[1][1] < 5
    with pytest.raises(fastcam.InputError, match="frame 0: expected 36 bytes of 4×3 rgb24; got 0"):
        list(video.read_raw(io.BytesIO(), (3, 4)))
    with pytest.raises(fastcam.InputError, match="size: expected"):
        video.read_raw(io.BytesIO(), (0, 4))
    with pytest.raises(fastcam.InputError, match="file: expected a binary file with readinto; got str"):
        video.read_raw("frames.rgb", (3, 4))


@pytest.mark.parametrize(
    ("given", "exact"),
    [
        (25, 25),
        (29.97, Fraction(30_000, 1001)),
        (23.976, Fraction(24_000, 1001)),
        (59.94, Fraction(60_000, 1001)),
        (12.5, Fraction(25, 2)),
        (Fraction(1, 3), Fraction(1, 3)),
    ],
)
def test_rates(given, exact):
    import io

    assert video.read_raw(io.BytesIO(), (3, 4), rate=given).rate == exact
