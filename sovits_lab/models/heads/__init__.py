"""Latents to waveforms."""
