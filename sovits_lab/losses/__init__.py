"""Named losses."""
