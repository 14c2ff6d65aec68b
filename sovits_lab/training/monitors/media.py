"""What can be heard and seen of a model while it trains."""

from __future__ import annotations

import time

import lightning
import numpy as np

from sovits_lab.audio.spec import AudioSpec
from sovits_lab.audio.spectrogram import log_mel
from sovits_lab.reporting import Reporter
from sovits_lab.training.held_out import HeldOut, Synthesizes
from sovits_lab.training.preserved_state import preserve_training_state
from sovits_lab.training.step_callback import StepCallback
from sovits_lab.training.strategies import looks_here
from sovits_lab.training.task import Task
from sovits_lab.types import got


class ValidationMedia(StepCallback):
    """Losses of held-out utterances (`valid/...`, the names of `train/...`), and a few of them spoken.

    What is spoken comes from the prior, as it does later in synthesis, with true tokens; its mel spectrogram is shown
    below that of the true recording. The training goes on bit for bit as without this callback.

    Args:
        every: steps between two measurements; there is one at the last step too.
        utterances: utterances that are spoken, where the task can speak.
        measured: utterances whose losses are averaged.
        held: where they come from; given by the stage.
        report: given by the stage.

    Raises:
        InputError: `every` or `measured` below 1, `utterances` below 0.
    """

    def __init__(self, every: int, utterances: int = 3, measured: int = 16, *, held: HeldOut, report: Reporter) -> None:
        for name, value, least in (("every", every, 1), ("utterances", utterances, 0), ("measured", measured, 1)):
            if value < least:
                raise got(f"ValidationMedia.{name}", value, f"at least {least}")
        self.every, self.utterances, self.measured = every, utterances, measured
        self.held, self.report = held, report
        self._truth_shown = False

    def on_train_start(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Say so when there is nothing to hold out."""
        if not self.held.rows:
            self.report.say("no utterance of the valid split: nothing is measured or heard during training")

    def after_step(self, trainer: lightning.Trainer, task: lightning.LightningModule, step: int) -> None:
        """Measure losses and speak, where it is time."""
        due = step % self.every == 0 or step == trainer.num_training_batches
        if not due or not self.held.rows or not looks_here(trainer):
            return
        began = time.monotonic()
        values = self._losses(task) if isinstance(task, Task) else {}
        if self.utterances and isinstance(task, Synthesizes):
            self._speak(task, step)
        self.report.metrics(step, {**values, "time/valid": time.monotonic() - began})

    def _losses(self, task: Task) -> dict[str, float]:
        batch = self.held.batch(self.held.rows[: self.measured])
        batch = task.transfer_batch_to_device(batch, task.device, 0)
        with preserve_training_state(task):
            losses = task.losses(batch)
            total = task.total(losses)
        return {f"valid/{name}": float(value) for name, value in {**losses, "total": total}.items()}

    def _speak(self, task: Synthesizes, step: int) -> None:
        rows = self.held.rows[: self.utterances]
        store, rate = self.held.data.store, self.held.sample_rate
        for number, (i, wave) in enumerate(zip(rows, self.held.synthesize(task, rows), strict=True), start=1):
            row = store.rows[i]
            sound = np.nan_to_num(wave)  # a broken model shows in its losses, and its picture is dark
            true = store.mel(i).T
            spec = AudioSpec(sample_rate=rate, hop=store.hop, n_mels=len(true))
            made = log_mel(sound, spec)
            if not self._truth_shown:
                self.report.audio(f"valid-{number}-truth", 0, store.wav(i), rate)
            self.report.audio(f"valid-{number}", step, sound, rate)
            both = np.concatenate([made, np.full((1, made.shape[1]), made.max()), true])
            caption = f"{row.speaker}, {row.emotion}: {row.text} (below: from the prior, above: true)"
            self.report.picture(f"valid-{number}", step, both, caption)
        self._truth_shown = True
