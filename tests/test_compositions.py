"""Every two options of the configuration together, in every experiment: they fit, or one line says why not."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from sovits_lab.pipeline.plan import make_plan
from sovits_lab.pipeline.validation import check_stage
from sovits_lab.types import InputError
from tests.test_configs import CONF, EXPERIMENTS, FOR_TRAINING, check_once, composed

Row = dict[str, str]  # group -> option
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


def covering(options: dict[str, list[str]], seed: int = 0) -> Iterator[Row]:
    """Rows in which every two options of different groups stand together at least once (greedy)."""
    draw = random.Random(seed)
    open_pairs = {
        ((a, x), (b, y)) for a, b in itertools.combinations(sorted(options), 2) for x in options[a] for y in options[b]
    }
    while open_pairs:
        first, second = min(open_pairs)
        row = dict([first, second])
        for group in sorted(options, key=lambda _: draw.random()):
            if group not in row:
                row[group] = max(options[group], key=lambda name: (_new(open_pairs, row, group, name), draw.random()))
        open_pairs -= set(itertools.combinations(sorted(row.items()), 2))
        yield row


def _new(open_pairs: set[tuple[tuple[str, str], tuple[str, str]]], row: Row, group: str, name: str) -> int:
    return sum(tuple(sorted([(group, name), chosen])) in open_pairs for chosen in row.items())


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


def test_the_rows_cover_every_pair() -> None:
    options = {"a": ["1", "2"], "b": ["1", "2", "3"], "c": ["1"], "d": ["1", "2"]}
    rows = list(covering(options))
    met = {pair for row in rows for pair in itertools.combinations(sorted(row.items()), 2)}
    assert len(met) == 2 * 3 + 2 * 1 + 2 * 2 + 3 * 1 + 3 * 2 + 1 * 2 and len(rows) < 12


# The released family where it is used, and where it does not fit; then a few rows by chance.
RELEASED: Row = {"sovits": "v2pro_tiny", "gpt": "s1_v2_tiny"}
SAMPLED = [
    ("sad_transfer", {**RELEASED, "audio": "32k"}, ""),
    ("sad_transfer", RELEASED, "audio for VitsSynthesizer: got '16000 Hz, hop 320', expected 32000 Hz, hop 640: add"),
    ("sad_transfer_labels", {**RELEASED, "audio": "32k", "reference": "gst_small"}, ""),
    ("sad_transfer_everywhere", {"sovits": "v2_tiny", "audio": "32k", "fusion": "sum"}, ""),
    ("starter_voice", {"emotion": "both"}, "reference: got None, expected a ReferenceEncoder: "),
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


@pytest.mark.slow
@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_every_option_fits_or_is_refused_in_one_line(experiment: str) -> None:
    for group, names in groups().items():
        for name in names:
            for line in walk(experiment, {group: name}):
                assert "\n" not in line and line, (group, name, line)


@pytest.mark.slow
@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_every_two_options_fit_or_are_refused_in_one_line(experiment: str) -> None:
    for row in covering(groups()):
        for line in walk(experiment, row):
            assert "\n" not in line and line, (row, line)


def test_a_model_of_the_other_kind_is_refused_with_what_fits() -> None:
    plan = make_plan(composed("experiment=sad_transfer", "debug=smoke", "stages.gpt.model=${sovits}"))
    with pytest.raises(InputError, match=r"gpt: got SoVits, expected a semantic model: .*any option of gpt= fits") as e:
        check_stage("gpt", plan.stages["gpt"].node, plan.raw, plan.stages["gpt"].runtime)
    assert "\n" not in str(e.value)
