"""The stage that writes the page: samples and scores in, one `index.html` out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from evaluation.catalogue import find_measure
from evaluation.report import pictures, wording
from evaluation.report.attachments import Attachment, read_attachments
from evaluation.report.header import describe_process, is_smoke_run
from evaluation.report.sound import RATE, encode_audio
from evaluation.report.template import render
from evaluation.scoring.estimates import Estimate
from evaluation.scoring.measurements import MEASUREMENTS
from evaluation.scoring.measures import OTHER, SECTIONS
from evaluation.scoring.recording import Recording, read_recording
from evaluation.scoring.samples import MANIFEST, NEUTRAL, Sample, read_samples, select_headline
from evaluation.style.vectors import read_style_vectors
from sovits_lab.reporting import Reporter
from sovits_lab.types import got

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


class WriteReport:
    """Write a self-contained page: bars, sounds side by side, pictures, tables, the worst outputs, failures, judges.

    Args:
        title: heading of the page.
        emotion: the emotion that is played beside neutral.
        examples: how many sentences are played, targets first.
        drawn: how many of them also show mel spectrograms with F0.
        samples: name of the input with `samples.jsonl` and sounds.
        scores: name of the input with `scores.json` and rows. Tables (*.md) and pictures (*.png) of all further inputs
            become sections of the page.
        about: what the header says of the run, such as its experiment and seed.
        smoke: say that the run only proves that its parts fit together; a command with `debug=smoke` says so itself.
    """

    def __init__(
        self,
        title: str = "Scores",
        emotion: str = "sad",
        examples: int = 8,
        drawn: int = 2,
        samples: str = "samples",
        scores: str = "scores",
        about: Mapping[str, Any] | None = None,
        smoke: bool = False,
    ) -> None:
        self.title, self.emotion, self.examples, self.drawn = title, emotion, examples, drawn
        self.samples, self.scores = samples, scores
        self.about, self.smoke = {key: str(value) for key, value in (about or {}).items()}, smoke

    def run(self, inputs: Mapping[str, Path], out: Path, report: Reporter) -> None:
        """Read the samples and scores, write `index.html`.

        Raises:
            InputError: the scores are missing.
        """
        path = inputs[self.scores] / "scores.json"
        if not path.is_file():
            raise got("scores", path, "an existing scores.json")
        samples = read_samples(inputs[self.samples] / MANIFEST)
        scores = json.loads(path.read_text(encoding="utf-8"))
        others = {name: folder for name, folder in inputs.items() if name not in (self.samples, self.scores)}
        rows, page = path.parent / MEASUREMENTS, out / "index.html"
        self.write(samples, scores, rows, page, _style(inputs), read_attachments(others), describe_process())
        report.say(f"{sum(bar['reached'] for bar in scores['bars'])} of {len(scores['bars'])} bars reached")

    def write(
        self,
        samples: Sequence[Sample],
        scores: Mapping[str, Any],
        items: Path,
        page: Path,
        style: str = "",
        attached: Sequence[Attachment] = (),
        facts: Mapping[str, str] | None = None,
    ) -> None:
        """Write the page of scored samples.

        Args:
            samples: what was spoken.
            scores: content of `scores.json`.
            items: their measurements, a file.
            page: where to write.
            style: picture of the style space as SVG.
            attached: texts of other stages.
            facts: what the header says of the run, by name.
        """
        rows = [json.loads(line) for line in items.read_text(encoding="utf-8").splitlines()]
        notes = note_rows(rows)
        context = {
            "title": self.title,
            "facts": {
                **{key: str(value) for key, value in self.about.items() if value not in (None, "")},
                **(facts or {}),
            },
            "smoke": self.smoke or is_smoke_run(),
            "scores": scores,
            "bars": [_bar(bar, scores["figures"]) for bar in scores["bars"]],
            "sections": _sections(scores["figures"]),
            "examples": self._examples(samples, notes),
            "worst": _worst(samples, rows, notes, scores),
            "curves": _curves(scores["figures"]),
            "style": style,
            "level_note": wording.level_note(scores["figures"]),
            "attached": attached,
            "grouped": any(one.role for one in samples),
            "wording": wording,
        }
        page.write_text(render("page.html", context), encoding="utf-8")

    def _examples(self, samples: Sequence[Sample], notes: Mapping[str, str]) -> list[Card]:
        """Cards of truth, neutral and emotional output for the same speaker and sentence, targets first."""
        main = select_headline(samples)
        neutral = {(one.speaker, one.text): one for one in reversed(main) if one.emotion == NEUTRAL}
        pairs = [
            (one, neutral[one.speaker, one.text])
            for one in main
            if one.emotion == self.emotion and (one.speaker, one.text) in neutral
        ]
        if not pairs:
            return [_alone(one, notes) for one in main[: self.examples]]
        chosen = _spread(pairs)[: self.examples]
        cards = []
        for index, (emotional, plain) in enumerate(chosen):
            true = [
                Player("true neutral", encode_audio(emotional.truth_neutral)),
                Player(f"true {self.emotion}", encode_audio(emotional.truth)),
            ]
            players = [
                *(player for player in true if player.audio),
                Player("neutral output", encode_audio(plain.wav), notes.get(plain.id, "")),
                Player(f"{self.emotion} output", encode_audio(emotional.wav), notes.get(emotional.id, "")),
            ]
            named = (
                ("true " + self.emotion, emotional.truth),
                ("neutral output", plain.wav),
                (f"{self.emotion} output", emotional.wav),
            )
            subtitle = f"{emotional.speaker} ({emotional.group}), style from {emotional.style_speaker or 'no clip'}"
            cards.append(Card(emotional.text, subtitle, players, _picture(named) if index < self.drawn else ""))
        return cards


def _alone(one: Sample, notes: Mapping[str, str]) -> Card:
    """A card of a sample without a neutral partner: whom it should sound like, the truth, the output."""
    players = [
        Player("reference", encode_audio(one.speaker_reference)),
        Player("truth", encode_audio(one.truth)),
        Player("output", encode_audio(one.wav), notes.get(one.id, "")),
    ]
    heard = [player for player in players if player.audio or player.label == "output"]
    return Card(one.text, f"{one.speaker}, {one.emotion}", heard)


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
    """What the judges said of each output, in one line."""
    said: dict[str, list[str]] = {}
    for row in rows:
        measure = find_measure(row["metric"])
        if row["of"] == "output" and measure.note:
            said.setdefault(row["id"], []).append(f"{measure.note} {measure.format(row['value'])} ({row['judge']})")
    return {key: " · ".join(values) for key, values in said.items()}


def _worst(
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


def _bar(bar: Mapping[str, Any], figures: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A bar with the figure that it asks about."""
    wanted = (bar["figure"], bar["group"], bar["emotion"], None)
    found = [one for one in figures if (one["name"], one["group"], one["emotion"], one["strength"]) == wanted]
    return {**bar, "found": found[0] if found else None}


def _sections(figures: Sequence[Mapping[str, Any]]) -> list[tuple[str, list[Mapping[str, Any]]]]:
    """Figures under their headings, targets first; points of the strength curve are drawn, not listed."""
    order = {"target": 0, "seen": 1, "all": 2}
    listed = [one for one in figures if one["strength"] is None]
    listed.sort(key=lambda one: (one["name"], one["judge"], order.get(one["group"], 3), one["emotion"]))
    own = [find_measure(one["name"]).section for one in listed]
    titles = list(dict.fromkeys((*SECTIONS[:-1], *sorted(set(own) - {OTHER}), OTHER)))
    grouped = [(title, [one for one, mine in zip(listed, own, strict=True) if mine == title]) for title in titles]
    return [(title, inside) for title, inside in grouped if inside]


def _curves(figures: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, str]]:
    """(emotion, judge of the errors, picture) of every emotion that was spoken at several strengths."""
    names = {one.name for one in fields(Estimate)}
    points = [
        Estimate(**{k: v for k, v in one.items() if k in names}) for one in figures if one["strength"] is not None
    ]
    errors = sorted({(one.self_graded, one.name, one.judge) for one in points if one.name.startswith("per.")})
    error, judge = (errors[0][1], errors[0][2]) if errors else ("", "")
    return [
        (emotion, judge, pictures.draw_trade_off([p for p in points if p.emotion == emotion], emotion, error))
        for emotion in sorted({one.emotion for one in points})
    ]


def _style(inputs: Mapping[str, Path]) -> str:
    for folder in inputs.values():
        if (folder / "style_vectors.npz").is_file():
            return pictures.draw_style_space(read_style_vectors(folder / "style_vectors.npz"))
    return ""
