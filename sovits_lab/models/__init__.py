"""GPT, SoVITS, heads and discriminators."""
