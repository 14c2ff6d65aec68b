"""Error rates, normalisers, and what became of single words."""

from __future__ import annotations

import pytest

from evaluation.intelligibility.conformance import check_normalisers
from evaluation.intelligibility.errors import count_errors
from evaluation.intelligibility.words import WordScorer, count_slips
from evaluation.judges.contract import WordRecogniser
from evaluation.scoring.judge_card import JudgeCard
from evaluation.scoring.normalisers import NORMALISERS
from evaluation.suite.score_samples import score_samples
from evaluation.suite.stage import ScoreRun  # noqa: F401  the stage and the suite import without a cycle
from sovits_lab.reporting import Silent
from sovits_lab.types import InputError
from tests.evaluation.voices import run_folder


def test_edit_operations_are_told_apart():
    found = count_errors(["a", "b", "c", "d"], ["a", "x", "c", "d", "e"])
    assert (found.substitutions, found.deletions, found.insertions, found.rate) == (1, 0, 1, 0.5)
    assert count_errors(["a", "b"], []).rate == 1.0
    assert count_errors(["a"], ["a", "b", "c"]).rate == 2.0
    with pytest.raises(InputError, match="at least one symbol"):
        count_errors([], ["a"])


def test_our_normaliser_forgives_every_perfect_transcript():
    """The conformance table: whatever is not 0 is the normaliser's own error."""
    for row in check_normalisers():
        assert row["lab"] == 0, row
    assert any(row["strict"] > 0 for row in check_normalisers())
    assert any(row["whisper"] > 0 for row in check_normalisers())


@pytest.mark.parametrize("text", ["Don’t", "1,200 cafés – 3 %", "今天是3月。", "", "!!!"])
def test_normalising_twice_changes_nothing(text):
    for one in NORMALISERS.values():
        once = one.read(text, "zh" if "今" in text else "en")
        assert one.read(once, "zh" if "今" in text else "en") == once or one.name == "whisper"


def test_languages_without_spaces_count_characters():
    assert NORMALISERS["lab"].units("今天 是三月。", "zh") == list("今天是三月")
    assert NORMALISERS["lab"].units("It's fine.", "en") == ["it's", "fine"]
    written, heard = "会议改到了2楼的房间。", "會議改到了二樓的房間"
    assert NORMALISERS["lab"].units(written, "zh") == NORMALISERS["lab"].units(heard, "zh"), (
        "a recogniser writes traditional characters for simplified ones"
    )
    assert NORMALISERS["lab"].units("會議", "ja") == ["會", "議"]


def test_swallowed_repeated_and_leaked_words():
    reference = ["the", "old", "clock", "stopped", "before", "midnight"]
    assert count_slips(reference, [reference[0], *reference[2:]]) == (1, 0, 0)
    assert count_slips(reference, [*reference[:2], *reference[1:]]) == (0, 1, 0)
    assert count_slips(reference, ["hello", "friend", *reference], ["hello", "friend"]) == (0, 0, 2)
    assert count_slips(reference, []) == (6, 0, 0)


class Parrot(WordRecogniser):
    """Hears one fixed sentence in everything."""

    languages = ("en",)

    def __init__(self, text: str) -> None:
        self.text = text
        self.calls = 0
        self.card = JudgeCard(name="parrot", version="1", construct="intelligibility", rate=16000)

    def transcribe(self, wavs, language):
        self.calls += len(wavs)
        return [self.text for _ in wavs]


class Fake(WordRecogniser):
    """A recogniser by its name alone."""

    def __init__(self, name: str) -> None:
        self.card = JudgeCard(name=name, version="1", construct="intelligibility", rate=16000)

    def transcribe(self, wavs, language: str) -> list[str]:
        return ["" for _ in wavs]


def test_word_scorer_scores_caches_and_respects_languages(tmp_path):
    from evaluation.scoring.cache import RowCache
    from evaluation.scoring.samples import read_samples
    from evaluation.suite.run_estimates import find_figure

    samples = read_samples(run_folder(tmp_path / "s") / "samples.jsonl")
    parrot = Parrot("one two!")
    first = score_samples(samples, [WordScorer(parrot)], tmp_path / "o", Silent(), cache=RowCache(tmp_path / "c.jsonl"))
    heard = parrot.calls
    assert heard > 0
    found = find_figure(first["figures"], "wer.lab.parrot")
    assert found["value"] == pytest.approx(0.75)
    assert found["truth"] == pytest.approx(0.75)
    assert find_figure(first["figures"], "wer.strict.parrot")["value"] > found["value"]
    assert find_figure(first["figures"], "catastrophic.parrot")["value"] == pytest.approx(0.75)
    again = score_samples(samples, [WordScorer(parrot)], tmp_path / "o", Silent(), cache=RowCache(tmp_path / "c.jsonl"))
    assert parrot.calls == heard, "the second run is served from the cache"
    assert again["figures"] == first["figures"]
    foreign = [type(one)(**{**vars(one), "language": "zh"}) for one in samples]
    silent = score_samples(foreign, [WordScorer(parrot)], tmp_path / "o2", Silent())
    assert parrot.calls == heard
    assert find_figure(silent["figures"], "wer.lab.parrot") is None


def test_a_cut_line_of_the_cache_is_ignored(tmp_path):
    from evaluation.scoring.cache import RowCache
    from evaluation.scoring.measurements import Measurement

    cache = RowCache(tmp_path / "c.jsonl")
    cache.keep("a", [Measurement("x", "wer", 0.5, "j")])
    cache.keep("b", [Measurement("y", "wer", 0.5, "j")])
    whole = (tmp_path / "c.jsonl").read_bytes()
    (tmp_path / "c.jsonl").write_bytes(whole[:-5])
    again = RowCache(tmp_path / "c.jsonl")
    assert again.rows("a") == [Measurement("x", "wer", 0.5, "j")]
    assert again.rows("b") is None
    again.keep("b", [])
    assert RowCache(tmp_path / "c.jsonl").rows("b") == []


def test_words_are_judged_by_default_where_weights_are(monkeypatch):
    """Whisper base where it is on this machine; elsewhere nobody, and a line that says so."""
    from evaluation.suite import primary_judges
    from evaluation.suite.command import build_scorers, compose_config

    monkeypatch.setattr(primary_judges, "FasterWhisper", lambda name, languages, beam: Fake(name))
    monkeypatch.setattr(primary_judges, "present", lambda name: name == "whisper-base")
    node = {"words": compose_config([])["judges"]["words"]}
    (scorer,) = build_scorers(node)
    assert scorer.card.name == "whisper-base"
    monkeypatch.setattr(primary_judges, "present", lambda name: False)
    (scorer,) = build_scorers(node)
    assert scorer.prepare([], None).startswith("Words were not judged: no weights whisper-base")
