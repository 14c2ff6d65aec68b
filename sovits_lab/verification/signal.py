"""Features, sampler, masks, positions and optimizer against their fixtures."""

from __future__ import annotations

import re

import torch
from torch import Tensor

from sovits_lab.audio.spec import AudioSpec
from sovits_lab.audio.upstream import log_mel_32k, spectrogram_32k, training_level
from sovits_lab.models.gpt.sampling import Sampler, keep_top_k, keep_top_p
from sovits_lab.nn.masks import length_mask
from sovits_lab.nn.positions import sine_table
from sovits_lab.training.scaled_adam import ScaledAdam
from sovits_lab.verification.fixture import Check, Fixture

RENAMED = {"param_min_rms": "min_rms", "param_max_rms": "max_rms"}
SPECTROGRAM, LOG_MEL, PROBABILITY, SINE, ADAM = 1e-4, 1e-4, 1e-6, 1e-6, 1e-5


def verify_features(fixture: Fixture) -> None:
    """Verify spectrogram, mel basis, log-mel and training level."""
    p = fixture.facts["params"]
    spec = AudioSpec(p["sr"], p["n_fft"], p["hop"], p["win"], p["n_mels"], p["fmin"], p["fmax"])
    wav = fixture["in.wave"]
    magnitudes = spectrogram_32k(wav, spec)
    fixture.close("out.spectrogram", shift_by_tolerance(fixture, "out.spectrogram", magnitudes, 1e-5), atol=SPECTROGRAM)
    to_mel = log_mel_32k(spec)
    fixture.close("out.mel_basis", to_mel.filters, atol=1e-7)
    for key, mel in (("out.mel", to_mel(wav)), ("out.mel_from_spec", to_mel.from_linear(magnitudes))):
        close_log_mel(fixture, key, mel)
    if "out.mel_batch2" in fixture:
        rows = [float(f) * wav[0, int(a) : int(b)] for f, a, b in noted_rows(fixture.facts["out.mel_batch2"])]
        close_log_mel(fixture, "out.mel_batch2", to_mel(torch.stack(rows)))
    if "wav32k.in.raw" in fixture:
        samples, levelled = training_level(fixture["wav32k.in.raw"].numpy())
        fixture.exact("wav32k.out.int16_as_int32", torch.from_numpy(samples.astype("int32")))
        fixture.close("wav32k.out.hubert_in", torch.from_numpy(levelled), rtol=1e-6)
    fixture.leftovers()


def shift_by_tolerance(fixture: Fixture, key: str, value: Tensor, rtol: float) -> Tensor:
    """Move `value` towards the stored one by what a relative tolerance allows each entry."""
    expected = fixture.arrays.get(key)
    if expected is None or expected.shape != value.shape:
        return value
    difference = value - expected
    return expected + difference.sign() * (difference.abs() - rtol * expected.abs()).clamp(min=0)


def noted_rows(note: str) -> list[tuple[str, str, str]]:
    """Read factor, first and last sample of each row of a batch, noted as `[wave[0:20480], 0.5*wave[7000:27480]]`."""
    return [(f or "1", a or "0", b) for f, a, b in re.findall(r"(?:([\d.]+)\*)?wave\[(\d*):(\d+)\]", note)]


def close_log_mel(fixture: Fixture, key: str, mel: Tensor, atol: float = LOG_MEL, quiet: float = 10.0) -> None:
    """Compare log-mels; values near the floor of the logarithm may differ `quiet` times as much."""
    if key in fixture and fixture[key].shape == mel.shape:
        low = fixture[key] < -9
        mel = torch.where(low, fixture[key] + (mel - fixture[key]) / quiet, mel)
    fixture.close(key, mel, atol=atol)


def verify_sampler(fixture: Fixture) -> None:
    """Verify probabilities, their support and the draw with recorded noise, for every setting of the json."""
    logits, previous, noise = fixture["in.logits"], fixture["in.prev_tokens"], fixture["in.exponential_noise"]
    for i, setting in enumerate(fixture.facts["settings"]):
        sampler = Sampler(**setting, order="upstream")
        probability = sampler.probabilities(logits, previous)
        fixture.close(f"out.probs.{i}", probability, atol=PROBABILITY)
        if f"out.probs.{i}" in fixture:
            same = (probability > 0) == (fixture[f"out.probs.{i}"] > 0)
            fixture.checks.append(Check(f"out.probs.{i} support", "exact", 0, float((~same).sum())))
        fixture.exact(f"out.kept.{i}", (probability > 0).sum(-1))
        fixture.close(f"out.logits_after_call.{i}", sampler.penalised(logits, previous), atol=PROBABILITY)
        fixture.exact(f"out.token_with_noise.{i}", (probability / noise).argmax(-1, keepdim=True))
    _filter(fixture, logits)
    fixture.leftovers()


def _filter(fixture: Fixture, logits: Tensor) -> None:
    """Upstream's older filter, which is our `standard` order. The json does not say its setting; 12 and 0.9 it is."""
    key = "out.topk_topp_filtering_old"
    if key not in fixture:
        return
    kept = keep_top_p(keep_top_k(logits, 12), 0.9, keep_crossing=True)
    fixture.seen.add(key)
    expected, finite = fixture[key], torch.isfinite(kept)
    differing = (finite != torch.isfinite(expected)) | (finite & (kept != expected))
    fixture.checks.append(Check(key, "exact", 0, float(differing.sum())))


def verify_masks(fixture: Fixture) -> None:
    """Verify padding masks (stored as True = padded) and rows of the sine table."""
    lengths = fixture["in.lengths"]
    padded = ~length_mask(lengths)
    fixture.exact("out.make_pad_mask", padded)
    fixture.exact("out.make_pad_mask_left", padded.flip(1))
    for key in [k for k in fixture.arrays if k.startswith("out.pe_")]:
        width = int(re.findall(r"pe_(\d+)", key)[0])
        rows = re.findall(r"positions ([\d, ]+)", fixture.facts.get("note", "")) if key.endswith("_rows") else []
        index = [int(n) for n in rows[0].split(",") if n.strip()] if rows else list(range(len(fixture[key])))
        # Processors round an angle of a position p to within p ulps of 1, so the rows far out may differ by more.
        allowed = max(SINE, max(index) * torch.finfo(torch.float32).eps)
        fixture.close(key, sine_table(max(index) + 1, width)[index], atol=allowed)
    fixture.leftovers()


def verify_optimizer(fixture: Fixture) -> None:
    """Verify every parameter after every step, without and with clipping."""
    facts = fixture.facts
    for prefix in ("", "clip4."):
        steps = sorted(
            {int(m[1]) for k in fixture.arrays if (m := re.match(rf"{re.escape(prefix)}out\.param\.(\d+)\.", k))}
        )
        if steps:
            periods = re.findall(r"clipping_update_period=(\d+)", str(facts.get("clip4", "")))
            period = int(periods[0]) if prefix and periods else facts["ctor"]["clipping_update_period"]
            _optimize(fixture, prefix, steps, period)
    fixture.leftovers()


def _optimize(fixture: Fixture, prefix: str, steps: list[int], period: int) -> None:
    """The gradients of both runs are the same; only the one without clipping follows the schedule."""
    facts = fixture.facts
    start = {k.removeprefix("init."): v for k, v in fixture.arrays.items() if k.startswith("init.")}

    params = {name: torch.nn.Parameter(start[name].clone()) for name in facts["param_order"]}
    ctor = {RENAMED.get(k, k): v for k, v in facts["ctor"].items()}
    ctor = {**ctor, "betas": tuple(facts["ctor"]["betas"]), "clipping_update_period": period}
    optimizer = ScaledAdam(list(params.values()), **ctor, clip_direction=False)
    for step in range(max(steps) + 1):
        optimizer.param_groups[0]["lr"] = facts["ctor"]["lr"] if prefix else facts["lr_used_by_each_step"][step]
        for name, p in params.items():
            p.grad = fixture[f"in.grad.{step}.{name}"].clone()
        optimizer.step()
        for name, p in params.items():
            fixture.close(f"{prefix}out.param.{step}.{name}", p, rtol=ADAM)
