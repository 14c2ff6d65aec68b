"""An emotion judge trained on real recordings of other speakers: always at hand, weaker than a large model.

It hears prosody, alpha ratio and Hammarberg index only, so that it cannot tell synthetic from real speech.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from evaluation.judges.contract import JudgeCard
from evaluation.scoring.samples import Sample

if TYPE_CHECKING:
    from evaluation.real_speech.clips import LabelledClip
    from evaluation.real_speech.emotion_probe import EmotionProbe

RATE = 16000


class RealSpeechProbe:
    """Logistic regression on real recordings; for every output one that never heard its speaker or its style clip's.

    Args:
        corpus: folder with `manifest.tsv` or `cuts.jsonl.gz`; without one the true recordings of the samples teach it.
    """

    def __init__(self, corpus: str | Path | None = None) -> None:
        self.corpus = Path(corpus) if corpus is not None else None
        self._clips: list[LabelledClip] = []
        self._probe: EmotionProbe | None = None
        self.card = self._card("")

    def _card(self, taught: str) -> JudgeCard:
        return JudgeCard(
            name="emotion probe on real speech",
            version="logistic regression on 18 features",
            construct="emotion",
            rate=RATE,
            weight_hash=taught,
            minimum_seconds=0.5,
            needs=("real emotional recordings",),
            licence="Apache-2.0",
        )

    def prepare(self, samples: Sequence[Sample]) -> str:
        """Choose the real recordings; their names are the judge's hash. Returns what taught it, for the report."""
        from evaluation.real_speech.emotion_probe import list_real_clips

        return f"The emotion probe is taught by {self.teach(list_real_clips(samples, self.corpus))} real recordings."

    def teach(self, clips: Sequence[LabelledClip]) -> int:
        """Take these recordings to learn from, at the first question; how many there are."""
        self._clips, self._probe = list(clips), None
        names = sorted({f"{one.path.name}|{one.speaker}|{one.emotion}" for one in clips})
        self.card = self._card(hashlib.sha256("\n".join(names).encode()).hexdigest()[:16])
        return len(names)

    def probabilities(
        self, wavs: Sequence[np.ndarray], without: frozenset[str], speaker: str = ""
    ) -> list[Mapping[str, float]]:
        """Return the probability of each emotion for recordings [T] at 16 kHz; empty when too few other speakers are
        left.
        """
        from evaluation.real_speech.clips import TARGET_DBFS
        from evaluation.real_speech.emotion_probe import EmotionProbe, measure_clips
        from evaluation.real_speech.signature import measure_manner
        from sovits_lab.audio.energy import level_dbfs
        from sovits_lab.audio.trim import trim_silence

        if self._probe is None:
            self._probe = EmotionProbe(measure_clips(self._clips))
        features = []
        for wav in wavs:
            inner = trim_silence(wav, RATE).wav
            features.append(measure_manner(inner * np.float32(10 ** ((TARGET_DBFS - level_dbfs(inner)) / 20))))
        found = self._probe.probabilities(np.array(features), without) if features else np.zeros((0, 0))
        if found is None:
            return [{} for _ in wavs]
        return [dict(zip(self._probe.emotions, (float(p) for p in row), strict=True)) for row in found]

    def release(self) -> None:
        """Let go of the fitted models."""
        self._probe = None
