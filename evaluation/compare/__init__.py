"""Runs beside each other: arms by metrics with paired intervals, best ones, curves, sound, differing configuration."""
