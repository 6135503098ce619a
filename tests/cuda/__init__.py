"""Tests of the CUDA kernels on machines without a GPU: run on the CPU, compiled by NVRTC."""
