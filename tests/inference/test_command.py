"""`python -m sovits_lab synthesize`: words to a file, or one line about what is wrong and no file."""

from __future__ import annotations

from pathlib import Path

import pytest
import soundfile

from sovits_lab import Synthesizer
from sovits_lab.audio.files import save_audio
from sovits_lab.inference.command import SynthesisOptions, emotion_of, main
from sovits_lab.inference.curves import Curve
from sovits_lab.options import read_options
from sovits_lab.types import InputError


def words(voice_folder: Path, out: Path, more: dict[str, str]) -> list[str]:
    values = {"bundle": str(voice_folder), "text": "The river is cold.", "speaker": "ann", "out": str(out)}
    return [f"{key}={value}" for key, value in (values | more).items()]


def test_it_writes_a_file_and_says_so(
    voice_folder: Path, clips: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    out = tmp_path / "x.wav"
    status = main(words(voice_folder, out, {"style": str(clips / "high.wav"), "strength": "0.8", "seed": "1"}))
    said = capsys.readouterr().out
    assert status == (3 if "FLAGS" in said else 0) and "seed 1" in said
    info = soundfile.info(str(out))
    assert info.samplerate == 16_000 and info.frames > 0 and [p.name for p in tmp_path.iterdir()] == ["x.wav"]


def test_a_text_may_hold_the_sign() -> None:
    options = read_options(SynthesisOptions, ["bundle=b", "text=one = 1", "speaker=s", "out=o.wav"])
    assert options.text == "one = 1"


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"text": ""}, "text=: got nothing"),
        ({"style": ""}, "style=: got nothing, expected how"),
        ({"out": "x.mp3"}, r"out: got 'x.mp3'"),
        ({"out": "nowhere/x.wav"}, "expected a name in a folder that exists"),
        ({"seed": "inf"}, "seed: got 'inf'"),
        ({"seed": "-1"}, "seed: got '-1'"),
        ({"seed": "1.5"}, "seed: got '1.5'"),
        ({"seed": str(2**63)}, "seed: got"),
        ({"strength": "much"}, "strength: got 'much', expected a number"),
        ({"strength": "nan"}, "strength: got 'nan'"),
        ({"rate": "inf"}, "rate: got inf"),
        ({"strenght": "1"}, r"did you mean strength\?"),
        ({"bundle": "nowhere"}, "bundle: got nowhere"),
        ({"language": "xx"}, "language"),
    ],
)
def test_a_wrong_word_is_named_and_nothing_is_written(
    voice_folder: Path, tmp_path: Path, changes: dict[str, str], match: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=match) as caught:
        main(words(voice_folder, Path("x.wav"), changes))
    assert "\n" not in str(caught.value) and not list(tmp_path.iterdir())


def test_twice_and_missing_and_bare_words_are_named() -> None:
    for argv, match in (
        (["bundle=a", "bundle=b"], "twice"),
        (["bundle=a"], "text=: got nothing"),
        (["bundle"], "key=value"),
    ):
        with pytest.raises(InputError, match=match):
            read_options(SynthesisOptions, argv)


def test_help_names_every_word(capsys: pytest.CaptureFixture) -> None:
    assert main(["--help"]) == 0 == main([])
    said = capsys.readouterr().out
    assert all(word in said for word in ("bundle", "strength", "emotion"))


def test_the_command_says_what_the_library_says(voice_folder: Path, clips: Path, tmp_path: Path) -> None:
    (tmp_path / "f0.csv").write_text("seconds,relative\n0,0\n1,4\n")
    more = {
        "style": f"{clips / 'high.wav'},{clips / 'low.wav'}", "strength": "0.7", "rate": "1.1", "seed": "6",
        "f0": str(tmp_path / "f0.csv"), "energy_shift": "-3", "pitch_shift": "1",
    }  # fmt: skip
    main(words(voice_folder, tmp_path / "a.wav", more))
    said = Synthesizer.load(voice_folder).speak(
        "The river is cold.", "ann", [clips / "high.wav", clips / "low.wav"], strength=0.7, rate=1.1, seed=6,
        f0=Curve([0, 4], [0, 1], True), energy_shift=-3, pitch_shift=1,
    )  # fmt: skip
    save_audio(tmp_path / "b.wav", said.wav, said.sample_rate)
    assert (tmp_path / "a.wav").read_bytes() == (tmp_path / "b.wav").read_bytes()


@pytest.mark.parametrize(
    ("word", "emotion"),
    [
        ("sad", "sad"),
        ("sad:0.7,neutral:0.3", {"sad": 0.7, "neutral": 0.3}),
        ("sad:much", r"emotion: got 'sad:much', expected a label, or labels with weights"),
        ("sad,angry", r"emotion: got 'sad,angry', expected a label"),
        ("sad:1,sad:2", "got sad twice"),
    ],
)
def test_a_mix_is_read(word: str, emotion: str | dict[str, float]) -> None:
    if word == emotion or isinstance(emotion, dict):
        assert emotion_of(word) == emotion
        return
    with pytest.raises(InputError, match=emotion):
        emotion_of(word)
