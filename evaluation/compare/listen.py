"""The same sentence by every arm, beside the true recording, inside the page."""

from __future__ import annotations

from collections.abc import Sequence

from evaluation.compare.arms import ScoredRun
from evaluation.report.cards import Card, Player, note_rows
from evaluation.report.sound import encode_audio
from evaluation.scoring.samples import NEUTRAL, Sample

MOST_SOUNDS = 72  # of about 20 KB each in the page


def make_cards(arms: Sequence[ScoredRun], emotion: str, most: int) -> list[Card]:
    """Make cards of sentences that every arm spoke, one voice a sentence, targets first, in `emotion` (else in any).

    Args:
        most: cards; fewer where the page would hold more than `MOST_SOUNDS`.
    """
    spoken = [{(one.speaker, one.text, one.emotion): one for one in reversed(arm.headline)} for arm in arms]
    chosen = _chosen(arms[0], emotion)[: max(1, min(most, MOST_SOUNDS // (len(arms) + 1)))]
    notes = [note_rows([vars(row) for row in arm.rows]) for arm in arms]
    made = []
    for one in chosen:
        key = (one.speaker, one.text, one.emotion)
        players = [Player("true recording", encode_audio(one.truth))]
        for arm, mine, own_notes in zip(arms, spoken, notes, strict=True):
            sample = mine[key]
            players.append(Player(arm.label, encode_audio(sample.wav), own_notes.get(sample.id, "")))
        if any(player.audio for player in players[1:]):
            about = f"{one.speaker} ({one.group}), {one.emotion}, style from {one.style_speaker or 'no clip'}"
            made.append(Card(one.text, about, [p for p in players if p.audio or p.label != "true recording"]))
    return made


def _chosen(arm: ScoredRun, emotion: str) -> list[Sample]:
    wanted = [one for one in arm.headline if one.emotion == emotion] or [
        o for o in arm.headline if o.emotion != NEUTRAL
    ]
    own: dict[str, list[Sample]] = {}
    for one in wanted or arm.headline:
        own.setdefault(one.speaker, []).append(one)
    speakers = sorted(own, key=lambda name: (own[name][0].group != "target", name))
    turns = max((len(mine) for mine in own.values()), default=0)
    return [own[name][(turn + place) % len(own[name])] for turn in range(turns) for place, name in enumerate(speakers)
            if turn < len(own[name])]  # fmt: skip
