"""The runner: a graph of stages, each in its own process and folder, resumed, shared and stopped in order."""
