"""Intervals and tests for items that share speakers, sentences and seeds."""

from evaluation.statistics.intervals import Interval, bootstrap_interval, bootstrap_ratio, missing, wilson_interval

__all__ = ["Interval", "bootstrap_interval", "bootstrap_ratio", "missing", "wilson_interval"]
