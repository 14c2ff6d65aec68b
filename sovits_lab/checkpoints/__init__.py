"""Bundles and foreign weights."""
