"""Two systems are the same within a margin: two one-sided tests (Schuirmann 1987) on the crossed test's t scale."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy import stats

from evaluation.statistics.crossed import CrossedTest
from sovits_lab.types import got

ALPHA = 0.05


@dataclass(frozen=True)
class Equivalence:
    """p of "the difference is at least as large as the margin", and the 90 % interval that decides it."""

    margin: float
    p: float
    low: float
    high: float
    equivalent: bool
    note: str = ""


def equivalence_test(test: CrossedTest, margin: float) -> Equivalence:
    """Test whether the mean difference lies within +- `margin`, at 5 %. Raises InputError for a margin <= 0."""
    if not margin > 0:
        raise got("margin", margin, "a number above 0, declared before the run")
    if not test.se > 0 or math.isnan(test.df):
        if test.se == 0:  # constant differences: the answer needs no test
            inside = abs(test.difference) < margin
            return Equivalence(margin, 0.0 if inside else 1.0, test.difference, test.difference, inside, test.note)
        return Equivalence(margin, math.nan, math.nan, math.nan, False, test.note or "no test was possible")
    lower = float(stats.t.sf((test.difference + margin) / test.se, test.df))
    upper = float(stats.t.cdf((test.difference - margin) / test.se, test.df))
    half = float(stats.t.ppf(1 - ALPHA, test.df)) * test.se
    p = max(lower, upper)
    return Equivalence(margin, p, test.difference - half, test.difference + half, p < ALPHA, test.note)
