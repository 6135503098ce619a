"""Times that no clock has: refused in our own words wherever frames have times."""

import json
from fractions import Fraction

import numpy as np
import pytest

import fastcam
from fastcam import InputError, video
from fastcam.classifier.steady import Steady
from fastcam.export import to_json_line
from fastcam.serve import Server, paced
from tests.model.models import classifier
from tests.serve.client import ask_json
from tests.waiting import until

FRAME = np.zeros((20, 30, 3), np.uint8)
HUGE = [1e300, -1e300, 1.7e308, np.float64(1e300), 2**80]
NONE = [
    10**400,
    -(10**400),
    10**5000,
    Fraction(10**400),
    float("nan"),
    float("inf"),
    np.longdouble("1e4000"),
    "1",
    None,
]


@pytest.fixture(scope="module")
def model():
    return fastcam.load(classifier(), preprocess="unit")


def streamed(model, times, **options):
    with model.stream([(FRAME, time) for time in times], **options) as stream:
        return [json.loads(to_json_line(found))["timestamp"] for _, found in stream]


@pytest.mark.parametrize("time", HUGE, ids=str)
@pytest.mark.parametrize("steady", [None, Steady(half_life=0.2), Steady(half_life=1e-300)])
def test_times_that_are_huge_are_times(model, time, steady):
    for times in ([0.0, time, time], [time, 0.0], [-1.7e308, time, -time]):
        assert streamed(model, times, steady=steady) == [float(one) for one in times]


@pytest.mark.parametrize("time", NONE, ids=lambda time: str(type(time)))
def test_times_that_are_none(model, time, tmp_path):
    with pytest.raises(InputError, match="frame 1: timestamp: expected seconds, a finite number; got "):
        streamed(model, [0.0, time])
    with pytest.raises(InputError, match="paced: time: expected seconds, a finite number; got "):
        list(paced([(FRAME, time)]))
    if time is not None:
        with video.write(tmp_path / "out.mkv", rate=5) as out:
            out.write(FRAME, 0.0)
            with pytest.raises(InputError, match=r"out\.mkv: frame 1: expected seconds, a finite number; got "):
                out.write(FRAME, time)


@pytest.mark.parametrize("time", HUGE, ids=str)
@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm"])
def test_files_have_no_huge_times(time, suffix, tmp_path):
    with video.write(tmp_path / f"out{suffix}", rate=5) as out:
        with pytest.raises(InputError, match=r"frame 0: expected a time of at most 1e\+10 s, as files have; got "):
            out.write(FRAME, time)
        out.write(FRAME, 0.0)
    with video.read(tmp_path / f"out{suffix}") as frames:
        assert [seconds for _, seconds in frames] == [0.0]


def test_seconds_since_1970_are_times(tmp_path):
    with video.write(tmp_path / "out.mkv", rate=5) as out:
        out.write(FRAME, 1.7e9)
        out.write(FRAME, 1.7e9 + 1)
    with video.read(tmp_path / "out.mkv") as frames:
        assert [seconds for _, seconds in frames] == [1.7e9, 1.7e9 + 1]


def test_the_page_shows_frames_of_huge_times(model):
    with Server(model, [(FRAME, 0.0), (FRAME, 1.7e308)]) as server:
        until(lambda: ask_json(server, "/live.json")["state"] == "ended")
        assert ask_json(server, "/live.json")["seconds"] == 1.7e308
