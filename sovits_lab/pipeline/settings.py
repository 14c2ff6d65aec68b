"""The shape of the configuration: a key that is not named here, or in a constructor's signature, is an error.

The top level is this schema (Hydra refuses unknown keys, also with `+`). What lies below a `_target_` is checked
against the signature of that class by `sovits_lab.pipeline.validation`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, cast

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING, DictConfig, OmegaConf

from sovits_lab.pipeline.distributed import RankInfo, world_size
from sovits_lab.pipeline.usual_options import usual_option
from sovits_lab.types import got


@dataclass(frozen=True)
class Runtime:
    """How a stage runs: nothing here may change its result, so nothing here enters its hash.

    Attributes:
        accelerator: "auto", "cpu" or "gpu", as Lightning names them.
        threads: CPU threads of each process of a stage; None shares the machine among the stages that can run side
            by side.
        workers: processes that load batches; 0 loads them in the stage itself.
        checkpoint_seconds: a training stage writes a checkpoint at least this often.
        log_every: steps between two records of a training stage.
        strategy: how several processes train one model: "ddp", each with a whole copy, or "fsdp", the layers of
            transformers sharded. They differ by rounding.
        timeout: seconds for which processes that belong together wait for each other at the start.
        world: where this process stands among them; the runner says so.
    """

    accelerator: str = "cpu"
    threads: int | None = None
    workers: int = 0
    checkpoint_seconds: float = 60.0
    log_every: int = 10
    strategy: str = "ddp"
    timeout: float = 120.0
    world: RankInfo = field(default_factory=RankInfo)


@dataclass
class TrainerSettings:
    """The group `trainer`: the fields of `Runtime`, and what the runner itself needs.

    Attributes:
        nodes: tasks in which the command is started together, on one machine or several.
        devices: processes in each of them that train a stage, each with a device of its own; "auto" is every GPU.
            The number of processes changes results: a stage that trains takes `world: ${world:}`, nodes x devices.
        precision: Lightning's name of the arithmetic. It changes results: a stage that trains takes it as a parameter.
        parallel: stages that may run at the same time; null is one per two CPU cores.
        cores: CPU cores that the run shares among its stages; null is all that it may use.
    """

    accelerator: str = MISSING
    nodes: int = MISSING
    devices: Any = MISSING
    strategy: str = MISSING
    timeout: float = MISSING
    threads: int | None = None
    workers: int = MISSING
    checkpoint_seconds: float = MISSING
    log_every: int = MISSING
    precision: str = MISSING
    parallel: int | None = None
    cores: int | None = None


@dataclass
class Paths:
    """The group `paths`.

    Attributes:
        runs: the one folder below which everything is written.
    """

    runs: str = MISSING


@dataclass
class Objective:
    """One figure of a run's scores.json that a search wants low or high; named as the bars of an experiment name it.

    Attributes:
        direction: "minimize" or "maximize".
    """

    figure: str = MISSING
    group: str = "all"
    emotion: str = "all"
    direction: str = MISSING


@dataclass
class Watch:
    """The value by which a search ends hopeless jobs early.

    Attributes:
        stage: the stage that records it.
        value: its name in metrics.jsonl.
        direction: "minimize" or "maximize".
    """

    stage: str = MISSING
    value: str = MISSING
    direction: str = MISSING


@dataclass
class SweepSettings:
    """The group `sweep`: what `train.py -m` does beside the axes of its command line.

    Attributes:
        on_failure: "keep_going" runs the other jobs when one has failed, "fail_fast" stops them.
        label: a word of the user's; with another label the same command is another sweep, begun anew.
        params: key -> values in Hydra's grammar, as on the command line: `conv_gru,mel_style`, `interval(0.1, 1.0)`.
        objectives: name -> what a search looks for.
        watch: what a search's pruner looks at; null prunes nothing.
        id: the sweep that a job belongs to; launchers set it, users do not.
    """

    on_failure: str = "keep_going"
    label: str | None = None
    params: dict[str, Any] = field(default_factory=dict)
    objectives: dict[str, Objective] = field(default_factory=dict)
    watch: Watch | None = None
    id: str | None = None


@dataclass
class EmotionSettings:
    """The group `emotion`: how a voice hears what emotion to speak in, from clips, labels or both.

    Attributes:
        reference: node of the reference encoder.
        labels: node of the labels' vectors; null for none.
        dropout: how often training withholds each of the two.
    """

    reference: Any = None
    labels: Any = None
    dropout: Any = None


@dataclass
class TrainConfig:
    """What `train.py` reads.

    Attributes:
        name: the experiment's name, and the name of its folder of runs.
        seed: the seed that the stages interpolate.
        init: a voice or other bundle whose weights GPT, SoVITS and speaker encoder start from; null: from nothing.
        until: stop after this stage (and what it needs); null runs them all.
        stages: name -> node with `_target_`, `inputs` (names of stages), parameters, and optionally `runtime`.
        publish: name in the run folder -> `stage` or `stage/path` that it links to; null links to nothing.
        in_full: the experiment that answers the same question with more compute; the end of a run names its command.
    The rest are the groups of the design; only what a stage interpolates has an effect.
    """

    name: str = MISSING
    seed: int = MISSING
    init: str | None = None
    until: str | None = None
    stages: dict[str, Any] = field(default_factory=dict)
    publish: dict[str, str | None] = field(default_factory=dict)
    in_full: str | None = None
    paths: Paths = field(default_factory=Paths)
    trainer: TrainerSettings = field(default_factory=TrainerSettings)
    sweep: SweepSettings = field(default_factory=SweepSettings)
    logger: dict[str, Any] = field(default_factory=dict)
    corpus: Any = None
    audio: Any = None
    frontend: Any = None
    features: Any = None
    content: Any = None
    quantizer: Any = None
    speaker: Any = None
    reference: Any = None
    fusion: Any = None
    style_sites: Any = None
    emotion: Any = None  # the fields of `EmotionSettings`, or null where nothing speaks
    gpt: Any = None
    sovits: Any = None
    discriminator: Any = None
    sampling: Any = None
    head: Any = None
    test_set: Any = None
    judge: Any = None
    callbacks: Any = None
    benchmarks: Any = None
    shards: Any = None
    disentangle: Any = None
    adapters: Any = None


NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
RESERVED = ("stages", "sweeps")  # folders of the runner beside those of experiments
LARGEST_SEED = 2**32 - 1
# Key -> least and largest value.
RANGES: dict[str, tuple[float, float]] = {
    "seed": (0, LARGEST_SEED),
    "trainer.nodes": (1, 100_000),
    "trainer.timeout": (1e-3, 1e9),
    "trainer.threads": (1, 4096),
    "trainer.workers": (0, 4096),
    "trainer.checkpoint_seconds": (0, 1e9),
    "trainer.log_every": (1, 1e9),
    "trainer.parallel": (1, 4096),
    "trainer.cores": (1, 4096),
}
# Key -> the words that Lightning and the runner know.
CHOICES = {
    "trainer.accelerator": ("auto", "cpu", "gpu", "cuda", "mps"),
    "trainer.strategy": ("ddp", "fsdp"),
    "trainer.precision": ("auto", "32-true", "bf16-mixed", "16-mixed", "bf16-true", "16-true", "64-true"),
}
RUNTIME_KEYS = frozenset(f.name for f in fields(Runtime)) - {"world"}


def check_settings(settings: Mapping[str, Any]) -> None:
    """Refuse settings of the runner that are out of range.

    Raises:
        InputError: naming the key, its value and what is expected.
    """
    name = settings["name"]
    if not NAME.fullmatch(str(name)) or name in RESERVED:
        raise got("name", name, f"letters, digits, '-', '_' and '.', at most 100, and none of {', '.join(RESERVED)}")
    for key, (least, most) in RANGES.items():
        value = _value_of(settings, key)
        if value is not None and not least <= value <= most:
            raise got(key, value, f"a number from {least:g} to {most:.10g}")
    for key, words in CHOICES.items():
        if (word := _value_of(settings, key)) not in words:
            raise got(key, word, f"one of {', '.join(words)}")


def _value_of(settings: Mapping[str, Any], key: str) -> Any:
    group, _, last = key.rpartition(".")
    return (settings[group] if group else settings).get(last)


def register() -> None:
    """Make known what `conf/train.yaml` names: its first entry `schema`, the resolvers `usual` and `world`."""
    OmegaConf.register_new_resolver("usual", usual_option, replace=True)
    OmegaConf.register_new_resolver("world", _world, replace=True)
    ConfigStore.instance().store(name="schema", node=TrainConfig)


def _world(*, _root_: DictConfig) -> int:
    return world_size(cast(Mapping[str, Any], _root_.trainer))
