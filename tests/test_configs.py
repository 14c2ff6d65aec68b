"""Every configuration composes, fits the constructors it names, and has no key that nothing reads."""

from __future__ import annotations

import ast
import copy
import inspect
import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf, open_dict

from sovits_lab.losses.regulariser import Regulariser
from sovits_lab.pipeline.plan import StageSpec, make_plan
from sovits_lab.pipeline.settings import (
    Objective,
    Paths,
    Runtime,
    SweepSettings,
    TrainConfig,
    TrainerSettings,
    Watch,
    register,
)
from sovits_lab.pipeline.validation import check_node, check_stage, locate
from sovits_lab.pipeline.value_checks import MARKERS
from sovits_lab.serving.dispatcher import LoadPolicy
from sovits_lab.serving.queue import QueueLimits
from sovits_lab.serving.settings import HttpSettings, RequestLimits

ROOT = Path(__file__).parents[1]
CONF = ROOT / "conf"
EXPERIMENTS = sorted(path.stem for path in (CONF / "experiment").glob("*.yaml"))
OPTIONS = sorted(
    f"{path.parent.relative_to(CONF)}={path.stem}"
    for path in CONF.glob("*/**/*.yaml")
    if path.parent.name not in ("experiment", "shrink") and CONF / "hydra" not in path.parents
)
BASE = "sad_transfer"
ENTRIES = sorted(path.stem for path in CONF.glob("*.yaml"))
# Keys that the runner itself reads, at the top level.
RUNNERS = ("name", "seed", "until", "stages", "publish", "in_full", "paths", "trainer", "logger", "sweep")
LINK = re.compile(r"\$\{([\w.]+)\}")


@cache
def _composed(*overrides: str) -> DictConfig:
    """What Hydra makes of a command line, with what it chose; only to be read."""
    register()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose("train", overrides=list(overrides), return_hydra_config=True)


def composed(*overrides: str) -> DictConfig:
    """The configuration of a command line, with a word in place of every required value."""
    config = copy.deepcopy(_composed(*overrides))
    with open_dict(config):
        del config["hydra"]
    for key, value in leaves(OmegaConf.to_container(config, resolve=False)):  # missing_keys takes thrice as long
        if value == "???":
            OmegaConf.update(config, key, "required")
    return config


FITTING: set[str] = set()  # stages that fit, as text: compositions share most of theirs, and each is looked at once


def check_once(name: str, spec: StageSpec, raw: Mapping[str, Any]) -> None:
    """Raise an InputError for a stage that does not fit; of one that was seen to fit in another composition, nothing
    is done."""
    stage = json.dumps([name, spec.node, spec.runtime], sort_keys=True, default=str)
    if stage not in FITTING:
        check_stage(name, spec.node, raw, spec.runtime)
        FITTING.add(stage)


def check(config: DictConfig) -> None:
    plan = make_plan(config)
    assert plan.stages, "an experiment has stages"
    for name, node in plan.config["logger"].items():
        check_node(node, f"logger.{name}")
    for name, spec in plan.stages.items():
        check_once(name, spec, plan.raw)


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Path and value of every scalar."""
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from leaves(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list) and value:
        for index, inner in enumerate(value):
            yield from leaves(inner, f"{path}.{index}")
    else:
        yield path, value


def absolute(link: str, path: str) -> str:
    """`.x` is a neighbour of the key that holds the link, `..x` one level further up."""
    name = link.lstrip(".")
    dots = len(link) - len(name)
    return ".".join([*path.split(".")[:-dots], name]) if dots else name


def unread(config: DictConfig) -> list[str]:
    """Leaves that neither the runner nor, by interpolation, any stage reads."""
    raw = OmegaConf.to_container(config, resolve=False)
    everything = dict(leaves(raw))
    read: set[str] = set()
    todo = [path for path in everything if path.partition(".")[0] in RUNNERS]
    while todo:
        path = todo.pop()
        if path in read:
            continue
        read.add(path)
        for link in LINK.findall(str(everything[path])):
            wanted = absolute(link, path)
            below = [p for p in everything if p == wanted or p.startswith(wanted + ".")]
            # `${a.b.c}` through a link: `a.b` is itself an interpolation of a node that has `c`.
            through = [p for p in everything if wanted.startswith(p + ".")]
            todo.extend(below or through)
    fields = TrainConfig.__dataclass_fields__
    unset = {name for name, value in everything.items() if name in fields and value is None}  # groups not chosen
    left = everything.keys() - read - unset
    if config.name == "few_shot":  # it trains one part: these groups hold settings of the others too
        left = {name for name in left if not name.startswith(("callbacks.", "style_sites."))}
    if config.content is None:  # of the callbacks, which are one group
        left = {name for name in left if not name.startswith("callbacks.content")}
    if config.name == "conversion":  # clusters need neither; its smoke run, whose tokenizer is trained, needs both
        left = {name for name in left if not name.startswith(("callbacks.", "quantizer."))}
    return sorted(left)


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_an_experiment_composes_fits_and_is_read(experiment: str) -> None:
    config = composed(f"experiment={experiment}")
    check(config)
    assert unread(config) == []


@cache
def slots(entry: str) -> dict[str, list[str]]:
    """Group -> where a primary config puts it ("" for its own name)."""
    found: dict[str, list[str]] = {}
    for each in OmegaConf.load(CONF / f"{entry}.yaml").defaults:
        for key in each if OmegaConf.is_dict(each) else ():
            group, _, package = str(key).removeprefix("optional ").partition("@")
            found.setdefault(group, []).append(package)
    return found


def nodes(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        if "_target_" in value:
            yield value
        for inner in value.values():
            yield from nodes(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from nodes(inner)


@pytest.mark.parametrize("option", [option for option in OPTIONS if not option.startswith(("debug=", "shrink="))])
def test_an_option_fits_the_constructors_it_names(option: str) -> None:
    """Every key is a parameter; what is missing or interpolated is seen where the option is used."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        register()
        raw = OmegaConf.to_container(compose(option.replace("=", "/")), resolve=False)
    for node in nodes(raw):
        target = locate(node["_target_"], option)
        if inspect.isclass(target) and issubclass(target, Regulariser):
            node = {key: value for key, value in node.items() if key != "weight"}
        open_values = {key for key, value in node.items() if "${" in str(value) or value == "???"} | {
            "inputs",
            "runtime",
        }
        parameters = inspect.signature(target).parameters
        check_node({k: v for k, v in node.items() if k not in open_values}, option, frozenset(parameters))
        unknown = node.keys() - parameters.keys() - MARKERS - {"inputs", "runtime"}
        assert not unknown or any(p.kind is p.VAR_KEYWORD for p in parameters.values())


# Single judges are options of `python -m evaluation`; training takes the bundle of them.
FOR_TRAINING = [
    option
    for option in OPTIONS
    if option.partition("=")[0] in slots("train") and (not option.startswith("judge=") or option == "judge=bundled")
]


def choices(experiment: str) -> dict[str, str]:
    """Group -> option, as an experiment composes."""
    return dict(_composed(f"experiment={experiment}").hydra.runtime.choices)


@cache
def written_stages(name: str) -> str:
    """The option of the group `stages` that an experiment chooses, or the one it begins with; found by reading alone,
    since what is asked for while tests are collected is asked for by every process."""
    chosen = "tts"
    for each in OmegaConf.load(CONF / "experiment" / f"{name}.yaml").get("defaults", ()):
        if isinstance(each, str) and each in EXPERIMENTS:
            chosen = written_stages(each)
        elif OmegaConf.is_dict(each) and "override /stages" in each:
            chosen = each["override /stages"]
    return chosen


@pytest.mark.parametrize("option", FOR_TRAINING)
def test_an_option_composes_fits_and_is_read(option: str) -> None:
    """In the experiment that chooses it, else in the base, else, where the base has no such part, in one that has."""
    group, _, name = option.partition("=")
    users = [experiment for experiment in EXPERIMENTS if choices(experiment).get(group) == name]
    if not users and choices(BASE).get(group) in (None, "null"):
        users = [experiment for experiment in EXPERIMENTS if choices(experiment).get(group) not in (None, "null")]
    rate = ["audio=32k"] if group == "sovits" and name.startswith("v") else []  # the released head's own
    config = composed(f"experiment={BASE if BASE in users or not users else users[0]}", option, *rate)
    check(config)
    assert [key for key in unread(config) if key.partition(".")[0] == group] == []


@pytest.mark.parametrize("group", sorted({option.partition("=")[0] for option in OPTIONS}))
def test_a_group_can_be_chosen_somewhere(group: str) -> None:
    assert any(group in slots(entry) for entry in ENTRIES)


def test_the_schema_names_the_groups_that_there_are() -> None:
    groups = {option.partition("=")[0] for option in OPTIONS} - {"debug", "shrink", *slots("serve")}
    runners = {"name", "seed", "until", "publish", "in_full", "init"}
    assert set(TrainConfig.__dataclass_fields__) - runners == groups


def test_every_key_of_the_evaluation_is_read_by_its_code() -> None:
    words = words_of_the_code("evaluation")
    for name in ("evaluate", "ladder", "benchmark", "conversion"):
        assert set(OmegaConf.load(CONF / f"{name}.yaml")) - {"defaults"} <= words


def test_every_key_of_the_service_is_read_by_its_code() -> None:
    words = words_of_the_code("sovits_lab/serving")
    own = OmegaConf.load(CONF / "serve.yaml")
    options = [OmegaConf.load(path) for path in (CONF / "serving").glob("*.yaml")]
    assert (set(own) | {key for option in options for key in option}) - {"defaults"} <= words
    for one in (HttpSettings, RequestLimits, QueueLimits, LoadPolicy):
        name = {HttpSettings: "http", RequestLimits: "limits", QueueLimits: "queue", LoadPolicy: "load"}[one]
        assert set(own[name]) == set(one.__dataclass_fields__) <= words


@pytest.mark.parametrize(
    "experiment",
    [name for name in EXPERIMENTS if written_stages(name) in ("tts", "style") and name != "style_vectors_folds"],
)
def test_smoke_shrinks_and_keeps_the_shape(experiment: str) -> None:
    assert choices(experiment)["stages"] == written_stages(experiment)
    small, whole = composed(f"experiment={experiment}", "debug=smoke"), composed(f"experiment={experiment}")
    check(small)
    assert list(small.stages) == list(whole.stages)
    assert make_plan(small).folder != make_plan(whole).folder


@cache
def words_of_the_code(folder: str) -> frozenset[str]:
    """Attributes and strings in a folder's code."""
    found: set[str] = set()
    for path in (ROOT / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute):
                found.add(node.attr)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
    return frozenset(found)


@pytest.mark.parametrize("schema", [Runtime, TrainerSettings, Paths, SweepSettings, Objective, Watch])
def test_every_field_of_the_schema_is_read_by_code_or_config(schema: type) -> None:
    interpolated = {link.rpartition(".")[2] for path in CONF.rglob("*.yaml") for link in LINK.findall(path.read_text())}
    code = (
        words_of_the_code("sovits_lab/pipeline")
        | words_of_the_code("sovits_lab/training")
        | words_of_the_code("sovits_lab/sweeps")
    )
    assert set(schema.__dataclass_fields__) <= code | interpolated


def test_a_key_that_nothing_reads_would_be_found() -> None:
    config = composed(f"experiment={BASE}")
    config.judge = {"forgotten": 1, **(config.judge or {})}
    assert "judge.forgotten" in unread(config) or "${judge}" in (CONF / "stages" / "tts.yaml").read_text()


def test_an_unknown_option_lists_the_known_ones() -> None:
    with pytest.raises(HydraException, match="conv_gru"):
        composed(f"experiment={BASE}", "reference=conv_gur")


def test_without_an_experiment_the_choices_are_named() -> None:
    with pytest.raises(HydraException, match=BASE):
        composed()


@pytest.mark.parametrize(
    ("site", "shared"), [("gpt", {"sovits"}), ("acoustic", {"gpt"}), ("all", set()), ("explicit", set())]
)
def test_a_model_that_hears_no_style_is_trained_once_for_all_reference_encoders(site: str, shared: set[str]) -> None:
    one, other = (
        make_plan(composed(f"experiment={BASE}", f"style_sites={site}", f"reference={name}")).stages
        for name in ("conv_gru_small", "mel_style")
    )
    assert {name for name in ("gpt", "sovits") if one[name].digest == other[name].digest} == shared
