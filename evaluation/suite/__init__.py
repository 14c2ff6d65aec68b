"""The whole suite over the samples of a run or of a manifest."""
