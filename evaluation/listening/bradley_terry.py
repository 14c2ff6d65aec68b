"""Bradley-Terry: one scale of worth from who beat whom (Bradley & Terry, Biometrika 1952).

    P(i beats j) = 1 / (1 + exp(w_j - w_i)),   sum of w = 0.

Ties count half to each. It is a logistic regression without intercept; errors are clustered by listener.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from evaluation.listening.results import ListenerResult, select_main
from evaluation.listening.trials import ANCHOR, ListeningPlan


class Contest(NamedTuple):
    """One comparison: `won` is 1 when the first was preferred, 0 when the second, 0.5 for a tie."""

    first: str
    second: str
    won: float
    listener: str


class Worth(NamedTuple):
    """Worth of one thing in logits, 0 for the mean of all, with its 95 % interval."""

    name: str
    value: float
    low: float
    high: float
    contests: int


def collect_contests(results: Sequence[ListenerResult], plan: ListeningPlan, kind: str) -> Iterator[Contest]:
    """Yield who beat whom in the answers of a kind: cmos and mushra between systems, bws between strengths."""
    for one, r in select_main(results, kind):
        sounds = [plan.stimuli[name] for name in r.trial.sounds]
        if kind == "cmos":
            first, second = sounds
            yield Contest(first.system, second.system, 0.5 - 0.5 * float(np.sign(r.values[0])), one.listener)
            continue
        names = [s.treatment if s.treatment == ANCHOR else s.system for s in sounds]
        if kind == "bws":
            names = [f"strength {place}" for place in range(len(sounds))]
        for i, j in combinations(range(len(sounds)), 2):
            if kind == "mushra" or r.values[i] != r.values[j]:
                won = 0.5 + 0.5 * float(np.sign(r.values[i] - r.values[j]))
                yield Contest(names[i], names[j], won, one.listener)


def fit_worth(contests: Sequence[Contest]) -> list[Worth]:
    """Fit the worth of everything that was compared; empty when fewer than two things were, or one never lost."""
    names = sorted({name for one in contests for name in (one.first, one.second)})
    if len(names) < 2 or not _connected(contests, names):
        return []
    import statsmodels.api as sm

    place = {name: i for i, name in enumerate(names)}
    design = np.zeros((len(contests), len(names)))
    for row, one in enumerate(contests):
        design[row, place[one.first]] += 1
        design[row, place[one.second]] -= 1
    reduced = design[:, :-1] - design[:, -1:]  # the last is minus the sum of the others
    won = np.array([one.won for one in contests])
    groups = np.unique([one.listener for one in contests], return_inverse=True)[1]
    fitted = sm.GLM(won, reduced, family=sm.families.Binomial()).fit(cov_type="cluster", cov_kwds={"groups": groups})
    back = np.vstack([np.eye(len(names) - 1), -np.ones(len(names) - 1)])
    worth = back @ fitted.params
    errors = np.sqrt(np.diag(back @ fitted.cov_params() @ back.T))
    counts = np.abs(design).sum(0).astype(int)
    return [
        Worth(name, float(w), float(w - 1.96 * e), float(w + 1.96 * e), int(n))
        for name, w, e, n in zip(names, worth, errors, counts, strict=True)
    ]


def _connected(contests: Sequence[Contest], names: Sequence[str]) -> bool:
    """Whether a finite maximum exists: from everything there is a way of wins to everything else (Ford 1957)."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    place = {name: i for i, name in enumerate(names)}
    wins = np.zeros((len(names), len(names)))
    for one in contests:
        wins[place[one.first], place[one.second]] += one.won
        wins[place[one.second], place[one.first]] += 1 - one.won
    return bool(connected_components(csr_array(wins), connection="strong")[0] == 1)
