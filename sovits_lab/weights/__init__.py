"""Weights of networks that others trained: which there are, where they lie, and whether they are what was released."""

from sovits_lab.weights.catalogue import CATALOGUE, Release
from sovits_lab.weights.locate import locate, present

__all__ = ["CATALOGUE", "Release", "locate", "present"]
