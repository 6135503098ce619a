"""Tests, one file a subject. `python -m tests` runs every check that CI runs."""
