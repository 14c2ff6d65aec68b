"""The small v3 without vocoder of the study of few steps, and the features and phone tokens that it learns from."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from torch import Tensor

from sovits_lab.audio.files import resample
from sovits_lab.audio.upstream import SPEC_32K
from sovits_lab.checkpoints.bundle import build
from sovits_lab.conditioning.conditions import SPEAKER, Conditions, given
from sovits_lab.data.store import FeatureStore
from sovits_lab.files import load_array
from sovits_lab.models.contracts import Slicing
from sovits_lab.models.sovits.matching import MatchingSynthesizer
from sovits_lab.nn.masks import length_mask

CONF = Path(__file__).resolve().parents[2] / "conf"
LR = 1e-3
SLOWER = (
    0.2  # share of it for what is before the flow, which at the full rate forgets the tokens before they are followed
)
BATCH_FRAMES = 800  # of 20 ms
SAY_EVERY = 100  # steps


class FlowBatch(NamedTuple):
    """Utterances side by side: tokens [B, S], frames that are real [B, 2 S], phones [B, P], 32 kHz samples [B, T]."""

    tokens: Tensor
    mask: Tensor
    phones: Tensor
    phone_mask: Tensor
    wav: Tensor


class Speech:
    """Utterances of a folder of features with their tokens."""

    def __init__(self, features: Path, tokens: Path) -> None:
        self.store = FeatureStore(features)
        self._tokens = load_array(tokens / "tokens.npy", "tokens")
        self._rate = round(self.store.hop * self.store.frames_per_second)
        self.of_emotion: dict[str, list[int]] = defaultdict(list)
        for row in self.rows("train"):
            self.of_emotion[self.store.rows[row].emotion].append(row)

    @property
    def codes(self) -> int:
        """How many tokens there are."""
        return int(self._tokens.max()) + 1

    def rows(self, split: str) -> list[int]:
        """Return the utterances of a split that came with phone times."""
        return [i for i, row in enumerate(self.store.rows) if row.split == split and row.durations]

    def wav(self, row: int) -> Tensor:
        """Return 32 kHz samples, two whole frames a token."""
        frames = self.store.rows[row].frames // 2 * 2
        wav = resample(self.store.wav(row, 0, frames), self._rate, SPEC_32K.sample_rate)
        return torch.from_numpy(wav[: frames * 640])

    def batch(self, rows: Sequence[int]) -> FlowBatch:
        """Return utterances padded to the longest."""
        kept = [self.store.rows[row] for row in rows]
        tokens = [torch.from_numpy(self._tokens[r.start // 2 : r.start // 2 + r.frames // 2]).long() for r in kept]
        phones = [torch.from_numpy(self.store.phones(row)) for row in rows]
        pad = torch.nn.utils.rnn.pad_sequence
        lengths = torch.tensor([2 * len(each) for each in tokens])
        spoken = torch.tensor([len(each) for each in phones])
        return FlowBatch(
            pad(tokens, batch_first=True),
            length_mask(lengths, int(lengths.max())),
            pad(phones, batch_first=True),
            length_mask(spoken, int(spoken.max())),
            pad([self.wav(row) for row in rows], batch_first=True),
        )

    def clip_rows(self, rows: Sequence[int], draw: np.random.Generator) -> list[int]:
        """Return a recording of training in the emotion of each utterance, by chance."""
        chosen = []
        for row in rows:
            others = self.of_emotion[self.store.rows[row].emotion]
            chosen.append(others[int(draw.integers(len(others)))])
        return chosen


def small_model(codes: int, phones: int) -> MatchingSynthesizer:
    """Return v3_tiny, wider, for so many tokens and phones, its vocoder absent."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose(overrides=["+sovits=v3_tiny"])
    node: dict[str, Any] = OmegaConf.to_container(config.sovits, resolve=False)  # type: ignore[assignment]
    node["head"] = {"_target_": "sovits_lab.models.heads.no_vocoder.NoVocoder"}
    node["content"]["channels"] = 128
    node["quantizer"]["codes"] = codes
    node["reference"]["style"] |= {"hidden": 64, "out_channels": 64}
    node["prior"] |= {"phones": phones, "latent": 96, "channels": 96, "hidden": 384, "layers": 4, "dropout": 0.0}
    node["network"] |= {"channels": 128, "layers": 3}
    node["flow"]["estimator"] |= {"width": 192, "layers": 4, "heads": 6, "head_width": 32}
    torch.manual_seed(0)
    filled = OmegaConf.to_container(OmegaConf.create({"sovits": node}), resolve=True)
    model: MatchingSynthesizer = build(filled["sovits"])  # type: ignore[index, call-overload]
    model.start_codebook()
    return model


def voice_of(model: MatchingSynthesizer, clips: Sequence[Tensor]) -> Conditions:
    """Return the conditions that clips of unequal length tell."""
    return given(**{SPEAKER: torch.cat([model.speaker(clip[None], None, None) for clip in clips])})


def batches_of(speech: Speech, draw: np.random.Generator) -> list[list[int]]:
    """Return one round over the utterances of training, of like length side by side, in the order of chance."""
    rows = np.array(speech.rows("train"))
    frames = np.array([speech.store.rows[row].frames for row in rows])
    made: list[list[int]] = [[]]
    for row in rows[np.argsort(frames + draw.uniform(0, 10, len(frames)))]:
        if made[-1] and (len(made[-1]) + 1) * speech.store.rows[row].frames > BATCH_FRAMES:
            made.append([])
        made[-1].append(int(row))
    return [made[i] for i in draw.permutation(len(made))]


def train(model: MatchingSynthesizer, speech: Speech, minutes: float, bfloat16: bool) -> int:
    """Train until the time is up; the rate falls with it. Returns the steps."""
    flow = list(model.flow.parameters())
    before = [each for name, each in model.named_parameters() if not name.startswith("flow.")]
    rates = [{"params": flow, "share": 1.0}, {"params": before, "share": SLOWER}]
    optimiser = torch.optim.AdamW(rates, LR, betas=(0.9, 0.98), weight_decay=0.01)
    began, step, draw = time.perf_counter(), 0, np.random.default_rng(1)
    waiting: list[list[int]] = []
    seen: list[float] = []
    while (past := (time.perf_counter() - began) / (60 * minutes)) < 1:
        for group in optimiser.param_groups:
            group["lr"] = (
                LR * group["share"] * min(1.0, (step + 1) / SAY_EVERY) * max(0.02, 0.5 * (1 + np.cos(np.pi * past)))
            )
        waiting = waiting or batches_of(speech, draw)
        rows = waiting.pop()
        batch: Any = SimpleNamespace(step=step, content=None, **speech.batch(rows)._asdict())
        clips = [speech.wav(row) for row in speech.clip_rows(rows, draw)]
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            loss = model.training_pass(batch, voice_of(model, clips), Slicing(0), None).losses["mel"]
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        step += 1
        seen.append(float(loss.detach()))
        if step % SAY_EVERY == 0:
            print(f"step {step}, {past:.0%}: loss {np.mean(seen[-SAY_EVERY:]):.4f}", flush=True)
    return step
