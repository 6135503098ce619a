"""Tests of `fastcam.arrays.checks`."""
