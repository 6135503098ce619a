"""Tests of `fastcam.classifier.stated`."""
