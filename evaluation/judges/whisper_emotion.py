"""An emotion judge on the features of Whisper's encoder, taught on recordings that the user gives.

Within one corpus it hears more than prosody statistics do; from one corpus to another it is weak, so what it says about
outputs holds for the corpus that taught it only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from evaluation.judges.contract import JudgeCard
from evaluation.scoring.samples import Sample
from sovits_lab.content.whisper_content import WhisperContent
from sovits_lab.types import InputError

if TYPE_CHECKING:
    from evaluation.real_speech.clips import LabelledClip
    from evaluation.real_speech.emotion_probe import EmotionProbe

RATE = 16000
FLOOR = 1e-6  # of a standard deviation
Vectors = NDArray[np.float64]


class SpeakerScale:
    """Takes each speaker's mean and spread over all recordings out of vectors; no emotion label is used.

    Args:
        vectors: of recordings [N, D].
        speakers: whose they are.
    """

    def __init__(self, vectors: Vectors, speakers: Sequence[str]) -> None:
        owner = np.array(speakers)
        self._scales = {
            name: (vectors[owner == name].mean(0), vectors[owner == name].std(0) + FLOOR)
            for name in sorted(set(speakers))
            if (owner == name).sum() > 1
        }

    def knows(self, speaker: str) -> bool:
        """Return whether a speaker has the two recordings that a spread needs."""
        return speaker in self._scales

    def __call__(self, vectors: Vectors, speaker: str) -> Vectors:
        """Vectors [N, D] of one known speaker without his mean, in units of his spread."""
        mean, spread = self._scales[speaker]
        return (vectors - mean) / spread


class WhisperEmotionProbe:
    """Logistic regression on mean and deviation of the encoder's features over a clip.

    For every output there is a probe that never heard its speaker or its style clip's.

    Args:
        corpus: folder with `manifest.tsv` or `cuts.jsonl.gz`; without one the true recordings of the samples teach it.
        source: of the encoder, see `WhisperContent`.
        per_speaker: take each speaker's own mean and spread out first. Outputs are scaled by the recordings of their
            speaker, which must then be among those that teach; they should hold the same emotions for all speakers.
    """

    def __init__(
        self, corpus: str | Path | None = None, source: str = "whisper-base", per_speaker: bool = False
    ) -> None:
        self.corpus = Path(corpus) if corpus is not None else None
        self.encoder, self.per_speaker = WhisperContent(source), per_speaker
        self._weights = self.encoder.digest()  # refuses missing weights before anything is computed
        self._clips: list[LabelledClip] = []
        self._probe: EmotionProbe | None = None
        self._scale: SpeakerScale | None = None
        self.card = self._card("")

    def _card(self, names: str) -> JudgeCard:
        scaled = ", scaled by speaker" if self.per_speaker else ""
        return JudgeCard(
            name="emotion probe on Whisper's encoder",
            version=f"logistic regression on mean and deviation{scaled}",
            construct="emotion",
            rate=RATE,
            weight_hash=hashlib.sha256((self._weights + names).encode()).hexdigest()[:16],
            minimum_seconds=0.5,
            needs=("real emotional recordings",),
            licence="MIT",
        )

    def prepare(self, samples: Sequence[Sample]) -> str:
        """Choose the real recordings; their names are part of the judge's hash. Returns what taught it."""
        from evaluation.real_speech.emotion_probe import list_real_clips

        count = self.teach(list_real_clips(samples, self.corpus))
        return f"The emotion probe on Whisper's encoder is taught by {count} recordings of one corpus."

    def teach(self, clips: Sequence[LabelledClip]) -> int:
        """Take these recordings to learn from, at the first question; how many there are."""
        self._clips, self._probe, self._scale = list(clips), None, None
        names = sorted({f"{one.path.name}|{one.speaker}|{one.emotion}" for one in clips})
        self.card = self._card("\n".join(names))
        return len(names)

    def vector(self, wav: np.ndarray) -> Vectors:
        """Return the mean and standard deviation over time [2 D] of one levelled recording [T] at 16 kHz."""
        features = self.encoder(wav.astype(np.float32)).numpy().astype(np.float64)
        return np.concatenate([features.mean(0), features.std(0)])

    def probabilities(
        self, wavs: Sequence[np.ndarray], without: frozenset[str], speaker: str = ""
    ) -> list[Mapping[str, float]]:
        """Return the probability of each emotion for recordings [T] at 16 kHz of one speaker.

        Empty when too few other speakers are left, or there is nothing to scale this speaker by.
        """
        from evaluation.real_speech.clips import TARGET_DBFS
        from sovits_lab.audio.energy import level_dbfs
        from sovits_lab.audio.trim import trim_silence

        probe = self._taught()
        if not wavs or (self._scale is not None and not self._scale.knows(speaker)):
            return [{} for _ in wavs]
        inner = [trim_silence(wav, RATE).wav for wav in wavs]
        vectors = np.stack([self.vector(one * 10 ** ((TARGET_DBFS - level_dbfs(one)) / 20)) for one in inner])
        found = probe.probabilities(vectors if self._scale is None else self._scale(vectors, speaker), without)
        if found is None:
            return [{} for _ in wavs]
        return [dict(zip(probe.emotions, (float(p) for p in row), strict=True)) for row in found]

    def release(self) -> None:
        """Let go of the encoder and of the fitted models."""
        self._probe = self._scale = None
        self.encoder = WhisperContent(self.encoder.source)

    def _taught(self) -> EmotionProbe:
        """The probe, taught at first use; recordings that cannot be heard are left out."""
        if self._probe is None:
            from evaluation.real_speech.emotion_probe import ClipFeatures, EmotionProbe

            clips, vectors = self._audible()
            speakers = [one.speaker for one in clips]
            if self.per_speaker:
                self._scale = scale = SpeakerScale(vectors, speakers)
                known = [i for i, name in enumerate(speakers) if scale.knows(name)]
                clips = [clips[i] for i in known]
                vectors = np.array([scale(vectors[i : i + 1], speakers[i])[0] for i in known])
            speaker, emotion, text = (
                np.array([getattr(one, name) for one in clips], dtype=np.str_)
                for name in ("speaker", "emotion", "text")
            )
            rows = {one.path: i for i, one in enumerate(clips)}
            self._probe = EmotionProbe(
                ClipFeatures(np.zeros((len(clips), 0)), vectors, speaker, emotion, text, rows, ())
            )
        return self._probe

    def _audible(self) -> tuple[list[LabelledClip], Vectors]:
        """The clips that can be heard, each file once, and their vectors."""
        from evaluation.real_speech.clips import load_clip

        clips: list[LabelledClip] = []
        vectors: list[Vectors] = []
        for clip in {one.path: one for one in self._clips}.values():
            try:
                vectors.append(self.vector(load_clip(clip).normalised))
                clips.append(clip)
            except InputError:
                continue  # silent or broken, as the corpus check says
        return clips, np.array(vectors)
