"""Tokens to waveforms."""
