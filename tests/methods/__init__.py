"""Tests of `fastcam.methods`."""
