"""What a teacher said to the training sentences, and batches of it for a student."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from sovits_lab.data.batches import SpeechBatch, SpeechData
from sovits_lab.data.padding import mask_of, pad, stack_mels
from sovits_lab.data.plan import Size, generator
from sovits_lab.files import load_archive
from sovits_lab.types import got

TARGETS = "teacher_targets.npz"  # file of the stage `teacher_targets`


class TeacherTarget(NamedTuple):
    """One sentence as a teacher said it.

    Attributes:
        row: id of the utterance whose text and speaker it has.
        clip: id of the utterance in whose style it was said.
        tokens: what was said, [S].
        place: which of the phones each of the 2 S frames speaks.
    """

    row: str
    clip: str
    tokens: np.ndarray
    place: np.ndarray


def write_targets(folder: Path, targets: Sequence[TeacherTarget]) -> None:
    """Write them as `teacher_targets.npz`, their tokens and places one after the other."""
    np.savez(
        folder / TARGETS,
        row=np.array([one.row for one in targets]),
        clip=np.array([one.clip for one in targets]),
        ends=np.cumsum([len(one.tokens) for one in targets]),
        tokens=np.concatenate([one.tokens for one in targets]).astype(np.int32),
        place=np.concatenate([one.place for one in targets]).astype(np.int32),
    )


def read_targets(folder: Path) -> dict[str, TeacherTarget]:
    """Read the targets of a folder, by the id of the utterance.

    Raises:
        InputError: the file is missing or damaged.
    """
    held = load_archive(folder / TARGETS, "teacher targets")
    if lacking := {"row", "clip", "ends", "tokens", "place"} - set(held):
        expected = "the file that the stage `teacher_targets` writes"
        raise got(f"teacher targets {folder / TARGETS}", f"no {min(lacking)}", expected)
    ends = held["ends"].tolist()
    rows = zip(held["row"].tolist(), held["clip"].tolist(), [0, *ends], ends, strict=False)
    return {
        row: TeacherTarget(row, clip, held["tokens"][first:end], held["place"][2 * first : 2 * end])
        for row, clip, first, end in rows
    }


class TeacherData:
    """Batches whose tokens, phone times and styles are a teacher's; recordings and their mels stay what they were.

    Args:
        data: batches of the same utterances as they were recorded.
        targets: by the id of the utterance; every one of the data has one.
    """

    def __init__(self, data: SpeechData, targets: Mapping[str, TeacherTarget]) -> None:
        self.data = data
        number = {row.id: i for i, row in enumerate(data.store.rows)}
        self.targets = [targets[data.store.rows[i].id] for i in data.rows]
        self.clips = [number[one.clip] for one in self.targets]

    def size(self) -> Size:
        """Return the number of batches and epochs."""
        return self.data.size()

    def batch(self, step: int, rank: int = 0) -> SpeechBatch:
        """Return batch number `step` of this rank; a style is any clip of the emotion that the teacher was shown."""
        data, chosen = self.data, self.data.plan.batch(step, rank)
        rng = generator(data.seed, step, rank, 11)
        targets = [self.targets[i] for i in chosen]
        clips = [self.clips[i] for i in chosen]
        reference = stack_mels([data.references.draw(clip, rng) for clip in clips])
        emotions = [data.labels.emotions.index(data.store.rows[clip].emotion) for clip in clips]
        return data.batch(step, rank)._replace(
            tokens=pad([one.tokens for one in targets]).long(),
            token_mask=mask_of([one.tokens for one in targets]),
            place=pad([one.place for one in targets], -1),
            emotion=torch.tensor(emotions),
            reference=reference.mel,
            reference_mask=reference.mask,
        )
