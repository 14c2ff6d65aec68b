"""Mandarin: initials and finals with tones."""
