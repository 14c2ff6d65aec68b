"""Phones to tokens."""
