"""Rows about words: error rates under three normalisations, words swallowed, repeated, and leaked from the prompt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jiwer

from evaluation.intelligibility.errors import CATASTROPHIC, count_errors, worst_errors
from evaluation.judges.contract import WordRecogniser
from evaluation.scoring.estimates import Estimate
from evaluation.scoring.languages import UNKNOWN
from evaluation.scoring.measurements import Measurement, MeasurementTable
from evaluation.scoring.measures import INTELLIGIBILITY, SHARE, Measure, Use, declare
from evaluation.scoring.normalisers import NORMALISERS, Normaliser, is_spelt_in_characters
from evaluation.scoring.samples import Sample
from evaluation.scoring.scorer import AudioFiles, Scorer, failure_reason, list_recordings, read_usable
from evaluation.scoring.tables import SampleCell, estimate_mean, estimate_rate, estimate_share

MAIN = "lab"  # the normalisation under which kinds of errors are told apart
RATES = {"wer": "word error rate", "cer": "character error rate"}
KINDS = ("substitutions", "deletions", "insertions", "swallowed", "repeated", "leaked", "catastrophic")


def _declare_rates() -> None:
    for unit, words in RATES.items():
        declare(Measure(unit, words, INTELLIGIBILITY, "lower", SHARE, uses=("curve",)))
        for name in NORMALISERS:
            declare(
                Measure(
                    f"{unit}.{name}",
                    f"{words} ({name})",
                    INTELLIGIBILITY,
                    "lower",
                    SHARE,
                    construct="intelligibility" if (unit, name) == ("wer", MAIN) else "",
                    uses=_uses(unit, name),
                    rank=1 if (unit, name) == ("wer", MAIN) else 0,
                    note="WER" if (unit, name) == ("wer", MAIN) else "",
                ),
                Measure(f"{unit}.{name}.macro", f"{words} ({name}, mean of items)", INTELLIGIBILITY, "lower", SHARE,
                        uses=("curve",)),
            )  # fmt: skip


def _uses(unit: str, name: str) -> tuple[Use, ...]:
    if name != MAIN:
        return ("curve",)
    return ("slices", "agreement", "curve") if unit == "wer" else ("slices", "curve")


_declare_rates()
declare(*(Measure(kind, f"words, {kind}", INTELLIGIBILITY, "lower", SHARE) for kind in KINDS))


class SlipCounts(NamedTuple):
    """What went wrong with words, counted: reference words left out, words said again, words of the prompt said."""

    swallowed: int
    repeated: int
    leaked: int


def count_slips(reference: Sequence[str], hypothesis: Sequence[str], prompt: Sequence[str] = ()) -> SlipCounts:
    """Count swallowed, repeated and leaked words.

    A word is swallowed when the alignment deletes it; repeated when it is inserted and equals one of the two words
    before or after it; leaked when it is inserted or substituted, belongs to the prompt and not to the reference.
    """
    if not reference or not hypothesis:
        return SlipCounts(len(reference), 0, 0)
    pair = jiwer.process_words([" ".join(reference)], [" ".join(hypothesis)])
    swallowed = repeated = leaked = 0
    foreign = set(prompt) - set(reference)
    for chunk in pair.alignments[0]:
        span = range(chunk.hyp_start_idx, chunk.hyp_end_idx)
        if chunk.type == "delete":
            swallowed += chunk.ref_end_idx - chunk.ref_start_idx
        elif chunk.type in ("insert", "substitute"):
            leaked += sum(hypothesis[i] in foreign for i in span)
        if chunk.type == "insert":
            repeated += sum(hypothesis[i] in [*hypothesis[max(0, i - 2) : i], *hypothesis[i + 1 : i + 3]] for i in span)
    return SlipCounts(swallowed, repeated, leaked)


class WordScorer(Scorer):
    """Word error rate (character error rate where a language has no spaces) of outputs and of true recordings.

    Rows for each normaliser: `wer.NAME`, `cer.NAME` with the reference length as weight; under our own normaliser also
    `substitutions`, `deletions`, `insertions`, `swallowed`, `repeated`, `leaked`, each over the reference length.
    """

    def __init__(self, judge: WordRecogniser) -> None:
        self.judge, self.card = judge, judge.card

    def prepare(self, samples: Sequence[Sample], audio: AudioFiles) -> str:
        self.judge.prepare([one.text for one in samples])
        return ""

    def key(self, sample: Sample) -> tuple[str, ...]:
        versions = [one.label for one in NORMALISERS.values()]
        return (sample.text, sample.language, sample.prompt_text, *versions, self.judge.setting)

    def release(self) -> None:
        self.judge.release()

    def score(self, samples: Sequence[Sample], audio: AudioFiles, to: MeasurementTable) -> None:
        spoken = [one for one in samples if self.judge.understands(one.language)]
        for one in samples:
            if not self.judge.understands(one.language):
                why = f"the judge does not know the language {one.language}"
                to.add(Measurement(one.id, f"wer.{MAIN}", None, self.card.name, self.card.weight_hash, reason=why))
        for language in sorted({one.language for one in spoken}):
            wanted = list_recordings([one for one in spoken if one.language == language], self.parts)
            paths, clips = read_usable(wanted, audio)
            asked = "" if language == UNKNOWN else language  # a judge that knows every language finds it out
            texts = self.judge.transcribe([clip.wav for clip in clips], asked) if clips else []
            found = dict(zip(paths, texts, strict=True))
            for one, part, path in wanted:
                text = found.get(path) if path is not None else None
                self._rows(one, part, text, audio(path).digest, failure_reason(audio(path)), to)

    def _rows(self, one: Sample, part: str, text: str | None, audio: str, why: str, to: MeasurementTable) -> None:
        for normaliser in NORMALISERS.values():
            words = normaliser.units(one.text, one.language)
            letters = list("".join(words))
            if not words:
                to.add(self._row(one, f"wer.{normaliser.name}", None, part, audio, 1, normaliser, "nothing to be said"))
                continue
            recognised = None if text is None else normaliser.units(text, one.language)
            wrong = worst_errors(words) if recognised is None else count_errors(words, recognised)
            spelt = worst_errors(letters) if recognised is None else count_errors(letters, list("".join(recognised)))
            name = normaliser.name
            to.add(self._row(one, f"wer.{name}", wrong.rate, part, audio, len(words), normaliser, why))
            to.add(self._row(one, f"cer.{name}", spelt.rate, part, audio, len(letters), normaliser, why))
            if name == MAIN:
                lost = count_slips(words, recognised or [], normaliser.units(one.prompt_text, one.language))
                kinds = {**wrong._asdict(), **lost._asdict()}
                kinds.pop("reference")
                for kind, count in kinds.items():
                    rate = count / len(words)
                    to.add(self._row(one, kind, rate, part, audio, len(words), normaliser, why))

    def _row(
        self,
        one: Sample,
        metric: str,
        value: float | None,
        part: str,
        audio: str,
        weight: int,
        by: Normaliser,
        why: str,
    ) -> Measurement:
        card = self.card
        return Measurement(
            one.id,
            metric,
            value,
            card.name,
            card.weight_hash,
            part,
            audio,
            weight,
            normaliser=by.label,
            reason=why,
            failed=value is not None and bool(why),
        )

    def estimates(self, cell: SampleCell, table: MeasurementTable) -> list[Estimate]:
        """Estimate micro rates under every normaliser, the macro rate, kinds of errors, and the share of
        catastrophes.
        """
        mine = [one for one in cell.samples if self.judge.understands(one.language)]
        if not mine:
            return []
        cell = SampleCell(cell.group, cell.emotion, mine)
        unit = "cer" if any(is_spelt_in_characters(one.language) for one in mine) else "wer"
        names = [f"{kind}.{one}" for kind in ("wer", "cer") for one in NORMALISERS]
        names += ["substitutions", "deletions", "insertions", "swallowed", "repeated", "leaked"]
        made = [estimate_rate(f"{name}.{self.card.name}", name, self.card, cell, table) for name in names]
        main = f"{unit}.{MAIN}"
        macro = estimate_mean(f"{main}.macro.{self.card.name}", main, self.card, cell, table)

        def catastrophe(one: Sample) -> bool:
            return (table.value(one.id, main, self.card.name) or 0.0) > CATASTROPHIC

        return [*made, macro, estimate_share(f"catastrophic.{self.card.name}", self.card, cell, catastrophe)]
