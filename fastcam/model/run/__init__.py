"""Runs of a model by ONNX Runtime: sessions, limits of time and memory, batches.

May import no other part of `fastcam.model`.
"""
