"""Tests of `fastcam.images`."""
