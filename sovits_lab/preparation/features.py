"""Stage `features`: a corpus' recordings and texts -> one `FeatureStore`."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from sovits_lab.audio.baseline import Baseline, Voiced, baseline, voiced_frames
from sovits_lab.audio.files import load_audio
from sovits_lab.audio.hum import without_hum
from sovits_lab.audio.pitch import f0 as track_f0
from sovits_lab.audio.spec import AudioSpec
from sovits_lab.audio.spectrogram import mel_frames
from sovits_lab.audio.trim import trim_silence
from sovits_lab.corpora.doctor import Problem, count_reasons, write_problems
from sovits_lab.corpora.manifest import phones_of, read_cuts
from sovits_lab.corpora.names import RULE, is_name
from sovits_lab.corpora.needs import Lack, RowFacts, select
from sovits_lab.corpora.texts import TextJudge, misfit
from sovits_lab.data.rows import row_named
from sovits_lab.data.store import StoreWriter, Utterance, pcm16, utterance
from sovits_lab.files import load_array, printable, read_json
from sovits_lab.pipeline.parts import PartedStage, Parts, Work
from sovits_lab.text.espeak_language import OPTIONS
from sovits_lab.text.frontend import Frontend
from sovits_lab.text.language import LANGUAGES
from sovits_lab.types import InputError, NonNegativeFloat, got

if TYPE_CHECKING:
    from lhotse.cut import Cut

PART = 128  # recordings; the result does not depend on it
LEFT_OUT = "left_out.tsv"
SHOWN = 10  # rows that are left out; the rest stand in the table


class Source(NamedTuple):
    """A recording to analyse: path, how it is cut, and the ends of its phones in seconds (empty: not aligned)."""

    path: str
    trim: bool
    phone_ends: tuple[float, ...]


class SpokenCut(NamedTuple):
    """Fields of an `Utterance` that are known before its recording is analysed, and the recording."""

    facts: dict[str, Any]
    source: Source


class Analysed(NamedTuple):
    """Features of one recording."""

    mel: np.ndarray
    f0: np.ndarray
    wav: np.ndarray
    durations: tuple[int, ...]


def analyse(source: Source, spec: AudioSpec) -> Analysed:
    """Load, cut to whole pairs of frames (a token is two frames) and analyse."""
    wav = load_audio(source.path, spec.sample_rate, mix_down=True)
    wav = without_hum(wav, spec.sample_rate)  # while the silence that tells the hum is there; a voice would learn it
    if source.trim:
        wav = trim_silence(wav, spec.sample_rate).wav
    frames = len(wav) // spec.hop // 2 * 2
    wav = np.ascontiguousarray(wav[: frames * spec.hop])
    ends = np.round(np.asarray(source.phone_ends) * spec.frames_per_second).astype(int).clip(0, frames)
    if len(ends):
        ends[-1] = frames
    durations = np.diff(ends, prepend=0)
    mel = mel_frames(wav, spec).astype(np.float16)
    return Analysed(mel, track_f0(wav, spec.sample_rate, spec.hop), wav, tuple(int(d) for d in durations))


class BuildFeatures(PartedStage):
    """Log-mel, F0, waveform and phones of every utterance, in parts of `PART` recordings.

    Phones come from the corpus' alignment where it has one (they are then exactly what was spoken), else from the front
    end. Every speaker's `Baseline` over neutral training speech is kept: prosody is predicted relative to it.

    Args:
        audio: node of the `AudioSpec`.
        frontend: node of the front end that reads texts.
        trim: cut silence at both ends of recordings without alignment.
        min_seconds: utterances that are shorter when trimmed are left out, and said; all other limits are the corpus'.
        runtime: see `PartedStage`.
    """

    def __init__(
        self,
        audio: Mapping[str, Any],
        frontend: Mapping[str, Any],
        trim: bool = True,
        min_seconds: NonNegativeFloat = 0.4,
        runtime: Mapping[str, Any] | None = None,
    ) -> None:
        from sovits_lab.checkpoints.bundle import build

        super().__init__(runtime)
        self.spec: AudioSpec = build(audio)
        self.frontend: Frontend = build(frontend)
        self.judge = TextJudge(self.frontend)
        self.trim, self.min_seconds = trim, min_seconds

    def lacks(self, rows: Sequence[RowFacts]) -> list[Lack]:
        """Return what a corpus lacks: texts that the front end reads, and neutral training speech."""
        found = []
        strange = sorted({row.language for row in rows} - set(self.frontend.languages))
        if strange:
            name, languages = self.frontend.name, ", ".join(map(repr, strange))
            known = set(strange) <= set(LANGUAGES)
            what = f"the front end {name} does not read {languages}"
            add = "frontend=multilingual" if known else ""
            if not known and len(strange) == 1 and strange[0] in OPTIONS:
                add = f"frontend={OPTIONS[strange[0]]}"
            elif not known:
                what += f", only {', '.join(self.frontend.languages)}: write one of these codes"
            if known or not select(rows, languages=self.frontend.languages):
                found.append(Lack(what, add, "frontend"))
        if not select(rows, splits=["train"], emotions=["neutral"]):
            what = "no neutral utterance in split train, to which all prosody is relative"
            found.append(Lack(what, key="corpus"))
        return found

    def plan(self, inputs: Mapping[str, Path]) -> Work:
        """Plan the work: each input is a folder with a manifest; neighbours in it make a part.

        Raises:
            InputError: two recordings of one name.
        """
        cuts = [cut for folder in inputs.values() for cut in read_cuts(folder)]
        if len(inputs) > 1 and (
            twice := [name for name, count in Counter(cut.id for cut in cuts).items() if count > 1]
        ):
            raise got(f"recordings of {' and '.join(inputs)}", f"two of name {twice[0]}", "each name once")
        count = -(-len(cuts) // PART)
        return Work(count, lambda number, folder: self._make(cuts[number * PART :][:PART], folder), len(cuts))

    def _make(self, cuts: Sequence[Cut], folder: Path) -> None:
        """Arrays of a part one after the other, its rows, and what is to be said about it."""
        rows: list[dict[str, Any]] = []
        left_out: list[Problem] = []
        made: list[Analysed] = []
        for cut in cuts:
            with row_named(cut.id):
                spoken = self._spoken(cut)
                if isinstance(spoken, Problem):
                    left_out.append(spoken)
                    continue
                result = analyse(spoken.source, self.spec)
            if (problem := self._unfit(cut, spoken, result)) is not None:
                left_out.append(problem)
                continue
            made.append(result)
            rows.append({**spoken.facts, "frames": len(result.mel), "durations": result.durations})
        if made:
            np.save(folder / "mel.npy", np.concatenate([each.mel for each in made]))
            np.save(folder / "f0.npy", np.concatenate([each.f0 for each in made]))
            np.save(folder / "wav.npy", pcm16(np.concatenate([each.wav for each in made])))
        part = {"rows": rows, "left_out": left_out}
        (folder / "part.json").write_text(json.dumps(part, ensure_ascii=False), encoding="utf-8")

    def _unfit(self, cut: Cut, spoken: SpokenCut, result: Analysed) -> Problem | None:
        """Why an analysed recording is left out after all."""
        seconds = len(result.wav) / self.spec.sample_rate
        if len(result.mel) < max(2, self.min_seconds * self.spec.frames_per_second):
            return Problem(cut.id, "too short", f"{seconds:.2f} s without silence, expected {self.min_seconds:g} s")
        if not (np.isfinite(result.mel).all() and np.isfinite(result.f0).all()):
            return Problem(cut.id, "not finite", "its features are not finite numbers")
        if spoken.source.phone_ends:
            return None
        why = misfit(len(spoken.facts["phones"]), seconds)
        return None if why is None else Problem(cut.id, "text and length", f"{spoken.facts['text']!r}: {why}")

    def _spoken(self, cut: Cut) -> SpokenCut | Problem:
        """A recording and what is said in it, or why it is left out."""
        spoken = cut.supervisions[0]
        if not is_name(cut.id):
            return Problem(cut.id, "unfit id", f"{cut.id[:200]!r}, expected {RULE}")
        aligned = phones_of(cut)
        phones = tuple(p.symbol for p in aligned)
        if strange := sorted(set(phones) - set(self.frontend.symbols.names)):
            return Problem(cut.id, "unknown phone", f"{strange[0]!r}: the front end {self.frontend.name} has none")
        if not phones:
            judged = self.judge.read(spoken.text or "", spoken.language or "")
            if judged.why is not None:
                return Problem(cut.id, "unreadable text", f"{spoken.text!r}: {judged.why}")
            phones = judged.phones
        custom = spoken.custom or {}
        facts = {
            "id": cut.id, "speaker": spoken.speaker or "", "emotion": custom.get("emotion", "neutral"),
            "role": custom.get("role", "emotional"), "split": custom.get("split", "train"), "text": spoken.text or "",
            "language": spoken.language or "", "phones": phones,
        }  # fmt: skip
        ends = tuple(p.start + p.duration for p in aligned)
        return SpokenCut(facts, Source(cut.recording.sources[0].source, self.trim and not aligned, ends))

    def gather(self, inputs: Mapping[str, Path], parts: Parts, out: Path, report: Any) -> None:
        """Gather all parts in their order as one `FeatureStore` in `out`."""
        found = [read_json(parts.path(n) / "part.json", "part of the features") for n in range(parts.count)]
        left_out = [Problem(*each) for part in found for each in part["left_out"]]
        if left_out:
            write_problems(out / LEFT_OUT, left_out)
        for problem in left_out[:SHOWN]:
            report.say(printable(f"left out: {problem.row}: {problem.reason}: {problem.detail}"))
        total = sum(row["frames"] for part in found for row in part["rows"])
        if not total:
            first = "; ".join(printable(f"{each.row} ({each.detail})") for each in left_out[:3])
            raise InputError(
                f"corpus {' and '.join(map(str, inputs.values()))}: got no usable utterance of {len(left_out)}: {first}"
            )
        writer = StoreWriter(out, self.spec.hop, self.spec.n_mels, total, self.spec.frames_per_second)
        utterances: list[Utterance] = []
        voices: dict[str, list[Voiced]] = defaultdict(list)
        start = 0
        for number, part in enumerate(found):
            if not part["rows"]:
                continue
            mel, f0, wav = (
                load_array(parts.path(number) / f"{name}.npy", "part of the features") for name in ("mel", "f0", "wav")
            )
            writer.copy(start, mel, f0, wav)
            begin = 0
            for row in part["rows"]:
                stop = begin + row["frames"]
                if row["emotion"] == "neutral" and row["split"] == "train":
                    voices[row["speaker"]].append(voiced_frames(f0[begin:stop], mel[begin:stop].T))
                utterances.append(utterance({**row, "start": start + begin}))
                begin = stop
            start += begin
        speakers = sorted({row.speaker for row in utterances})
        writer.close(utterances, list(self.frontend.symbols.names), baselines(speakers, voices))
        more = f"; left out and listed in {LEFT_OUT}: {count_reasons(left_out)}" if left_out else ""
        report.say(f"features of {len(utterances)} of {len(utterances) + len(left_out)} utterances{more}")


def baselines(speakers: Sequence[str], neutral: Mapping[str, list[Voiced]]) -> dict[str, Baseline]:
    """Measure the baseline of every speaker; one without voiced neutral speech gets the mean of the others."""
    known = {name: found for name in speakers if (found := baseline(neutral.get(name, ()))) is not None}
    if not known:
        raise InputError("corpus: got no voiced neutral training speech, expected some: prosody is relative to it")
    means = np.mean([(np.log(b.f0), b.energy, np.log(b.spread), b.level) for b in known.values()], axis=0)
    f0, energy, spread, level = means.tolist()
    usual = Baseline(float(np.exp(f0)), energy, float(np.exp(spread)), level)
    return {name: known.get(name, usual) for name in speakers}
