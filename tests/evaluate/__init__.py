"""Tests of `fastcam.evaluate`: data, metrics, runs and pages."""
