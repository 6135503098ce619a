"""Tests of `fastcam.images.photos`."""
