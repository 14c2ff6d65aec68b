"""A small v3 is trained on synthetic speech, then its flow is solved with 1 to 32 steps by every solver.

    python experiments/few_steps/curve.py minutes=4     # writes results/main.csv; then python experiments/pages.py

The model is `sovits=v3_tiny` without its vocoder (nothing here trains one): mels are compared, not heard. Tokens are
128 clusters of log-mels at 25 Hz, speakers are six espeak-ng voices, phones are a constant. Held-out sentences.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))


from experiments.results import Result, bounded, commit_here, write_results
from sovits_lab.audio.files import resample
from sovits_lab.audio.torch_resample import resampled
from sovits_lab.audio.upstream import normalised
from sovits_lab.checkpoints.bundle import build
from sovits_lab.conditioning.conditions import SPEAKER, given
from sovits_lab.models.contracts import Slicing
from sovits_lab.models.sovits.matching import MatchingSynthesizer
from sovits_lab.models.sovits.solvers import AdamsBashforth, EulerPlain, EulerShortcut, Midpoint, RungeKutta
from sovits_lab.text.espeak import speak

CONF = Path(__file__).resolve().parents[2] / "conf"
VOICES = ("en-us", "en-us+f2", "en-us+f4", "en-us+m2", "en-us+m4", "en-us+m7")
WORDS = ("river", "cold", "seven", "window", "never", "garden", "yellow", "morning", "little", "shadow", "answer",
         "quiet", "open", "doctor", "winter", "happy", "table", "music", "under", "paper")  # fmt: skip
SOLVERS = {"euler_shortcut": EulerShortcut, "euler": EulerPlain, "adams_bashforth": AdamsBashforth,
           "midpoint": Midpoint, "runge_kutta": RungeKutta}  # fmt: skip
EVALUATIONS = (1, 2, 4, 8, 16, 32)
CODES, FRAMES, HELD_OUT = 128, 96, 24


def utterances(count: int, seed: int) -> list[tuple[int, Tensor]]:
    """Return voices and 32 kHz samples of random sentences, each of `FRAMES` frames of 20 ms."""
    draw, made = np.random.default_rng(seed), []
    for i in range(count):
        text = " ".join(draw.choice(WORDS, 6))
        spoken = speak(text, voice=VOICES[i % len(VOICES)], pitch=float(draw.integers(30, 70)))
        wav = resample(spoken.wav, spoken.sample_rate, 32_000)[: FRAMES * 640]
        made.append((i % len(VOICES), torch.from_numpy(np.pad(wav, (0, FRAMES * 640 - len(wav))) * 3)))
    return made


def mels_of(model: MatchingSynthesizer, wavs: Tensor) -> Tensor:
    """Return what the flow should make."""
    return normalised(model.to_mel(resampled(wavs, 32_000, model.mel_spec.sample_rate)))


def token_frames(mels: Tensor) -> Tensor:
    """Return one vector of 100 mels for each token, [B, S, 100]: 3.75 mel frames are one token."""
    return torch.nn.functional.interpolate(mels, size=FRAMES // 2, mode="linear").transpose(1, 2)


def clusters(vectors: Tensor, rounds: int = 12) -> Tensor:
    """Return centres by Lloyd's iterations."""
    centres = vectors[torch.randperm(len(vectors), generator=torch.Generator().manual_seed(0))[:CODES]].clone()
    for _ in range(rounds):
        nearest = torch.cdist(vectors, centres).argmin(1)
        for k in nearest.unique():
            centres[k] = vectors[nearest == k].mean(0)
    return centres


def small_model() -> MatchingSynthesizer:
    """Return v3_tiny of 128 tokens and 4 phones, its vocoder absent."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose(overrides=["+sovits=v3_tiny"])
    node: dict[str, Any] = OmegaConf.to_container(config.sovits, resolve=True)  # type: ignore[assignment]
    node["head"] = {"_target_": "sovits_lab.models.heads.no_vocoder.NoVocoder"}
    node["quantizer"]["codes"], node["prior"]["phones"] = CODES, 4
    node["flow"]["estimator"] |= {"width": 128, "layers": 4, "heads": 4, "head_width": 32}
    torch.manual_seed(0)
    model: MatchingSynthesizer = build(node)
    model.start_codebook()
    return model


def speaker_conditions(model: MatchingSynthesizer, wavs: Tensor) -> Any:
    """Return the conditions of clips of the speakers."""
    return given(**{SPEAKER: model.speaker(wavs, None, None)})


def train(model: MatchingSynthesizer, wavs: Tensor, tokens: Tensor, voices: Tensor, minutes: float) -> int:
    """Train until the time is up; returns the steps."""
    optimiser = torch.optim.AdamW(model.parameters(), 1e-3)
    began, step = time.perf_counter(), 0
    draw = torch.Generator().manual_seed(1)
    while time.perf_counter() - began < minutes * 60:
        for group in optimiser.param_groups:
            group["lr"] = 1e-3 * max(0.05, 1 - (time.perf_counter() - began) / (minutes * 60))
        rows = torch.randint(len(wavs), (8,), generator=draw)
        others = torch.stack([(voices == voices[row]).nonzero()[step % 5, 0] for row in rows])
        mask = torch.ones(8, FRAMES, dtype=torch.bool)
        phones = torch.ones(8, 2, dtype=torch.long)
        batch: Any = SimpleNamespace(step=step, tokens=tokens[rows], mask=mask, phones=phones, content=None,
                                     phone_mask=phones > 0, wav=wavs[rows])  # fmt: skip
        loss = model.training_pass(batch, speaker_conditions(model, wavs[others]), Slicing(0), None).losses["mel"]
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        step += 1
        if step % 100 == 0:
            print(f"step {step}: loss {float(loss):.4f}", flush=True)
    return step


def measured(model: MatchingSynthesizer, held: Tensor, tokens: Tensor, clips: Tensor) -> list[Result]:
    """Return rows for each solver and number of evaluations: distance to the truth, to 128 steps, spread, seconds."""
    truth = mels_of(model, held)
    mask, phones = torch.ones(len(held), FRAMES, dtype=torch.bool), torch.ones(len(held), 2, dtype=torch.long)

    def made(solver: Any) -> tuple[Tensor, float]:
        model.solver, began = solver, time.perf_counter()
        draws = torch.Generator().manual_seed(5)
        with torch.no_grad():
            mel = model.plan(tokens, mask, phones, phones > 0, speaker_conditions(model, clips), generator=draws).mel
        return mel, time.perf_counter() - began

    exact, _ = made(RungeKutta(32))
    rows: list[Result] = []
    commit = commit_here()
    for name, kind in SOLVERS.items():
        cost = kind(1).evaluations
        for evaluations in EVALUATIONS:
            if evaluations % cost:
                continue
            mel, seconds = made(kind(evaluations // cost))
            size = min(mel.shape[2], truth.shape[2])
            error = (mel[..., :size] - truth[..., :size]).abs().mean((1, 2)) * 7  # nats: the range is 14
            half = 1.96 * float(error.std()) / len(error) ** 0.5
            far = float((mel - exact).abs().mean()) * 7
            told = {
                ("distance to 128 evaluations", "nats"): bounded(far),
                ("distance to the truth", "nats"): bounded(
                    float(error.mean()), float(error.mean()) - half, float(error.mean()) + half
                ),
                ("spread, share of the truth", ""): bounded(float(mel.std() / truth.std())),
                ("seconds", "s"): bounded(seconds),
            }
            rows += [
                Result("few_steps", f"{evaluations} {figure}/{name}", figure, unit, "1 run", **bounds, truth="",
                       commit=commit, n=str(len(error)))
                for (figure, unit), bounds in told.items()
            ]  # fmt: skip
    return rows


def main(argv: list[str]) -> None:
    """Train, measure, write."""
    minutes = float(next((a.removeprefix("minutes=") for a in argv if "minutes=" in a), 4))
    torch.set_num_threads(1)
    model = small_model()
    spoken = utterances(240 + HELD_OUT, 0)
    voices, wavs = torch.tensor([v for v, _ in spoken]), torch.stack([w for _, w in spoken])
    vectors = token_frames(mels_of(model, wavs))
    centres = clusters(vectors[:240].flatten(0, 1))
    tokens = torch.cdist(vectors, centres).argmin(-1)
    steps = train(model.train(), wavs[:240], tokens[:240], voices[:240], minutes)
    print(f"{steps} steps in {minutes:g} minutes")
    rows = measured(model.eval(), wavs[240:], tokens[240:], wavs[:HELD_OUT])
    print(write_results("few_steps", rows))


if __name__ == "__main__":
    main(sys.argv[1:])
