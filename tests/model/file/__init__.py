"""Tests of `fastcam.model.file`."""
