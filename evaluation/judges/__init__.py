"""Judges: models and measures that score audio, each with a name, a weight hash and a licence."""

from evaluation.judges.contract import JudgeCard, PhoneRecogniser, SpeakerJudge, WordRecogniser

__all__ = ["JudgeCard", "PhoneRecogniser", "SpeakerJudge", "WordRecogniser"]
