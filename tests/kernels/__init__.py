"""Tests of `fastcam.kernels`."""
