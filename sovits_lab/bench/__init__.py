"""Benchmarks of generation and training steps."""
