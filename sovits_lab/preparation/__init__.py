"""Stages that prepare a corpus for training."""
