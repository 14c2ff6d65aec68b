"""How figures are named and printed for a reader: words, units, signs, intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

SECTIONS = (
    (
        "Intelligibility",
        (
            "per",
            "wer.",
            "cer.",
            "substitutions",
            "deletions",
            "insertions",
            "swallowed",
            "repeated",
            "leaked",
            "catastrophic",
            "align",
        ),
    ),
    ("Agreement with the parallel truth", ("voicing_", "f0_rmse", "f0_correlation", "mel_cepstral")),
    ("Speaker", ("similarity", "speaker_", "timbre_won")),
    ("Transfer of emotion", ("f0_", "level_", "duration_", "strength_")),
    ("Style vectors", ("style_",)),
    ("Emotion", ("emotion_",)),
    ("Sound", ("silence", "clipping", "ovrl", "sig_", "bak_", "p808")),
    ("Robustness and speed", ("stopped", "unreported_breakdown", "rtf")),
)
LABELS = {
    "similarity": "similarity to the speaker",
    "speaker_top1": "speaker identified",
    "similarity_calibrated": "similarity, 0 stranger to 1 self",
    "speaker_verified": "speaker verified",
    "timbre_won": "nearer to the speaker than to the style clip's speaker",
    "similarity_style_speaker": "similarity to the style clip's speaker",
    "f0_shift": "F0 against neutral",
    "f0_share": "F0 shift, of the true shift",
    "f0_range_shift": "F0 range against neutral",
    "f0_range_share": "F0 range, of the true change",
    "f0_span_shift": "F0 span (20th to 80th percentile) against neutral",
    "f0_span_share": "F0 span (20th to 80th percentile), of the true change",
    "f0_gate_passed": "pairs whose voicing can be trusted",
    "level_shift": "level against neutral",
    "level_share": "level shift, of the true shift",
    "duration_ratio": "length, times neutral",
    "duration_share": "length ratio, of the true ratio",
    "strength_monotone.f0": "F0 strictly monotone over strength",
    "strength_monotone.f0_range": "F0 range strictly monotone over strength",
    "strength_monotone.f0_span": "F0 span strictly monotone over strength",
    "strength_monotone.level": "level strictly monotone over strength",
    "strength_monotone.duration": "length strictly monotone over strength",
    "style_emotion": "emotion from the style vector, speaker held out",
    "style_emotion_level_alone": "emotion from the level alone, speaker held out",
    "style_speaker_leak": "speaker from the style vector, emotion held out",
    "style_speaker_leak_within_emotion": "speaker from the style vector, text held out",
    "style_speaker_leak_above_chance": "speaker from the style vector, above chance",
    "stopped": "outputs that ended by themselves",
    "unreported_breakdown": "broken outputs that nothing reported",
    "alignment": "fit of the known text (0 is best)",
    "alignment_worst_word": "fit of the worst word",
    "aligned": "texts that fit at all",
    "ovrl_mos": "DNSMOS overall",
    "sig_mos": "DNSMOS signal",
    "bak_mos": "DNSMOS background",
    "p808_mos": "DNSMOS P.808",
    "distillmos": "DistillMOS, beside the truth only",
    "f0_rmse": "F0 difference, semitones",
    "f0_correlation": "F0 correlation",
    "voicing_f1": "voicing F1",
    "mel_cepstral_distance": "mel-cepstral distance, dB",
    "emotion_recognised": "intended emotion recognised",
    "emotion_probability": "probability of the intended emotion",
    "rtf": "seconds of computing per second of speech",
}
RATES = {"per": "phone error rate", "wer": "word error rate", "cer": "character error rate"}
ERRORS = ("substitutions", "deletions", "insertions", "swallowed", "repeated", "leaked", "catastrophic")
PERCENT = (
    "per",
    "wer.",
    "cer.",
    *ERRORS,
    "aligned",
    "silence",
    "clipping",
    "emotion_",
    "speaker_",
    "timbre_won",
    "similarity_calibrated",
    "f0_share",
    "f0_range_share",
    "f0_span_share",
    "f0_gate",
    "strength_monotone",
    "level_share",
    "duration_share",
    "style_",
    "stopped",
    "unreported",
)


def label(name: str) -> str:
    """A figure's name in words."""
    head, _, rest = name.partition(".")
    if head in RATES:
        if head == "per" or not rest:
            return RATES[head]
        parts = rest.split(".")
        return f"{RATES[head]} ({parts[0]}{', mean of items' if parts[1:2] == ['macro'] else ''})"
    if head in ERRORS:
        return f"words, {head}"
    return LABELS.get(name, name.replace("_", " "))


def number(name: str, value: float | None) -> str:
    """A value as printed: percent, or three significant places, with a sign for shifts; a dash where there is none."""
    if value is None:
        return "–"
    if name.startswith(PERCENT):
        return f"{100 * value:.1f} %"
    if name.endswith("_shift"):
        return f"{value:+.2f} {'dB' if name.startswith('level') else 'st'}".replace("-", "−")
    return f"{value:.3f}"


def change(name: str, value: float) -> str:
    """A difference as printed, with its sign: percentage points for shares."""
    if name.startswith(PERCENT):
        return f"{100 * value:+.1f}".replace("-", "−")
    return f"{value:+.3f}".replace("-", "−")


def bounds(figure: Mapping[str, Any]) -> str:
    """The 95 % interval as printed, or the reason why there is none."""
    if figure["low"] is None or figure["high"] is None:
        return str(figure["reason"] or "no interval")
    return f"{number(figure['name'], figure['low'])} to {number(figure['name'], figure['high'])}"


def bar_text(bar: Mapping[str, Any]) -> str:
    """What a bar asks, in words."""
    low, high = (None if bar[key] is None else number(bar["figure"], bar[key]) for key in ("at_least", "at_most"))
    if low and high:
        return f"{low} to {high}"
    return f"at least {low}" if low else f"at most {high}"


def section(name: str) -> str:
    """The heading under which a figure is printed."""
    for title, starts in SECTIONS:
        if name.startswith(starts):
            return title
    return "Other"


def level_note(figures: Sequence[Mapping[str, Any]]) -> str:
    """What the level of the recordings alone tells about their emotion; empty where it was not asked."""
    known = {
        one["name"]: one for one in figures if one["name"].startswith("style_emotion") and one["value"] is not None
    }
    vectors, level = known.get("style_emotion"), known.get("style_emotion_level_alone")
    if vectors is None or level is None:
        return ""
    said = (
        f"Level alone tells {number('style_', level['value'])} of the emotions of these recordings (speaker held out, "
        f"chance {number('style_', level['truth'])}), the style vectors {number('style_', vectors['value'])}."
    )
    chance = level["truth"] or 0.0
    if level["low"] is not None and level["low"] > chance + (vectors["value"] - chance) / 2:
        said += (
            " So on this corpus level alone separates the emotions, and a high figure for the vectors is no proof that"
        )
        said += " they hold more than loudness."
    return said
