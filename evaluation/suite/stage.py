"""The stage that scores a run: samples in, `measurements.jsonl` and `scores.json` out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from hydra.utils import get_object, instantiate

from evaluation.intelligibility.phones import PhoneScorer
from evaluation.judges.phones import FolderRecogniser
from evaluation.prosody.scorer import ProsodyScorer
from evaluation.quality.speed import SpeedScorer
from evaluation.scoring.estimates import Estimate, Requirement
from evaluation.scoring.samples import MANIFEST, check_outputs, read_samples
from evaluation.scoring.scorer import RATE, Scorer
from evaluation.speaker.scorer import SpeakerScorer
from evaluation.style.first_probes import estimate_probes
from evaluation.style.vectors import read_style_vectors
from evaluation.suite.score_samples import score_samples
from sovits_lab.reporting import Reporter
from sovits_lab.types import Count, got

Built = TypeVar("Built")


class ScoreRun:
    """Score the samples of a run with every judge.

    Reads `samples.jsonl` from the `samples` input, training recordings for enrolment from the `corpus` input (without
    one: the samples' own speaker references), and style vectors from whichever input holds `style_vectors.npz`.

    A stage's nested nodes arrive as plain dicts, as Hydra composed them; they are built here.

    Args:
        speaker: node of the speaker judge (`_target_` and its arguments), or None for none.
        recognisers: arguments of `evaluation.judges.phones.FolderRecogniser`, one dict each: recognisers in the folders
            of other stages.
        bars: arguments of `evaluation.scoring.estimates.Bar`, one dict each: what was declared before the run.
        samples: name of the input with the samples.
        corpus: name of the input with the training recordings' `cuts.jsonl.gz`.
        scorers: nodes of further scorers, such as the files of `conf/judge`.
        judges_at_once: which are loaded and work at a time, each in a thread.

    Raises:
        InputError: a bar or a recogniser has a key that does not exist, or a node makes no judge.
    """

    def __init__(
        self,
        speaker: Mapping[str, Any] | None = None,
        recognisers: Sequence[Mapping[str, Any]] = (),
        bars: Sequence[Mapping[str, Any]] = (),
        samples: str = "samples",
        corpus: str = "corpus",
        scorers: Sequence[Mapping[str, Any]] = (),
        judges_at_once: Count = 1,
    ) -> None:
        self.speaker, self.judges_at_once = speaker, judges_at_once
        self.recognisers = [_built(FolderRecogniser, node) for node in recognisers]
        self.bars = [_built(Requirement, node) for node in bars]
        self.samples, self.corpus, self.scorers = samples, corpus, list(scorers)
        for number, node in enumerate(self.scorers):
            if not issubclass(_made_by(node), Scorer):
                raise got(f"scorers[{number}]", node, "a node of a Scorer, such as the files of conf/judge")
        if speaker is not None and not hasattr(_made_by(speaker), "embed"):
            raise got("speaker", speaker, "a node of a SpeakerJudge, which has embed")

    def run(self, inputs: Mapping[str, Path], out: Path, report: Reporter) -> None:
        """Write `measurements.jsonl` (a row per sample and metric) and `scores.json` (figures, bars, judges)."""
        manifest = inputs[self.samples] / MANIFEST
        samples = read_samples(manifest)
        check_outputs(samples, str(manifest), all_needed=True)
        notes: list[str] = []
        scorers = self.build_scorers(inputs, notes)
        style = self._style(inputs, notes)
        content = score_samples(
            samples, scorers, out, report, bars=self.bars, extra=style, remarks=notes, at_once=self.judges_at_once
        )
        for bar in content["bars"]:
            report.say(describe_requirement(bar))

    def build_scorers(self, inputs: Mapping[str, Path], notes: list[str]) -> list[Scorer]:
        """Build every scorer of the stage.

        Args:
            inputs: folders of the stage's inputs by name.
            notes: gets a line for each recogniser that is not there.
        """
        scorers: list[Scorer] = [ProsodyScorer(), SpeedScorer()]
        speaker = self._speaker(inputs)
        if speaker is not None:
            scorers.append(speaker)
        for slot in self.recognisers:
            folder = slot.folder(inputs)
            if slot.present is None or slot.present(folder):
                scorers.append(PhoneScorer(slot, folder, RATE))
            else:
                notes.append(f"{slot.name}: stage {slot.stage} holds no recogniser, so it did not judge.")
        return scorers + [instantiate(dict(node)) for node in self.scorers]

    def _speaker(self, inputs: Mapping[str, Path]) -> SpeakerScorer | None:
        if self.speaker is None:
            return None
        manifest = inputs[self.corpus] / "cuts.jsonl.gz" if self.corpus in inputs else None
        found = manifest if manifest is not None and manifest.is_file() else None
        return SpeakerScorer(instantiate(self.speaker), found)

    def _style(self, inputs: Mapping[str, Path], notes: list[str]) -> list[Estimate]:
        for folder in inputs.values():
            if (folder / "style_vectors.npz").is_file():
                return estimate_probes(read_style_vectors(folder / "style_vectors.npz"))
        notes.append("No input holds style_vectors.npz: style vectors were not scored.")
        return []


def _built(kind: Callable[..., Built], node: Mapping[str, Any]) -> Built:
    """An object from its node; a wrong key is the user's mistake and is named."""
    import inspect

    known = list(inspect.signature(kind).parameters)
    wrong = sorted(set(node) - set(known))
    if wrong:
        raise got(f"key of a {kind.__name__} in the scores stage", wrong[0], f"one of {', '.join(known)}")
    return kind(**{key: instantiate(value) if isinstance(value, Mapping) else value for key, value in node.items()})


def _made_by(node: Mapping[str, Any]) -> type:
    """The class of what a node makes: its target, or what its target, a function, is annotated to return."""
    target = get_object(node["_target_"]) if isinstance(node, Mapping) and "_target_" in node else None
    made = target if isinstance(target, type) else get_type_hints(target).get("return") if target else None
    return made if isinstance(made, type) else object


def describe_requirement(bar: Mapping[str, Any]) -> str:
    """Say a checked bar in one line for the terminal."""
    limits = (("at least", bar["at_least"]), ("at most", bar["at_most"]))
    asked = ", ".join(f"{word} {limit:g}" for word, limit in limits if limit is not None)
    value = "not measured" if bar["value"] is None else f"{bar['value']:.3g}"
    verdict = "reached" if bar["reached"] else "NOT reached"
    return f"{bar['figure']} ({bar['group']}, {bar['emotion']}): {value}, asked {asked}: {verdict}"
