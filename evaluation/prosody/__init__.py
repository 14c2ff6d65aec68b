"""Pitch, level and length, against the true recording and against neutral."""
