"""The mark: read back at every rate, absent where there is none, in pieces as in the whole, and soft."""

from __future__ import annotations

import io
import json
from functools import cache

import numpy as np
import pytest
import soundfile
import soxr

from sovits_lab.__main__ import main
from sovits_lab.provenance.notice import add_notice, rhythm
from sovits_lab.provenance.perth import BANDS, PerthNetwork, fits, levels_of
from sovits_lab.provenance.watermark import (
    THRESHOLD,
    MarkDetection,
    MarkedPart,
    SpeechWatermark,
    released_watermark,
)
from sovits_lab.types import InputError
from sovits_lab.weights import CATALOGUE, present
from tests.audio.test_clip_checks import RATE, sentence

with_weights = pytest.mark.skipif(not present("perth"), reason=f"`{CATALOGUE['perth'].install}` brings the weights")


@cache
def marked() -> np.ndarray:
    return released_watermark().mark(sentence(), RATE).wav


@with_weights
@pytest.mark.parametrize("bf16", [False, True])
def test_a_mark_reads_back_alike_in_bfloat16(bf16, monkeypatch):
    """It is computed where the processor has no instructions for it too, slowly."""
    monkeypatch.setattr("sovits_lab.provenance.watermark.multiplies_bf16", lambda: bf16)
    watermark = SpeechWatermark(released_watermark().network)
    for seconds in (0.3, 1.5, 4.0):
        found = watermark.mark(sentence()[: round(seconds * RATE)], RATE)
        exact = released_watermark().presence(found.wav, RATE)
        assert found.presence == pytest.approx(exact, abs=0.01) if seconds >= 1.5 else exact > 0.9


@with_weights
@pytest.mark.parametrize("rate", [16_000, 22_050, 24_000, 32_000, 44_100, 48_000])
def test_a_mark_is_read_back_at_every_rate_and_absent_without(rate):
    plain = soxr.resample(sentence(), RATE, rate).astype(np.float32)
    found = released_watermark().mark(plain, rate)
    assert found.presence >= THRESHOLD
    assert found.wav.shape == plain.shape
    assert released_watermark().presence(plain, rate) < 0.5
    assert released_watermark().detect(soxr.resample(found.wav, rate, 16_000).astype(np.float32), 16_000).found


@with_weights
def test_the_mark_is_soft_and_below_two_kilohertz():
    added = marked() - sentence()
    assert 10 * np.log10(np.mean(sentence() ** 2) / np.mean(added**2)) > 12
    power = np.abs(np.fft.rfft(added)) ** 2
    above = np.fft.rfftfreq(len(added), 1 / RATE) > 2100
    assert power[above].sum() < 1e-3 * power.sum()


@with_weights
@pytest.mark.parametrize("subtype", ["MPEG_LAYER_III", "VORBIS"])
def test_the_mark_outlives_lossy_files(subtype):
    out = io.BytesIO()
    kind = "MP3" if subtype.startswith("MPEG") else "OGG"
    soundfile.write(out, marked(), RATE, format=kind, subtype=subtype)
    wav, rate = soundfile.read(io.BytesIO(out.getvalue()), dtype="float32")
    assert released_watermark().detect(wav, rate).found


@with_weights
def test_pieces_of_a_stream_are_marked_alone_and_join_without_a_click():
    pieces = np.array_split(sentence(), 4)
    joined = np.concatenate([released_watermark().mark(piece, RATE).wav for piece in pieces])
    assert released_watermark().presence(joined, RATE) >= THRESHOLD
    borders = np.cumsum([len(piece) for piece in pieces])[:-1]
    np.testing.assert_allclose(joined[borders], sentence()[borders], atol=1e-3)


@with_weights
@pytest.mark.parametrize("wav", [np.zeros(RATE, np.float32), sentence()[:1000], np.zeros(0, np.float32)])
def test_silence_and_what_is_too_short_stay_as_they_are(wav):
    found = released_watermark().mark(wav, RATE)
    np.testing.assert_array_equal(found.wav, wav)
    assert found.reads_back
    assert released_watermark().presence(wav, RATE) == 0


@with_weights
def test_the_marked_part_of_a_long_recording_is_named():
    long = np.concatenate([np.tile(sentence(1), 6), np.tile(marked(), 6)])
    found = released_watermark().detect(long, RATE)
    assert found.parts[0].presence < THRESHOLD <= found.parts[-1].presence
    assert found.parts[-1].end == pytest.approx(60)
    with pytest.raises(InputError, match="NaN"):
        released_watermark().detect(np.full(RATE, np.nan, np.float32), RATE)


@pytest.mark.parametrize(
    ("seconds", "presence", "judged", "found"),
    [(1.4, 1.0, False, False), (1.5, 0.79, True, False), (4.9, 0.79, True, False), (5.0, 0.5, True, True)],
)
def test_the_shorter_the_surer_a_mark_must_be(seconds, presence, judged, found):
    told = MarkDetection([MarkedPart(0.0, seconds, presence)])
    assert (told.judged, told.found) == (judged, found)


@with_weights
def test_a_cut_that_is_too_short_gets_no_verdict(tmp_path, capsys):
    path = tmp_path / "cut.wav"
    soundfile.write(path, marked()[:RATE], RATE)
    assert main(["watermark", "detect", str(path)]) == 1
    assert "too short to tell a mark" in capsys.readouterr().out


@with_weights
def test_a_short_output_is_marked_until_it_is_found():
    for seed in range(6):
        made = released_watermark().mark(sentence(seed)[: 2 * RATE], RATE)
        assert made.reads_back
        assert released_watermark().detect(made.wav, RATE).found


@with_weights
def test_the_same_speech_is_marked_in_the_same_way():
    np.testing.assert_array_equal(released_watermark().mark(sentence(), RATE).wav, marked())


def test_frames_and_bands_are_those_of_the_training_rate_at_every_rate_that_fits():
    tone = {rate: np.sin(2 * np.pi * 500 * np.arange(rate) / rate).astype(np.float32) for rate in (16_000, 32_000)}
    import torch

    low, high = (levels_of(torch.from_numpy(wav)[None], rate).levels[0, :BANDS] for rate, wav in tone.items())
    assert low.shape == high.shape
    assert float((low - high)[31:34, 10:-10].abs().max()) < 1e-3  # around 500 Hz, in shares of 195 dB
    assert [rate for rate in (8000, 22_050, 24_000, 44_100, 48_000) if fits(rate)] == [8000, 24_000, 48_000]


def test_a_network_of_random_weights_keeps_the_length():
    wav = sentence()[:12_345]
    assert SpeechWatermark(PerthNetwork(hidden=8)).embed(wav, RATE, 0.1).shape == wav.shape


@with_weights
def test_the_commands_mark_and_find(tmp_path, capsys):
    plain, out = tmp_path / "plain.wav", tmp_path / "out.flac"
    soundfile.write(plain, sentence(), RATE)
    assert main(["watermark", "detect", str(plain)]) == 1
    assert "no mark" in capsys.readouterr().out
    assert main(["watermark", "embed", str(plain), f"out={out}", "producer=lab"]) == 0
    capsys.readouterr()
    assert main(["watermark", "detect", str(plain), str(out), "format=json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [one["mark"] for one in found.values()] == [False, True]
    assert found[str(out)]["aigc"]["ContentProducer"] == "lab"
    assert main(["watermark", "detect", str(tmp_path / "none.wav")]) == 2


def test_the_notice_is_short_long_short_short():
    sound = rhythm(16_000)
    loud = np.convolve(np.abs(sound), np.ones(80) / 80, mode="same") > 0.05
    edges = np.flatnonzero(np.diff(loud.astype(int), prepend=0, append=0))
    tones, gaps = np.diff(edges)[::2] / 16_000, np.diff(edges)[1::2] / 16_000
    assert tones.round(2).tolist() == pytest.approx([0.08, 0.24, 0.08, 0.08], abs=0.011)
    assert gaps.round(2).tolist() == pytest.approx([0.08, 0.24, 0.08], abs=0.011)


@pytest.mark.parametrize(("place", "first", "last"), [("start", 1, 0), ("end", 0, 1), ("both", 1, 1)])
def test_a_notice_stands_where_it_is_asked_for(place, first, last):
    speech = np.full(1600, 0.01, np.float32)
    wav = add_notice(speech, 16_000, place)
    extra = len(rhythm(16_000)) + 4000
    assert len(wav) == 1600 + (first + last) * extra
    np.testing.assert_array_equal(wav[first * extra : first * extra + 1600], speech)
    spoken = add_notice(speech, 16_000, place, np.full(800, 0.5, np.float32), 8000)
    assert len(spoken) == 1600 + (first + last) * (1600 + 4000)
