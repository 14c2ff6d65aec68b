"""Real recordings: read, measured, and an emotion probe that is taught by them."""
