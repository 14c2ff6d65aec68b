"""Tokens of a trained voice laid upon recordings, and the parts of it that few-shot adaptation hands on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sovits_lab import voices
from sovits_lab.audio.baseline import Baseline
from sovits_lab.audio.silences import silences
from sovits_lab.audio.spectrogram import log_mel
from sovits_lab.checkpoints.bundle import read_facts, read_weights
from sovits_lab.conditioning.speaker import FEW
from sovits_lab.corpora.cuts import misplaced
from sovits_lab.corpora.manifest import audio_of, phones_of, read_cuts
from sovits_lab.data.store import FeatureStore, StoreWriter, Utterance
from sovits_lab.inference.aligned_tokens import (
    AlignTokens,
    clips_of_speakers,
    laid_upon,
    own_request,
    own_speech,
    pause_token,
)
from sovits_lab.inference.clips import AudioArray
from sovits_lab.inference.rehearsal import Rehearse
from sovits_lab.inference.request import Request
from sovits_lab.inference.synthesizer import Synthesizer
from sovits_lab.reporting import Silent
from sovits_lab.training.few_shot import KeepPart, TuneSovits, speaker_vectors
from sovits_lab.types import InputError
from tests.models import small
from tests.test_configs import composed

TEXT = "The river is cold."
STARTER = Path(voices.__path__[0]) / "starter"


@pytest.fixture(scope="module")
def starter() -> Synthesizer:
    return Synthesizer.load(STARTER)


def recorded(
    folder: Path, voice: Synthesizer, stretch: int = 1, symbols: list[str] | None = None, speaker: str = "ann"
) -> tuple[int, ...]:
    """A store with what the voice says itself, each frame `stretch` times; returns its tokens."""
    spec = voice.voice.spec
    said = voice.speak(TEXT, speaker, emotion="neutral")
    mel = np.repeat(log_mel(said.wav, spec).T[: 2 * len(said.tokens)], stretch, axis=0).astype(np.float16)
    folder.mkdir()
    names = symbols or [name for name, _ in sorted(voice.voice.symbols.items(), key=lambda item: item[1])]
    writer = StoreWriter(folder, spec.hop, spec.n_mels, len(mel), spec.frames_per_second)
    wav = np.resize(said.wav, len(mel) * spec.hop)
    writer.put(0, mel, np.full(len(mel), 120, np.float32), wav)
    phones = said.phones if symbols is None else (symbols[-1],)
    row = Utterance("new-1", "new", "neutral", "emotional", "train", TEXT, "en", 0, len(mel), phones, ())
    writer.close([row], names, {"new": Baseline(120.0, -5.0, 0.1, -4.8)})
    return said.tokens


@pytest.mark.parametrize("stretch", [1, 2])
def test_the_voice_itself_gets_back_the_tokens_that_it_spoke(
    stretch: int, synthesizer: Synthesizer, voice_folder: Path, tmp_path: Path
) -> None:
    tokens = recorded(tmp_path / "features", synthesizer, stretch)
    (tmp_path / "out").mkdir()
    AlignTokens(str(voice_folder)).run({"features": tmp_path / "features"}, tmp_path / "out", Silent())
    found = np.load(tmp_path / "out" / "tokens.npy")
    expected = np.repeat(tokens, stretch)
    assert len(found) == len(expected)
    assert np.mean(found == expected) > (0.99 if stretch == 1 else 0.8)
    facts = json.loads((tmp_path / "out" / "facts.json").read_text())
    assert facts["codes"] == small.CODES
    assert json.loads((tmp_path / "out" / "durations.json").read_text()) == {}  # a guess is no phone time


def test_a_voice_that_knows_its_phone_times_tells_those_of_a_recording(starter: Synthesizer, tmp_path: Path) -> None:
    recorded(tmp_path / "features", starter, 2, speaker=next(iter(starter.voice.speakers)))
    (tmp_path / "out").mkdir()
    AlignTokens(str(STARTER)).run({"features": tmp_path / "features"}, tmp_path / "out", Silent())
    row = FeatureStore(tmp_path / "features").rows[0]
    found = json.loads((tmp_path / "out" / "durations.json").read_text())["new-1"]
    assert len(found) == len(row.phones) and sum(found) == row.frames
    saying = own_speech(starter, own_request(starter, row, {}))
    assert saying.places is not None
    own = 2 * np.bincount(saying.places, minlength=len(row.phones))
    assert np.abs(np.cumsum(found) - np.cumsum(own)).max() <= 5


def test_a_base_that_reads_otherwise_or_is_not_there_is_refused(
    synthesizer: Synthesizer, voice_folder: Path, tmp_path: Path
) -> None:
    recorded(tmp_path / "features", synthesizer, symbols=["_", "a"])
    with pytest.raises(InputError, match=r"features: symbols: got '2 phones of another table', expected the 76"):
        AlignTokens(str(voice_folder)).run({"features": tmp_path / "features"}, tmp_path, Silent())
    for stage in (KeepPart("gpt"), AlignTokens()):
        with pytest.raises(InputError, match=r"init: got None, expected a trained voice: init=VOICE"):
            stage.run({"features": tmp_path / "features"}, tmp_path, Silent())
    with pytest.raises(InputError, match="nowhere"):
        KeepPart("gpt", str(tmp_path / "nowhere")).lacks([])
    with pytest.raises(InputError, match=r"part: got 'head', expected gpt or speaker"):
        KeepPart("head")


def test_kept_parts_are_those_of_the_base(synthesizer: Synthesizer, voice_folder: Path, tmp_path: Path) -> None:
    recorded(tmp_path / "features", synthesizer)
    whole = read_weights(voice_folder)
    for part in ("gpt", "speaker"):
        (tmp_path / part).mkdir()
        KeepPart(part, str(voice_folder)).run({"features": tmp_path / "features"}, tmp_path / part, Silent())
        kept = read_weights(tmp_path / part / "bundle")
        assert kept.keys() == {key for key in whole if key.startswith(f"{part}/")}
        assert all((kept[key] == whole[key]).all() for key in kept)
    with np.load(tmp_path / "speaker" / "speakers.npz") as vectors:
        known = read_facts(voice_folder, "voice")["speakers"].values()
        assert any(
            np.allclose(vectors["new"], one["vector"]) for one in known
        )  # two speakers: too few for a new vector


def test_a_base_of_many_speakers_describes_a_new_one_itself(
    synthesizer: Synthesizer, voice_folder: Path, tmp_path: Path
) -> None:
    recorded(tmp_path / "features", synthesizer)
    facts = read_facts(voice_folder, "voice")
    many: dict[str, Any] = {"speakers": {"ann": facts["speakers"]["ann"]}, "taught": FEW}
    vectors = speaker_vectors(synthesizer.voice.encoder, FeatureStore(tmp_path / "features"), many)
    assert not np.allclose(vectors["new"], facts["speakers"]["ann"]["vector"])
    assert np.linalg.norm(vectors["new"]) == pytest.approx(1, abs=1e-5)
    with pytest.raises(InputError, match="bundle: taught: got 'many'"):
        speaker_vectors(synthesizer.voice.encoder, FeatureStore(tmp_path / "features"), {**many, "taught": "many"})


def test_a_base_of_many_speakers_says_a_text_as_who_was_recorded(synthesizer: Synthesizer, tmp_path: Path) -> None:
    recorded(tmp_path / "features", synthesizer)
    store = FeatureStore(tmp_path / "features")
    people = clips_of_speakers(store)
    clip = own_request(synthesizer, store.rows[0], people).speaker
    assert isinstance(clip, AudioArray)
    assert clip.sample_rate == synthesizer.voice.spec.sample_rate
    assert np.array_equal(clip.wav, store.wav(0))
    assert own_request(synthesizer, store.rows[0], {}).speaker == next(iter(synthesizer.voice.speakers))


def test_the_architecture_is_that_of_the_base(voice_folder: Path) -> None:
    config = composed("experiment=few_shot")
    node = {key: value for key, value in config.stages.sovits.items() if key not in ("_target_", "inputs")}
    from omegaconf import OmegaConf

    settings = OmegaConf.to_container(OmegaConf.create({**config, "stages": {"sovits": node}}), resolve=True)
    stage = TuneSovits(**{**settings["stages"]["sovits"], "init": str(voice_folder)})
    assert stage.model == read_facts(voice_folder, "voice")["models"]["sovits"]


def test_silences_of_a_recording_are_no_phones() -> None:
    """The starter voice's own saying, with a second of silence before and within, keeps its phones where they are."""
    with Synthesizer.load() as voice:
        request = Request("Hold on and wait for me.", "heart", emotion="neutral", seed=1)
        saying, pause = own_speech(voice, request), pause_token(voice, request)
        assert pause not in saying.tokens
        middle = int(np.argmin(saying.mel.mean(0)[20:60])) + 20
        silence = np.full((len(saying.mel), 50), saying.mel.min(), np.float32)
        recording = np.concatenate([silence, saying.mel[:, :middle], silence, saying.mel[:, middle:]], axis=1)
        found = laid_upon(saying, recording, pause).tokens
    assert (found[:50] == pause).all() and (found[55 + middle : 95 + middle] == pause).all()
    spoken = np.concatenate([found[50 : 50 + middle], found[100 + middle :]])
    loud = ~silences(saying.mel)
    assert loud.mean() > 0.7 and np.mean(spoken[loud] == saying.tokens[loud]) > 0.95


def test_a_voice_rehearses_what_it_says_itself(starter: Synthesizer, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    Rehearse(3, str(STARTER)).run({}, tmp_path / "out", Silent())
    cuts = list(read_cuts(tmp_path / "out"))
    emotions = list(starter.voice.emotions)
    assert [cut.supervisions[0].custom["emotion"] for cut in cuts] == emotions[:3]
    assert len({cut.supervisions[0].text for cut in cuts}) == 3
    for cut in cuts:
        spoken = cut.supervisions[0]
        phones = phones_of(cut)
        assert misplaced(phones, cut.duration) == ""
        speech = starter.speak(spoken.text, spoken.speaker, emotion=spoken.custom["emotion"])
        assert tuple(each.symbol for each in phones) == speech.phones
        np.testing.assert_allclose(audio_of(cut, speech.sample_rate), speech.wav, atol=1e-4)
    with pytest.raises(InputError, match=r"rehearsal.sentences: got 0, expected at least 1, or no rehearsal: stages"):
        Rehearse(0)
    with pytest.raises(InputError, match=r"rehearsal.emotions: got .*bored.*, expected some of angry, happy"):
        Rehearse(1, str(STARTER), ["bored"]).run({}, tmp_path, Silent())
    with pytest.raises(InputError, match="init: got None"):
        Rehearse(1).lacks([])
    with pytest.raises(InputError, match="nowhere"):
        Rehearse(1, str(tmp_path / "nowhere")).lacks([])
    (tmp_path / "polish").mkdir()
    facts = json.loads((STARTER / "bundle.json").read_text())
    facts["frontend"] = {"_target_": "sovits_lab.text.espeak_language.EspeakLanguageFrontend", "language": "pl"}
    (tmp_path / "polish" / "bundle.json").write_text(json.dumps(facts))
    with pytest.raises(InputError, match="rehearsal: got 'a base that reads pl', expected one that reads English"):
        Rehearse(1, str(tmp_path / "polish")).lacks([])


def test_own_speakers_keep_their_vectors(synthesizer: Synthesizer, voice_folder: Path, tmp_path: Path) -> None:
    recorded(tmp_path / "features", synthesizer)
    store = FeatureStore(tmp_path / "features")
    facts = read_facts(voice_folder, "voice")
    known = {"speakers": {"new": facts["speakers"]["ann"]}, "taught": FEW}
    vectors = speaker_vectors(synthesizer.voice.encoder, store, known)
    np.testing.assert_allclose(vectors["new"], facts["speakers"]["ann"]["vector"], rtol=1e-6)
