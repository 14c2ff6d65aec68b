"""Players of small Opus files beside figures, made when the site is built; none of the sounds is in the repository.

A document says where they stand by `<!-- sounds: NAME -->`: `starter` (the shipped voice in its emotions and strengths,
beside its scores), `systems` (those of the benchmark that are installed, beside its table), `conversion` (a recording
and what the shipped voice makes of it), `demo` (a whole run of this machine beside its judges, or how to make one).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr

from evaluation.benchmark.prompts import BenchmarkPrompt, list_prompts
from evaluation.benchmark.systems import SYSTEMS
from experiments.results import ROOT as STUDIES
from experiments.results import Result, read_results
from sovits_lab.types import InputError
from website.pages import relative

RATE, MOST = 16000, 6
SHOWN = {"wer.lab": "WER", "per.tokenizer": "PER", "similarity": "similarity"}
SOUNDS = "sounds"
MARK = re.compile(r"<!-- sounds: (\w+) -->")
SENTENCE = "en-n4"  # a neutral one of the benchmark that comes at several strengths
SPOKEN = ("neutral", "sad-33", "sad-67", "sad", "happy", "angry")  # prompts of the sentence
WORDS = {  # of a table's head, by language
    "en": ("emotion, strength", "sound", "words misheard, %", "DistillMOS", "F0, st"),
    "zh": ("情感，强度", "声音", "听错的词，%", "DistillMOS", "音高，半音"),
}
NOTE = {
    "en": "Figures are of 50 sentences at strength 1, with 95 % intervals: [the study]({}). F0 is against neutral.",
    "zh": "数值来自强度为 1 的 50 个句子，方括号内为 95 % 置信区间，见[研究页]({})（英文）；音高与中性相比。",
}
SAID = {"en": "Said", "zh": "文本"}


class Sounds:
    """Writes sounds of a site and puts players into its pages.

    Args:
        folder: of the documents; the sounds lie in `sounds/` below it.
        runs: where whole runs of this machine are looked for.
    """

    def __init__(self, folder: Path, runs: Path) -> None:
        self.folder, self.run = folder, find_run(runs)
        self._spoken: dict[str, dict[str, str]] = {}
        self.makers: dict[str, Callable[[str], list[str]]] = {
            "starter": self.starter, "systems": self.systems, "conversion": self.conversion, "demo": self.demo,
        }  # fmt: skip

    def put(self, text: str, place: str) -> str:
        """Replace the marks of a document by players.

        Raises:
            KeyError: a mark that names nothing that is known.
        """
        return MARK.sub(lambda match: "\n".join(self.makers[match[1]](place)), text)

    def player(self, name: str, place: str) -> str:
        """Return the player of a sound on a page."""
        source = relative(place, f"{SOUNDS}/{name}.ogg")
        return f'<audio controls preload="none" class="small" src="{source}"></audio>'

    def write(self, name: str, wav: np.ndarray, rate: int) -> None:
        """Write a sound as Opus."""
        (self.folder / SOUNDS).mkdir(parents=True, exist_ok=True)
        small = soxr.resample(wav.astype(np.float32), rate, RATE)
        soundfile.write(self.folder / SOUNDS / f"{name}.ogg", small, RATE, format="OGG", subtype="OPUS")

    def spoken(self, system: str) -> dict[str, str]:
        """Let a system say the sentence in what it offers; return the sounds' names by prompt, none without it."""
        if system not in self._spoken:
            self._spoken[system] = self._speak(system)
        return self._spoken[system]

    def _speak(self, system: str) -> dict[str, str]:
        try:
            speak = SYSTEMS[system].make("en", None)
        except InputError:  # a synthesiser that is not installed has no row
            return {}
        made: dict[str, str] = {}
        file = self.folder / SOUNDS / "spoken.wav"
        file.parent.mkdir(parents=True, exist_ok=True)
        for kind, prompt in prompts().items():
            if prompt.emotion in SYSTEMS[system].emotions:
                speak(prompt, file)
                wav, rate = soundfile.read(file, dtype="float32")
                made[kind] = f"{system}-{kind}"
                self.write(made[kind], wav, rate)
        file.unlink(missing_ok=True)
        return made

    def starter(self, place: str) -> list[str]:
        """The shipped voice in each emotion, beside what judges found of that emotion over 50 sentences."""
        language = "zh" if place.startswith("zh/") else "en"
        results = read_results(STUDIES / "starter_voice" / "results" / "main.csv")
        lines = [f"{SAID[language]}: *{prompts()['neutral'].sentence.text}*", ""]
        lines += [f"| {' | '.join(WORDS[language])} |", "|---" * len(WORDS[language]) + "|"]
        for kind, name in self.spoken("starter").items():
            one = prompts()[kind]
            cells = [f"{one.emotion} {one.strength:g}", self.player(name, place)]
            keys = [f"voice {one.emotion}/{figure}" for figure in ("wer", "distillmos", "semitones")]
            scores = [cell(results[key][0]) if one.strength == 1 and key in results else "" for key in keys]
            lines.append(f"| {' | '.join([*cells, *scores])} |")
        study = "experiments/starter_voice/index.md"
        return lines if place == study else [*lines, "", NOTE[language].format(relative(place, study))]

    def systems(self, place: str) -> list[str]:
        """Every system of the benchmark that is installed, with the sentence that all say."""
        lines = [f"All say: *{prompts()['neutral'].sentence.text}*", "", "| system | neutral | sad |", "|---|---|---|"]
        for system in SYSTEMS:
            names = self.spoken(system)
            if names:
                heard = [self.player(names[kind], place) if kind in names else "–" for kind in ("neutral", "sad")]
                lines.append(f"| {SYSTEMS[system].name} | {' | '.join(heard)} |")
        return lines

    def conversion(self, place: str) -> list[str]:
        """A recording of another synthesiser, neutral and sad, and the shipped voice saying it in its place."""
        from sovits_lab.inference.conversion_sources import conversion_of, read_source
        from sovits_lab.inference.loading import load_voice
        from sovits_lab.inference.starter import starter_folder

        voice, names = load_voice(starter_folder()), self.spoken("espeak")
        who, rate = next(iter(voice.speakers)), voice.spec.sample_rate
        lines = ["| emotion | espeak-ng says | the starter voice says it after it |", "|---|---|---|"]
        for kind in ("neutral", "sad"):
            source = self.folder / SOUNDS / f"{names[kind]}.ogg"
            how = conversion_of(voice, source, who, text=prompts()[kind].sentence.text)
            self.write(f"converted-{kind}", how.convert(read_source(source, rate), rate), rate)
            lines.append(f"| {kind} | {self.player(names[kind], place)} | {self.player(f'converted-{kind}', place)} |")
        return lines

    def demo(self, place: str) -> list[str]:
        """A whole run of this machine: true and spoken, neutral and sad, of different voices, beside their judges."""
        if self.run is None:
            return ["*Sounds of a run stand here where the site is built after `make demo`.*"]
        samples, scores = self.run / "samples", scores_of(self.run)
        rows = [json.loads(line) for line in (samples / "samples.jsonl").read_text("utf-8").splitlines()]
        lines = [f"Run `{self.run.resolve().name}` of this machine. A sad clip of another speaker tells the style.", ""]
        for one, plain in pairs_of(rows)[:MOST]:
            lines += [f"**{one['speaker']}**: {one['text']}", "", "| | sound | judges |", "|---|---|---|"]
            told = [("true neutral", one.get("truth_neutral"), ""), ("true sad", one.get("truth"), ""),
                    ("neutral output", plain["wav"], plain["id"]), ("sad output", one["wav"], one["id"])]  # fmt: skip
            for label, file, sample in told:
                if file:
                    name = f"{one['speaker']}-{label.replace(' ', '-')}"
                    self.write(name, *soundfile.read(samples / file, dtype="float32"))
                    lines.append(f"| {label} | {self.player(name, place)} | {scores.get(sample, '')} |")
            lines.append("")
        return lines


def prompts() -> dict[str, BenchmarkPrompt]:
    """Return what is said, by the end of the prompt's name."""
    return {
        one.id.removeprefix(f"{SENTENCE}-"): one
        for one in list_prompts("en")
        if one.sentence.id == SENTENCE and one.id.removeprefix(f"{SENTENCE}-") in SPOKEN
    }


def cell(row: Result) -> str:
    """Say a figure with its interval."""
    return f"{row.value} [{row.low}, {row.high}]" if row.low else row.value


def pairs_of(rows: list[dict[str, Any]]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Choose of each speaker one sad output at strength 1 with the neutral one of the same text."""
    neutral = {(one["speaker"], one["text"]): one for one in rows if one["emotion"] == "neutral"}
    chosen: dict[str, dict[str, Any]] = {}
    for one in rows:
        if one["emotion"] == "sad" and one["strength"] == 1 and one["wav"] and (one["speaker"], one["text"]) in neutral:
            chosen.setdefault(one["speaker"], one)
    return [(one, neutral[one["speaker"], one["text"]]) for one in chosen.values()]


def find_run(runs: Path) -> Path | None:
    """Find the newest whole run of `sad_transfer` that was no smoke run."""
    found = []
    for path in runs.glob("sad_transfer*/*/scores.json"):
        run, config = path.parent, path.parent / "config.yaml"
        whole = (run / "samples" / "samples.jsonl").is_file() and json.loads(path.read_text("utf-8"))["samples"] >= 100
        if whole and config.is_file():
            found.append((path.stat().st_mtime, run))
    return max(found)[1] if found else None


def scores_of(run: Path) -> dict[str, str]:
    """Return what judges said of each output, in one line."""
    path = (run / "scores.json").resolve().parent / "measurements.jsonl"
    said: dict[str, list[str]] = {}
    for line in path.read_text("utf-8").splitlines():
        row = json.loads(line)
        if row["of"] == "output" and row["metric"] in SHOWN and row["value"] is not None:
            said.setdefault(row["id"], []).append(f"{SHOWN[row['metric']]} {row['value']:.2f} ({row['judge']})")
    return {name: ", ".join(dict.fromkeys(parts)) for name, parts in said.items()}
