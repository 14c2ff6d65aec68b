"""Voices that people enrol: uploads, checks before acceptance, the registry, vectors that are kept."""
