"""Runs of a model by ONNX Runtime: sessions, limits of time and memory, batches.

For all rooms that run a model. May import no other part of `fastcam.model`.
"""
