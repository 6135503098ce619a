"""Gradients of a model, written as ONNX: a tape, rules of operators, and sessions that run them. May import every other
part of `fastcam.model`.
"""
