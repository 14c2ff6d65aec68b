"""Clips that a stage does not train on, and callbacks that look at them in rounds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from sovits_lab.data.store import FeatureStore
from sovits_lab.reporting import Reporter
from sovits_lab.training.monitors.periodic import PeriodicCallback

ENOUGH = 4  # voices


class ProbeSet:
    """Utterances of voices that are not trained on; with fewer than four such voices, of the `valid` split as well.

    Utterances of the `test` split are never looked at: they are what the result is judged by.

    Args:
        store: features.
        trained: rows that are trained on.
    """

    def __init__(self, store: FeatureStore, trained: Sequence[int]) -> None:
        self.store = store
        known, own = {store.rows[i].speaker for i in trained}, set(trained)
        rest = [i for i, row in enumerate(store.rows) if row.split != "test" and i not in own]
        strange = [i for i in rest if store.rows[i].speaker not in known]
        enough = len({store.rows[i].speaker for i in strange}) >= ENOUGH
        self.rows = strange if enough else [i for i in rest if i in set(strange) or store.rows[i].split == "valid"]

    def choose(self, each: int) -> list[int]:
        """Choose at most `each` of every speaker and emotion, first by the alphabet of their texts: the emotions of a
        speaker who read the same texts in all of them are parallel.
        """
        of: dict[tuple[str, str], list[int]] = defaultdict(list)
        for i in sorted(self.rows, key=lambda i: (self.store.rows[i].text, i)):
            row = self.store.rows[i]
            of[row.speaker, row.emotion].append(i)
        return [i for cell in sorted(of) for i in of[cell][:each]]


class ProbeSetCallback(PeriodicCallback):
    """Measures the model on clips that it is not trained on.

    Args:
        every: steps between two measurements; there is one at the last step too.
        each: clips of every speaker and emotion.
        clips: given by the stage.
        report: given by the stage.

    Raises:
        InputError: `every` below 1.
    """

    def __init__(self, every: int, each: int = 4, *, clips: ProbeSet, report: Reporter) -> None:
        super().__init__(every, report)
        self.store, self.rows = clips.store, clips.choose(each)
