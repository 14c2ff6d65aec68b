"""Waveform to content features."""
