"""The primary judge of each construct: the best one whose weights lie on this machine. Nothing is downloaded."""

from __future__ import annotations

from collections.abc import Sequence

from evaluation.judges.campplus import CampplusSpeaker
from evaluation.judges.contract import JudgeCard, SpeakerJudge
from evaluation.judges.ecapa import Ecapa
from evaluation.judges.faster_whisper import FasterWhisper
from evaluation.judges.resemblyzer import Resemblyzer
from evaluation.scoring.measurements import MeasurementTable
from evaluation.scoring.samples import Sample
from evaluation.scoring.scorer import AudioFiles, Scorer
from sovits_lab.types import InputError
from sovits_lab.weights import CATALOGUE, present
from sovits_lab.weights.locate import ways

LANGUAGES = ("en", "zh", "ja")  # in which Whisper base was tried
WORDS = "whisper-base"


def primary_speaker() -> SpeakerJudge:
    """Choose ECAPA where its weights are, else CAM++, else Resemblyzer, which takes more emotion for other people.

    Raises:
        InputError: none of the three is there.
    """
    if present("ecapa"):
        return Ecapa("ecapa")
    if present("campplus"):
        return CampplusSpeaker()
    if present("resemblyzer"):
        return Resemblyzer()
    known = " or ".join(f"{name}: {ways(CATALOGUE[name])}" for name in ("ecapa", "campplus", "resemblyzer"))
    raise InputError(f"speaker judge: got no weights, expected {known}")


class AbsentScorer(Scorer):
    """Stands where a judge's weights are missing: it adds no rows, and the report says why.

    Args:
        construct: what was not judged.
        why: one line.
    """

    parts = ()

    def __init__(self, construct: str, why: str) -> None:
        self.why = why
        self.card = JudgeCard(name=f"no judge of {construct}", version="1", construct=construct, rate=0)

    def prepare(self, samples: Sequence[Sample], audio: AudioFiles) -> str:
        return self.why

    def score(self, samples: Sequence[Sample], audio: AudioFiles, to: MeasurementTable) -> None:
        """Do nothing, as nothing can be said."""


def primary_words(languages: Sequence[str] = LANGUAGES, beam: int = 5) -> Scorer:
    """Choose Whisper base where its weights are; else nobody judges words, and the report says so.

    Args:
        languages: that are judged; clips in others are left without a value.
        beam: hypotheses kept.
    """
    from evaluation.intelligibility.words import WordScorer

    if not present(WORDS):
        return AbsentScorer("words", f"Words were not judged: no weights {WORDS}; {ways(CATALOGUE[WORDS])}.")
    return WordScorer(FasterWhisper(WORDS, languages, beam))
