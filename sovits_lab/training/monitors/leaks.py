"""Probes during training: what style vectors and tokens tell of emotion and of speaker."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import Protocol, runtime_checkable

import lightning
import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray
from torch import Tensor

from sovits_lab.data.store import FeatureStore
from sovits_lab.training.monitors.probe_set import ProbeSetCallback
from sovits_lab.training.monitors.probes import leaks
from sovits_lab.training.monitors.style_clips import Styled, passes, styles


class StyleLeaks(ProbeSetCallback):
    """Linear probes of the style vectors of clips that are not trained on: `probe/style_emotion`, as high as can be,
    and `probe/style_speaker`, as near to its chance as can be. See `probes.leaks`.
    """

    name = "probe"

    def look(self, task: lightning.LightningModule, step: int) -> Mapping[str, float]:
        """Measure what leaks; nothing for a task without style or without clips."""
        if not isinstance(task, Styled) or not task.reference.takes_clips or not self.rows:
            return {}
        vectors = styles(task.reference, self.store, self.rows)
        if not np.isfinite(vectors).all():
            return {}  # the training's own guard stops it
        return leaks(vectors, *_labels(self.store, self.rows)).named("probe/style")


@runtime_checkable
class Tokenizes(Protocol):
    """A training task that makes tokens."""

    @property
    def codes(self) -> int:
        """Number of tokens K."""

    def tokenize(self, mel: Float[Tensor, "B M L"], mask: Bool[Tensor, "B L"]) -> Int[Tensor, "B S"]:
        """Return the tokens of a padded batch; positions past the end are meaningless."""


class TokenLeaks(ProbeSetCallback):
    """Linear probes of how often an utterance has each token, and how many phones keep a token from one rendition of
    a sentence to another, of clips that are not trained on.

    `probe/tokens_emotion`, `probe/tokens_speaker`: see `probes.leaks`; part of it is tempo, which tokens must have.
    `tokens/shared_emotions`: share of the phones that have a token in common when one speaker reads a sentence in two
    emotions; `tokens/shared_speakers`: when two speakers read it in one emotion; `tokens/shared_chance`: when a
    phone meets another phone of the sentence, which a tokenizer that makes everything equal would share as well.
    These need alignments and are left out without.
    """

    name = "probe"

    def look(self, task: lightning.LightningModule, step: int) -> Mapping[str, float]:
        """Measure what leaks; nothing for a task without tokens or without clips."""
        if not isinstance(task, Tokenizes) or not self.rows:
            return {}
        made: list[NDArray[np.integer]] = [np.zeros(0, dtype=np.int64)] * len(self.rows)
        for places, (mel, mask) in passes(self.store, self.rows):
            tokens = task.tokenize(mel.to(task.device), mask.to(task.device)).cpu().numpy()
            for place, row in zip(places, tokens, strict=True):
                made[place] = row[: self.store.rows[self.rows[place]].frames // 2]
        often = np.stack([np.bincount(row, minlength=task.codes) / len(row) for row in made])
        found = leaks(np.sqrt(often), *_labels(self.store, self.rows)).named("probe/tokens")
        return {**found, **shared_phones(self.store, self.rows, made)}


def shared_phones(store: FeatureStore, rows: Sequence[int], tokens: Sequence[NDArray[np.integer]]) -> dict[str, float]:
    """Measure `tokens/shared_...`, see `TokenLeaks`."""
    found: dict[str, list[float]] = defaultdict(list)
    sets = {i: _sets(store.phone_of_frame(i)[::2], made) for i, made in zip(rows, tokens, strict=True)}
    for kind, a, b in _pairs(store, rows):
        both = sets[a].keys() & sets[b].keys()
        found[kind] += [bool(sets[a][phone] & sets[b][phone]) for phone in both]
        turned = dict(zip(sorted(both), np.roll(sorted(both), 1), strict=True))
        found["chance"] += [bool(sets[a][phone] & sets[b][turned[phone]]) for phone in both]
    return {f"tokens/shared_{kind}": float(np.mean(values)) for kind, values in found.items() if values}


def _sets(place: NDArray[np.integer], tokens: NDArray[np.integer]) -> dict[int, set[int]]:
    of: dict[int, set[int]] = defaultdict(set)
    for phone, token in zip(place[: len(tokens)].tolist(), tokens.tolist(), strict=True):
        if phone >= 0:
            of[phone].add(token)
    return of


def _pairs(store: FeatureStore, rows: Sequence[int]) -> Iterator[tuple[str, int, int]]:
    """Parallel renditions that differ in one thing."""
    of: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for i in rows:
        of[store.rows[i].phones].append(i)
    for together in of.values():
        for a, b in combinations(together, 2):
            who, how = (getattr(store.rows[a], name) == getattr(store.rows[b], name) for name in ("speaker", "emotion"))
            if who != how:
                yield ("emotions" if who else "speakers"), a, b


def _labels(store: FeatureStore, rows: Sequence[int]) -> tuple[list[str], list[str]]:
    return [store.rows[i].speaker for i in rows], [store.rows[i].emotion for i in rows]
