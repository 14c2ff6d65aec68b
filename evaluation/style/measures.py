"""The measures of style vectors: what linear probes and ABX tests find in them."""

from __future__ import annotations

from evaluation.scoring.measures import SHARE, STYLE, Measure, declare

MEASURES = declare(
    Measure("style_emotion", "emotion from the style vector, speaker held out", STYLE, "higher", SHARE,
            uses=("overview",)),
    Measure("style_emotion_level_alone", "emotion from the level alone, speaker held out", STYLE, "none", SHARE),
    Measure("style_speaker_leak", "speaker from the style vector, emotion held out", STYLE, "lower", SHARE),
    Measure("style_speaker_leak_within_emotion", "speaker from the style vector, text held out", STYLE, "lower", SHARE),
    Measure("style_speaker_leak_above_chance", "speaker from the style vector, above chance", STYLE, "lower", SHARE,
            uses=("overview",)),
    Measure("style_abx_emotion", "", STYLE, "higher", SHARE),
    Measure("style_abx_emotion_level_removed", "", STYLE, "higher", SHARE),
    Measure("style_abx_speaker", "", STYLE, "lower", SHARE),
)  # fmt: skip
