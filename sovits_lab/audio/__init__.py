"""Waveform to features without learning."""
