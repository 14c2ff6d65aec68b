"""Who hears what in which order: every trial equally often, every side equally often, controls spread evenly."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from evaluation.listening.trials import FIXED, GOLD, TRAINING, TRAP, ListeningTrial, Turn

FEWEST_BETWEEN = 4  # trials between a trial and its repetition


class BalancedOrder:
    """Deals sessions one after the other, each from what was heard least so far.

    Args:
        main: main trials by kind.
        controls: gold, trap and training trials by kind.
        each: main trials of a kind in a session.
        repeats: of these, how many are asked twice.
        seed: of all draws.
    """

    def __init__(
        self,
        main: Mapping[str, Sequence[ListeningTrial]],
        controls: Mapping[str, Sequence[ListeningTrial]],
        each: int,
        repeats: int,
        seed: int,
    ) -> None:
        self.main, self.controls, self.each, self.repeats = main, controls, each, repeats
        self.rng = np.random.default_rng(seed)
        self.presented: Counter[str] = Counter()
        self.orders: Counter[str] = Counter()

    def deal(self) -> tuple[Turn, ...]:
        """Deal the next session: for each kind its training, then main trials with controls and repeats among them."""
        turns: list[Turn] = []
        for kind, trials in self.main.items():
            turns += self._block(trials, self.controls[kind])
        return tuple(turns)

    def _block(self, trials: Sequence[ListeningTrial], controls: Sequence[ListeningTrial]) -> list[Turn]:
        chosen = self._choose(trials)
        self.presented.update(one.id for one in chosen)
        known = [one for one in controls if one.role in (GOLD, TRAP)]
        block = [self._turn(one) for one in chosen]
        first = {turn.trial for turn in block[: max(0, len(block) - FEWEST_BETWEEN)]}
        twice = [one for one in chosen if one.id in first][: self.repeats]
        block += [self._turn(one, again=True) for one in twice]
        for number, one in enumerate(known):  # spread, never at the very start
            block.insert(round((number + 1) * len(block) / (len(known) + 1)) + 1, self._turn(one))
        return [self._turn(one) for one in controls if one.role == TRAINING] + block

    def _choose(self, trials: Sequence[ListeningTrial]) -> list[ListeningTrial]:
        """What was heard least: no cell twice while others are left, and every variant about equally often."""
        variants = {one.variant for one in trials}
        most = -(-self.each // len(variants))
        ranked = [trials[i] for i in self.rng.permutation(len(trials))]
        ranked.sort(key=lambda one: self.presented[one.id])
        chosen: list[ListeningTrial] = []
        for strict in (True, False):
            for one in ranked:
                cells, count = {o.cell for o in chosen}, Counter(o.variant for o in chosen)
                free = (one.cell not in cells and count[one.variant] < most) if strict else one not in chosen
                if free and len(chosen) < self.each:
                    chosen.append(one)
        return [chosen[i] for i in self.rng.permutation(len(chosen))]

    def _turn(self, one: ListeningTrial, again: bool = False) -> Turn:
        """The next order of a trial: sides exchanged, or places rotated, each time that it is heard."""
        head = FIXED.get(one.kind, 0)
        free = list(range(head, len(one.sounds)))
        turn = (self.orders[one.id] + len(one.id) + sum(map(ord, one.id))) % max(1, len(free))
        self.orders[one.id] += 1
        if len(free) > 2:  # a rotation of a shuffled list, so that neighbours change as well
            free = [free[i] for i in np.random.default_rng([len(one.id), turn]).permutation(len(free))]
        order = (*range(head), *free[turn:], *free[:turn])
        return Turn(one.id, order, again)


def deal_sessions(
    main: Mapping[str, Sequence[ListeningTrial]],
    controls: Mapping[str, Sequence[ListeningTrial]],
    listeners: int,
    each: int,
    repeats: int,
    seed: int,
) -> tuple[tuple[Turn, ...], ...]:
    """Deal a session for each listener."""
    dealer = BalancedOrder(main, controls, each, repeats, seed)
    return tuple(dealer.deal() for _ in range(listeners))
