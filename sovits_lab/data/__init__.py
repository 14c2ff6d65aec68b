"""Batches from prepared features."""
