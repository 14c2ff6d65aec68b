"""The embedded corpus: repeatable to the byte, aligned with its text, split as it says, emotional as it says."""

import hashlib
import importlib.util
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sovits_lab.audio.energy import frame_rms_db, level_dbfs
from sovits_lab.audio.files import load_audio
from sovits_lab.audio.pitch import f0
from sovits_lab.corpora.manifest import phones_of, read_cuts
from sovits_lab.corpora.toy_grammar import sentences
from sovits_lab.text.espeak import PAUSE, clean, phonemize, speak
from sovits_lab.types import InputError
from tests.corpora.corpora import RATE, Quiet, role, tiny_toy


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("toy")
    report = Quiet()
    tiny_toy().run({}, folder, report)
    assert report.seen[0] == (0, 23, "utterances")
    assert report.seen[-1] == (23, 23, "utterances")
    return folder


@pytest.fixture(scope="module")
def cuts(built: Path) -> Any:
    return read_cuts(built)


def fingerprint(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_two_builds_are_the_same_bytes_whatever_the_number_of_processes(built: Path, tmp_path: Path) -> None:
    tiny_toy(workers=1).run({}, tmp_path, Quiet())
    assert fingerprint(tmp_path) == fingerprint(built)


def test_another_seed_is_another_corpus(built: Path, tmp_path: Path) -> None:
    tiny_toy(seed=1).run({}, tmp_path, Quiet())
    assert not set(fingerprint(tmp_path).values()) & set(fingerprint(built).values())


def test_a_built_corpus_may_be_moved(built: Path, tmp_path: Path) -> None:
    moved = built.rename(tmp_path / "moved")
    try:
        assert all(Path(cut.recording.sources[0].source).is_file() for cut in read_cuts(moved))
    finally:
        moved.rename(built)


def test_alignment_has_the_phones_of_the_text_and_lies_in_the_audio(cuts: Any) -> None:
    for cut in cuts:
        phones = phones_of(cut)
        assert [phone.symbol for phone in phones] == phonemize(cut.supervisions[0].text)
        assert phones[0].start >= 0
        assert all(phone.duration > 0 for phone in phones)
        ends = [phone.start + phone.duration for phone in phones]
        assert np.allclose([phone.start for phone in phones[1:]], ends[:-1], atol=1e-4)
        assert ends[-1] <= cut.duration + 1e-3
        assert PAUSE not in (phones[0].symbol, phones[-1].symbol)


def test_alignment_times_fit_the_sound(cuts: Any) -> None:
    """Vowels are much louder than pauses, measured at the times the alignment names."""
    loud, quiet = [], []
    for cut in cuts:
        level = frame_rms_db(load_audio(cut.recording.sources[0].source, RATE), 80)
        for phone in phones_of(cut):
            middle = level[int((phone.start + phone.duration / 2) * RATE / 80)]
            if phone.symbol in ("aI", "eI", "oU", "i:", "aU"):
                loud.append(middle)
            elif phone.symbol == PAUSE:
                quiet.append(middle)
    assert np.median(loud) > -35
    assert not quiet or np.median(loud) - np.median(quiet) > 20


def test_files_are_what_the_manifest_says(cuts: Any) -> None:
    for cut in cuts:
        wav = load_audio(cut.recording.sources[0].source, RATE, rate="exact")
        assert len(wav) == cut.recording.num_samples
        assert np.abs(wav).max() < 0.99


def test_roles_and_splits(cuts: Any) -> None:
    texts, emotions = defaultdict(set), defaultdict(set)
    for cut in cuts:
        spoken = cut.supervisions[0]
        texts[spoken.custom["split"]].add(spoken.text)
        emotions[spoken.speaker, spoken.custom["split"]].add(spoken.custom["emotion"])
    assert not texts["train"] & texts["test"]
    assert emotions["m1", "train"] == {"neutral"}
    assert emotions["m1", "test"] == {"neutral", "sad"}
    assert emotions["f3", "train"] == {"neutral", "sad"}
    assert ("pablo", "train") not in emotions
    assert ("m5", "test") not in emotions


def test_every_test_cell_has_its_parallel_truth(cuts: Any) -> None:
    cells = {(c.supervisions[0].speaker, c.supervisions[0].custom["sentence"], c.supervisions[0].custom["emotion"])
             for c in cuts if c.supervisions[0].custom["split"] == "test"}  # fmt: skip
    assert cells == {(s, t, e) for s in ("f3", "m1", "pablo") for t in ("t000", "t001") for e in ("neutral", "sad")}


def test_sad_is_lower_quieter_and_slower_than_neutral(cuts: Any) -> None:
    measured = defaultdict(dict)
    for cut in cuts:
        spoken = cut.supervisions[0]
        if spoken.custom["split"] == "test":
            wav = load_audio(cut.recording.sources[0].source, RATE)
            pitch = f0(wav, RATE, 160)
            cell = (np.median(pitch[pitch > 0]), level_dbfs(wav), cut.duration)
            measured[spoken.speaker, spoken.text][spoken.custom["emotion"]] = cell
    for cell in measured.values():
        (low, quiet, long), (pitch, level, short) = cell["sad"], cell["neutral"]
        assert -7.5 < 12 * np.log2(low / pitch) < -3.5
        assert -10 < quiet - level < -4
        assert 1.2 < long / short < 1.9


def test_neutral_speech_of_all_speakers_has_one_level(cuts: Any) -> None:
    levels = defaultdict(list)
    for cut in cuts:
        spoken = cut.supervisions[0]
        if spoken.custom["emotion"] == "neutral":
            levels[spoken.speaker].append(level_dbfs(load_audio(cut.recording.sources[0].source, RATE)))
    means = [np.mean(values) for values in levels.values()]
    assert np.allclose(means, -26.0, atol=1.0)


def test_sentences_are_different_and_stable() -> None:
    many = sentences(1500, 0)
    assert len(set(many)) == 1500
    assert many[:40] == sentences(40, 0)
    assert many[:40] != sentences(40, 1)
    assert all(text[0].isupper() and text[-1] in ".?" and "{" not in text for text in many)
    assert min(len(text.split()) for text in many) >= 4


@pytest.mark.parametrize(("mnemonic", "symbol"), [("'oU", "oU"), (",V", "V"), ("@2", "@"), ("a#", "@"), ("3", "3"),
                                                  ("'3:", "3:"), ("tS", "tS"), (";", ""), ("t#", "t")])  # fmt: skip
def test_symbols_are_compact(mnemonic: str, symbol: str) -> None:
    assert clean(mnemonic) == symbol


def test_phones_do_not_depend_on_voice_or_style() -> None:
    text = "Where did Zoe put the rough chair after the game, in the evening, near it?"
    for voice in ("en-us", "en-us+f5", "en-us+sandro"):
        for style in ({}, {"rate": 130.0, "pitch": 28.0, "range": 15.0, "word_gap": 3.0}, {"rate": 212.0}):
            assert [phone.symbol for phone in speak(text, voice=voice, **style).phones] == phonemize(text)


def test_nothing_to_say_and_unknown_voice() -> None:
    for text in ("", "  ", "..."):
        with pytest.raises(InputError, match="at least one word"):
            phonemize(text)
    with pytest.raises(InputError, match="nobody"):
        speak("Hello.", voice="en-us+nobody")


def test_the_missing_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"espeakng-loader is not installed.*sovits-lab\[demo\]"):
        tiny_toy().run({}, tmp_path, Quiet())


def test_wrong_settings_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"corpus\.jitter\.speed"):
        tiny_toy(jitter={"speed": 3})
    with pytest.raises(InputError, match="nobody"):
        tiny_toy(roles={"emotional": role(["nobody"], ["neutral"], 1, 0)}).run({}, tmp_path, Quiet())
    with pytest.raises(InputError, match="at most the 10"):
        tiny_toy(roles={"emotional": role(["f3"], ["neutral"], 11, 0)}).run({}, tmp_path, Quiet())
    twice = {"emotional": role(["f3"], ["neutral"], 1, 0), "target": role(["f3"], ["neutral"], 1, 0)}
    with pytest.raises(InputError, match="a voice of one role only"):
        tiny_toy(roles=twice).run({}, tmp_path, Quiet())


STYLE = {"rate": 170, "pitch": 50, "range": 50, "word_gap": 0, "gain_db": 0}


@pytest.mark.parametrize(
    "changes",
    [
        {"sample_rate": 0}, {"sample_rate": -16_000}, {"level_dbfs": 1000.0}, {"seed": -1}, {"workers": -1},
        {"emotions": {}}, {"emotions": {"sad": STYLE}}, {"emotions": {"neutral": STYLE | {"pitch": 500}}},
        {"emotions": {"neutral": STYLE | {"rate": -1}}}, {"jitter": STYLE | {"gain_db": -100}},
        {"sizes": {"pool": -1, "valid": 1, "test": 2}}, {"sizes": {"pool": 10**12, "valid": 1, "test": 2}},
        {"roles": {"emotional": role(["f3"], emotions=["neutral"], train=-2, test_speakers=0)}},
    ],
)  # fmt: skip
def test_numbers_out_of_range_are_refused_before_anything_is_spoken(changes: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="corpus"):
        tiny_toy(**changes)
