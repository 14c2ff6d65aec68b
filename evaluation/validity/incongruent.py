"""Incongruent text: words of one emotion in the tone of another. A judge of the tone must not follow the words.

Every voice says every frozen sentence of the benchmark in every tone. A linear probe on the judge's vectors learns the
tones from neutral words of other voices, and is asked about neutral words, words that agree with the tone, and words
that speak against it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evaluation.benchmark.prompts import EMOTIONS, read_sentences
from evaluation.real_speech.clips import LabelledClip
from evaluation.scoring.samples import NEUTRAL
from evaluation.statistics import Interval, bootstrap_interval, crossed_test
from evaluation.statistics.linear_probe import make_probe
from sovits_lab.corpora.toy_plan import ToyStyle
from sovits_lab.corpora.toy_shard import Line, ShardJob, speak_job
from sovits_lab.pipeline.conf import CONF

VOICES = ("miguel", "Andrea", "f3", "m5", "linda", "Lee", "anika", "m1")
RATE = 16000


def speak_incongruent(folder: Path, voices: Sequence[str] = VOICES) -> list[LabelledClip]:
    """Let the embedded synthesiser say all English sentences in all tones; what is there already is kept."""
    clips: list[LabelledClip] = []
    styles = _styles()
    for voice in voices:
        lines = []
        for sentence in read_sentences("en"):
            for emotion in EMOTIONS:
                path = folder / voice / f"{sentence.id}-{emotion}.flac"
                facts = {
                    name: getattr(styles[emotion], name) for name in ("rate", "pitch", "range", "word_gap", "gain_db")
                }
                lines.append(Line(sentence.text, neutral=emotion == NEUTRAL, path=str(path), **facts))
                clips.append(LabelledClip(path, voice, emotion, sentence.text, "en", take=sentence.words))
        if not all(Path(line.path).is_file() for line in lines):
            (folder / voice).mkdir(parents=True, exist_ok=True)
            speak_job(ShardJob(voice, RATE, -26.0, lines))
    return clips


def _styles() -> dict[str, ToyStyle]:
    from omegaconf import OmegaConf

    emotions = OmegaConf.load(CONF / "corpus" / "toy.yaml").emotions
    return {name: ToyStyle(**emotions[name]) for name in EMOTIONS}


class IncongruentResult(NamedTuple):
    """How often the tone was told, by the words; `pull` is what words against the tone cost."""

    neutral: Interval
    congruent: Interval
    incongruent: Interval
    pull: float
    pull_low: float
    pull_high: float
    to_words: float
    chance: float

    @property
    def verdict(self) -> str:
        """The conclusion, in words, from the intervals."""
        if self.pull_low > 0:
            return "follows the words"
        return "deaf to the tone" if not self.incongruent.low > self.chance else "keeps to the tone"


def try_incongruent(vectors: NDArray[np.float64], clips: Sequence[LabelledClip]) -> IncongruentResult:
    """Try the vectors [N, D] of all clips; the probe that is asked about a voice never heard it."""
    speaker, tone, words = (np.array([getattr(c, name) for c in clips]) for name in ("speaker", "emotion", "take"))
    text = np.array([c.text for c in clips])
    predicted = np.empty_like(tone)
    for voice in np.unique(speaker):
        learn, ask = (speaker != voice) & (words == NEUTRAL), speaker == voice
        predicted[ask] = make_probe().fit(vectors[learn], tone[learn]).predict(vectors[ask])
    right = (predicted == tone).astype(np.float64)
    against = (words != NEUTRAL) & (words != tone)
    parts = [words == NEUTRAL, (words != NEUTRAL) & (words == tone), against]
    neutral, agreeing, opposing = (bootstrap_interval(right[p], speaker[p].tolist(), text[p].tolist()) for p in parts)
    cells = [(v, t) for v in np.unique(speaker) for t in np.unique(text[words != NEUTRAL])]
    gaps = [right[parts[1] & (speaker == v) & (text == t)].mean() - right[against & (speaker == v) & (text == t)].mean()
            for v, t in cells]  # fmt: skip
    test = crossed_test(gaps, [v for v, _ in cells], [t for _, t in cells])
    pulled = float((predicted == words)[against].mean())
    return IncongruentResult(
        neutral, agreeing, opposing, test.difference, test.low, test.high, pulled, 1 / len(EMOTIONS)
    )
