"""A local page with the live overlay of a video or camera, and for photos that are dropped on it.

For `fastcam serve`, and for programs with frames of their own: `Server` serves the page, `paced` plays a file at its
own speed. Imports `fastcam.errors`, `arrays`, `images`, `methods`, `results` and `export`; a `Classifier` is given.
"""

from fastcam.serve.live import paced
from fastcam.serve.server import Server

__all__ = ["Server", "paced"]
