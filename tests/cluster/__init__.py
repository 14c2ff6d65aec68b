"""Tests that start a cluster of one node."""
