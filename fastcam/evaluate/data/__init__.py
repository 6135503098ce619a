"""Formats of annotations, one file each: what they say, not yet checked."""
