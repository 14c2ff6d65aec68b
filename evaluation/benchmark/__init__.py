"""A benchmark of emotional speech that any system can enter with a folder of recordings."""
