"""ONNX as data: read a file, find its head, cut out its tail, prove that class activation maps are exact."""
