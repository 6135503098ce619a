"""Tests of `fastcam.house`."""
