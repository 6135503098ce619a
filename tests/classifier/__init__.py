"""Tests of `fastcam.classifier.classifier`."""
