"""`python experiments/sad_transfer/clips.py RUN`: what of a style clip arrives at the target speakers, in three views.

1. Change against neutral, in percent of the true change, where the clip's voice was heard in training and where not.
2. The same with every clip brought to the level (RMS) of the same sentence that its voice said neutrally: what is left
   when the clip does not tell the emotion by loudness.
3. Clips of one emotion differ among themselves. Pearson's r between the change that a clip makes against its own
   voice's neutral recording of the sentence, and the change of the output, both less the mean of their emotion: 0 is a
   style that carries nothing but the category.

Clips whose neutral partner is not among the samples are left out of 2 and 3.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import soundfile

from evaluation.prosody.measurement import RATE, ProsodyMeasurement, measure_prosody
from sovits_lab.audio.energy import level_dbfs
from sovits_lab.inference.loading import load_voice
from sovits_lab.inference.request import Request
from sovits_lab.inference.synthesizer import Synthesizer
from sovits_lab.inference.voice import LoadedVoice
from sovits_lab.types import InputError, got

NEUTRAL = "neutral"
NAMES = ("F0", "F0 range", "level", "length")
Item = Mapping[str, Any]
Change = np.ndarray  # [4]: semitones, semitones, dB, log of the ratio; nan where F0 is not measured


def change(said: ProsodyMeasurement, neutral: ProsodyMeasurement) -> Change:
    """From neutral."""
    tones = [np.nan if None in pair else pair[0] - pair[1] for pair in
             ((said.f0_median, neutral.f0_median), (said.f0_range, neutral.f0_range))]  # fmt: skip
    return np.array([*tones, said.level - neutral.level, np.log(said.duration / neutral.duration)])


class Samples:
    """Recordings of a run, each measured once."""

    def __init__(self, run: Path) -> None:
        self.folder = run / "samples"
        items = map(json.loads, (self.folder / "samples.jsonl").read_text("utf-8").splitlines())
        targets = [one for one in items if one["role"] == "target" and one["strength"] == 1 and one["wav"]]
        self.neutral = {(i["speaker"], i["text"]): i for i in targets if i["emotion"] == NEUTRAL}
        self.items = [i for i in targets if i["emotion"] != NEUTRAL and (i["speaker"], i["text"]) in self.neutral]
        self._known: dict[str, ProsodyMeasurement] = {}

    def measured(self, path: str) -> ProsodyMeasurement:
        """A file's prosody."""
        if path not in self._known:
            self._known[path] = measure_prosody(self.wav(path))
        return self._known[path]

    def wav(self, path: str) -> np.ndarray:
        """A file's samples."""
        return np.asarray(soundfile.read(self.folder / path, dtype="float32")[0])

    def partner(self, item: Item) -> str | None:
        """The clip's sentence, said neutrally by the clip's voice."""
        clip = str(item["style_reference"])
        neutral = clip.replace(f"-{item['emotion']}.", f"-{NEUTRAL}.")
        return neutral if neutral != clip and (self.folder / neutral).is_file() else None

    def output(self, item: Item, said: ProsodyMeasurement | None = None) -> Change:
        """Of what was said, or of `said` in its place."""
        neutral = self.neutral[item["speaker"], item["text"]]
        return change(said or self.measured(item["wav"]), self.measured(neutral["wav"]))

    def truth(self, item: Item) -> Change:
        """Of the target's own recordings."""
        return change(self.measured(item["truth"]), self.measured(item["truth_neutral"]))


def levelled(samples: Samples, items: Sequence[Item], voice: LoadedVoice) -> list[ProsodyMeasurement]:
    """The same sentences by the same seeds, from clips as loud as their neutral partners."""
    with TemporaryDirectory() as folder:
        asked = []
        for i, item in enumerate(items):
            clip = samples.wav(item["style_reference"])
            neutral = samples.wav(str(samples.partner(item)))
            clip = clip * 10 ** ((level_dbfs(neutral) - level_dbfs(clip)) / 20)
            if np.abs(clip).max() > 1:
                raise got(f"clip {item['style_reference']}", "a peak above full scale at neutral's level", "at most 1")
            soundfile.write(path := Path(folder) / f"{i}.wav", clip, RATE, subtype="FLOAT")
            asked.append(Request(item["text"], item["speaker"], path, seed=item["seed"]))
        return [measure_prosody(spoken.wav) for spoken in Synthesizer(voice).speak_all(asked)]


def row(title: str, changes: np.ndarray) -> str:
    """Shares of the mean change, of [N, 2, 4]: outputs and truths."""
    made, true = np.nanmean(changes, axis=0)
    return f"| {title} | {len(changes)} | " + " | ".join(f"{share:.0f}" for share in 100 * made / true) + " |"


def within(samples: Samples, items: Sequence[Item]) -> str:
    """Correlations of what clips and outputs do beside the mean of their emotion."""
    of: dict[str, list[list[Change]]] = defaultdict(list)
    for item in items:
        clip = change(samples.measured(item["style_reference"]), samples.measured(str(samples.partner(item))))
        of[item["emotion"]].append([clip, samples.output(item)])
    apart = np.concatenate([np.array(pairs) - np.nanmean(np.array(pairs), axis=0) for pairs in of.values()])
    told = []
    for name, (clips, said) in zip(NAMES, apart.transpose(2, 1, 0), strict=True):
        known = ~np.isnan(clips) & ~np.isnan(said)
        told.append(f"{name} {np.corrcoef(clips[known], said[known])[0, 1]:.2f}")
    return f"r of {len(apart)}: " + ", ".join(told)


def main(run: Path) -> None:
    """Print the tables."""
    if not (run / "samples" / "samples.jsonl").is_file():
        raise got("run", run, "the folder of one run, with samples")
    samples, voice = Samples(run), load_voice(run)
    if voice.spec.sample_rate != RATE or not voice.takes_style or not samples.items:
        raise got("run", run, f"a voice at {RATE} Hz that hears styles, with samples of target speakers in emotions")
    paired = [item for item in samples.items if samples.partner(item)]
    softer = {item["id"]: said for item, said in zip(paired, levelled(samples, paired, voice), strict=True)}
    print("| share of the true change, % | outputs | " + " | ".join(NAMES) + " |")
    print("|---" * (len(NAMES) + 2) + "|")
    for emotion in sorted({item["emotion"] for item in samples.items}):
        own = [item for item in samples.items if item["emotion"] == emotion]
        heard = [item for item in own if item["style_speaker"] in voice.speakers]
        both = [item for item in own if item in paired]
        views = {
            "clips of voices heard in training": [(samples.output(i), samples.truth(i)) for i in heard],
            "of voices not heard": [(samples.output(i), samples.truth(i)) for i in own if i not in heard],
            "with a neutral partner": [(samples.output(i), samples.truth(i)) for i in both],
            "these at its level": [(samples.output(i, softer[i["id"]]), samples.truth(i)) for i in both],
        }
        for title, changes in views.items():
            if changes:
                print(row(f"{emotion}: {title}", np.array(changes)))
    said = (
        within(samples, paired) if paired else "no clip has its sentence said neutrally by its voice among the samples"
    )
    print("\nwithin emotions, clip against output: " + said)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python experiments/sad_transfer/clips.py RUN")
    try:
        main(Path(sys.argv[1]))
    except InputError as error:
        sys.exit(f"error: {error}")
