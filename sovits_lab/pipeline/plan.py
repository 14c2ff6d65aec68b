"""From the composed configuration to a plan: which stages, in which order, in which folders."""

from __future__ import annotations

import difflib
import math
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import InterpolationToMissingValueError, OmegaConfBaseException

from sovits_lab.pipeline.distributed import Tasks, local_size, tasks
from sovits_lab.pipeline.fingerprint import code_digest, digest
from sovits_lab.pipeline.renamed import RENAMED
from sovits_lab.pipeline.settings import (
    RUNTIME_KEYS,
    EmotionSettings,
    Paths,
    SweepSettings,
    TrainConfig,
    TrainerSettings,
    check_settings,
)
from sovits_lab.pipeline.sources import source_state
from sovits_lab.types import InputError, got

HASH_LENGTH = 12
_NOTHING_THERE = re.compile(r"access (\w+)\.\S+: node `\1` is not a container")


@dataclass(frozen=True)
class StageSpec:
    """One stage of a plan.

    Attributes:
        name: its key under `stages`.
        node: resolved config without `runtime` and `inputs`: `_target_` and the constructor's arguments.
        inputs: names of the stages whose folders it reads.
        runtime: fields of `Runtime`; they do not enter the hash.
        digest: hash of node, inputs and code.
        folder: where its finished result lies.
    """

    name: str
    node: Mapping[str, Any]
    inputs: tuple[str, ...]
    runtime: Mapping[str, Any]
    digest: str
    folder: Path

    @property
    def partial(self) -> Path:
        """Folder in which the stage works until its result is whole."""
        return self.folder.with_name(self.folder.name + ".partial")

    @property
    def world(self) -> int:
        """Number of processes that run it together."""
        return int(self.node.get("world", 1))

    @property
    def steps(self) -> int:
        """Number of training steps; 0 for a stage that does not train, or whose number is yet to be refused."""
        optimisation = self.node.get("optimisation")
        steps = optimisation.get("steps") if isinstance(optimisation, Mapping) else 0
        return steps if isinstance(steps, int) else 0


@dataclass(frozen=True)
class Plan:
    """A whole run: stages in an order that respects their inputs, and the run's folder.

    Attributes:
        name: the experiment's.
        stages: by name, in order.
        publish: what the run folder links to.
        runs: folder of everything.
        digest: hash of all stages.
        parallel: stages at a time.
        tasks: in how many tasks the command is started, and which of them this one is.
        devices: processes of one stage in each task.
        config: resolved configuration.
        raw: the same with its interpolations, to name a key where the user wrote it.
    """

    name: str
    stages: Mapping[str, StageSpec]
    publish: Mapping[str, str]
    runs: Path
    digest: str
    parallel: int
    tasks: Tasks
    devices: int
    config: Mapping[str, Any]
    raw: Mapping[str, Any]

    @property
    def folder(self) -> Path:
        """The run folder: named by the experiment and by everything that its results depend on."""
        return self.runs / self.name / self.digest[:HASH_LENGTH]

    def urgency(self, name: str) -> tuple[int, int]:
        """Return the training steps on the longest way from a stage to the end of the run, and how many stages need it.

        Of stages that could start, the one with the largest should: the run cannot end before its longest way does.
        """
        return self._longest_way(name), self._needed_by(name)

    def _longest_way(self, name: str) -> int:
        after = (self._longest_way(other) for other, spec in self.stages.items() if name in spec.inputs)
        return self.stages[name].steps + max(after, default=0)

    def _needed_by(self, name: str) -> int:
        needed = {name}
        for other, spec in self.stages.items():
            if needed.intersection(spec.inputs):
                needed.add(other)
        return len(needed) - 1


def make_plan(config: DictConfig) -> Plan:
    """Resolve the configuration and name every stage's folder.

    Raises:
        InputError: a required value is missing, a number is not finite, an interpolation leads nowhere, a stage names
            an unknown input.
    """
    settings = resolve(config)
    check_settings(settings)
    nodes = {name: node for name, node in settings["stages"].items() if node is not None}
    order = _order({name: _inputs(name, node, nodes) for name, node in nodes.items()})
    if settings["until"] is not None:
        _known("until", settings["until"], order)
        order = _needed(settings["until"], order)
    available = settings["trainer"]["cores"] or cores()
    parallel = settings["trainer"]["parallel"] or max(1, available // 2)
    threads = _threads(order, parallel, available)
    members, devices = tasks(settings["trainer"]["nodes"]), local_size(settings["trainer"])
    runs = Path(settings["paths"]["runs"]).expanduser().absolute()
    trainer = {key: settings["trainer"][key] for key in RUNTIME_KEYS if key in settings["trainer"]}
    stages: dict[str, StageSpec] = {}
    for name, inputs in order.items():
        runtime = trainer | (nodes[name].get("runtime") or {})
        world = _world(name, nodes[name], members.size * devices)
        runtime["threads"] = runtime["threads"] or max(1, threads[name] // (devices if world > 1 else 1))
        stages[name] = _spec(name, nodes[name], inputs, stages, runs, runtime)
    wanted = {key: value for key, value in settings["publish"].items() if value is not None}
    publish = {key: value for key, value in wanted.items() if value.partition("/")[0] in stages}
    for key, value in wanted.items():
        _known(f"publish.{key}", value.partition("/")[0], nodes)
    identity = digest({"stages": {name: spec.digest for name, spec in stages.items()}, "publish": publish})
    raw = cast(dict[str, Any], OmegaConf.to_container(config, resolve=False))
    return Plan(settings["name"], stages, publish, runs, identity, parallel, members, devices, settings, raw)


def resolve(config: DictConfig) -> dict[str, Any]:
    """Return plain, resolved content of the configuration: the runner's keys and whatever the stages interpolate.

    Groups that no stage reads stay out: an unset `???` there is nobody's business.
    """
    keys = ("name", "seed", "until", "stages", "publish", "in_full", "paths", "trainer", "logger")
    _refuse_unknown(config)
    for key in keys:
        _refuse_missing({key} if OmegaConf.is_missing(config, key) else set())
    _refuse_unbounded(OmegaConf.to_container(config, resolve=False))
    try:
        return {key: _plain(config[key]) for key in keys}
    except InterpolationToMissingValueError as error:
        wanted = _first_line(error).rpartition(" ")[2]
        raise InputError(f"{error.full_key}: needs {wanted}, a required value: give {wanted}=...") from error
    except OmegaConfBaseException as error:
        if empty := _NOTHING_THERE.search(_first_line(error)):
            raise got(f"{error.full_key} reads {empty[1]}", None, f"an option: give {empty[1]}=...") from error
        raise InputError(f"{error.full_key or 'config'}: {_first_line(error)}") from error


def suggestion(word: str, options: Iterable[str]) -> str:
    """Return ` (did you mean 'x'?)`, ` (it is now called 'x')` of a word that was renamed, or nothing."""
    known = list(options)
    if now := [new for new in RENAMED.get(word, ()) if new in known]:
        return f" (it is now called {now[0]!r})"
    near = difflib.get_close_matches(word, known, n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def cores() -> int:
    """Return the number of CPU cores that this process may use: affinity, and the quota of a container."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = Path("/sys/fs/cgroup/cpu.max")
    if quota.is_file():
        limit, _, period = quota.read_text().partition(" ")
        if limit != "max":
            available = min(available, max(1, int(limit) // int(period)))
    return available


def _spec(
    name: str,
    node: Mapping[str, Any],
    inputs: tuple[str, ...],
    earlier: Mapping[str, StageSpec],
    runs: Path,
    runtime: Mapping[str, Any],
) -> StageSpec:
    own = {key: value for key, value in node.items() if key not in ("runtime", "inputs")}
    if not isinstance(own.get("_target_"), str):
        raise got(f"stages.{name}._target_", own.get("_target_"), "the dotted path of a stage's class")
    unknown = next((key for key in node.get("runtime") or {} if key not in RUNTIME_KEYS), None)
    if unknown is not None:
        expected = "one of " + ", ".join(sorted(RUNTIME_KEYS)) + suggestion(unknown, RUNTIME_KEYS)
        raise got(f"stages.{name}.runtime", unknown, expected)
    content = {"config": own, "inputs": {i: earlier[i].digest for i in inputs}, "code": code_digest(own)}
    state = source_state(own, runs / "stages")  # a corpus that has changed is another one
    identity = digest(content if state is None else {**content, "source": state})
    folder = runs / "stages" / f"{name}-{identity[:HASH_LENGTH]}"
    return StageSpec(name, own, inputs, runtime, identity, folder)


def _world(name: str, node: Mapping[str, Any], whole: int) -> int:
    """Processes of one stage: all that there are, or one."""
    world = node.get("world", 1)
    if world not in (1, whole):
        raise got(f"stages.{name}.world", world, f"1 or {whole} (trainer.nodes x trainer.devices)")
    return int(world)


def _inputs(name: str, node: object, nodes: Mapping[str, Any]) -> tuple[str, ...]:
    if not isinstance(node, Mapping):
        raise got(f"stages.{name}", node, "a mapping with _target_ and inputs, or null to leave the stage out")
    inputs = node.get("inputs") or ()
    if not isinstance(inputs, list | tuple):
        raise got(f"stages.{name}.inputs", inputs, "a list of stages' names")
    for each in inputs:
        _known(f"stages.{name}.inputs", each, nodes)
    return tuple(inputs)


def _order(inputs: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Kahn's algorithm, keeping the order of the configuration where it is free."""
    order: dict[str, tuple[str, ...]] = {}
    while len(order) < len(inputs):
        ready = [n for n in inputs if n not in order and all(i in order for i in inputs[n])]
        if not ready:
            raise got("stages", [n for n in inputs if n not in order], "no circle among the stages' inputs")
        order[ready[0]] = inputs[ready[0]]
    return order


def _ancestors(name: str, inputs: Mapping[str, tuple[str, ...]]) -> set[str]:
    direct = set(inputs[name])
    return direct.union(*(_ancestors(each, inputs) for each in direct))


def _needed(last: str, order: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    keep = {last} | _ancestors(last, order)
    return {name: inputs for name, inputs in order.items() if name in keep}


def _threads(order: Mapping[str, tuple[str, ...]], parallel: int, available: int) -> dict[str, int]:
    """Threads of each stage by the shape of the plan alone, so that a run and its continuation compute alike."""
    above = {name: _ancestors(name, order) for name in order}
    beside = {
        name: sum(other not in above[name] and name not in above[other] for other in order) for name in order
    }  # counts the stage itself
    return {name: max(1, available // min(parallel, beside[name])) for name in order}


def _known(what: str, name: str, options: Iterable[str]) -> None:
    if name not in options:
        raise got(what, name, "one of the stages " + ", ".join(options) + suggestion(name, options))


def _plain(value: Any) -> Any:
    if not OmegaConf.is_config(value):
        return value
    try:
        return OmegaConf.to_container(value, resolve=True, throw_on_missing=True)
    except OmegaConfBaseException:
        _refuse_missing(OmegaConf.missing_keys(value))  # which resolves everything once more
        raise


def _refuse_missing(keys: set[str]) -> None:
    if keys:
        wanted = min(keys)
        raise InputError(f"{wanted}: a required value is not set, give {wanted}=...")


def _refuse_unbounded(value: object, path: str = "") -> None:
    """NaN and infinity have no place in a hash; asked before interpolation, they are named where they were written."""
    if isinstance(value, float) and not math.isfinite(value):
        raise got(path, value, "a finite number")
    if isinstance(value, dict):
        for key, inner in value.items():
            _refuse_unbounded(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            _refuse_unbounded(inner, f"{path}[{index}]")


def _refuse_unknown(config: DictConfig) -> None:
    """Hydra's `+key=value` adds past a schema; here it does not."""
    groups = {"": TrainConfig, "paths": Paths, "trainer": TrainerSettings, "sweep": SweepSettings}
    for name, schema in {**groups, "emotion": EmotionSettings}.items():
        fields = schema.__dataclass_fields__  # type: ignore[attr-defined]
        group = config[name] if name else config
        for key in map(str, group if isinstance(group, DictConfig) else ()):
            if key not in fields:
                full = f"{name}.{key}" if name else key
                raise got(full, OmegaConf.select(config, full), "one of " + ", ".join(fields) + suggestion(key, fields))


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
