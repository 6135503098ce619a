"""Frames of video files, cameras and pipes, with their times, and video files of frames.

For programs that explain a stream of frames. `read` and `read_raw` open a source of frames, `write` a file for them.
Imports `fastcam.errors`, `files`, `arrays` (threads, and checks of values) and `images` (checks of frames); PyAV and
OpenCV when a file or camera is opened.

>>> from fastcam import video
>>> with video.read("in.mp4") as frames, video.write("out.mp4", like=frames) as out:  # doctest: +SKIP
...     for frame, explanation in model.stream(frames):
...         out.write(fastcam.overlay(frame, explanation), explanation.timestamp)
"""

from fastcam.video.opening import read, read_raw
from fastcam.video.writer import write

__all__ = ["read", "read_raw", "write"]
