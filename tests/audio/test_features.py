"""Spectrograms, pitch, level and trimming against signals whose truth is known."""

import numpy as np
import pytest
import torch

from sovits_lab.audio.energy import frame_rms_db, level_dbfs
from sovits_lab.audio.pitch import f0, semitones
from sovits_lab.audio.spec import AudioSpec
from sovits_lab.audio.spectrogram import FLOOR, LogMel, linear_spectrogram, log_mel, mel_filters
from sovits_lab.audio.trim import trim_silence
from sovits_lab.types import InputError

SPEC = AudioSpec()
RATE, HOP = SPEC.sample_rate, SPEC.hop


def glide(seconds: float, low: float, high: float) -> np.ndarray:
    """A harmonic sound whose pitch moves linearly."""
    time = np.arange(round(seconds * RATE)) / RATE
    phase = 2 * np.pi * (low * time + (high - low) / (2 * seconds) * time**2)
    return (0.1 * sum(np.sin(k * phase) / k for k in range(1, 12))).astype(np.float32)


def test_spec_refuses_what_does_not_fit() -> None:
    assert SPEC.frames_per_second == 50.0
    for wrong in ({"hop": 0}, {"win": 2048}, {"hop": 321}, {"f_max": 9000.0}, {"f_min": 8000.0}):
        with pytest.raises(InputError, match=r"audio\."):
            AudioSpec(**wrong)


@pytest.mark.parametrize("samples", [320, 351, 352, 353, 639, 640, 1000, 16_000, 16_319])
def test_frame_count_is_exactly_the_hops_that_fit(samples: int) -> None:
    wav = torch.randn(2, samples)
    assert linear_spectrogram(wav, SPEC).shape == (2, 513, samples // HOP)
    assert LogMel(SPEC)(wav).shape == (2, 80, samples // HOP)
    assert len(f0(wav[0].numpy(), RATE, HOP)) == samples // HOP
    assert len(frame_rms_db(wav[0].numpy(), HOP)) == samples // HOP


def test_less_than_a_frame_is_an_error() -> None:
    with pytest.raises(InputError, match="319 samples"):
        LogMel(SPEC)(torch.zeros(1, 319))


def test_a_frame_is_centred_on_its_hop() -> None:
    wav = torch.zeros(1, 20 * HOP)
    wav[0, 7 * HOP + HOP // 2] = 1.0
    assert linear_spectrogram(wav, SPEC).sum(dim=1).argmax() == 7


def test_magnitude_of_a_sine_is_half_its_window() -> None:
    bin_hertz = 40 * RATE / SPEC.n_fft
    wav = torch.sin(2 * torch.pi * bin_hertz * torch.arange(RATE) / RATE)[None]
    spectrum = linear_spectrogram(wav, SPEC)[0, :, 20]
    assert spectrum.argmax() == 40
    assert spectrum.max() == pytest.approx(float(torch.hann_window(SPEC.win).sum()) / 2, rel=1e-3)


def test_mel_filters_are_slaneys() -> None:
    """Slaney's two properties: unit area in Hz, and band centres that rise."""
    filters = mel_filters(SPEC).numpy()
    assert filters.shape == (80, 513)
    area = filters.sum(axis=1) * RATE / SPEC.n_fft
    assert np.allclose(area[20:], 1.0, atol=0.05)
    centres = filters.argmax(axis=1)
    assert (np.diff(centres) >= 0).all()
    assert centres[0] * RATE / SPEC.n_fft < 60


def test_silence_is_the_floor_and_has_a_gradient() -> None:
    wav = torch.zeros(1, 4 * HOP, requires_grad=True)
    mel = LogMel(SPEC)(wav)
    assert torch.allclose(mel, torch.full_like(mel, float(np.log(FLOOR))))
    LogMel(SPEC)(wav + 0.01 * torch.randn(1, 4 * HOP) * (torch.arange(4 * HOP) < HOP)).sum().backward()
    assert torch.isfinite(wav.grad).all()


def test_batch_numpy_and_autocast_agree() -> None:
    wav = 0.1 * torch.randn(3, 10 * HOP)
    module = LogMel(SPEC)
    together = module(wav)
    assert torch.allclose(together[1], module(wav[1:2])[0], atol=1e-5)
    assert np.allclose(log_mel(wav[2].numpy(), SPEC), together[2].numpy(), atol=1e-5)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.allclose(module(wav), together, atol=1e-5)
    assert not module.state_dict()


@pytest.mark.parametrize(("low", "high"), [(80.0, 120.0), (160.0, 260.0)])
def test_pitch_is_read_at_frame_centres(low: float, high: float) -> None:
    wav = glide(2.0, low, high)
    found = f0(wav, RATE, HOP)
    centres = (np.arange(len(found)) + 0.5) * HOP / RATE
    truth = low + (high - low) * centres / 2.0
    inner = slice(5, -5)
    assert (found[inner] > 0).all()
    # half a frame of offset would be 0.17 % at the least
    assert np.abs(found[inner] / truth[inner] - 1).mean() < 0.001


def test_noise_and_silence_have_no_pitch() -> None:
    assert (f0(np.zeros(RATE, dtype=np.float32), RATE, HOP) == 0).all()
    assert len(f0(np.zeros(10, dtype=np.float32), RATE, HOP)) == 0


def test_semitones() -> None:
    shifts = semitones(np.array([100.0, 200.0, 0.0], dtype=np.float32), 100.0)
    assert shifts[0] == 0
    assert shifts[1] == pytest.approx(12)
    assert np.isnan(shifts[2])


def test_levels_in_decibels() -> None:
    sine = np.sin(2 * np.pi * 100 * np.arange(RATE) / RATE).astype(np.float32)
    assert level_dbfs(sine) == pytest.approx(-3.01, abs=0.01)
    assert level_dbfs(0.1 * sine) == pytest.approx(-23.01, abs=0.01)
    assert level_dbfs(np.zeros(100, dtype=np.float32)) == -100
    assert level_dbfs(np.zeros(0, dtype=np.float32)) == -100
    frames = frame_rms_db(np.concatenate([sine[: 3 * HOP], np.zeros(2 * HOP, dtype=np.float32)]), HOP)
    assert frames[3:].tolist() == [-100, -100]
    assert frames[:3].mean() == pytest.approx(-3.01, abs=0.1)


def test_trimming_keeps_the_margin_and_tells_the_times() -> None:
    sound = np.full(RATE, 0.5, dtype=np.float32)
    quiet = np.full(RATE // 2, 0.001, dtype=np.float32)
    trimmed = trim_silence(np.concatenate([quiet, sound, quiet]), RATE, margin=0.1)
    assert trimmed.start == pytest.approx(0.4)
    assert trimmed.end == pytest.approx(1.6)
    assert len(trimmed.wav) == round((trimmed.end - trimmed.start) * RATE)
    assert trim_silence(trimmed.wav, RATE, margin=0.1).wav.shape == trimmed.wav.shape
    assert trim_silence(np.zeros(50, dtype=np.float32), RATE).end == 50 / RATE


def test_a_steep_fall_is_voiced_to_its_end_at_any_hop() -> None:
    rate, seconds = 16_000, 0.2
    pitch = np.exp(np.linspace(np.log(280), np.log(75), int(rate * seconds)))  # 13 % in 20 ms
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    fall = (sum(np.sin(k * phase) / k for k in range(1, 12)) * 0.1).astype(np.float32)
    wav = np.concatenate([np.zeros(3200, np.float32), fall, np.zeros(3200, np.float32)])
    for hop in (80, 160, 320):
        found = f0(wav, rate, hop)
        centres = (np.arange(len(found)) + 0.5) * hop - 3200
        inside = (centres > 0.03 * rate) & (centres < (seconds - 0.03) * rate)
        true = pitch[centres[inside].astype(int)]
        assert np.abs(np.log(found[inside].clip(min=1) / true)).max() < 0.05, hop
