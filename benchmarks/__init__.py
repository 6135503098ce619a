"""Benchmarks with pytest-benchmark; off by default: `python -m pytest benchmarks --benchmark-enable`."""
