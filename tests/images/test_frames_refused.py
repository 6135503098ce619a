"""Errors about frames, regions and buffers: the expected value, and what to do."""

import numpy as np
import pytest
from PIL import Image

import fastcam
from fastcam.images.preprocessing import NAMED, preprocess
from tests.images.frames import RAW, model_of, network_input, random_frame, whole


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        ([[1, 2, 3]], r"frame: expected an \(H, W, 3\) uint8 array; got list. Hand over its pixels"),
        (Image.new("RGB", (4, 4)), "uint8 array; got Image"),
        (None, "uint8 array; got NoneType"),
        (np.zeros((4, 5)), r"got \(4, 5\) float64. Scale it to 0..255 and convert it"),
        (np.zeros((4, 5, 3), np.uint16), r"got \(4, 5, 3\) uint16. Scale it"),
        (np.zeros((4, 5), np.uint8), r"got \(4, 5\) uint8. Of a grey one, give np.broadcast_to"),
        (np.zeros((4, 5, 4), np.uint8), r"got \(4, 5, 4\) uint8. .* give frame\[..., :3\]"),
        (np.zeros((3, 4, 5), np.uint8), r"got \(3, 4, 5\) uint8. .* give frame.transpose\(1, 2, 0\)"),
        (np.zeros((2, 4, 5, 3), np.uint8), "Give one frame at a time"),
        (np.zeros((0, 5, 3), np.uint8), r"not empty; got \(0, 5, 3\)"),
        (np.zeros((1, 70_000, 3), np.uint8), "image: expected at most 65536 pixels along a side; got 70000"),
    ],
)
def test_frames_that_are_none(frame, message):
    with pytest.raises(fastcam.InputError, match=message):
        network_input(frame, (0, 0, 4, 4), RAW, model_of((8, 8)))


@pytest.mark.parametrize(
    ("region", "message"),
    [
        ((0, 0, 4), r"region: expected \(x0, y0, x1, y1\), whole numbers; got \(0, 0, 4\)"),
        ((0, 0, 4, 4.5), "whole numbers; got"),
        ("all", "whole numbers; got 'all'"),
        (None, "whole numbers; got None"),
        ((0, 0, float("nan"), 4), "whole numbers; got"),
        ((0, 0, float("inf"), 4), "whole numbers; got"),
        ((4, 0, 4, 4), "region: expected x0 < x1 and y0 < y1, of -131072 to 131072; got"),
        ((0, 0, 4, 1_000_000), "region: expected x0 < x1"),
    ],
)
def test_regions_that_are_none(region, message):
    with pytest.raises(fastcam.InputError, match=message):
        network_input(random_frame((4, 4)), region, RAW, model_of((8, 8)))


def test_specifications_and_buffers_that_do_not_fit():
    frame, model = random_frame((4, 4)), model_of((8, 8), np.float32)
    region = whole(frame)
    with pytest.raises(fastcam.InputError, match="preprocess: the model takes 3 channels"):
        network_input(frame, region, preprocess("unit,channels=grey"), model)
    with pytest.raises(fastcam.InputError, match="preprocess: size: the model takes 8×8; got 9×9"):
        network_input(frame, region, preprocess("unit,size=9"), model)
    with pytest.raises(fastcam.InputError, match="the model takes uint8 pixels as they are"):
        network_input(frame, region, NAMED["unit"], model_of((8, 8)))
    with pytest.raises(fastcam.InputError, match=r"out: expected float32 \(1, 8, 8, 3\); got float32 \(8, 8, 3\)"):
        network_input(frame, region, RAW, model, out=np.empty((8, 8, 3), np.float32))
    with pytest.raises(fastcam.InputError, match="out: expected memory of its own"):
        network_input(frame, region, RAW, model_of((4, 4)), out=frame[None])
    with pytest.raises(fastcam.InputError, match="engine: expected one of auto, cpu"):
        network_input(frame, region, RAW, model, engine="gpu")
    with pytest.raises(fastcam.InputError, match="threads: expected 1 to"):
        network_input(frame, region, RAW, model, threads=0)
