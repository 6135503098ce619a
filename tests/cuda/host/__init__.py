"""Runs CUDA C++ kernels on one CPU thread."""
