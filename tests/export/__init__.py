"""Tests of `fastcam.export`."""
