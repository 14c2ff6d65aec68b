"""Words as people type them: their own letters, brackets and apostrophes reach the configuration as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from hydra.errors import HydraException
from omegaconf import OmegaConf

from sovits_lab.pipeline.command_words import hydra_words
from sovits_lab.pipeline.composition import explain
from sovits_lab.pipeline.settings import register
from sovits_lab.types import InputError

CONF = Path(__file__).parents[2] / "conf"


def composed(*words: str) -> Any:
    register()
    with initialize_config_dir(version_base="1.3", config_dir=str(CONF)):
        config = compose("train", overrides=hydra_words(["experiment=own_voice", *words], CONF))
    return OmegaConf.to_container(config, resolve=False)


@pytest.mark.parametrize(
    "path",
    [
        "/数据/我的 列表.list", "café.list", "cafe\u0301/über.list", "Привет.list", "\U0001f600.list",
        "o'brien (copy)=1.list", "#13 & co.list", "C:\\Users\\me\\take 1.list", "it's\\", "a;b!c^d.list",
        "my 'own' list", "~/x.list", "100%.list", 'say "hi".list',
    ],
)  # fmt: skip
def test_a_path_of_any_letters_is_taken_as_it_is_typed(path: str) -> None:
    assert composed(f"corpus.root={path}")["corpus"]["root"] == path


def test_names_of_other_letters_stand_in_lists_and_mappings() -> None:
    config = composed(
        "corpus.splits.target=[安娜,bob]", "corpus.splits.test=[{emotion: 悲しい, take: 2}, {x: '가 나'}]"
    )
    splits = config["corpus"]["splits"]
    assert splits["target"] == ["安娜", "bob"]
    assert splits["test"] == [{"emotion": "悲しい", "take": 2}, {"x": "가 나"}]


def test_a_sweep_goes_over_names_of_other_letters() -> None:
    assert hydra_words(["-m", "corpus.root=a.list,录音.list"], CONF) == ["-m", "corpus.root=a.list,'录音.list'"]
    assert hydra_words(["corpus.root=a,录音.list"], CONF) == ["corpus.root='a,录音.list'"]


def test_words_that_hydra_takes_are_left_as_they_are() -> None:
    words = ["gpt=prefix_lm", "seed=1,2", "a.b=[1,2]", "x='q'", "-m", "--config-dir", "DIR", "~stages.judge", "seed="]
    assert hydra_words(words, CONF) == words


@pytest.mark.parametrize(
    "word",
    ["debug=true", "gpt=1", "corpus=nan", "+corpus=1.5", "logger=[1.5]", "judge=-3", "callbacks=[{every: 3}]",
     "logger={_target_: os.system}", "callbacks=[[media]]"],
)  # fmt: skip
def test_a_number_or_mapping_in_the_place_of_an_option_is_refused_with_the_options(word: str) -> None:
    with pytest.raises(InputError, match=r"^\w+: got '.*', expected one of \w+"):
        hydra_words([word], CONF)


@pytest.mark.parametrize("word", ["seed=[1", "corpus.keep={a: [安}", 'x=["a]'])
def test_a_list_without_an_end_is_refused(word: str) -> None:
    with pytest.raises(InputError, match="expected a list or a mapping"):
        hydra_words([word], CONF)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("corpus.root=a,b", "corpus.root: got 'a,b', expected one value: [a,b] as a list; \"corpus.root='a,b'\" where"),
        ("logger=[wandb,evil]", "logger: got 'evil', expected one of csv, mlflow"),
    ],
)
def test_what_hydra_refuses_itself_is_said_in_our_words(word: str, expected: str) -> None:
    register()
    words = ["experiment=own_voice", word]
    with pytest.raises(HydraException) as caught, initialize_config_dir(version_base="1.3", config_dir=str(CONF)):
        compose("train", overrides=hydra_words(words, CONF))
    assert expected in explain(caught.value, words, CONF, "train")
