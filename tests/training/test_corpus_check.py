"""A corpus that does not do for an experiment is refused once, before any compute, with all that is to be added."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from sovits_lab.corpora.hts import HtsCorpus
from sovits_lab.corpora.natural import NaturalCorpus
from sovits_lab.corpora.natural_japanese import NaturalJapaneseCorpus
from sovits_lab.pipeline.conf import CONF
from sovits_lab.text.espeak_language import OPTIONS
from sovits_lab.training.corpus_check import check_corpora
from sovits_lab.training.doctor_command import main
from tests.corpora.corpora import recording
from tests.pipeline.refusals import refusal as refusal_of


def refusal(*overrides: str) -> str:
    return refusal_of(*overrides, checks=[check_corpora])


def own_list(folder: Path, speakers: int, clips: int) -> Path:
    """A GPT-SoVITS list; every clip has a text of its own."""
    lines = []
    for speaker in range(speakers):
        for number in range(clips):
            path = recording(folder / f"voice{speaker}" / f"{number}.wav", seconds=0.9)
            lines.append(f"{path}|voice{speaker}|en|Clip {number}, {speaker}.\n")
    (folder / "my.list").write_text("".join(lines), encoding="utf-8")
    return folder / "my.list"


@pytest.mark.parametrize(("speakers", "clips"), [(1, 40), (2, 10), (3, 4)])
def test_own_recordings_pass_or_are_refused_once(tmp_path: Path, speakers: int, clips: int) -> None:
    root = f"corpus.root={own_list(tmp_path, speakers, clips)}"
    assert refusal("experiment=own_voice", root) == ""
    command = ["experiment=sad_transfer", "corpus=gpt_sovits_list", root]
    said = refusal(*command)
    assert "stage recogniser: no utterance of role judge in split train" in said and "\n" not in said
    (added,) = re.findall(r"; add (.+)$", said)
    for override in shlex.split(added):
        command = [each for each in command if each.partition("=")[0] != override.partition("=")[0]] + [override]
    assert refusal(*command) == ""


def test_everything_that_is_lacking_is_told_at_once(tmp_path: Path) -> None:
    root = f"corpus.root={own_list(tmp_path, 3, 6)}"
    said = refusal(
        "experiment=sad_transfer", "corpus=gpt_sovits_list", root, "test_set.roles=[target,emotional,heldout]",
        "test_set.emotions=[neutral,sad]",
    )  # fmt: skip
    for each in ("role judge in split train", "role target in split test", "role heldout", "emotion sad"):
        assert each in said
    assert "corpus.splits.judge=[voice0]" in said and "test_set.roles=[emotional]" in said
    assert "test_set.emotions=[neutral]" in said


def test_the_front_end_is_asked_about_every_language(tmp_path: Path) -> None:
    path = own_list(tmp_path, 1, 6)
    path.write_text(path.read_text().replace("|en|", "|zh|"))
    said = refusal("experiment=own_voice", f"corpus.root={path}", "frontend=english")
    assert "stage features: the front end english does not read 'zh'" in said
    assert "add frontend=multilingual" in said


@pytest.mark.parametrize("language", sorted(OPTIONS))
def test_a_language_that_espeak_reads_alone_is_told_its_front_end(tmp_path: Path, language: str) -> None:
    path = own_list(tmp_path, 1, 40)
    path.write_text(path.read_text().replace("|en|", f"|{language}|"))
    said = refusal("experiment=own_voice", f"corpus.root={path}")
    assert f"the front end multilingual does not read '{language}'; add frontend={OPTIONS[language]}" in said
    assert OmegaConf.load(CONF / "frontend" / f"{OPTIONS[language]}.yaml").language == language
    assert refusal("experiment=own_voice", f"corpus.root={path}", f"frontend={OPTIONS[language]}") == ""


@pytest.mark.parametrize("overrides", ["experiment=sad_transfer", "experiment=sad_transfer debug=smoke"])
def test_the_embedded_corpus_has_what_its_experiments_need(overrides: str) -> None:
    assert refusal(*overrides.split()) == ""
    said = refusal(*overrides.split(), "corpus.roles.judge.speakers=0", "corpus.roles.judge.test_speakers=0")
    assert "stage recogniser: no utterance of role judge" in said


VOICED = ["sad_transfer_hts", "sad_transfer_natural", "sad_transfer_natural_ja", "starter_voice"]


@pytest.mark.parametrize("experiment", VOICED)
def test_corpora_that_voices_speak_have_what_their_experiments_need(
    experiment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for corpus in (HtsCorpus, NaturalCorpus, NaturalJapaneseCorpus):
        monkeypatch.setattr(corpus, "check_voices", lambda self: None)  # the plan is read, nobody speaks
    root = [f"corpus.root={tmp_path}"] if experiment == "sad_transfer_hts" else []
    assert refusal(f"experiment={experiment}", *root) == ""


@pytest.mark.parametrize("experiment", ["own_voice", "sad_transfer_nemo", "sad_transfer_hts"])
def test_the_content_that_a_collapsed_one_advises_is_taken(experiment: str, tmp_path: Path) -> None:
    assert refusal_of(f"experiment={experiment}", f"corpus.root={tmp_path}", "content=whisper") == ""


def test_unusable_recordings_count_for_nothing(tmp_path: Path) -> None:
    path = own_list(tmp_path, 1, 3)
    for clip in tmp_path.glob("*/*.wav"):
        clip.unlink()
    said = refusal("experiment=own_voice", f"corpus.root={path}")
    assert "no usable row of 3" in said and "missing" in said


def test_the_doctor_knows_the_experiment(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = f"corpus.root={own_list(tmp_path, 2, 10)}"
    assert main(["experiment=sad_transfer", "corpus=gpt_sovits_list", root]) == 1
    shown = capsys.readouterr().out
    assert "20 of 20 rows are usable" in shown
    assert "no utterance of role judge in split train; add corpus.splits.judge=[voice0]" in shown
    assert main(["experiment=sad_transfer", "corpus=gpt_sovits_list", root, "corpus.splits.judge=[voice0]"]) == 0
    assert "add" not in capsys.readouterr().out


def test_an_own_voice_and_acted_emotions_in_one_run(tmp_path: Path) -> None:
    root = own_list(tmp_path / "mine", 1, 8)
    root.write_text(root.read_text().replace("voice0|", "me|"))
    for actor in range(1, 6):
        for emotion in ("01", "03", "04", "05"):
            for take in ("01", "02"):
                recording(tmp_path / "acted" / f"03-01-{emotion}-01-01-{take}-{actor:02d}.wav", seconds=0.9)
    acted, mine = "corpus.corpora.acted", "corpus.corpora.mine"
    command = [
        "experiment=sad_transfer", "corpus=combined", f"+corpus@{acted}=ravdess", f"{acted}.root={tmp_path / 'acted'}",
        f"+corpus@{mine}=gpt_sovits_list", f"{mine}.root={root}", f"{mine}.splits.target=[me]",
        f"{acted}.splits.target=[]", f"{acted}.splits.judge=[actor04]", f"{acted}.splits.heldout=[actor05]",
    ]  # fmt: skip
    assert refusal(*command) == ""
    assert "stage recogniser: no utterance of role judge" in refusal(*command, f"{acted}.splits.judge=[]")
