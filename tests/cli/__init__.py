"""Tests of `fastcam.cli`."""
