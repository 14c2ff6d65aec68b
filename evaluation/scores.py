"""The stage that scores a run: samples in, `items.jsonl` and `scores.json` out."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from evaluation.curve import curve_figures
from evaluation.examine import Audio, Examiner, examine_all
from evaluation.figures import Bar, Figure, find
from evaluation.intelligibility_phones import PhoneExaminer
from evaluation.items import NEUTRAL, Sample, Table, headline, read_samples
from evaluation.judges.contract import JudgeCard
from evaluation.judges.phones import FolderRecogniser
from evaluation.probes import probe_figures, read_style_vectors
from evaluation.prosody import SIGNAL
from evaluation.prosody_rows import CLOCK, ProsodyExaminer, SpeedExaminer
from evaluation.speaker_rows import SpeakerExaminer
from evaluation.tables import ALL, BROKEN, Cell, cells, share_of
from evaluation.transfer_shift import pairs, shift_figures
from sovits_lab.reporting import Reporter
from sovits_lab.types import got

Built = TypeVar("Built")

FLAGS = JudgeCard(name="the system's own guard", version="1", construct="robustness", rate=0)
PLAUSIBLE = (0.5, 2.0)  # times the true length; outside of it an output ran away or broke off


class ScoreRun:
    """Score the samples of a run with every judge, one judge at a time.

    Reads `items.jsonl` from the `samples` input, training recordings for enrolment from the `corpus` input (without
    one: the samples' own speaker references), and style vectors from whichever input holds `style_vectors.npz`.

    A stage's nested nodes arrive as plain dicts, as Hydra composed them; they are built here.

    Args:
        speaker: node of the speaker judge (`_target_` and its arguments), or None for none.
        recognisers: arguments of `evaluation.judges.phones.FolderRecogniser`, one dict each: recognisers in the folders
            of other stages.
        bars: arguments of `evaluation.figures.Bar`, one dict each: what was declared before the run.
        samples: name of the input with the samples.
        corpus: name of the input with the training recordings' `cuts.jsonl.gz`.

    Raises:
        InputError: a bar or a recogniser has a key that does not exist.
    """

    def __init__(
        self,
        speaker: Mapping[str, Any] | None = None,
        recognisers: Sequence[Mapping[str, Any]] = (),
        bars: Sequence[Mapping[str, Any]] = (),
        samples: str = "samples",
        corpus: str = "corpus",
    ) -> None:
        self.speaker = speaker
        self.recognisers = [_built(FolderRecogniser, node) for node in recognisers]
        self.bars = [_built(Bar, node) for node in bars]
        self.samples, self.corpus = samples, corpus

    def run(self, inputs: Mapping[str, Path], out: Path, report: Reporter) -> None:
        """Write `items.jsonl` (a row per sample and metric) and `scores.json` (figures, bars, judges, failures)."""
        samples, audio = read_samples(inputs[self.samples] / "items.jsonl"), Audio()
        examiners: list[Examiner] = [ProsodyExaminer(), SpeedExaminer()]
        speaker = self._speaker(inputs)
        if speaker is not None:
            examiners.append(speaker)
        for slot in self.recognisers:
            examiners.append(PhoneExaminer(slot, slot.folder(inputs), audio.rate))
        table, notes = examine_all(examiners, samples, audio, report)
        figures = run_figures(samples, table, examiners)
        figures += self._style(inputs, notes)
        table.write(out / "items.jsonl")
        judges = [CLOCK, SIGNAL, FLAGS, *(one.card for one in examiners if one.card is not CLOCK)]
        self._write(out / "scores.json", samples, audio, figures, judges, notes)
        for bar in self.bars:
            report.say(spoken(bar, find(figures, bar.figure, bar.group, bar.emotion)))

    def _speaker(self, inputs: Mapping[str, Path]) -> SpeakerExaminer | None:
        from hydra.utils import instantiate

        if self.speaker is None:
            return None
        manifest = inputs[self.corpus] / "cuts.jsonl.gz" if self.corpus in inputs else None
        found = manifest if manifest is not None and manifest.is_file() else None
        return SpeakerExaminer(instantiate(self.speaker), found)

    def _style(self, inputs: Mapping[str, Path], notes: list[str]) -> list[Figure]:
        for folder in inputs.values():
            if (folder / "style_vectors.npz").is_file():
                return probe_figures(read_style_vectors(folder / "style_vectors.npz"))
        notes.append("No input holds style_vectors.npz: style vectors were not examined.")
        return []

    def _write(
        self,
        path: Path,
        samples: Sequence[Sample],
        audio: Audio,
        figures: Sequence[Figure],
        judges: Sequence[JudgeCard],
        notes: Sequence[str],
    ) -> None:
        bars = [
            {
                **asdict(bar),
                "value": found.value if (found := find(figures, bar.figure, bar.group, bar.emotion)) else None,
            }
            | {"reached": bar.reached(found)}
            for bar in self.bars
        ]
        content = {
            "figures": [asdict(one) for one in figures],
            "bars": bars,
            "judges": [asdict(one) for one in judges],
            "notes": list(notes),
            "failures": failures(samples, audio),
            "samples": len(samples),
        }
        path.write_text(json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False) + "\n", encoding="utf-8")


def _built(kind: Callable[..., Built], node: Mapping[str, Any]) -> Built:
    """An object from its node; a wrong key is the user's mistake and is named."""
    import inspect

    from hydra.utils import instantiate

    known = list(inspect.signature(kind).parameters)
    wrong = sorted(set(node) - set(known))
    if wrong:
        raise got(f"key of a {kind.__name__} in the scores stage", wrong[0], f"one of {', '.join(known)}")
    return kind(**{key: instantiate(value) if isinstance(value, Mapping) else value for key, value in node.items()})


def run_figures(samples: Sequence[Sample], table: Table, examiners: Sequence[Examiner]) -> list[Figure]:
    """Every figure of a run: tables over headline samples, robustness over all of them, the strength curve."""
    made: list[Figure] = []
    main = headline(samples)
    found = pairs(main, table)
    for cell in cells(main):
        made += [one for examiner in examiners for one in examiner.figures(cell, table)]
        if cell.emotion not in (NEUTRAL, ALL):
            made += shift_figures(cell, found)
    for cell in cells(samples):
        if cell.emotion == ALL:
            made += robustness_figures(cell, table)
    return [one for one in made if one.n or one.reason] + curve_figures(samples, table, examiners)


def robustness_figures(cell: Cell, table: Table) -> list[Figure]:
    """Outputs that ended by themselves, and outputs of impossible length that nothing reported."""
    fine = share_of("stopped", FLAGS, cell, lambda one: one.wav is not None and not BROKEN & set(one.flags), "higher")

    def unreported(one: Sample) -> bool:
        mine, true = (table.value(one.id, "duration", SIGNAL.name, part) for part in ("output", "truth"))
        odd = mine is not None and true is not None and not PLAUSIBLE[0] <= mine / true <= PLAUSIBLE[1]
        return odd and not one.flags

    silent = share_of("unreported_breakdown", SIGNAL, cell, unreported, "lower")
    return [fine, silent]


def failures(samples: Sequence[Sample], audio: Audio) -> dict[str, int]:
    """How many samples carry each flag or could not be read, by reason."""
    counted: Counter[str] = Counter()
    for one in samples:
        counted.update(one.flags)
        reason = getattr(audio(one.wav), "reason", "")
        if reason:
            counted[reason] += 1
    return dict(sorted(counted.items()))


def spoken(bar: Bar, found: Figure | None) -> str:
    """A bar in one line for the terminal."""
    asked = ", ".join(
        f"{word} {limit:g}"
        for word, limit in (("at least", bar.at_least), ("at most", bar.at_most))
        if limit is not None
    )
    value = "not measured" if found is None or found.value is None else f"{found.value:.3g}"
    verdict = "reached" if bar.reached(found) else "NOT reached"
    return f"{bar.figure} ({bar.group}, {bar.emotion}): {value}, asked {asked}: {verdict}"
