"""Cards of sounds: examples side by side, and the worst outputs, with what the judges said of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evaluation.catalogue import find_measure
from evaluation.report import pictures
from evaluation.report.sound import RATE, encode_audio
from evaluation.scoring.recording import Recording, read_recording
from evaluation.scoring.samples import NEUTRAL, Sample, select_headline

WORST = 10


@dataclass(frozen=True)
class Player:
    """One sound of a card: what it is, its data address (empty: nothing to play), and what the judges said."""

    label: str
    audio: str
    note: str = ""


@dataclass(frozen=True)
class Card:
    """Sounds that belong together."""

    title: str
    subtitle: str
    players: list[Player]
    picture: str = ""


def choose_examples(
    samples: Sequence[Sample], notes: Mapping[str, str], emotion: str, most: int, drawn: int
) -> list[Card]:
    """Choose cards of truth, neutral and emotional output for the same speaker and sentence, targets first.

    Args:
        samples: what was spoken.
        notes: what the judges said of each output, by id.
        emotion: which is played beside neutral.
        most: cards.
        drawn: how many of them show mel spectrograms.
    """
    main = select_headline(samples)
    neutral = {(one.speaker, one.text): one for one in reversed(main) if one.emotion == NEUTRAL}
    pairs = [
        (one, neutral[one.speaker, one.text])
        for one in main
        if one.emotion == emotion and (one.speaker, one.text) in neutral
    ]
    if not pairs:
        return [_alone(one, notes) for one in main[:most]]
    chosen = _spread(pairs)[:most]
    cards = []
    for index, (emotional, plain) in enumerate(chosen):
        true = [
            Player("true neutral", encode_audio(emotional.truth_neutral)),
            Player(f"true {emotion}", encode_audio(emotional.truth)),
        ]
        players = [
            *(player for player in true if player.audio),
            Player("neutral output", encode_audio(plain.wav), notes.get(plain.id, "")),
            Player(f"{emotion} output", encode_audio(emotional.wav), notes.get(emotional.id, "")),
        ]
        named = (
            ("true " + emotion, emotional.truth),
            ("neutral output", plain.wav),
            (f"{emotion} output", emotional.wav),
        )
        subtitle = f"{emotional.speaker} ({emotional.group}), style from {emotional.style_speaker or 'no clip'}"
        cards.append(Card(emotional.text, subtitle, players, _picture(named) if index < drawn else ""))
    return cards


def _alone(one: Sample, notes: Mapping[str, str]) -> Card:
    """A card of a sample without a neutral partner: whom it should sound like, the truth, the output."""
    players = [
        Player("reference", encode_audio(one.speaker_reference)),
        Player("truth", encode_audio(one.truth)),
        Player("output", encode_audio(one.wav), notes.get(one.id, "")),
    ]
    audible = [player for player in players if player.audio or player.label == "output"]
    return Card(one.text, f"{one.speaker}, {one.emotion}", audible)


def _spread(pairs: list[tuple[Sample, Sample]]) -> list[tuple[Sample, Sample]]:
    """Targets first; one sentence of each speaker before the second of any, and another one for each speaker."""
    own: dict[str, list[tuple[Sample, Sample]]] = {}
    for pair in pairs:
        own.setdefault(pair[0].speaker, []).append(pair)
    speakers = sorted(own, key=lambda name: (own[name][0][0].group != "target", name))
    ranked = []
    for place, name in enumerate(speakers):
        mine = own[name]
        for turn in range(len(mine)):
            chosen = mine[(turn + place) % len(mine)]
            ranked.append(((chosen[0].group != "target", turn, place), chosen))
    return [pair for _, pair in sorted(ranked, key=lambda one: one[0])]


def _picture(named: Sequence[tuple[str, Path | None]]) -> str:
    voices = []
    for label, path in named:
        clip = read_recording(path, RATE)
        if isinstance(clip, Recording):
            voices.append(pictures.DrawnClip(label, clip.wav))
    return pictures.draw_mel_and_pitch(voices) if voices else ""


def note_rows(rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Say in one line what the judges said of each output."""
    notes: dict[str, list[str]] = {}
    for row in rows:
        measure = find_measure(row["metric"])
        if row["of"] == "output" and measure.note:
            notes.setdefault(row["id"], []).append(f"{measure.note} {measure.format(row['value'])} ({row['judge']})")
    return {key: " · ".join(values) for key, values in notes.items()}


def choose_worst(
    samples: Sequence[Sample], rows: Sequence[Mapping[str, Any]], notes: Mapping[str, str], scores: Mapping[str, Any]
) -> list[Card]:
    """Choose failures first, then the worst by the first ranked measure whose judge did not grade itself."""
    graded = {row["name"]: row["self_graded"] for row in scores["judges"]}
    outputs = [
        row for row in rows if row["of"] == "output" and row["value"] is not None and find_measure(row["metric"]).rank
    ]
    if not outputs:
        return []
    best = min(outputs, key=lambda row: (graded.get(row["judge"], False), find_measure(row["metric"]).rank))
    sign = -find_measure(best["metric"]).sign
    chosen = [row for row in outputs if (row["metric"], row["judge"]) == (best["metric"], best["judge"])]
    badness = {row["id"]: sign * row["value"] for row in chosen}
    ranked = sorted(samples, key=lambda one: (one.wav is not None, -badness.get(one.id, -1e9), one.id))[:WORST]
    cards = []
    for one in ranked:
        state = ", ".join(one.flags) or ("no output" if one.wav is None else "")
        about = f"{one.speaker} ({one.group}), {one.emotion}, strength {one.strength:g}"
        players = [
            Player("output", encode_audio(one.wav), notes.get(one.id, "")),
            Player("truth", encode_audio(one.truth)),
        ]
        cards.append(Card(one.text, f"{about}{'; ' + state if state else ''}", players))
    return cards
