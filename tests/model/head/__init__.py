"""Tests of `fastcam.model.head.head`."""
