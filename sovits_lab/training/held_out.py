"""A few utterances of the `valid` split, always the same ones: what a model is measured by and heard on in training."""

from __future__ import annotations

import itertools
import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

import lightning
import numpy as np
from jaxtyping import Float
from torch import Tensor

from sovits_lab.data.batches import SpeechBatch, SpeechData
from sovits_lab.data.store import Utterance
from sovits_lab.training.preserved_state import preserve_training_state
from sovits_lab.types import got

MANIFEST = "samples.jsonl"


@runtime_checkable
class Synthesizes(Protocol):
    """A training task that can be heard."""

    def synthesize(self, batch: SpeechBatch) -> Float[Tensor, "B T"]:
        """Return what the model makes of a batch's tokens, phones, speakers and style references, without its truth."""


class HeldOut:
    """Utterances that are not trained on, of voices and emotions that are; emotions in turn, so that few show many.

    Args:
        data: the training data: features, tokens, labels, and the style references that are drawn from.
        roles: whose utterances.
        step: the number that fixed batches carry, for the parts of a loss that depend on it.
    """

    def __init__(self, data: SpeechData, roles: Sequence[str], step: int) -> None:
        self.data, self.step = data, step
        known = [
            i
            for i in data.store.select(["valid"], roles)
            if data.store.rows[i].speaker in data.labels.speakers and data.store.rows[i].emotion in data.labels.emotions
        ]
        self.rows = _in_turn(data.store.rows, known)

    @property
    def sample_rate(self) -> int:
        """Sample rate of the waveforms, Hz."""
        return round(self.data.store.hop * self.data.store.frames_per_second)

    def batch(self, rows: Sequence[int]) -> SpeechBatch:
        """Put these utterances into one batch, in this order; the same references at every call."""
        frames = [self.data.store.rows[i].frames for i in rows]
        order = [rows[i] for i in np.argsort(frames, kind="stable")]
        seconds = len(rows) * max(frames) / self.data.store.frames_per_second + 1
        own = self.data
        data = SpeechData(own.store, order, own.tokens, own.speakers, own.labels, own.references, seconds, 0,
                          own.waveforms, voices=own.voices)  # fmt: skip
        sorted_ = [order[i] for i in data.plan.batch(0)]
        places = [sorted_.index(i) for i in rows]
        return data.batch(0).rows(places)._replace(step=self.step)

    def synthesize(self, task: Synthesizes, rows: Sequence[int]) -> list[np.ndarray]:
        """Speak waveforms [T] of these utterances, without disturbing the training."""
        batch = on_device_of(task, self.batch(rows))
        with preserve_training_state(task):
            waves = task.synthesize(batch).float().clamp(-1, 1).cpu().numpy()
        lengths = [self.data.store.rows[i].frames * self.data.store.hop for i in rows]
        return [wave[:length] for wave, length in zip(waves, lengths, strict=True)]

    def synthesize_id(self, task: object, name: str) -> np.ndarray:
        """Return the waveform [T] of the utterance with this id.

        Raises:
            InputError: the task cannot speak.
        """
        if not isinstance(task, Synthesizes):
            raise got("a callback that listens", f"it stands under {type(task).__name__}", "a task that can speak")
        return self.synthesize(task, [i for i in self.rows if self.data.store.rows[i].id == name])[0]

    def manifest(self, folder: Path, most: int = 32) -> Path:
        """Write the true recordings and a manifest as the evaluation reads it; its path."""
        import soundfile

        folder.mkdir(parents=True, exist_ok=True)
        lines = []
        for number, i in enumerate(self.rows[:most]):
            row = self.data.store.rows[i]
            truth = folder / f"{number:03d}.wav"
            soundfile.write(truth, self.data.store.wav(i), self.sample_rate, subtype="PCM_16")
            known = {"id": row.id, "wav": None, "text": row.text, "language": row.language, "speaker": row.speaker,
                     "role": row.role, "emotion": row.emotion, "truth": truth.name}  # fmt: skip
            lines.append(json.dumps(known, ensure_ascii=False) + "\n")
        (folder / MANIFEST).write_text("".join(lines), encoding="utf-8")
        return folder / MANIFEST


def on_device_of(task: object, batch: SpeechBatch) -> SpeechBatch:
    """Return the batch where the task's weights are."""
    if not isinstance(task, lightning.LightningModule):
        return batch
    moved: SpeechBatch = task.transfer_batch_to_device(batch, task.device, 0)
    return moved


def _in_turn(table: Sequence[Utterance], rows: Sequence[int]) -> list[int]:
    """One of each emotion, then the next of each, every emotion beginning at another voice."""
    of: dict[str, list[int]] = defaultdict(list)
    for i in rows:
        of[table[i].emotion].append(i)
    queues = []
    for number, emotion in enumerate(sorted(of)):
        turned = number % len(of[emotion])
        queues.append(of[emotion][turned:] + of[emotion][:turned])
    return [i for group in itertools.zip_longest(*queues) for i in group if i is not None]
