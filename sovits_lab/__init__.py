"""sovits_lab: emotional text-to-speech research of the GPT-SoVITS family."""

__version__ = "0.1.0"
