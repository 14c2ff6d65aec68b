"""An entry: a folder of recordings becomes samples, figures, and one file that the leaderboard reads."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from evaluation.benchmark.prompts import BenchmarkPrompt, hash_prompts
from evaluation.intelligibility.errors import CATASTROPHIC
from evaluation.intelligibility.words import MAIN
from evaluation.real_speech.clips import LabelledClip, load_clip
from evaluation.real_speech.prosody_vector import measure_prosody_vector
from evaluation.scoring.estimates import Estimate
from evaluation.scoring.judge_card import JudgeCard
from evaluation.scoring.measurements import MeasurementTable
from evaluation.scoring.measures import EMOTION, ROBUSTNESS, SHARE, Measure, declare
from evaluation.scoring.normalisers import is_spelt_in_characters
from evaluation.scoring.samples import NEUTRAL, Sample
from evaluation.scoring.scorer import AudioFiles, Scorer
from evaluation.scoring.tables import SampleCell, estimate_share, make_estimate
from evaluation.statistics import Interval
from evaluation.style.abx import abx_cells, summarise
from evaluation.style.distance import compress_vectors, distances_of
from sovits_lab.files import read_json, write_whole
from sovits_lab.types import InputError, got

ENDINGS = (".wav", ".flac", ".mp3", ".ogg")
ENTRY, SYSTEM = "entry.json", "system.json"
TEXTS = ("name", "url", "licence", "about")
MOST_FACTS, LONGEST = 64 << 10, 300
PROSODY = JudgeCard("prosody vector", "1", "emotion", 16000, licence="Apache-2.0",
                    caution="hears pitch, energy and time only; follows the voice where voices differ")  # fmt: skip
BAD = JudgeCard("bad cases", "1", "robustness", 16000, licence="Apache-2.0")

declare(
    Measure("bad_case", "bad cases: nothing usable, or more than half of the words wrong", ROBUSTNESS, "lower", SHARE),
    Measure("emotions_apart", "emotions told apart across sentences (ABX of prosody)", EMOTION, "higher", SHARE),
)


@dataclass(frozen=True)
class SystemFacts:
    """What a system says of itself, as text of limited length."""

    name: str
    url: str = ""
    licence: str = ""
    about: str = ""


def read_facts_of_system(folder: Path) -> SystemFacts:
    """Read `system.json`, where there is one; else the folder's name is the system's.

    Raises:
        InputError: it is no object of texts.
    """
    path = folder / SYSTEM
    if not path.is_file():
        return SystemFacts(folder.resolve().name)
    given = read_json(path, "facts of a system", MOST_FACTS)
    if not isinstance(given, dict) or not all(isinstance(given.get(key, ""), str) for key in TEXTS):
        raise got(str(path), type(given).__name__, f"an object with the texts {', '.join(TEXTS)}")
    texts = {key: str(given.get(key, ""))[:LONGEST] for key in TEXTS}
    return SystemFacts(**{**texts, "name": texts["name"] or folder.resolve().name})


def find_recordings(folder: Path, prompts: Sequence[BenchmarkPrompt]) -> dict[str, dict[str, Path]]:
    """Find the recordings of each voice: `ID.wav` in the folder itself, or in one folder a voice.

    Raises:
        InputError: not one recording has the name of a prompt.
    """
    if not folder.is_dir():
        raise got("folder of an entry", folder, "an existing folder with ID.wav for each prompt")
    known = {one.id for one in prompts}
    places = {"": folder, **{one.name: one for one in sorted(folder.iterdir()) if one.is_dir()}}
    found: dict[str, dict[str, Path]] = {}
    for voice, place in places.items():
        for path in sorted(place.iterdir()):
            if path.suffix.lower() in ENDINGS and path.stem in known and path.is_file():
                found.setdefault(voice, {})[path.stem] = path
    if not found:
        raise got(f"recordings in {folder}", "none with the name of a prompt", f"{prompts[0].id}.wav and so on")
    return found


def make_samples(folder: Path, prompts: Sequence[BenchmarkPrompt]) -> tuple[list[Sample], list[str]]:
    """Make the samples of an entry, and notes on what the system does not offer.

    An emotion or strength of which there is no recording at all is not offered, and not scored. Of what is offered, a
    missing recording is a failed one. Voices are counted through, so that entries can be held against each other.
    """
    found = find_recordings(folder, prompts)
    offered = {(one.emotion, one.strength) for one in prompts for mine in found.values() if one.id in mine}
    left = sorted({f"{p.emotion} at {p.strength:g}" for p in prompts if (p.emotion, p.strength) not in offered})
    notes = [f"Not offered by the system, and not scored: {', '.join(left)}."] if left else []
    samples = []
    for number, (voice, mine) in enumerate(sorted(found.items()), 1):
        references = [mine[f"{one.sentence.id}-{NEUTRAL}"] for one in prompts if f"{one.sentence.id}-{NEUTRAL}" in mine]
        for one in prompts:
            if (one.emotion, one.strength) in offered:
                path = mine.get(one.id)
                own = next((path_of for path_of in reversed(references) if path_of != path), None)
                samples.append(
                    Sample(
                        f"{voice or 'voice'}/{one.id}",
                        path,
                        one.sentence.text,
                        f"voice {number}",
                        one.emotion,
                        language=one.sentence.language,
                        strength=one.strength,
                        speaker_reference=own,
                        guarded=True,
                        flags=() if path else ("missing",),
                    )
                )
    return samples, notes


class BadCaseScorer(Scorer):
    """`bad_case`: the share of outputs that are unusable or have more than half of their words wrong.

    It listens to nothing: a judge of words that stands before it has measured what it counts.
    """

    card = BAD
    parts = ()

    def score(self, samples: Sequence[Sample], audio: AudioFiles, to: MeasurementTable) -> None:
        """Measure nothing: everything is in the rows of the judge of words."""

    def estimates(self, cell: SampleCell, table: MeasurementTable) -> list[Estimate]:
        unit = {one.id: "cer" if is_spelt_in_characters(one.language) else "wer" for one in cell.samples}
        errors = {row.id: row for row in table if row.of == "output" and row.metric == f"{unit.get(row.id)}.{MAIN}"}
        known = [one for one in cell.samples if one.id in errors and errors[one.id].value is not None]
        if not known:
            return []
        chosen = SampleCell(cell.group, cell.emotion, known)
        return [estimate_share("bad_case", BAD, chosen, lambda one: (errors[one.id].value or 0.0) > CATASTROPHIC)]


def estimate_apart(samples: Sequence[Sample]) -> list[Estimate]:
    """Estimate how well a system's emotions are told apart across sentences, within each voice, by prosody alone.

    ABX over sentences: X has A's emotion and B has not, and all three are other sentences than X's. The interval draws
    sentences. What it means is limited by its judge: see `python -m evaluation judges`.
    """
    usable = [one for one in samples if one.wav is not None and one.strength == 1]
    vectors, kept = [], []
    for one in usable:
        assert one.wav is not None
        try:
            clip = load_clip(LabelledClip(one.wav, one.speaker, one.emotion))
        except InputError:
            continue  # counted as a failed output elsewhere
        vectors.append(measure_prosody_vector(clip.normalised))
        kept.append(one)
    if len({one.emotion for one in kept}) < 2:
        return []
    made, codes = (
        [],
        [np.unique([getattr(o, k) for o in kept], return_inverse=True)[1] for k in ("emotion", "text", "speaker")],
    )
    emotion, text, speaker = codes
    for voice in np.unique(speaker):
        mine = speaker == voice
        cells = abx_cells(distances_of(compress_vectors(np.stack(vectors)[mine])), emotion[mine], text[mine])
        made.append(summarise(cells, cells.g1, cells.g2, int(text.max()) + 1).interval)
    estimate, low, high = (
        float(np.mean([getattr(one, key) for one in made])) / 100 for key in ("estimate", "low", "high")
    )
    whole = Interval(estimate, low, high, len(kept), len(made), int(text.max()) + 1)
    return [replace(make_estimate("emotions_apart", whole, PROSODY), truth=0.5)]


def describe_entry(
    facts: SystemFacts, content: Mapping[str, Any], language: str, prompts: Sequence[BenchmarkPrompt]
) -> dict[str, Any]:
    """Return the content of `entry.json`: who, what was asked, by which judges, and the figures."""
    return {
        "version": 1,
        "system": vars(facts),
        "language": language,
        "prompts": hash_prompts(prompts),
        "judges": {one["name"]: one["weight_hash"] for one in content["judges"]},
        "figures": [one for one in content["figures"] if one["strength"] is None and one["group"] == "all"],
        "curve": [one for one in content["figures"] if one["strength"] is not None],
        "samples": content["samples"],
    }


def write_entry(path: Path, entry: Mapping[str, Any]) -> None:
    """Write an entry as JSON."""
    write_whole(path, (json.dumps(entry, ensure_ascii=False, indent=1, allow_nan=False) + "\n").encode())
