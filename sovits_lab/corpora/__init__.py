"""Files to Lhotse CutSets."""
