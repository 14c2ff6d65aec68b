"""The stage that writes the page: samples and scores in, one `index.html` out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple

from evaluation.catalogue import find_measure
from evaluation.report import pictures, wording
from evaluation.report.attachments import Attachment, read_attachments
from evaluation.report.cards import choose_examples, choose_worst, note_rows
from evaluation.report.header import describe_process, is_smoke_run
from evaluation.report.template import render
from evaluation.scoring.estimates import Estimate
from evaluation.scoring.measurements import MEASUREMENTS
from evaluation.scoring.measures import OTHER, SECTIONS
from evaluation.scoring.samples import MANIFEST, Sample, read_samples
from evaluation.style.vectors import read_style_vectors
from sovits_lab.files import read_json_lines, read_object
from sovits_lab.reporting import Reporter
from sovits_lab.types import NonNegativeInt, got


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
        examples: NonNegativeInt = 8,
        drawn: NonNegativeInt = 2,
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
        scores = read_object(path, "scores")
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
        rows = list(read_json_lines(items, "measurements"))
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
            "examples": choose_examples(samples, notes, self.emotion, self.examples, self.drawn),
            "worst": choose_worst(samples, rows, notes, scores),
            "curves": _curves(scores["figures"]),
            "style": style,
            "level_note": wording.level_note(scores["figures"]),
            "attached": attached,
            "grouped": any(one.role for one in samples),
            "wording": wording,
        }
        page.write_text(render("page.html", context), encoding="utf-8")


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


class TradeCurve(NamedTuple):
    """What the strength of an emotion costs: the judge of the errors, and the picture as SVG."""

    emotion: str
    judge: str
    picture: str


def _curves(figures: Sequence[Mapping[str, Any]]) -> list[TradeCurve]:
    """Draw the curve of every emotion that was spoken at several strengths."""
    names = {one.name for one in fields(Estimate)}
    points = [
        Estimate(**{k: v for k, v in one.items() if k in names}) for one in figures if one["strength"] is not None
    ]
    errors = sorted({(one.self_graded, one.name, one.judge) for one in points if one.name.startswith("per.")})
    error, judge = (errors[0][1], errors[0][2]) if errors else ("", "")
    return [
        TradeCurve(emotion, judge, pictures.draw_trade_off([p for p in points if p.emotion == emotion], emotion, error))
        for emotion in sorted({one.emotion for one in points})
    ]


def _style(inputs: Mapping[str, Path]) -> str:
    for folder in inputs.values():
        if (folder / "style_vectors.npz").is_file():
            return pictures.draw_style_space(read_style_vectors(folder / "style_vectors.npz"))
    return ""
