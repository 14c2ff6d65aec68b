"""Text and references to speech."""
