"""Tests of `fastcam.serve`."""
