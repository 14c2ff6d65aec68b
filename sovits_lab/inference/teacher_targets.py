"""Stage `teacher_targets`: what a trained voice says to the training sentences, for a student to learn from.

A student that learns from its teacher's tokens has an easier task than one that learns from recordings: of many ways
to say a sentence it hears one (sequence-level distillation; Kim & Rush 2016, section 3.2; for models without a loop
over tokens Ren et al. 2019, section 3). A teacher also says what nobody recorded: every voice in every style.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sovits_lab.checkpoints.starter import base_folder
from sovits_lab.corpora.needs import Lack, RowFacts, lacks_training
from sovits_lab.data.store import FeatureStore
from sovits_lab.data.teacher_targets import TeacherTarget, write_targets
from sovits_lab.inference.aligned_tokens import refuse_other_features
from sovits_lab.inference.clips import AudioArray
from sovits_lab.inference.request import Request
from sovits_lab.inference.styles import VoiceStyle
from sovits_lab.inference.synthesizer import Synthesizer
from sovits_lab.inference.timings import phone_of_frames
from sovits_lab.inference.tokens import generate_tokens
from sovits_lab.inference.utterances import SpokenUtterance
from sovits_lab.types import got

Pairs = Sequence[tuple[int, int]]  # numbers of a sentence and of a clip
BATCH = 16  # utterances that are said together


class GenerateTargets:
    """Every training sentence by its own speaker, in the style of a training clip that is drawn from all emotions.

    Args:
        roles: whose sentences are said, and whose clips are drawn from.
        base: the teacher, a trained voice; None is refused with what to add.
        seed: of the draws and of sampling.
    """

    resumable = False

    def __init__(self, roles: Sequence[str], seed: int, base: str | None = None) -> None:
        self.roles, self.seed, self.base = roles, seed, base

    def lacks(self, rows: Sequence[RowFacts]) -> list[Lack]:
        """Refuse a missing teacher before anything is computed, and tell what a corpus lacks."""
        if self.base is None:
            key = "stages.teacher_targets.base"
            raise got(key, None, f"the teacher: {key}=VOICE, a run or a bundle")
        return lacks_training(rows, self.roles)

    def run(self, inputs: Mapping[str, Path], out: Path, report: Any) -> None:
        """Write `teacher_targets.npz`; needs `inputs["features"]`.

        Raises:
            InputError: no teacher, one that reads or hears otherwise than the features were made, one that does not
                know when its phones are spoken, or that said nothing well.
        """
        store = FeatureStore(inputs["features"])
        rows = store.select(["train"], self.roles)
        clips = np.random.default_rng(self.seed).permutation(rows).tolist()
        made: list[TeacherTarget] = []
        with Synthesizer.load(base_folder(self.base)) as teacher:
            refuse_other_features(teacher, store)
            for first in range(0, len(rows), BATCH):
                pairs = list(zip(rows[first : first + BATCH], clips[first : first + BATCH], strict=True))
                made += _generate(teacher, store, pairs, self.seed)
                report.progress(min(first + BATCH, len(rows)), len(rows), "utterances")
        if not made:
            raise got(
                "sentences of the teacher", "none that ended and whose phone times it knows", "a model that speaks"
            )
        report.say(f"targets: {len(made)} of {len(rows)} sentences ended well")
        write_targets(out, made)


def _generate(teacher: Synthesizer, store: FeatureStore, pairs: Pairs, seed: int) -> list[TeacherTarget]:
    """Sentences and clips, by their numbers -> those that ended well."""
    voice = teacher.voice
    asked = [
        SpokenUtterance(
            store.rows[row].phones, voice.speakers[store.rows[row].speaker], _style(teacher, store, clip),
            1.0, 1.0, seed * 100_003 + row, 0.0,
        )
        for row, clip in pairs
    ]  # fmt: skip
    plain = [Request(store.rows[row].text) for row, _ in pairs]
    spoken = generate_tokens(voice, [[one] for one in asked], plain, BATCH, teacher.guard)
    made = []
    for (row, clip), utterance, (one,) in zip(pairs, asked, spoken, strict=True):
        place = None if one.flag else phone_of_frames(voice, utterance, one.tokens)
        if place is not None:
            made.append(TeacherTarget(store.rows[row].id, store.rows[clip].id, one.tokens.numpy(), place))
    return made


def _style(teacher: Synthesizer, store: FeatureStore, clip: int) -> VoiceStyle:
    """The style of a clip, or of its label for a voice that hears none."""
    if "style" not in teacher.voice.accepts:
        return teacher.voice.mixture({store.rows[clip].emotion: 1.0})
    rate = round(store.hop * store.frames_per_second)
    return teacher.clips.style(AudioArray(store.wav(clip), rate), None).value
