"""Cantonese: initials and finals with tones."""
