"""Gradients of a model, written as ONNX: a tape, rules of operators, and sessions that run them.

For `fastcam.methods`, and for `fastcam.export`, which bakes gradients into a model. May import every other part of
`fastcam.model`.
"""
