"""The settings of corpora that are spoken by a plan: voices x emotions x sentences."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, ClassVar

from sovits_lab.corpora.settings import read_fields, within
from sovits_lab.corpora.toy_plan import Role, Sizes
from sovits_lab.types import got

NEUTRAL = "neutral"


class PlannedCorpus:
    """A corpus before anything of it is spoken.

    Args:
        roles: for each of `emotional`, `target`, `judge`, `heldout` the fields of `Role`.
        emotions: for each emotion the fields of `style_class`.
        jitter: how far each field may move from utterance to utterance.
        sizes: sentences of each split, the fields of `Sizes`.
        sample_rate: of the written files.
        level_dbfs: level of a voice's neutral speech; what an emotion does to the level stays.
        seed: of sentences, draws and jitter.
        workers: processes at once; None is one for each processor. It changes the speed only.

    Raises:
        InputError: an unknown key, a value out of range, or no neutral emotion.
    """

    style_class: ClassVar[type[Any]]

    def __init__(
        self,
        roles: Mapping[str, Mapping[str, Any]],
        emotions: Mapping[str, Mapping[str, Any]],
        jitter: Mapping[str, Any],
        sizes: Mapping[str, Any],
        sample_rate: int = 16_000,
        level_dbfs: float = -26.0,
        seed: int = 0,
        workers: int | None = None,
    ) -> None:
        self.roles = {name: read_fields(Role, role, f"corpus.roles.{name}") for name, role in roles.items()}
        self.emotions = {
            name: read_fields(self.style_class, style, f"corpus.emotions.{name}") for name, style in emotions.items()
        }
        self.jitter = read_fields(self.style_class, jitter, "corpus.jitter")
        self.sizes = read_fields(Sizes, sizes, "corpus.sizes")
        if NEUTRAL not in self.emotions:
            raise got("corpus.emotions", list(self.emotions), "neutral, to which the others are relative, and others")
        self.sample_rate = within("corpus.sample_rate", sample_rate, 8_000, 192_000)
        self.level_dbfs = within("corpus.level_dbfs", level_dbfs, -60, 0)
        self.seed = within("corpus.seed", seed, 0, 2**63)
        self.workers = len(os.sched_getaffinity(0)) if workers is None else within("corpus.workers", workers, 1, 4096)
