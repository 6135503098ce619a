"""Tests of the package as a whole: architecture, files, packaging, examples and README."""
