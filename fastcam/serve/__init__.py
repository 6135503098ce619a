"""A local page with the live overlay of a video or camera, and for photos that are dropped on it."""

from fastcam.serve.live import paced
from fastcam.serve.server import Server

__all__ = ["Server", "paced"]
