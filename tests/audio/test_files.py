"""What may enter as audio, what each bad input is told, and that nothing half-written stays."""

import errno
from pathlib import Path

import numpy as np
import pytest
import soundfile

from sovits_lab.audio import files
from sovits_lab.audio.files import load_audio, resample, save_audio
from sovits_lab.types import InputError

RATE = 16_000


def tone(seconds: float = 0.5, hertz: float = 440.0, rate: int = RATE) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
def test_what_is_saved_is_loaded(tmp_path: Path, suffix: str) -> None:
    wav = tone()
    assert save_audio(tmp_path / f"a{suffix}", wav, RATE) == 0
    again = load_audio(tmp_path / f"a{suffix}", RATE)
    assert again.dtype == np.float32
    assert np.abs(again - wav).max() <= 1 / 32768
    assert [path.name for path in tmp_path.iterdir()] == [f"a{suffix}"]


def test_saving_counts_what_it_clips(tmp_path: Path) -> None:
    wav = tone()
    wav[[3, 7]] = (1.5, -2.0)
    assert save_audio(tmp_path / "a.wav", wav, RATE) == 2
    assert np.abs(load_audio(tmp_path / "a.wav", RATE)).max() <= 1.0


@pytest.mark.parametrize("wanted", [16_000, 8_000])
def test_resampling_keeps_pitch_and_duration(wanted: int) -> None:
    again = resample(tone(1.0, rate=22_050), 22_050, wanted)
    assert abs(len(again) / wanted - 1.0) < 0.001
    peak = np.argmax(np.abs(np.fft.rfft(again * np.hanning(len(again)))))
    assert abs(peak * wanted / len(again) - 440.0) < 2.0


def test_missing_folder_and_garbage_are_named(tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("these are words")
    for name, words in (("none.wav", "nothing there"), (".", "no file"), ("text.wav", "cannot be read as audio")):
        with pytest.raises(InputError, match=words) as caught:
            load_audio(tmp_path / name, RATE)
        assert str(tmp_path / name) in str(caught.value)


def test_truncated_file_is_an_error_or_shorter_but_never_noise(tmp_path: Path) -> None:
    save_audio(tmp_path / "a.flac", tone(2.0), RATE)
    (tmp_path / "cut.flac").write_bytes((tmp_path / "a.flac").read_bytes()[:2000])
    with pytest.raises(InputError, match=r"cut\.flac"):
        load_audio(tmp_path / "cut.flac", RATE)


def test_zero_length_and_nan(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), RATE)
    with pytest.raises(InputError, match="0 samples"):
        load_audio(tmp_path / "empty.wav", RATE)
    bad = tone()
    bad[5] = np.nan
    soundfile.write(tmp_path / "nan.wav", bad, RATE, subtype="FLOAT")
    with pytest.raises(InputError, match="NaN"):
        load_audio(tmp_path / "nan.wav", RATE)
    with pytest.raises(InputError, match="finite"):
        save_audio(tmp_path / "out.wav", bad, RATE)


def test_too_long_is_refused_before_decoding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_audio(tmp_path / "long.wav", tone(3.0), RATE)
    monkeypatch.setattr(soundfile, "read", lambda *a, **k: pytest.fail("decoded"))
    with pytest.raises(InputError, match=r"3\.0 s.*at most 2 s"):
        load_audio(tmp_path / "long.wav", RATE, max_seconds=2.0)


def test_stereo_is_an_error_unless_mixing_is_allowed(tmp_path: Path) -> None:
    left, right = tone(hertz=300), tone(hertz=500)
    soundfile.write(tmp_path / "two.wav", np.stack([left, right], axis=1), RATE, subtype="FLOAT")
    with pytest.raises(InputError, match=r"2 channels.*mono"):
        load_audio(tmp_path / "two.wav", RATE)
    assert np.allclose(load_audio(tmp_path / "two.wav", RATE, mix_down=True), (left + right) / 2, atol=1e-6)


def test_sample_rates(tmp_path: Path) -> None:
    save_audio(tmp_path / "8k.wav", tone(rate=8_000), 8_000)
    save_audio(tmp_path / "44k.wav", tone(rate=44_100), 44_100)
    assert len(load_audio(tmp_path / "44k.wav", RATE)) == pytest.approx(RATE / 2, abs=2)
    with pytest.raises(InputError, match=r"44100 Hz.*16000 Hz"):
        load_audio(tmp_path / "44k.wav", RATE, rate="exact")
    with pytest.raises(InputError, match=r"8000 Hz.*at least 16000 Hz"):
        load_audio(tmp_path / "8k.wav", RATE)
    assert len(load_audio(tmp_path / "8k.wav", RATE, rate="any")) == pytest.approx(RATE / 2, abs=2)


@pytest.mark.parametrize("hertz", [1, 999, 2**31 - 1])
def test_a_rate_that_no_recording_has_is_refused(tmp_path: Path, hertz: int) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(1000, np.float32), hertz)
    with pytest.raises(InputError, match=rf"got '{hertz} Hz', expected a sampling rate of 1000 to 768000 Hz"):
        load_audio(tmp_path / "a.wav", 16_000, rate="any")


def test_a_full_disk_leaves_the_old_file_and_no_part_of_the_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_audio(tmp_path / "a.wav", tone(), RATE)
    before = (tmp_path / "a.wav").read_bytes()

    def full(path: Path, data: bytes) -> int:
        with path.open("wb") as stream:
            stream.write(data[:100])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(InputError, match=r"a\.wav: cannot be written \(No space left on device\)"):
        save_audio(tmp_path / "a.wav", tone(hertz=100), RATE)
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]
    assert (tmp_path / "a.wav").read_bytes() == before


def test_unknown_format(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"'\.mp4'.*\.wav"):
        save_audio(tmp_path / "a.mp4", tone(), RATE)


def test_a_header_that_promises_years_is_refused_before_memory_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_audio(tmp_path / "a.flac", tone(), RATE)
    monkeypatch.setattr(files, "MOST_DECODED", 1000)
    monkeypatch.setattr(soundfile, "read", lambda *_, **__: pytest.fail("decoded"))
    with pytest.raises(InputError, match="of decoded samples"):
        load_audio(tmp_path / "a.flac", RATE)
