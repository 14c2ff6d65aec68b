"""Judges on trial: what was planted in vectors must come out of the triplets and of the words against the tone."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import soundfile

from evaluation.real_speech.clips import LabelledClip
from evaluation.report.template import render
from evaluation.style.baselines import Absent, Encoder
from evaluation.style.distance import compress_vectors, distances_of
from evaluation.style.vectors import ClipLabels, make_labels
from evaluation.validity.incongruent import speak_incongruent, try_incongruent
from evaluation.validity.judge_trial import choose_clips, main, try_anchored, try_judges, write_verdicts
from evaluation.validity.triplets import try_triplets
from sovits_lab.types import InputError

EMOTIONS, WORDS = ("neutral", "sad", "happy"), ("neutral", "sad", "happy")


def labels() -> ClipLabels:
    cells = list(product([f"v{i}" for i in range(6)], EMOTIONS, [f"t{i}" for i in range(4)]))
    return make_labels(
        len(cells), speaker=[c[0] for c in cells], emotion=[c[1] for c in cells], text=[c[2] for c in cells]
    )


def distances(*weights: tuple[str, float]) -> np.ndarray:
    """Distance of one-hot codes of some factors, with their weights and a little noise."""
    made, rng = labels(), np.random.default_rng(0)
    total = rng.uniform(0, 0.01, (len(made), len(made)))
    for name, weight in weights:
        column = getattr(made, name)
        total += weight * (column[:, None] != column)
    return (total + total.T) / 2


def shares(*weights: tuple[str, float]) -> dict[str, float]:
    return {one.shared: one.share for one in try_triplets(distances(*weights), labels())}


def test_who_hears_emotion_alone_passes_all_triplets() -> None:
    assert all(share == 1.0 for share in shares(("emotion", 1.0)).values())


def test_who_follows_the_voice_fails_where_the_voice_is_shared() -> None:
    found = shares(("speaker", 1.0), ("emotion", 0.2))
    assert found["nothing"] == found["the words"] == 1.0
    assert found["the voice"] == found["voice and words"] == 0.0


def test_who_follows_the_words_fails_where_the_words_are_shared() -> None:
    found = shares(("text", 1.0), ("emotion", 0.2))
    assert found["nothing"] == found["the voice"] == 1.0
    assert found["the words"] == found["voice and words"] == 0.0


def test_who_hears_nothing_is_at_chance() -> None:
    for one in try_triplets(distances(), labels()):
        assert one.share == pytest.approx(0.5, abs=0.06)
        assert one.verdict in ("not shown", "hears emotion", "misled")
        assert one.low < one.share < one.high


def test_a_small_emotion_beside_a_loud_voice_is_heard_from_the_own_neutral() -> None:
    """And nothing is heard where nothing was planted, though the zero is the mean of four clips."""
    made, rng = labels(), np.random.default_rng(3)
    voices = 5 * rng.normal(size=(6, 12))[np.unique(made.speaker, return_inverse=True)[1]]
    tones = rng.normal(size=(3, 12))[np.unique(made.emotion, return_inverse=True)[1]]
    noise = 0.3 * rng.normal(size=(len(made), 12))
    assert try_triplets(distances_of(compress_vectors(voices + tones + noise)), made)[-1].verdict == "misled"
    assert [one.verdict for one in try_anchored(voices + tones + noise, made)] == ["hears emotion"] * 4
    assert all(one.verdict != "hears emotion" for one in try_anchored(voices + noise, made)[1::2])
    other = make_labels(len(made), speaker=made.speaker, emotion=made.text)
    assert all("no such triplets" in one.note for one in try_anchored(voices, other)), "nobody is neutral"


def test_triplets_that_do_not_exist_are_said_so() -> None:
    cells = make_labels(4, speaker=["a", "a", "b", "b"], emotion=["x", "y", "x", "y"], text=["t"] * 4)
    assert all("no such triplets" in one.note for one in try_triplets(np.zeros((4, 4)), cells))


def clips() -> list[LabelledClip]:
    cells = product([f"v{i}" for i in range(5)], EMOTIONS, [(w, n) for w in WORDS for n in range(3)])
    return [LabelledClip(Path("x"), v, tone, f"{w}{n}", take=w) for v, tone, (w, n) in cells]


def code(names: list[str], kinds: tuple[str, ...]) -> np.ndarray:
    return np.array([[float(name == kind) for kind in kinds] for name in names])


def test_a_judge_of_the_tone_keeps_to_it_and_a_reader_of_words_is_found_out() -> None:
    spoken, rng = clips(), np.random.default_rng(1)
    tone = code([c.emotion for c in spoken], EMOTIONS)
    words = code([c.take if c.take != "neutral" else c.emotion for c in spoken], EMOTIONS)
    good = try_incongruent(tone + rng.normal(0, 0.05, tone.shape), spoken)
    bad = try_incongruent(words + 0.3 * tone + rng.normal(0, 0.05, tone.shape), spoken)
    assert good.verdict == "keeps to the tone"
    assert good.incongruent.estimate == 1.0
    assert bad.verdict == "follows the words"
    assert bad.to_words > 0.9
    assert bad.neutral.estimate > 0.9


def test_the_embedded_voices_speak_every_sentence_in_every_tone(tmp_path: Path) -> None:
    made = speak_incongruent(tmp_path, ["m1"])
    assert len(made) == 14 * 4
    assert all(one.path.is_file() for one in made)
    stamp = made[0].path.stat().st_mtime_ns
    speak_incongruent(tmp_path, ["m1"])
    assert made[0].path.stat().st_mtime_ns == stamp


def test_judges_are_tried_and_told_on_one_page(tmp_path: Path) -> None:
    rng, spoken = np.random.default_rng(2), []
    for number, one in enumerate(clips()):
        path = tmp_path / f"{number}.wav"
        pitch = 100 * (1 + EMOTIONS.index(one.emotion))
        wav = 0.2 * np.sin(np.arange(8000) * pitch / 16000 * 2 * np.pi) + rng.normal(0, 0.001, 8000)
        soundfile.write(path, wav, 16000)
        spoken.append(LabelledClip(path, one.speaker, one.emotion, one.text, take=one.take))

    def pitch_of(wav: np.ndarray) -> np.ndarray:
        return np.eye(8)[min(7, int(np.abs(np.fft.rfft(wav)).argmax() / len(wav) * 160))]

    judges = [Encoder("pitch", "1", pitch_of), Absent("large model", "its weights are not here")]
    said: list[str] = []
    verdicts, absent = try_judges(judges, spoken, spoken, tmp_path / "vectors", said.append)
    page = write_verdicts(verdicts, absent, tmp_path, "tones")
    assert [one.share for one in verdicts[0].triplets] == [1.0] * 4
    assert absent == ["large model: its weights are not here"]
    assert "hears emotion" in page.read_text(encoding="utf-8")
    assert (
        json.loads((tmp_path / "judges.json").read_text(encoding="utf-8"))["judges"][0]["verdict"]
        == "keeps to the tone"
    )
    again, _ = try_judges(judges[:1], spoken, spoken, tmp_path / "vectors", said.append)
    assert again == verdicts


def test_clips_are_chosen_evenly_and_few_voices_are_refused() -> None:
    chosen = choose_clips(clips(), 45)
    assert len({(c.speaker, c.emotion, c.text) for c in chosen}) == 45
    with pytest.raises(InputError, match="voices of the corpus"):
        choose_clips([c for c in clips() if c.speaker == "v0"], 4)


def test_help_and_an_empty_page(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert "python -m evaluation judges" in capsys.readouterr().out
    assert "Not tried" not in render("judges.html", {"about": "nothing", "judges": [], "absent": []})
