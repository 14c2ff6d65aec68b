"""Every two options of the configuration together, in every experiment: they fit, or one line says why not."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from sovits_lab.pipeline.plan import make_plan
from sovits_lab.pipeline.validation import check_stage
from sovits_lab.types import InputError
from tests.compositions import PLAN, Options, Row, models_remembered, pairs
from tests.test_configs import CONF, EXPERIMENTS, FOR_TRAINING, check_once, composed

# What is refused for other reasons, or starts processes: launchers, loggers of packages that are not here, sizes.
APART = ("logger", "debug", "shrink", "sweep", "paths", "trainer", "judge", "shards", "callbacks", "benchmarks")


def groups() -> dict[str, list[str]]:
    """Group -> its options."""
    found: dict[str, list[str]] = {}
    for option in FOR_TRAINING:
        group, _, name = option.partition("=")
        if group not in APART:
            found.setdefault(group, []).append(name)
    return found


def filled(overrides: list[str]) -> DictConfig:
    """The composed configuration; required values are filled where every interpolation leads somewhere."""
    try:
        return composed(*overrides)
    except OmegaConfBaseException:
        with initialize_config_dir(str(CONF), version_base="1.3"):
            return compose("train", overrides=overrides)


def walk(experiment: str, row: Row) -> list[str]:
    """What the user would read of each stage that does not fit; anything but an `InputError` fails the test."""
    overrides = [f"experiment={experiment}", *(f"{group}={name}" for group, name in row.items())]
    try:
        plan = make_plan(filled(overrides))
    except InputError as error:
        return [str(error)]
    said = []
    for name, spec in plan.stages.items():
        try:
            check_once(name, spec, plan.raw)
        except InputError as error:
            said.append(str(error))
    return said


# The released family where it is used, and where it does not fit; then a few rows by chance.
RELEASED: Row = {"sovits": "v2pro_tiny", "gpt": "s1_v2_tiny"}
SAMPLED = [
    ("sad_transfer", {**RELEASED, "audio": "32k"}, ""),
    ("sad_transfer", RELEASED, "audio for VitsSynthesizer: got '16000 Hz, hop 320', expected 32000 Hz, hop 640: add"),
    ("sad_transfer_labels", {**RELEASED, "audio": "32k", "reference": "gst_small"}, ""),
    ("sad_transfer_everywhere", {"sovits": "v2_tiny", "audio": "32k", "fusion": "sum"}, ""),
    ("starter_voice", {"emotion": "both"}, "reference: got None, expected a ReferenceEncoder: "),
    ("sad_transfer_adapters", {"stages": "steering"}, "expected shifts or erasing, which can be measured: adapters="),
    ("released_emotion_steering", {"audio": "16k"}, "audio for SovitsAdapters: got '16000 Hz, hop 320', expected "),
]


@pytest.mark.parametrize(("experiment", "row", "message"), SAMPLED)
def test_released_options_fit_or_are_refused(experiment: str, row: Row, message: str) -> None:
    said = walk(experiment, row)
    assert bool(said) == bool(message) and all(message in line and "\n" not in line for line in said), said


@pytest.mark.parametrize("number", range(3))
def test_options_by_chance_fit_or_are_refused_in_one_line(number: int) -> None:
    draw = random.Random(number)
    row = {group: draw.choice(names) for group, names in groups().items()}
    row |= {"gpt": "s1_v2_tiny" if row["gpt"].startswith("s1") else "prefix_lm_tiny"}
    row |= {"sovits": f"{row['sovits']}_tiny"} if row["sovits"] in ("v2", "v2pro", "conv") else {}
    for line in walk(EXPERIMENTS[number % len(EXPERIMENTS)], row):
        assert "\n" not in line and line, line


# Most full rows are refused for one of their options, which hides what the others do: so options alone, and by twos.
@pytest.mark.parametrize("number", range(6))
def test_two_options_fit_or_are_refused_in_one_line(number: int) -> None:
    draw, options = random.Random(100 + number), groups()
    row = {group: draw.choice(options[group]) for group in draw.sample(sorted(options), 2)}
    for line in walk(draw.choice(EXPERIMENTS), row):
        assert "\n" not in line and line, line


# The pairs that are put together, held against the same pairs as Hydra composes them and as a run looks at them.
BASE = "sad_transfer"
HELD: list[tuple[str, Row]] = [
    (BASE, {"reference": "gst_small", "fusion": "sum"}),
    (BASE, {"corpus": "esd", "frontend": "english"}),
    (BASE, {"stages": "tts_self_judged", "disentangle": "vclub"}),
    (BASE, {"stages": "steering", "disentangle": "cross_speaker"}),  # speaks of a stage that is not there
    ("sad_transfer_labels", {"emotion": "reference", "reference": "vae_small"}),
]


@pytest.mark.parametrize(("experiment", "row"), HELD)
def test_a_pair_put_together_is_what_hydra_composes(experiment: str, row: Row) -> None:
    hold(Options(experiment), row)


def hold(options: Options, row: Row) -> None:
    """Compare the parts and the verdicts of a row with those of the whole composition.

    A plan may be refused for several reasons, of which each names the first that it comes to.
    """
    ours, theirs = ({name: json.loads(one.text) for name, one in parts.items()}
                    for parts in (options.parts(row), options.composed(row)))  # fmt: skip
    assert ours == theirs
    verdicts, walked = options.verdicts(row), walk(options.experiment, row)
    if verdicts[PLAN]:
        assert len(walked) == len(verdicts[PLAN]) == 1
    else:
        assert sorted(line for lines in verdicts.values() for line in lines) == sorted(walked)


def test_a_fault_of_two_options_together_is_found_and_no_stage_is_looked_at_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A fault is planted that only one encoder with one fusion shows."""
    built: list[str] = []

    def check(name: str, node: Mapping[str, Any], *rest: Any) -> None:
        text = json.dumps(node, sort_keys=True, default=str)
        assert (name, text) not in built
        built.append((name, text))
        if name == "gpt" and "GstReference" in text and "FilmFusion" in text:
            raise KeyError("planted")

    monkeypatch.setattr("tests.test_configs.check_stage", check)
    monkeypatch.setattr("tests.test_configs.FITTING", set())
    few = {"reference": ["gst_small", "mel_style"], "fusion": ["film", "sum"], "corpus": ["esd"], "head": ["vocos"]}
    found = Options(BASE).walk(pairs(few)).faults
    assert [(row, stage) for row, stage, _ in found] == [({"fusion": "film", "reference": "gst_small"}, "stages.gpt")]
    assert "planted" in found[0][2]


def test_models_that_are_remembered_change_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    def verdicts(row: Row) -> dict[str, list[str]]:
        monkeypatch.setattr("tests.test_configs.FITTING", set())
        return Options(BASE).verdicts(row)

    wrong: Row = {"sovits": "v2pro_tiny"}  # at another rate
    with models_remembered():
        assert not any(verdicts({}).values()), "an experiment fits as it stands"
        first, again = verdicts(wrong), verdicts(wrong)
    assert first == again == verdicts(wrong)
    assert "expected 32000 Hz" in first["stages.sovits"][0]


SEEN: dict[Any, list[str]] = {}  # by one process


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_every_two_options_fit_or_are_refused_in_one_line(experiment: str) -> None:
    """And every option alone; `-s` shows how many were looked at."""
    known, options = groups(), Options(experiment, SEEN)
    alone = [{group: name} for group, names in known.items() for name in names]
    with models_remembered():
        assert not any(options.verdicts({}).values()), "what refuses the experiment itself would hide all else"
        walked = options.walk([*alone, *pairs(known)])
    print(f"{experiment}: {walked.rows} rows, {walked.refused} refused, {len(walked.faults)} faults", flush=True)
    assert walked.faults == []
    draw = random.Random(experiment)
    for row in draw.sample(list(pairs(known)), 3):
        hold(options, row)


def test_a_model_of_the_other_kind_is_refused_with_what_fits() -> None:
    plan = make_plan(composed("experiment=sad_transfer", "debug=smoke", "stages.gpt.model=${sovits}"))
    with pytest.raises(InputError, match=r"gpt: got SoVits, expected a semantic model: .*any option of gpt= fits") as e:
        check_stage("gpt", plan.stages["gpt"].node, plan.raw, plan.stages["gpt"].runtime)
    assert "\n" not in str(e.value)
