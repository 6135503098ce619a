"""Tests of `fastcam.arrays`."""
