"""Interactive films."""
