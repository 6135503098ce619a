"""Frames of video files, cameras and pipes, with their times, and video files of frames.

>>> from fastcam import video
>>> with video.read("in.mp4") as frames, video.write("out.mp4", like=frames) as out:  # doctest: +SKIP
...     for frame, explanation in model.stream(frames):
...         out.write(fastcam.overlay(frame, explanation), explanation.timestamp)
"""

from fastcam.video.opening import read, read_raw
from fastcam.video.writer import write

__all__ = ["read", "read_raw", "write"]
