"""Tests of `fastcam.video`."""
