"""Clip checks: a clean clip passes, each known damage is found by its check, whatever the level."""

from __future__ import annotations

import json
from functools import cache

import numpy as np
import pytest
import soundfile
import soxr

from sovits_lab.__main__ import main
from sovits_lab.audio.clip_checks import check_clip, speaker_likeness, worst
from sovits_lab.audio.clip_measures import bandwidth, clipped_fraction, decay_seconds, signal_to_noise

RATE = 24_000


@cache
def sentence(seed: int = 0, seconds: float = 5.0, pitch: float = 140.0) -> np.ndarray:
    """Speech-like sound [T]: gliding harmonics under moving formants, hisses, short stops, pauses and a faint room."""
    rng = np.random.default_rng(seed)
    wav = np.zeros(int(seconds * RATE))
    at = int(0.15 * RATE)
    while at < len(wav) - int(0.4 * RATE):
        size = int(rng.uniform(0.12, 0.3) * RATE)
        time = np.arange(size) / RATE
        glide = pitch * 2 ** (rng.uniform(-4, 4) / 12) * (1 + rng.uniform(-0.25, 0.25) * time / time[-1])
        phase = 2 * np.pi * np.cumsum(glide) / RATE
        formants = rng.uniform((300, 900, 2200), (900, 2300, 3400))
        count = np.arange(1, int(9000 / glide.max()))
        gain = sum(np.exp(-(((count * glide.mean() - f) / 250) ** 2)) for f in formants) + 0.02
        sound = (gain[:, None] * np.sin(count[:, None] * phase)).sum(0)
        edge = np.minimum(1, np.minimum(time / 0.02, (time[-1] - time) / 0.012))
        wav[at : at + size] += sound / np.abs(sound).max() * edge * rng.uniform(0.15, 0.4)
        at += size
        if rng.random() < 0.4:
            hiss = int(0.07 * RATE)
            wav[at : at + hiss] += 0.04 * rng.standard_normal(hiss) * np.hanning(hiss)
            at += hiss
        at += int((rng.uniform(0.25, 0.5) if rng.random() < 0.3 else rng.uniform(0.02, 0.08)) * RATE)
    return (wav + 3e-4 * rng.standard_normal(len(wav))).astype(np.float32)


def noisy(wav, decibels):
    noise = np.random.default_rng(1).standard_normal(len(wav))
    return wav + noise * np.sqrt(np.mean(wav**2)) * 10 ** (-decibels / 20)


def chords(size):
    time, rng = np.arange(size) / RATE, np.random.default_rng(2)
    made = np.zeros(size)
    for start in range(0, size, RATE // 2):
        for note in rng.choice([220, 262, 330, 392, 440], 3, replace=False):
            made[start : start + RATE // 2] += np.sin(2 * np.pi * note * time[start : start + RATE // 2])
    return made / made.std()


def room(wav, seconds, wet):
    size = int(seconds * RATE)
    tail = np.random.default_rng(3).standard_normal(size) * 10 ** (-3 * np.arange(size) / size)
    tail *= wet / np.sqrt((tail**2).sum())
    return np.convolve(wav, np.concatenate([[1.0], tail]))[: len(wav)]


def delayed(wav, seconds, gain):
    lag = int(seconds * RATE)
    return wav + gain * np.concatenate([np.zeros(lag), wav])[: len(wav)]


def narrow(wav, rate):
    return soxr.resample(soxr.resample(wav, RATE, rate), rate, RATE)[: len(wav)]


def level(wav):
    return np.sqrt(np.mean(wav**2))


DAMAGES = {
    "clipped": ("clipping", lambda w: np.clip(4 * w / np.abs(w).max(), -1, 1)),
    "clipped, then made quieter": ("clipping", lambda w: 0.3 * np.clip(4 * w / np.abs(w).max(), -1, 1)),
    "telephone": ("bandwidth", lambda w: narrow(w, 8000)),
    "11 kHz": ("bandwidth", lambda w: narrow(w, 11025)),
    "noise": ("speech above noise", lambda w: noisy(w, 8)),
    "room": ("decay", lambda w: room(w, 1.2, 1.0)),
    "echo": ("echo", lambda w: delayed(w, 0.18, 0.5)),
    "long echo": ("echo", lambda w: delayed(w, 0.33, 0.6)),
    "music": ("tones in pauses", lambda w: w + 0.2 * level(w) * chords(len(w))),
    "hum": ("tones in pauses", lambda w: w + 0.3 * level(w) * np.sin(2 * np.pi * 100 * np.arange(len(w)) / RATE)),
    "quiet": ("level", lambda w: 0.01 * w),
    "short": ("length", lambda w: w[: 2 * RATE]),
    "long": ("length", lambda w: np.tile(w, 7)),
    "mostly silence": (
        "speech",
        lambda w: np.concatenate([w, 3e-4 * np.random.default_rng(4).standard_normal(5 * len(w))]),
    ),
    "noise alone": ("speech", lambda w: 0.1 * np.random.default_rng(5).standard_normal(len(w))),
    "stereo": ("channels", lambda w: np.stack([w, w], axis=1)),
}


def verdicts(wav, rate=RATE, embed=None):
    return {one.name: one.verdict for one in check_clip(np.asarray(wav, dtype=np.float32), rate, embed)}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("pitch", [110.0, 220.0])
def test_a_clean_clip_passes_every_check(seed, pitch):
    found = check_clip(sentence(seed, pitch=pitch), RATE)
    assert worst(found) == "good", [one for one in found if one.verdict != "good"]
    assert all(not one.advice for one in found)


@pytest.mark.parametrize("seed", [0, 5])
@pytest.mark.parametrize("name", DAMAGES)
def test_each_damage_is_found_by_its_check(name, seed):
    check, damage = DAMAGES[name]
    found = {one.name: one for one in check_clip(np.asarray(damage(sentence(seed)), dtype=np.float32), RATE)}
    assert found[check].verdict != "good", found[check]
    assert found[check].advice


def test_the_level_changes_no_verdict_but_its_own():
    wav = noisy(sentence(3), 12)
    loud, quiet = verdicts(0.5 * wav), verdicts(0.05 * wav)
    loud.pop("level"), quiet.pop("level")
    assert loud == quiet


def test_noise_is_measured_and_silence_around_does_not_count():
    clean = sentence(1)
    ratios = [signal_to_noise(np.asarray(noisy(clean, db), dtype=np.float32), RATE) for db in (30, 20, 10, 0)]
    assert ratios == sorted(ratios, reverse=True)
    padded = np.concatenate([np.zeros(RATE), noisy(clean, 10), np.zeros(RATE)]).astype(np.float32)
    assert signal_to_noise(padded, RATE) == pytest.approx(ratios[2], abs=3)


def test_bandwidth_is_that_of_the_source_at_any_stored_rate():
    assert bandwidth(sentence(2), RATE) > 10_000
    assert bandwidth(narrow(sentence(2), 8000).astype(np.float32), RATE) == pytest.approx(4000, abs=300)


def test_a_longer_room_decays_more_slowly():
    decays = [decay_seconds(room(sentence(6), t, 1.0).astype(np.float32), RATE) for t in (0.3, 0.8, 1.6)]
    assert decays == sorted(decays)


def test_a_loud_clip_is_not_clipped_for_touching_full_scale_once():
    wav = sentence(4) / np.abs(sentence(4)).max()
    assert clipped_fraction(wav) == 0
    assert clipped_fraction(np.zeros(100, dtype=np.float32)) == 0


@pytest.mark.parametrize("wav", [np.zeros(0), np.zeros(5), np.zeros(RATE * 4), np.ones(RATE * 4) * 0.1])
def test_what_is_no_speech_is_bad_without_a_crash(wav):
    assert worst(check_clip(wav.astype(np.float32), RATE)) == "bad"


def by_pitch(wavs):
    """A stand-in for a speaker judge: the spectrum below 400 Hz, unit length."""
    spectra = np.stack([np.abs(np.fft.rfft(wav, 32000))[150:800].reshape(-1, 50).sum(1) for wav in wavs])
    return spectra / np.linalg.norm(spectra, axis=1, keepdims=True)


def tone(pitch, seconds):
    return np.sin(2 * np.pi * pitch * np.arange(int(seconds * 16000)) / 16000).astype(np.float32)


def test_two_speakers_are_told_from_one():
    one, two = tone(110, 8), np.concatenate([tone(110, 4), tone(220, 4)])
    assert (speaker_likeness(one, by_pitch) or 1.0) > 0.9
    assert speaker_likeness(two, by_pitch) < 0.4
    assert speaker_likeness(two[: 3 * 16000], by_pitch) is None, "too short to tell"
    assert verdicts(two, 16000, by_pitch)["one speaker"] != "good"
    assert verdicts(one, 16000, by_pitch)["one speaker"] == "good"


def test_the_command_prints_findings_and_says_what_is_bad(tmp_path, capsys):
    good, bad = tmp_path / "good.wav", tmp_path / "bad=1.wav"
    soundfile.write(good, sentence(0), RATE)
    soundfile.write(bad, noisy(sentence(0), 0) * 0.3, RATE)
    assert main(["voice", "check", str(good), "speakers=off"]) == 0
    assert ": good" in capsys.readouterr().out
    assert main(["voice", "check", str(good), str(bad), "speakers=off", "format=json"]) == 1
    found = json.loads(capsys.readouterr().out.split("\nSpeakers")[0])
    assert any(one["verdict"] == "bad" for one in found[str(bad)])


@pytest.mark.parametrize(
    "words", [["listen"], ["check"], ["check", "/no/file.wav"], ["check", "x.wav", "speakers=two"], ["check", __file__]]
)
def test_wrong_commands_and_files_are_one_line(words, capsys):
    assert main(["voice", *words]) == 2
    assert capsys.readouterr().err.count("\n") == 1
