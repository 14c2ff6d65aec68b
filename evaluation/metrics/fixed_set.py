"""Scores during training: a small fixed set is spoken every N steps, and the best weights are kept by what is heard.

Training imports nothing from here; an experiment's YAML names the class, so the arrow of imports does not turn back:

    callbacks:
      - _target_: evaluation.metrics.fixed_set.ScoreFixedSet
        items: samples.jsonl
        every: 500
        metrics: {mcd: mel_cepstral_distance, f0: f0_rmse}
        composite: {mcd: 0.2, f0: 1.0}
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import lightning
import numpy as np

from evaluation.metrics.recording_metric import RATE, RecordingMetric
from evaluation.scoring.recording import Recording, read_recording
from evaluation.scoring.samples import Sample, read_samples
from sovits_lab.training.preserved_state import preserve_training_state
from sovits_lab.training.step_callback import StepCallback
from sovits_lab.training.strategies import looks_here
from sovits_lab.types import InputError, got

WEIGHTS = "best.safetensors"
BROKEN = -1e9  # composite of a round without a value


@runtime_checkable
class SpeakingModule(Protocol):
    """A training module that can be heard: `speak` gives a recording [T] at 16 kHz for a sample of the fixed set."""

    def speak(self, sample: Sample) -> np.ndarray: ...


class ScoreFixedSet(StepCallback):
    """Speak the fixed set, measure it against its truth, log it, keep the best weights.

    Logs `score/NAME` for every metric, `score/composite` and `score/failed`. The composite is the weighted sum of the
    metrics, those that are better when lower counted negative: higher is better, and it is declared before the run. A
    sample that cannot be spoken is scored against silence, so a model that breaks is never the best.

    Args:
        items: manifest of the fixed set (`samples.jsonl`), each with `truth`.
        metrics: by name, each the name of a measure, a recording metric, or the node of one.
        composite: weight of each metric in the choice of the best weights.
        every: training steps between two rounds.
        keep: folder of `best.safetensors` and `best.json`; None keeps nothing.
        max_utterances: samples of the manifest that are used.
        speak: from module and sample's id to a recording [T] at 16 kHz; None is the module's own `speak`. A training
            stage gives this, `items` and `keep` where the configuration leaves them open.

    Raises:
        InputError: a sample without a readable truth, or a weight for a metric that is not measured.
    """

    def __init__(
        self,
        items: str | Path,
        metrics: Mapping[str, Any],
        composite: Mapping[str, float],
        every: int = 500,
        keep: str | Path | None = None,
        max_utterances: int = 8,
        speak: Callable[[Any, str], np.ndarray] | None = None,
    ) -> None:
        if every < 1:
            raise got("every", every, "at least 1 step")
        self.metrics: dict[str, RecordingMetric] = {name: _built(node) for name, node in metrics.items()}
        for name in composite:
            if name not in self.metrics:
                raise got("composite, metric", name, f"one of {', '.join(self.metrics)}")
        self.weights, self.every, self.speak = dict(composite), every, speak
        self.keep = Path(keep) if keep is not None else None
        self.best: dict[str, Any] = {"step": 0, "composite": -math.inf}
        self._pairs = [(one, _truth(one)) for one in read_samples(Path(items))[:max_utterances]]

    def state_dict(self) -> dict[str, Any]:
        """Return what must survive a killed run: the best so far."""
        return dict(self.best)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from the best so far."""
        self.best = dict(state_dict)

    def after_step(self, trainer: lightning.Trainer, task: lightning.LightningModule, step: int) -> None:
        """Speak, measure, log and keep, every `every` steps and after the last."""
        last = step == trainer.num_training_batches
        if (step % self.every and not last) or not looks_here(trainer):
            return
        values = self.score(task)
        finite = {f"score/{key}": value for key, value in values.items() if math.isfinite(value)}
        task.log_dict(finite, logger=False, rank_zero_only=True)
        for logger in trainer.loggers:  # at once: Lightning would drop what does not fall on `log_every_n_steps`
            logger.log_metrics(finite, step=step - 1)
        if values["composite"] > self.best["composite"]:
            self.best = {"step": step, **values}
            self._save(task)

    def score(self, module: lightning.LightningModule) -> dict[str, float]:
        """Measure the fixed set: the value of every metric, the composite, and how many samples could not be spoken."""
        if self.speak is None and not isinstance(module, SpeakingModule):
            raise got("module of ScoreFixedSet", type(module).__name__, "a module with speak(sample) -> [T]")
        for metric in self.metrics.values():
            metric.reset()
        failed = 0
        with preserve_training_state(module):
            for sample, truth in self._pairs:
                wav = _usable(self._spoken(module, sample))
                failed += wav is None
                spoken = np.zeros_like(truth) if wav is None else wav
                for metric in self.metrics.values():
                    metric.update(spoken, truth)
        values = {name: self._value(name) for name in self.metrics}
        return {**values, "composite": self._composite(values, failed), "failed": float(failed)}

    def best_weights(self) -> Path | None:
        """Return the weights that sounded best, for the stage to hand on; None where none was kept or none could be
        heard.
        """
        if self.keep is None or not (self.keep / "best.json").is_file():
            return None
        composite = json.loads((self.keep / "best.json").read_text(encoding="utf-8"))["composite"]
        return self.keep / WEIGHTS if composite is not None and composite > BROKEN else None

    def _spoken(self, module: Any, sample: Sample) -> np.ndarray:
        return module.speak(sample) if self.speak is None else self.speak(module, sample.id)

    def _value(self, name: str) -> float:
        """A metric's value; one that measured nothing has none, and a round without a value is never the best."""
        value = float(self.metrics[name].compute())
        return value if math.isfinite(value) else math.nan

    def _composite(self, values: Mapping[str, float], failed: int) -> float:
        total = 0.0
        for name, weight in self.weights.items():
            total += weight * values[name] * (1 if self.metrics[name].higher_is_better else -1)
        return total if math.isfinite(total) and failed < len(self._pairs) else BROKEN

    def _save(self, module: lightning.LightningModule) -> None:
        if self.keep is None:
            return
        from safetensors.torch import save_file

        self.keep.mkdir(parents=True, exist_ok=True)
        partial = self.keep / f"{WEIGHTS}.partial"
        save_file({key: value.detach().cpu().contiguous() for key, value in module.state_dict().items()}, partial)
        partial.replace(self.keep / WEIGHTS)
        record = {key: value if math.isfinite(value) else None for key, value in self.best.items()}
        (self.keep / "best.json").write_text(json.dumps(record) + "\n", encoding="utf-8")


def _built(node: Any) -> RecordingMetric:
    if isinstance(node, str):
        return RecordingMetric(node)
    if isinstance(node, Mapping):
        from hydra.utils import instantiate

        node = instantiate(dict(node))
    if not isinstance(node, RecordingMetric):
        raise got("metric of ScoreFixedSet", type(node).__name__, "a recording metric of evaluation.metrics")
    return node


def _truth(sample: Sample) -> np.ndarray:
    clip = read_recording(sample.truth, RATE)
    if not isinstance(clip, Recording):
        raise InputError(f"fixed set, sample {sample.id}, truth: {clip.reason}, expected a readable recording")
    return clip.wav


def _usable(wav: Sequence[float] | np.ndarray) -> np.ndarray | None:
    array = np.asarray(wav, dtype=np.float32)
    return array if array.ndim == 1 and len(array) >= RATE // 20 and np.isfinite(array).all() else None
