"""ONNX as data: read a file, find its head, cut out its tail, prove the identity that makes class activation maps exact."""
