"""Which way is better for every metric: the one table that figures, comparisons and dashboards read."""

from __future__ import annotations

from typing import Literal

Better = Literal["lower", "higher", "near", "none"]

LOWER = (
    "per", "wer", "cer", "substitutions", "deletions", "insertions", "swallowed", "repeated", "leaked", "catastrophic",
    "mel_cepstral_distance", "f0_rmse", "silence", "clipping", "rtf", "unreported_breakdown",
    "style_speaker_leak", "style_speaker_leak_within_emotion", "style_speaker_leak_above_chance", "style_abx_speaker",
)  # fmt: skip
HIGHER = (
    "alignment", "alignment_worst_word", "aligned",
    "similarity", "similarity_calibrated", "speaker_top1", "speaker_verified", "identified", "verified", "timbre_won",
    "voicing_f1", "voicing_agreement", "f0_correlation", "f0_gate_passed", "emotion_recognised", "emotion_probability",
    "ovrl_mos", "sig_mos", "bak_mos", "p808_mos", "distillmos", "style_emotion", "style_abx_emotion",
    "style_abx_emotion_level_removed",
    "strength_monotone", "stopped",
)  # fmt: skip
# To the truth: a share to 1, a ratio to that of the true recordings.
NEAR = ("f0_share", "f0_range_share", "f0_span_share", "level_share", "duration_share", "duration_ratio")
# What describes a voice or a corpus and is no merit of a system.
NONE = (
    "f0_shift", "f0_range_shift", "f0_span_shift", "level_shift", "f0_median", "f0_range", "f0_span", "level",
    "duration", "similarity_style_speaker", "similarity_stranger", "style_emotion_level_alone",
)  # fmt: skip

_TABLE: dict[str, Better] = {
    **dict.fromkeys(LOWER, "lower"),
    **dict.fromkeys(HIGHER, "higher"),
    **dict.fromkeys(NEAR, "near"),
    **dict.fromkeys(NONE, "none"),
}


def direction(name: str) -> Better:
    """Direction of a figure or a row's metric; what follows a dot (judge, normaliser) does not change it.

    A metric that is not in the table, such as one of an examiner of the user's own, has none.
    """
    return _TABLE.get(name, _TABLE.get(name.partition(".")[0], "none"))


def declared(name: str) -> bool:
    """Whether the table knows a metric."""
    return name in _TABLE or name.partition(".")[0] in _TABLE


def badness(name: str, value: float, truth: float | None = None) -> float | None:
    """A value turned so that less is better; None where no way is better or the truth it should be near is unknown."""
    way = direction(name)
    if way == "near":
        return None if truth is None else abs(value - truth)
    return {"lower": value, "higher": -value}.get(way)
