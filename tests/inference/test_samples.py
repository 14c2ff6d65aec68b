"""The samples stage: which cells are spoken, with whose style, and what is written beside each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from sovits_lab.audio.baseline import Baseline
from sovits_lab.audio.spec import AudioSpec
from sovits_lab.audio.spectrogram import log_mel
from sovits_lab.data.store import StoreWriter, Utterance
from sovits_lab.inference.request import Request
from sovits_lab.inference.samples import TIMED_ALONE, SpeakTestSet, plain_id, supported_request
from sovits_lab.inference.synthesizer import Synthesizer
from sovits_lab.reporting import Silent
from sovits_lab.types import InputError
from tests.inference.voices import clip

SPEC = AudioSpec(n_mels=20)
TEXTS = ("Yes.", "No.")
# speaker -> role; ann and bob are speakers of the voice, carl is known to nobody
CAST = {"ann": "target", "bob": "emotional", "carl": "heldout"}
SETTINGS: dict[str, Any] = {
    "roles": ["target", "heldout"], "emotions": ["neutral", "sad"], "sentences": 0, "speakers": 0,
    "reference_roles": ["heldout", "emotional"], "curve_emotion": "sad", "curve_strengths": [0, 0.5, 1],
    "curve_sentences": 1, "style_roles": ["emotional", "heldout"], "seed": 3,
}  # fmt: skip


def write_features(folder: Path, spare: bool = True) -> Path:
    """Every speaker says every text in both emotions, for testing; carl also says something else (`spare`)."""
    folder.mkdir(parents=True)
    rows, made, start = [], [], 0
    for number, (speaker, role) in enumerate(CAST.items()):
        said = [(text, emotion) for text in TEXTS for emotion in ("neutral", "sad")]
        said += [("And so on.", "neutral")] if role == "heldout" and spare else []
        for text, emotion in said:
            wav = clip(0.8, 110 + 40 * number)
            frames = len(wav) // SPEC.hop // 2 * 2
            name = f"{speaker}-{emotion}-{text[:2]}"
            split = "none" if text == "And so on." else "test"
            rows.append(Utterance(name, speaker, emotion, role, split, text, "en", start, frames, ("Y", "EH1", "S")))
            made.append(wav[: frames * SPEC.hop])
            start += frames
    writer = StoreWriter(folder, SPEC.hop, SPEC.n_mels, start, SPEC.frames_per_second)
    for row, wav in zip(rows, made, strict=True):
        writer.put(row.start, log_mel(wav, SPEC).T, np.full(row.frames, 120, np.float32), wav)
    writer.close(rows, ("Y", "EH1", "S"), dict.fromkeys(CAST, Baseline(120.0, -4.0, 0.1, -3.8)))
    return folder


def test_a_style_clip_can_be_cut_to_its_middle(tmp_path: Path, voice_folder: Path) -> None:
    items, out = speak(tmp_path, voice_folder, style_seconds=0.6)
    for item in items:
        whole, _ = soundfile.read(out / "truth" / Path(item["style_reference"]).name)
        cut, rate = soundfile.read(out / item["style_reference"])
        first = (len(whole) - len(cut)) // 2
        assert item["style_reference"].startswith("style/") and len(cut) == round(0.6 * rate)
        assert np.array_equal(cut, whole[first : first + len(cut)])
    with pytest.raises(InputError, match="style_seconds: got -1"):
        SpeakTestSet(**SETTINGS, style_seconds=-1)


def speak(tmp_path: Path, voice_folder: Path, spare: bool = True, **more: Any) -> tuple[list[dict[str, Any]], Path]:
    features, out = write_features(tmp_path / "features", spare), tmp_path / "out"
    out.mkdir()
    SpeakTestSet(**{**SETTINGS, **more}).run({"features": features, "bundle": voice_folder.parent}, out, Silent())
    return [json.loads(line) for line in (out / "samples.jsonl").read_text().splitlines()], out


def test_every_cell_once_and_a_curve_of_the_targets(tmp_path: Path, voice_folder: Path) -> None:
    items, out = speak(tmp_path, voice_folder)
    full = [(i["speaker"], i["text"], i["emotion"]) for i in items if i["strength"] == 1]
    assert sorted(full) == sorted((s, t, e) for s in ("ann", "carl") for t in TEXTS for e in ("neutral", "sad"))
    curve = [i for i in items if i["strength"] != 1]
    assert {(i["speaker"], i["emotion"]) for i in curve} == {("ann", "sad")}
    assert sorted(i["strength"] for i in curve) == [0, 0.5]
    at_full = {i["text"]: i["style_reference"] for i in items if i["speaker"] == "ann" and i["strength"] == 1}
    assert all(i["style_reference"] in at_full.values() for i in curve)
    with np.load(out / "style_vectors.npz") as styles:
        assert len(styles["vectors"]) == len(styles["speaker"]) == len(styles["level"]) == 8


def test_clips_are_taken_for_their_emotion_where_asked(tmp_path: Path, voice_folder: Path) -> None:
    items, out = speak(tmp_path, voice_folder, style_as="emotion")
    again = {i["style_reference"]: i for i in items if i["speaker"] == "ann" and i["strength"] == 1}
    voice = Synthesizer.load(voice_folder)
    for name, item in again.items():
        nearest = voice.voice.nearest(voice.style(Request(item["text"], "ann", out / name)))
        told = voice.speak(item["text"], "ann", emotion=nearest, seed=item["seed"], language="en")
        spoken, _ = soundfile.read(out / item["wav"], dtype="float32")
        np.testing.assert_allclose(spoken, told.wav, atol=2**-14)


def test_what_is_named_exists_and_flags_match_the_sound(tmp_path: Path, voice_folder: Path) -> None:
    items, out = speak(tmp_path, voice_folder)
    for item in items:
        for key in ("truth", "truth_neutral", "style_reference", *(["wav"] if item["wav"] else [])):
            assert (out / item[key]).is_file()
        assert (item["wav"] is None) == (item["flags"] == ["empty"])
        if item["wav"]:
            seconds = soundfile.info(str(out / item["wav"])).duration
            assert seconds == pytest.approx(item["audio_seconds"])
        assert item["truth"] == f"truth/{item['speaker']}-{item['emotion']}-{item['text'][:2]}.flac"
        assert item["truth_neutral"] == f"truth/{item['speaker']}-neutral-{item['text'][:2]}.flac"


def test_some_are_timed_alone_too(tmp_path: Path, voice_folder: Path) -> None:
    items, _ = speak(tmp_path, voice_folder)
    alone = [item["alone_seconds"] for item in items if "alone_seconds" in item]
    assert len(items) > TIMED_ALONE
    assert TIMED_ALONE / 2 < len(alone) <= TIMED_ALONE
    assert min(alone) > 0


def test_nobody_lends_a_style_to_himself_and_no_truth_introduces(tmp_path: Path, voice_folder: Path) -> None:
    items, out = speak(tmp_path, voice_folder)
    for item in items:
        assert item["style_speaker"] != item["speaker"] and item["style_reference"] != item["truth"]
        if item["role"] == "heldout":
            assert (
                item["speaker_reference"] == "truth/carl-neutral-An.flac"
                and (out / item["speaker_reference"]).is_file()
            )
        else:
            assert item["speaker_reference"] is None


def test_without_another_clip_a_truth_introduces(tmp_path: Path, voice_folder: Path) -> None:
    items, _ = speak(tmp_path, voice_folder, spare=False)
    assert {i["speaker_reference"] for i in items if i["role"] == "heldout"} == {"truth/carl-neutral-Ye.flac"}


def test_the_same_seed_plans_and_says_the_same(tmp_path: Path, voice_folder: Path) -> None:
    a, one = speak(tmp_path / "a", voice_folder)
    b, two = speak(tmp_path / "b", voice_folder)
    timed = {"synthesis_seconds", "alone_seconds"}
    strip = [{k: v for k, v in item.items() if k not in timed} for item in a]
    assert strip == [{k: v for k, v in item.items() if k not in timed} for item in b]
    wavs = [item["wav"] for item in a if item["wav"]]
    assert all((one / wav).read_bytes() == (two / wav).read_bytes() for wav in wavs)


@pytest.mark.parametrize(
    ("more", "match"),
    [
        ({"roles": ["judge"]}, "test utterances of role judge"),
        ({"reference_roles": ["judge"]}, "style references for neutral"),
        ({"emotions": ["neutral", "furious"]}, "emotions: got 'furious', expected one of .*: neutral, sad"),
        ({"curve_emotion": "furious"}, "curve_emotion: got 'furious', expected one of"),
        ({"curve_strengths": [0, 11]}, "curve_strengths: got 11, expected numbers from 0 to 10"),
        ({"style_seconds": 0.1}, "style_seconds: got 0.1, expected at least 0.5 s"),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, voice_folder: Path, more: dict[str, Any], match: str) -> None:
    with pytest.raises(InputError, match=match):
        speak(tmp_path, voice_folder, **more)


@pytest.mark.parametrize("name", ["../x", "a/b", "..", "", "a\0b", "a\\b"])
def test_an_id_that_leads_elsewhere_is_refused(name):
    with pytest.raises(InputError, match="utterance id"):
        plain_id(name)


def test_a_label_can_stand_for_the_clip(tmp_path: Path, voice_folder: Path, synthesizer: Synthesizer) -> None:
    asked = Request("Hello.", "ann", tmp_path / "clip.wav", seed=3)
    by_label = supported_request(asked, "sad", synthesizer.voice, by_label=True)
    assert (by_label.style, by_label.emotion) == (None, "sad")
    assert supported_request(asked, "sad", synthesizer.voice) == asked
    items, out = speak(tmp_path, voice_folder, style_as="label")
    sad = next(one for one in items if one["emotion"] == "sad" and one["strength"] == 1 and one["speaker"] == "ann")
    said, _ = soundfile.read(out / sad["wav"])
    expected = synthesizer.speak(sad["text"], "ann", emotion="sad", seed=sad["seed"], language="en").wav
    np.testing.assert_allclose(said, expected, atol=1e-4)
    with pytest.raises(InputError, match="style_as: got 'labels', expected one of vector, emotion, label"):
        SpeakTestSet(**SETTINGS, style_as="labels")
