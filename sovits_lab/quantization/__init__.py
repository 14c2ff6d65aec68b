"""Continuous vectors to discrete tokens."""
