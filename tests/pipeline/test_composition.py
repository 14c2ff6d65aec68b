"""What Hydra refuses is said in one line, with status 2."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.errors import HydraException

from sovits_lab.pipeline.composition import explain, without_groups
from sovits_lab.pipeline.plan import make_plan
from sovits_lab.pipeline.settings import register
from sovits_lab.types import InputError

CONF = Path(__file__).parents[2] / "conf"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["stages.gpt.optimisation.stepz=3"], "stages.gpt.optimisation.stepz: got '3', expected one of steps"),
        (
            ["stages.content.optimisation.steps=3"],
            "optimisation.steps: got '3', expected content.optimisation.steps=3: stages.content is taken from content",
        ),
        (["trainr.threads=3"], "did you mean 'trainer'?"),
        (["gpt=prefixlm"], "gpt: got 'prefixlm', expected one of "),
        (["seed=abc"], "seed: got 'abc', expected a value of type integer"),
        (["seed=[1"], "'[1'"),
        (
            ["debug=smoke", "~stages"],
            "stages: got 'null', expected an option of it, which debug= is chosen by; or debug=null",
        ),
        (
            ["debug=smoke", "corpus.root=my.list", "corpus.audio=wavs"],
            "emotions, jitter, roles; debug=smoke takes corpus=toy_tiny: name corpus=... for another",
        ),
        (["sad_transfer"], "word of the command line: got 'sad_transfer', expected key=value or group=option"),
    ],
)
def test_a_refusal_of_hydra_is_one_line(words: list[str], expected: str) -> None:
    register()
    overrides = ["experiment=sad_transfer", *words]
    with pytest.raises(HydraException) as caught, initialize_config_dir(version_base="1.3", config_dir=str(CONF)):
        compose("train", overrides=overrides)
    line = explain(caught.value, overrides, CONF, "train")
    assert expected in line
    assert "\n" not in line


def test_the_command_says_it_with_status_2() -> None:
    command = [sys.executable, "train.py", "experiment=sad_transfr"]
    done = subprocess.run(command, cwd=CONF.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("error: experiment: got 'sad_transfr', expected one of ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "word",
    ["seed=-1", "name=../../..", "name=/etc", "name=stages", "trainer.threads=-4", "trainer.workers=-1",
     "trainer.timeout=-1", "trainer.precision=fp7", "trainer.accelerator=tpu9", "trainer.strategy=evil",
     "trainer.parallel=-1", "trainer.cores=0", "trainer.log_every=0"],
)  # fmt: skip
def test_settings_out_of_range_are_refused_before_compute(word: str) -> None:
    register()
    with initialize_config_dir(version_base="1.3", config_dir=str(CONF)):
        config = compose("train", overrides=["experiment=sad_transfer", word])
    with pytest.raises(InputError, match=word.partition("=")[0]):
        make_plan(config)


def test_a_group_is_left_out_by_null() -> None:
    words = ["experiment=finetune_v2pro", "discriminator=null", "debug=null", "init=null", "a.b=null", "-m"]
    meant = ["experiment=finetune_v2pro", "~discriminator", "init=null", "a.b=null", "-m"]
    assert without_groups(words, CONF) == meant
    with initialize_config_dir(version_base="1.3", config_dir=str(CONF)):
        assert compose("train", overrides=meant[:2]).discriminator is None
