"""Every configuration composes, fits the constructors it names, and has no key that nothing reads."""

from __future__ import annotations

import ast
import inspect
import json
import re
import runpy
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from hydra import compose, initialize_config_dir
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from sovits_lab.audio.energy import level_dbfs, mel_energy
from sovits_lab.audio.spec import AudioSpec
from sovits_lab.audio.spectrogram import log_mel
from sovits_lab.inference.curves import NATS_PER_DB
from sovits_lab.pipeline.plan import make_plan
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
from sovits_lab.pipeline.validation import MARKERS, check_node, check_stage, locate
from sovits_lab.serving.dispatcher import LoadPolicy
from sovits_lab.serving.queue import QueueLimits
from sovits_lab.serving.settings import HttpSettings, RequestLimits
from tests.data.stores import write_store

ROOT = Path(__file__).parents[1]
CONF = ROOT / "conf"
EXPERIMENTS = sorted(path.stem for path in (CONF / "experiment").glob("*.yaml"))
OPTIONS = sorted(
    f"{path.parent.relative_to(CONF)}={path.stem}"
    for path in CONF.glob("*/**/*.yaml")
    if path.parent.name != "experiment" and CONF / "hydra" not in path.parents
)
BASE = "sad_transfer"
ENTRIES = sorted(path.stem for path in CONF.glob("*.yaml"))
# Keys that the runner itself reads, at the top level.
RUNNERS = ("name", "seed", "until", "stages", "publish", "in_full", "paths", "trainer", "logger", "sweep")
LINK = re.compile(r"\$\{([\w.]+)\}")


def composed(*overrides: str) -> DictConfig:
    """The configuration of a command line, with a word in place of every required value."""
    register()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("train", overrides=list(overrides))
    for key in OmegaConf.missing_keys(config):
        OmegaConf.update(config, key, "required")
    return config


def check(config: DictConfig) -> None:
    plan = make_plan(config)
    assert plan.stages, "an experiment has stages"
    for name, node in plan.config["logger"].items():
        check_node(node, f"logger.{name}")
    for name, spec in plan.stages.items():
        check_stage(name, spec.node, plan.raw, spec.runtime)


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
    return sorted(everything.keys() - read - unset)


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_an_experiment_composes_fits_and_is_read(experiment: str) -> None:
    config = composed(f"experiment={experiment}")
    check(config)
    assert unread(config) == []


def slots(entry: str) -> dict[str, list[str]]:
    """Group -> where a primary config puts it ("" for its own name)."""
    found: dict[str, list[str]] = {}
    for each in OmegaConf.load(CONF / f"{entry}.yaml").defaults:
        for key in each if OmegaConf.is_dict(each) else ():
            group, _, package = str(key).partition("@")
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


@pytest.mark.parametrize("option", [option for option in OPTIONS if not option.startswith("debug=")])
def test_an_option_fits_the_constructors_it_names(option: str) -> None:
    """Every key is a parameter; what is missing or interpolated is seen where the option is used."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        register()
        raw = OmegaConf.to_container(compose(option.replace("=", "/")), resolve=False)
    for node in nodes(raw):
        open_values = {key for key, value in node.items() if "${" in str(value) or value == "???"} | {
            "inputs",
            "runtime",
        }
        parameters = inspect.signature(locate(node["_target_"], option)).parameters
        check_node({k: v for k, v in node.items() if k not in open_values}, option, frozenset(parameters))
        unknown = node.keys() - parameters.keys() - MARKERS - {"inputs", "runtime"}
        assert not unknown or any(p.kind is p.VAR_KEYWORD for p in parameters.values())


# Single judges are options of `python -m evaluation`; training takes the bundle of them.
FOR_TRAINING = [
    option
    for option in OPTIONS
    if option.partition("=")[0] in slots("train") and (not option.startswith("judge=") or option == "judge=bundled")
]


@cache
def choices(experiment: str) -> dict[str, str]:
    """Group -> option, as an experiment composes."""
    register()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("train", overrides=[f"experiment={experiment}"], return_hydra_config=True)
    return dict(config.hydra.runtime.choices)


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
    groups = {option.partition("=")[0] for option in OPTIONS} - {"debug", *slots("serve")}
    runners = {"name", "seed", "until", "publish", "in_full"}
    assert set(TrainConfig.__dataclass_fields__) - runners == groups


def test_every_key_of_the_evaluation_is_read_by_its_code() -> None:
    words = words_of_the_code("evaluation")
    for name in ("evaluate", "ladder", "benchmark"):
        assert set(OmegaConf.load(CONF / f"{name}.yaml")) - {"defaults"} <= words


def test_every_key_of_the_service_is_read_by_its_code() -> None:
    words = words_of_the_code("sovits_lab/serving")
    own = OmegaConf.load(CONF / "serve.yaml")
    options = [OmegaConf.load(path) for path in (CONF / "serving").glob("*.yaml")]
    assert (set(own) | {key for option in options for key in option}) - {"defaults"} <= words
    for one in (HttpSettings, RequestLimits, QueueLimits, LoadPolicy):
        name = {HttpSettings: "http", RequestLimits: "limits", QueueLimits: "queue", LoadPolicy: "load"}[one]
        assert set(own[name]) == set(one.__dataclass_fields__) <= words


@pytest.mark.parametrize("experiment", [name for name in EXPERIMENTS if choices(name)["stages"] == "tts"])
def test_smoke_shrinks_and_keeps_the_shape(experiment: str) -> None:
    small = composed(f"experiment={experiment}", "debug=smoke")
    check(small)
    assert list(small.stages) == list(composed(f"experiment={experiment}").stages)
    assert make_plan(small).folder != make_plan(composed(f"experiment={experiment}")).folder


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


STUDY = runpy.run_path(str(ROOT / "experiments" / "sad_transfer" / "study.py"))


@pytest.mark.parametrize("question", STUDY["QUESTIONS"])
def test_every_arm_of_the_study_composes(question: str) -> None:
    for arm in STUDY["arms_of"](question):
        check(composed("experiment=sad_transfer_screen", *sorted(arm)))


def test_an_arm_is_told_by_what_was_swept_and_its_seeds_are_one(tmp_path: Path) -> None:
    def figure(value: float) -> dict[str, Any]:
        told = {"name": "f0_share", "emotion": "sad", "group": "target", "strength": None}
        return {**told, "value": value, "low": value - 0.1, "high": value + 0.1}

    folder = tmp_path / "sweeps" / "sad_transfer_screen" / "abc"
    folder.mkdir(parents=True)
    lines: list[dict[str, Any]] = [{"kind": "sweep", "format": 1}, {"kind": "begin", "keep": False}]
    for seed, value in (("1", 0.8), ("2", 1.0), ("3", None)):
        run = f"sad_transfer_screen/{seed}"
        told = [
            "experiment=sad_transfer_screen",
            "paths.runs=x",
            f"seed={seed}",
            "style_sites=all",
            "hydra.launcher.jobs=3",
        ]
        lines.append({"kind": "arm", "key": seed, "label": seed, "config": seed, "overrides": told, "run": run})
        (tmp_path / run).mkdir(parents=True)
        start = {"git": {"commit": "abcdefghij"}}
        (tmp_path / run / "environment.json").write_text(json.dumps({"starts": [start]}), "utf-8")
        if value is not None:
            (tmp_path / run / "scores.json").write_text(json.dumps({"figures": [figure(value)]}), "utf-8")
    whole = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / "manifest.jsonl").write_text(whole + '{"kind": "ar', "utf-8")  # cut by a kill
    head, _, row = STUDY["table"]("style_sites", tmp_path)
    assert dict(zip(head.split(" | "), row.split(" | "), strict=True))["F0 sad"] == "90 [80, 100] {80-100}"
    assert "`style_sites=all` | 2 of 3 | -" in row, (
        "a seed without scores is counted, a figure that is missing is a dash"
    )
    assert row.endswith("| abcdefg |")
    each = [row.split(" | ")[:5] for row in STUDY["table"]("style_sites", tmp_path, each=True)[2:]]
    assert [row[0] for row in each] == [f"| `style_sites=all`, `seed={seed}`" for seed in (1, 2, 3)]
    assert [row[1] for row in each] == ["1 of 1", "1 of 1", "0 of 1"]
    assert [row[4] for row in each] == ["80 [70, 90]", "100 [90, 110]", "-"]
    (tmp_path / run / "environment.json").write_text('{"starts": [{"git": {"commit": "0123456789"}}]}', "utf-8")
    assert len(STUDY["table"]("style_sites", tmp_path)) == 4, "other code, another row"
    assert len(STUDY["table"]("fusion", tmp_path)) == 2, "arms of another question are not shown"


@pytest.mark.parametrize(("told", "seeds"), [([], ["seed=1,2,3"]), (["--", "seed=2"], ["seed=2"])])
def test_a_question_is_asked_with_three_seeds_or_those_told(
    told: list[str], seeds: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []

    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        asked.append(command)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(subprocess, "run", run)
    assert STUDY["main"](["run", "style_sites", "fusion", *told]) == 0
    assert [[one for one in command if one.startswith("seed=")] for command in asked] == [seeds, seeds]
    assert "style_sites=explicit,all,gpt,acoustic" in asked[0]


def test_what_styles_ask_for_is_relative_to_neutral_clips(tmp_path: Path) -> None:
    store = write_store(tmp_path, speakers=("ann",))
    rows = list(range(len(store.rows)))
    sovits = SimpleNamespace(
        conditions=SimpleNamespace(widths={"speaker": 2}),
        reference=lambda mel, mask: mel.mean((1, 2))[:, None],
        heard=lambda told: SimpleNamespace(prosody=told["style"].value),
        prior=SimpleNamespace(extent=lambda style: torch.cat([style, -2 * style], 1)),
    )
    told = runpy.run_path(str(ROOT / "experiments" / "sad_transfer" / "asked.py"))
    of = {e: np.mean([store.mel(i).mean() for i in rows if store.rows[i].emotion == e]) for e in ("neutral", "sad")}
    change = of["sad"] - of["neutral"]
    assert abs(change) > 1e-3
    assert told["asked"](sovits, store, rows)["sad"].tolist() == pytest.approx([change, -2 * change], rel=1e-3)
    said = [("neutral", torch.tensor([1.0])), ("sad", torch.tensor([2.0])), ("sad", torch.tensor([6.0]))]
    assert told["changes"](said)["sad"].tolist() == [3.0]


def test_noise_that_is_taken_for_voice_widens_what_is_heard_and_not_what_is_heard_where_told() -> None:
    planned = runpy.run_path(str(ROOT / "experiments" / "sad_transfer" / "planned.py"))
    rate, seconds = 16000, np.arange(32000) / 16000
    hertz = 150 * 2 ** (np.sin(2 * np.pi * seconds) / 6)
    phase = 2 * np.pi * np.cumsum(hertz) / rate
    voice = sum(np.sin(k * phase) / k for k in range(1, 6)) * (seconds < 1.5)
    hum = sum(np.sin(k * 2 * np.pi * 70 * seconds) / k for k in range(1, 6)) * (seconds > 1.6) * 0.3
    told = np.where(seconds < 1.5, hertz, 0.0)[160::320]
    spoken, clean = ((voice + more).astype(np.float32) for more in (hum, 0))
    said, where_told, heard, truth, noise = planned["of_one"](told, spoken, clean)
    assert where_told == pytest.approx(said, rel=0.1)
    assert truth == pytest.approx(said, rel=0.1)
    assert heard > 2 * said
    assert 0.1 < noise < 0.25
    spec = AudioSpec()
    said = mel_energy(log_mel(clean, spec)) / NATS_PER_DB - 3
    speech = SimpleNamespace(f0=told, energy=said, wav=clean / 2)
    levels = planned["levels_of_one"](speech, clean, spec)
    assert levels[0] - levels[2] == pytest.approx(-3, abs=0.1)
    assert levels[1] - levels[2] == pytest.approx(-6.02, abs=0.1)


def hum(semitones: float, gain: float) -> np.ndarray:
    """A second and a half of five harmonics, so many semitones above 150 Hz."""
    phase = 2 * np.pi * 150 * 2 ** (semitones / 12) * np.arange(24000) / 16000
    return (gain * sum(np.sin(k * phase) / k for k in range(1, 6))).astype(np.float32)


def test_a_clip_at_neutrals_level_and_what_of_a_clip_arrives_within_an_emotion(tmp_path: Path) -> None:
    clips = runpy.run_path(str(ROOT / "experiments" / "sad_transfer" / "clips.py"))
    items = []
    (tmp_path / "samples" / "truth").mkdir(parents=True)

    def write(name: str, wav: np.ndarray) -> str:
        soundfile.write(tmp_path / "samples" / name, wav, 16000, subtype="FLOAT")
        return name

    for text, own in (("a", -1.0), ("b", -3.0), ("c", -5.0)):
        write(f"truth/bob-{text}-neutral.wav", hum(0, 0.2))
        for emotion, said, clip in (("neutral", 0.0, 0.0), ("sad", -4 - own, own)):
            softer = 1.0 if emotion == "neutral" else 0.1
            item = {"id": text + emotion, "role": "target", "strength": 1, "emotion": emotion, "speaker": "ann"}
            item |= {"text": text, "seed": 1, "style_speaker": "bob"}
            item["wav"] = write(f"{text}-{emotion}.wav", hum(said, 0.1))
            item["style_reference"] = write(f"truth/bob-{text}-{emotion}.wav", hum(clip, 0.2 * softer))
            items.append(item)
    (tmp_path / "samples" / "samples.jsonl").write_text("".join(json.dumps(one) + "\n" for one in items), "utf-8")
    heard: list[float] = []

    class Speaks:
        def __init__(self, voice: object) -> None:
            assert voice == "voice"

        def speak_all(self, requests: list[Any]) -> list[SimpleNamespace]:
            heard.extend(level_dbfs(soundfile.read(one.style, dtype="float32")[0]) for one in requests)
            return [SimpleNamespace(wav=hum(0, 0.1)) for _ in requests]

    samples = clips["Samples"](tmp_path)
    clips["levelled"].__globals__["Synthesizer"] = Speaks
    said = clips["levelled"](samples, samples.items, "voice")
    assert heard == pytest.approx([level_dbfs(hum(0, 0.2))] * 3, abs=0.01), "the sad clips were 20 dB softer"
    assert [samples.output(item, one)[0] for item, one in zip(samples.items, said, strict=True)] == pytest.approx(
        [0] * 3
    )
    assert samples.output(samples.items[2])[0] == pytest.approx(1, abs=0.1)
    assert clips["within"](samples, samples.items).startswith("r of 3: F0 -1.00")
    assert clips["row"]("x", np.array([[[1, 1, 1, 1], [2, 4, -1, 1]]])) == "| x | 1 | 50 | 25 | -100 | 100 |"
