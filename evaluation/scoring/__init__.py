"""What every construct is built on: samples in, measurements out, estimates with intervals."""
