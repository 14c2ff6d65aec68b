"""F0 and energy by hand, from files and from clips: what is drawn is what the head is given, and what is heard."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from sovits_lab import Synthesizer
from sovits_lab.audio.baseline import level_of
from sovits_lab.audio.energy import NATS_PER_DB, mel_energy
from sovits_lab.audio.spectrogram import log_mel
from sovits_lab.inference.curves import Curve, align_by_words, contour_of, proportional
from sovits_lab.inference.prosody import Track, follow_contour
from sovits_lab.types import InputError
from tests.inference.voices import clip

TEXT = "The river is cold."


@pytest.fixture(scope="session")
def plain(synthesizer: Synthesizer) -> Any:
    """A speech with voiced frames, and the words to ask for it."""
    for seed in range(200):
        said = synthesizer.speak(TEXT, "ann", seed=seed)
        if (said.f0 > 0).sum() > 12:
            return said, {"text": TEXT, "speaker": "ann", "seed": seed}
    raise AssertionError("the tiny voice never speaks with voice")


def test_an_f0_by_hand_is_what_the_head_is_given(synthesizer: Synthesizer, plain: Any) -> None:
    said, asked = plain
    voiced = said.f0 > 0
    drawn = np.linspace(120, 240, len(said.f0)).astype(np.float32)
    made = synthesizer.speak(**asked, f0=drawn)
    np.testing.assert_allclose(made.f0, np.where(voiced, drawn, 0), rtol=1e-6)
    assert made.tokens == said.tokens and len(made.wav) == len(said.wav) and not np.array_equal(made.wav, said.wav)
    again = synthesizer.speak(**asked, f0=said.f0, energy=said.energy)
    np.testing.assert_allclose(again.wav, said.wav, atol=1e-3)
    assert not (synthesizer.speak(**asked, f0=0 * drawn).f0 > 0).any()


def test_shifts_and_relative_curves_agree(synthesizer: Synthesizer, plain: Any) -> None:
    said, asked = plain
    up = synthesizer.speak(**asked, pitch_shift=5, energy_shift=-6)
    np.testing.assert_allclose(up.f0, said.f0 * 2 ** (5 / 12), rtol=1e-5)
    np.testing.assert_allclose(up.energy, said.energy - 6, atol=1e-4)
    flat = synthesizer.speak(**asked, f0=Curve([5, 5], [0, 9], True), energy=Curve([-6, -6], [0, 9], True))
    np.testing.assert_allclose(flat.wav, up.wav, atol=1e-3)
    # The head multiplies its spectrum by the energy; where it is not clipped, so does the waveform.
    np.testing.assert_allclose(
        synthesizer.speak(**asked, energy_shift=-20).wav, said.wav / 10, atol=0.02 * np.abs(said.wav).max()
    )


def test_speech_is_as_loud_as_was_asked(synthesizer: Synthesizer, plain: Any) -> None:
    """Over voiced frames, and as far as the waveform does not clip."""
    said, asked = plain
    made = synthesizer.speak(**asked, energy_shift=-30)
    voiced = torch.from_numpy(said.f0 > 0)[None]
    heard = torch.from_numpy(mel_energy(log_mel(made.wav, synthesizer.voice.spec)))[None, : voiced.shape[1]]
    wanted = torch.from_numpy(made.energy * NATS_PER_DB)[None]
    assert np.abs(made.wav).max() < 1
    torch.testing.assert_close(level_of(heard.double(), voiced), level_of(wanted.double(), voiced), atol=0.01, rtol=0)


def test_what_full_scale_takes_of_the_level_is_flagged(synthesizer: Synthesizer, plain: Any) -> None:
    _, asked = plain
    soft, loud = (synthesizer.speak(**asked, energy_shift=shift) for shift in (-30, 40))
    assert "full_scale" in loud.flags and "full_scale" not in soft.flags
    assert np.abs(loud.wav).max() == pytest.approx(1, abs=1e-6)


def test_a_file_is_what_the_array_is(synthesizer: Synthesizer, plain: Any, tmp_path: Path) -> None:
    said, asked = plain
    seconds, hertz = [0.0, 0.2, 0.4], [100.0, 200.0, 150.0]
    (tmp_path / "a.json").write_text(json.dumps({"seconds": seconds, "absolute": hertz}))
    rows = [f"{a},{b}" for a, b in zip(seconds, hertz, strict=True)]
    (tmp_path / "a.csv").write_text("\n".join(["seconds,absolute", *rows]) + "\n")
    made = [synthesizer.speak(**asked, f0=f) for f in (Curve(hertz, seconds), tmp_path / "a.json", tmp_path / "a.csv")]
    assert np.array_equal(made[0].wav, made[1].wav) and np.array_equal(made[0].wav, made[2].wav)
    at = (np.arange(len(said.f0)) + 0.5) / 50
    expected = np.exp(np.interp(at, seconds, np.log(hertz)))
    np.testing.assert_allclose(made[0].f0, np.where(said.f0 > 0, expected, 0), rtol=1e-5)


def test_an_unvoiced_point_is_unvoiced_around_it() -> None:
    values = Curve([100, 0, 400], [0, 1, 2]).on_frames("f0", 100, 50)
    assert (values[25:75] == 0).all() and (values[:25] > 0).all() and (values[75:] > 0).all()
    assert values[-1] == pytest.approx(400, rel=0.02)


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "length": ({"f0": [100.0] * 7}, "f0: got '7 values without seconds', expected [0-9]+, one for each frame"),
    "negative": ({"f0": Curve([100, -5], [0, 1])}, "f0 value 1: got -5.0, expected 0"),
    "high": ({"f0": Curve([1e9], [0])}, "f0 value 0: got 1000000000.0"),
    "nan": ({"energy": Curve([np.nan, 1], [0, 1])}, "energy value 0: got nan, expected a finite number"),
    "far": ({"energy": Curve([900], [0], True)}, "energy value 0: got 900.0, expected -60 to 60 dB"),
    "times": ({"f0": Curve([100, 200], [1, 0.5])}, "f0 seconds: got"),
    "pairs": ({"f0": Curve([100, 200], [1])}, "f0: got '2 values at 1 seconds'"),
    "empty": ({"f0": []}, "f0: got 'an array of shape"),
    "file": ({"f0": "no.csv"}, "f0 no.csv: got 'nothing there'"),
    "suffix": ({"f0": "curve.txt"}, "f0: got curve.txt, expected a file that ends in .csv or .json"),
    "both": ({"f0": Curve([100], [0]), "prosody": "a.wav"}, "f0 and prosody: got both"),
    "clip": ({"prosody": "no.wav"}, "no.wav: got 'nothing there'"),
    "warp": ({"warp": "wrods"}, "warp: got 'wrods', expected proportional or words"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_curve_that_cannot_be_followed_is_named(synthesizer: Synthesizer, plain: Any, name: str) -> None:
    how, match = BAD[name]
    with pytest.raises(InputError, match=match) as caught:
        synthesizer.speak(**plain[1], **how)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "text", "match"),
    [
        ("a.csv", "seconds,hertz\n0,100\n", "seconds, hertz.*expected seconds .optional. and either absolute"),
        ("a.csv", "seconds,absolute\n0\n", "line 2 has 1 columns, the header 2"),
        ("a.csv", "seconds,absolute\n0,high\n", "cannot be read"),
        ("a.csv", "", "it is empty"),
        ("a.json", "[1, 2]", "list"),
        ("a.json", '{"absolute": ["x"]}', "f0: got 'list', expected a list of numbers"),
        ("a.csv", "relative,relative\n1,2\n", "a.csv.*two columns have one name"),
        ("a.json", '{"relative": [1, 2], "seconds": [1, 0]}', "a.json: f0 seconds: got 'times that do not rise"),
        ("a.json", '{"absolute": [1], "relative": [1]}', "either absolute or relative"),
    ],
)
def test_a_wrong_file_is_named(
    synthesizer: Synthesizer, plain: Any, tmp_path: Path, name: str, text: str, match: str
) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=match):
        synthesizer.speak(**plain[1], f0=tmp_path / name)


def test_a_clip_gives_its_movements_and_keeps_the_means(synthesizer: Synthesizer, plain: Any, tmp_path: Path) -> None:
    said, asked = plain
    soundfile.write(tmp_path / "rise.wav", clip(1.2, 150), 16_000)
    made = synthesizer.speak(**asked, prosody=tmp_path / "rise.wav")
    voiced = said.f0 > 0
    assert np.array_equal(made.f0 > 0, voiced)
    np.testing.assert_allclose(np.log(made.f0[voiced]).mean(), np.log(said.f0[voiced]).mean(), atol=1e-3)
    # 150 Hz throughout: nothing moves
    assert np.ptp(np.log(made.f0[voiced])) < 0.1


def test_a_contour_is_laid_upon_the_voiced_span() -> None:
    f0 = np.array([0, 100, 200, 400, 0], np.float32)
    contour = contour_of(f0, np.array([-9, -1, -2, -3, -9], np.float32))
    track = Track(np.array([0, 0, *[150] * 5, 0], np.float32), np.full(8, -5, np.float32))
    made = follow_contour(track, contour, proportional(track.f0 > 0, contour.voiced))
    np.testing.assert_allclose(made.f0[2:7] / made.f0[4], [0.5, 2**-0.5, 1, 2**0.5, 2], rtol=1e-5)
    np.testing.assert_allclose(np.log(made.f0[2:7]).mean(), np.log(150), rtol=1e-5)
    np.testing.assert_allclose(made.energy, [-5, -5, -4, -4.5, -5, -5.5, -6, -5], atol=1e-5)


def test_words_are_found_again_after_a_change_of_tempo() -> None:
    draw = np.random.default_rng(0)
    mel = np.cumsum(draw.normal(size=(20, 40)), axis=1).astype(np.float32)
    stretched = np.repeat(mel, np.r_[np.full(20, 1), np.full(20, 3)], axis=1)
    place = align_by_words(mel, stretched)
    expected = np.r_[np.arange(20), 20 + 3 * np.arange(20) + 1]
    assert np.abs(place - expected).max() <= 1
    np.testing.assert_allclose(align_by_words(mel, mel), np.arange(40))


def test_a_decibel_is_a_decibel() -> None:
    assert np.exp(20 * NATS_PER_DB) == pytest.approx(10)
