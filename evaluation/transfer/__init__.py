"""Emotion transfer: timbre x style source x emotion x text, signatures against real speech, and the strength curve."""
