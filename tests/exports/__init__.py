"""Classifiers exported from frameworks, with the truth about their heads: `python -m tests.exports make DIR`."""
