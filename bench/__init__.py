"""Benchmarks: `make bench B=NAME` prints `name value unit` lines."""
