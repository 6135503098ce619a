"""Tests of `fastcam.model`."""
