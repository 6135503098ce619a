"""Tests of `fastcam.model.gradient.tape`."""
