"""Sweeps: many jobs of `train.py` from one command, in a folder that remembers them."""
