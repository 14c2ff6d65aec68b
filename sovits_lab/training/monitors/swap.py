"""The swap test: the same text, voice and tokens in another style. Does anything move, and more than by chance?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import lightning
import numpy as np
import torch
from torch import Tensor

from sovits_lab.audio.spec import AudioSpec
from sovits_lab.audio.spectrogram import log_mel
from sovits_lab.data.batches import SpeechBatch
from sovits_lab.models.contracts import Rendered
from sovits_lab.models.gpt.aligned_losses import Predicted
from sovits_lab.reporting import Reporter
from sovits_lab.training.held_out import HeldOut
from sovits_lab.training.monitors.probe_set import ProbeSet, ProbeSetCallback
from sovits_lab.training.monitors.style_clips import Styled, mean_by_emotion, styles

DB_PER_NAT = 20 / np.log(10)
PLAIN = "neutral"
Swapped = Mapping[str, tuple[SpeechBatch, Tensor]]  # emotion -> utterances told it, and its mean style


@runtime_checkable
class Speaks(Styled, Protocol):
    """A task that speaks in a style that it is given: SoVITS."""

    def speak(self, batch: SpeechBatch, style: Tensor, noise: float = 0.0) -> Rendered:
        """Speak waveforms and the prosody predicted for them."""


@runtime_checkable
class Predicts(Styled, Protocol):
    """A task that foretells tokens and durations in a style that it is given: GPT."""

    @property
    def predicts_timing(self) -> bool:
        """Whether its model has durations to foretell."""

    def predict(self, batch: SpeechBatch, style: Tensor) -> Predicted:
        """Predict logits and log durations for true tokens."""


class SwapTest(ProbeSetCallback):
    """Held-out utterances in the mean style of each emotion, against the same in the neutral one, as `swap/...`.

    The mean styles are those of clips of the probe set, so of other people. For every other emotion `e`:

    | name | task | meaning |
    |---|---|---|
    | `f0_e`, `energy_e` | SoVITS | mean change of the predicted F0 in semitones, of the predicted energy in dB |
    | `distance_e` | SoVITS | mean distance of the log-mels of what is spoken, in nats |
    | `distance_seeds` | SoVITS | the same between two seeds in the neutral style: what would move anyway |
    | `duration_e` | GPT | ratio of the predicted durations |
    | `tokens_e` | GPT | divergence of the next token's distribution, in nats: 0 if the style is not heard |

    Args:
        every: steps between two measurements; there is one at the last step too.
        utterances: utterances.
        noise: standard deviations of the prior between seeds.
        each: clips of every speaker and emotion that the mean styles are made of.
        held, clips, report: given by the stage.

    Raises:
        InputError: `every` below 1.
    """

    name = "swap"

    def __init__(
        self,
        every: int,
        utterances: int = 4,
        noise: float = 0.3,
        each: int = 2,
        *,
        held: HeldOut,
        clips: ProbeSet,
        report: Reporter,
    ) -> None:
        super().__init__(every, each, clips=clips, report=report)
        self.utterances, self.noise, self.held = utterances, noise, held

    def look(self, task: lightning.LightningModule, step: int) -> Mapping[str, float]:
        """Measure the swaps; nothing for a task without style, and where there is nothing to compare."""
        if not isinstance(task, Styled) or not task.reference.takes_clips or not self.rows or not self.held.rows:
            return {}
        known = self.held.data.labels.emotions
        means = mean_by_emotion(styles(task.reference, self.store, self.rows), self.store, self.rows)
        means = {name: style for name, style in means.items() if name in known}
        if len(means) < 2 or not all(style.isfinite().all() for style in means.values()):
            return {}
        chosen = self.held.rows[: self.utterances]
        batch = task.transfer_batch_to_device(self.held.batch(chosen), task.device, 0)
        swapped = {name: (_in_emotion(batch, known.index(name)), style.to(task.device).expand(len(chosen), -1))
                for name, style in means.items()}  # fmt: skip
        base = PLAIN if PLAIN in swapped else next(iter(swapped))
        values: dict[str, float] = {}
        if isinstance(task, Speaks):
            values = self._spoken(task, swapped, base)
        elif isinstance(task, Predicts) and task.predicts_timing:
            values = self._predicted(task, swapped, base)
        return {f"swap/{name}": value for name, value in values.items()}

    def _spoken(self, task: Speaks, swapped: Swapped, base: str) -> dict[str, float]:
        def speak(name: str, seed: int) -> tuple[Rendered, list[np.ndarray]]:
            torch.manual_seed(seed)
            spoken = task.speak(*swapped[name], self.noise)
            return spoken, self._mels(spoken.wav)

        real = swapped[base][0].mask
        (plain, plain_mels), (_, again) = speak(base, 0), speak(base, 1)
        values = {"distance_seeds": _distance(plain_mels, again)}
        for name in swapped:
            if name == base:
                continue
            other, mels = speak(name, 0)
            values[f"distance_{name}"] = _distance(plain_mels, mels)
            if plain.prosody is None or other.prosody is None:
                continue  # the head makes its own
            voiced = (plain.prosody.f0 > 0) & (other.prosody.f0 > 0) & real
            octaves = (other.prosody.f0.clamp(min=1) / plain.prosody.f0.clamp(min=1)).log2()
            values[f"f0_{name}"] = 12 * float(octaves[voiced].mean()) if voiced.any() else float("nan")
            values[f"energy_{name}"] = DB_PER_NAT * float((other.prosody.energy - plain.prosody.energy)[real].mean())
        return values

    def _mels(self, wav: Tensor) -> list[np.ndarray]:
        held, store = self.held, self.held.data.store
        frames = [store.rows[i].frames for i in held.rows[: self.utterances]]
        spec = AudioSpec(sample_rate=held.sample_rate, hop=store.hop, n_mels=store.mel(held.rows[0]).shape[1])
        waves = np.nan_to_num(wav.float().clamp(-1, 1).cpu().numpy())
        return [log_mel(wave[: length * store.hop], spec) for wave, length in zip(waves, frames, strict=True)]

    def _predicted(self, task: Predicts, swapped: Swapped, base: str) -> dict[str, float]:
        batch = swapped[base][0]
        plain = task.predict(*swapped[base])
        log_p = plain.logits.log_softmax(-1)[:, :-1][batch.token_mask]
        values = {}
        for name in swapped:
            if name == base:
                continue
            other = task.predict(*swapped[name])
            log_q = other.logits.log_softmax(-1)[:, :-1][batch.token_mask]
            longer = (other.log_durations - plain.log_durations)[batch.phone_mask]
            values[f"duration_{name}"] = float(longer.mean().exp())
            values[f"tokens_{name}"] = float((log_p.exp() * (log_p - log_q)).sum(-1).mean())
        return values


def _in_emotion(batch: SpeechBatch, emotion: int) -> SpeechBatch:
    """Labels, where a model has them, say the same as the style."""
    return batch._replace(emotion=torch.full_like(batch.emotion, emotion))


def _distance(ours: list[np.ndarray], theirs: list[np.ndarray]) -> float:
    return float(np.mean([np.abs(a - b).mean() for a, b in zip(ours, theirs, strict=True)]))
