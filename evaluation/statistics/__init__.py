"""Intervals and tests for items that share speakers, sentences and seeds."""

from evaluation.statistics.crossed import CrossedTest, crossed_test
from evaluation.statistics.equivalence import Equivalence, equivalence_test
from evaluation.statistics.intervals import Interval, bootstrap_interval, bootstrap_ratio, missing, wilson_interval
from evaluation.statistics.multiplicity import Adjusted, adjust
from evaluation.statistics.permutation import PermutationTest, sign_flip_test
from evaluation.statistics.power import minimal_detectable_difference, planned_difference, power
from evaluation.statistics.wins import WinRate, win_rate

__all__ = [
    "Adjusted",
    "CrossedTest",
    "Equivalence",
    "Interval",
    "PermutationTest",
    "WinRate",
    "adjust",
    "bootstrap_interval",
    "bootstrap_ratio",
    "crossed_test",
    "equivalence_test",
    "minimal_detectable_difference",
    "missing",
    "planned_difference",
    "power",
    "sign_flip_test",
    "wilson_interval",
    "win_rate",
]
