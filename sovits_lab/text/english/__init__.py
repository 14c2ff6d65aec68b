"""English: ARPAbet with stress."""
