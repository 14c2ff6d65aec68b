"""The vocoders of v3 and v4, and their mel front ends, against their fixtures."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sovits_lab.audio.spec import AudioSpec
from sovits_lab.audio.spectrogram import linear_spectrogram
from sovits_lab.audio.upstream import POWER_FLOOR, denormalised, log_mel_matched, normalised
from sovits_lab.checkpoints.upstream_state import vocoder_from
from sovits_lab.models.heads.bigvgan import BigVgan
from sovits_lab.models.heads.hifigan import SLOPE
from sovits_lab.nn.alias_free import SnakeBeta, downsampled, kaiser_sinc, upsampled
from sovits_lab.verification.fixture import Fixture
from sovits_lab.verification.signal import close_log_mel, noted_rows, shift_by_tolerance
from sovits_lab.verification.stored import whole_weights

BATCH = "[wave[0:9000], 0.5*wave[3000:12000]]"  # as the fixtures' description says, where the json does not
WAVE, TAP, EPSILON, LOUD_MEL = 1e-5, 1e-5, 1e-5, 2e-4


def verify_vocoder(fixture: Fixture) -> None:
    """Verify the waveform, what is inside, and one activation."""
    vocoder: Any = vocoder_from(whole_weights(fixture), fixture.facts["config"], fixture.name).eval()
    with torch.no_grad():
        mel = fixture["in.mel"]
        wave = vocoder(mel)
        fixture.close("out.wave", wave[:, None], atol=WAVE)
        _inside(fixture, vocoder, mel)
        if isinstance(vocoder, BigVgan):
            clipped = fixture.facts.get("clipped_samples")
            if clipped is not None:
                fixture.number("clipped samples", float((wave.abs() == 1).sum()), clipped, 0)
            fixture.close("out.wave", vocoder.fold_weight_norm()(mel)[:, None], atol=WAVE)
            _activation(fixture)
    fixture.leftovers("tap.")


def _inside(fixture: Fixture, vocoder: Any, mel: Tensor) -> None:
    before: Any = nn.Identity() if isinstance(vocoder, BigVgan) else lambda x: F.leaky_relu(x, SLOPE)
    h = vocoder.pre(mel)
    fixture.close("tap.conv_pre", h, rtol=TAP)
    h = vocoder.upsamples[0](before(h))
    fixture.close("tap.ups0", h, rtol=TAP)
    block = vocoder.stages[0].blocks[0]
    if isinstance(vocoder, BigVgan):
        fixture.close("tap.resblock0.activation0", block.activations[0](h), rtol=TAP)
    fixture.close("tap.resblock0", block(h), rtol=TAP)
    if len(vocoder.upsamples) > 1:
        fixture.close("tap.ups1", vocoder.upsamples[1](before(vocoder.stages[0](h))), rtol=TAP)


def _activation(fixture: Fixture) -> None:
    """One anti-aliased activation, and the epsilon of its division."""
    kernel = kaiser_sinc()[None, None]
    fixture.close("act.out.filter_up", kernel[0, 0], rtol=TAP)
    fixture.close("act.out.filter_down", kernel[0, 0], rtol=TAP)
    if "act.in.x" in fixture:
        snake = _snake(fixture["act.in.alpha"], fixture["act.in.beta"])
        up = upsampled(fixture["act.in.x"], kernel)
        fixture.close("act.out.upsampled", up, rtol=TAP)
        fixture.close("act.out.snake", snake(up), rtol=TAP)
        fixture.close("act.out.y", downsampled(snake(up), kernel), rtol=TAP)
    if "snake_eps.in.x" in fixture:
        beta = fixture["snake_eps.in.beta"]
        alpha = fixture.arrays.get("snake_eps.in.alpha", torch.zeros_like(beta))
        fixture.close("snake_eps.out.y", _snake(alpha, beta)(fixture["snake_eps.in.x"]), rtol=EPSILON)


def _snake(alpha: Tensor, beta: Tensor) -> SnakeBeta:
    snake = SnakeBeta(len(alpha))
    snake.alpha.data, snake.beta.data = alpha, beta
    return snake


def verify_mel(fixture: Fixture) -> None:
    """Verify the front ends of v3 and v4: spectrogram, mel, its normalisation, and how many frames there are."""
    p = fixture.facts["params"]
    spec = AudioSpec(p["sampling_rate"], p["n_fft"], p["hop_size"], p["win_size"], p["num_mels"], p["fmin"], p["fmax"])
    to_mel, wav = log_mel_matched(spec), fixture["in.wave"]
    magnitudes = linear_spectrogram(wav, spec, power_floor=POWER_FLOOR)
    fixture.close("out.spectrogram", shift_by_tolerance(fixture, "out.spectrogram", magnitudes, 1e-5), atol=1e-4)
    fixture.close("out.mel_basis", to_mel.filters, atol=1e-7)
    mel = to_mel(wav)
    close_log_mel(fixture, "out.mel", mel, LOUD_MEL, 5.0)
    close_log_mel(fixture, "out.mel_from_spec", to_mel.from_linear(magnitudes), LOUD_MEL, 5.0)
    stored = fixture["out.mel"]
    fixture.close("out.mel_normalised", normalised(stored), atol=1e-6)
    fixture.close("out.mel_denormalised_again", denormalised(normalised(stored)), atol=1e-5)
    if "out.mel_batch2" in fixture:
        note = str(fixture.facts.get("out.mel_batch2", BATCH))
        rows = torch.cat([float(f) * wav[:, int(a) : int(b)] for f, a, b in noted_rows(note)])
        close_log_mel(fixture, "out.mel_batch2", to_mel(rows), LOUD_MEL, 5.0)
    for samples, frames in fixture.facts.get("frames_of_lengths", {}).items():
        made = to_mel(torch.zeros(1, int(samples))).shape[2]
        fixture.number(f"frames of {samples} samples", made, frames, 0)
    fixture.leftovers()
