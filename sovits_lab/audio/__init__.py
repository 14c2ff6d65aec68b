"""Waveform to features without learning: `spec`, `files`, `spectrogram`, `pitch`, `energy`, `trim`."""
