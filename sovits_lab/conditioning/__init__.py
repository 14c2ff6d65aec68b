"""Who speaks and how: reference encoders, speaker encoders, fusers."""
