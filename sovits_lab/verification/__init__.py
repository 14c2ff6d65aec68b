"""Running folders of golden fixtures: stored inputs, weights and outputs of the upstream modules."""
