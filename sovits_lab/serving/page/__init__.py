"""The page at `/`: a few static files without a build step, which use the public API alone."""
