"""One real training step of a stage as a composition describes it: with its models in tiny sizes, on made-up speech.

The stage runs as a run would run it (data, first weights, forward pass, losses, backward pass, optimiser, bundle), on a
batch of two utterances or so. Only what costs is made smaller: widths and layers as the tiny options of the
configuration have them, steps, batches; what waits for a later step begins at the first.
"""

from __future__ import annotations

import json
import shutil
import traceback
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import numpy as np
import torch
import yaml
from omegaconf import DictConfig, OmegaConf

from sovits_lab.audio.baseline import Baseline
from sovits_lab.audio.spec import AudioSpec
from sovits_lab.audio.spectrogram import log_mel
from sovits_lab.checkpoints.bundle import build, write_bundle
from sovits_lab.data.store import FeatureStore, StoreWriter, Utterance
from sovits_lab.data.teacher_targets import TeacherTarget, write_targets
from sovits_lab.pipeline.plan import resolve
from sovits_lab.pipeline.validation import build_stage, locate
from sovits_lab.reporting import Silent
from sovits_lab.text.symbols import load_symbols
from sovits_lab.training.adapters import AdapterStage
from sovits_lab.training.folds import TrainFolds
from sovits_lab.training.head_distillation import TeachHead
from sovits_lab.training.loop import fit
from sovits_lab.training.stage import TrainingStage
from sovits_lab.training.steering import MeasureDirections
from sovits_lab.types import InputError
from tests.checkpoints.upstream_models import fresh_bundle, small_gpt_node, small_sovits_node
from tests.compositions import PLAN, Node, Options, Parts, Row, read_by, whole
from tests.data.upstream_folders import write_utterance
from tests.test_configs import CONF

CODES, WIDTH = 16, 6  # of tokens, and of speaker vectors
PHONES = ("AA1", "B", "IH0")
# Who speaks: name, role in a corpus. All but the target speak in two emotions.
PEOPLE = (("ann", "emotional"), ("bob", "emotional"), ("cat", "target"), ("dan", "judge"), ("eve", "judge"))
FRAMES = 60  # of an utterance, 1.2 s
MODELS = ("content", "speaker", "gpt", "sovits")  # groups with tiny options
# What has no tiny option of its own, by class.
SIZES = {
    "sovits_lab.models.discriminators.MultiPeriodDiscriminator": {
        "scale_channels": [4, 4, 4, 4, 4, 4], "scale_groups": [1, 1, 1, 1, 1, 1], "period_channels": [4, 4, 4, 4, 4],
    },
    "sovits_lab.models.heads.prosodic_hifigan.ProsodicHifiGan": {
        "channels": 32, "resblock_kernels": [3], "resblock_dilations": [[1]],
    },
    "sovits_lab.models.gpt.parallel.ParallelGpt": {"channels": 32, "phone_layers": 1, "layers": 1},
}  # fmt: skip
AT_ONCE = ("adversarial_start_step", "prior_start_step")  # what waits for a step


@cache
def tiny_sizes() -> dict[str, Node]:
    """Class -> what the tiny option of the configuration makes smaller."""
    found = dict(SIZES)
    for path in sorted(path for group in MODELS for path in (CONF / group).glob("*_tiny.yaml")):
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        name = content.pop("defaults")[0]
        while "_target_" not in (base := yaml.safe_load((path.parent / f"{name}.yaml").read_text(encoding="utf-8"))):
            name = base["defaults"][0]
        found[str(base["_target_"])] = content
    return found


def shrunk(value: Any) -> Any:
    """The same nodes in tiny sizes; their interpolations stay."""
    if isinstance(value, list):
        return [shrunk(one) for one in value]
    if not isinstance(value, Mapping):
        return value
    inner = {key: shrunk(one) for key, one in value.items()}
    return over(inner, tiny_sizes().get(str(value.get("_target_")), {}))


def over(old: Any, new: Any) -> Any:
    """Values put over others, mapping by mapping."""
    if not (isinstance(old, Mapping) and isinstance(new, Mapping)):
        return new
    return {**old, **{key: over(old[key], value) if key in old else value for key, value in new.items()}}


class Setup(NamedTuple):
    """A training stage of a composition, with what else of the composition its step depends on.

    Attributes:
        name: of the stage.
        text: all of it as JSON: equal texts are equal steps.
    """

    name: str
    text: str


def setups(config: DictConfig) -> list[Setup]:
    """The training stages of a composition that was found to fit, in the order of the configuration."""
    small = OmegaConf.create(shrunk(OmegaConf.to_container(config, resolve=False)))
    stages = {name: node for name, node in resolve(small)["stages"].items() if node and "_target_" in node}
    audio = small.get("audio")
    audio = audio if audio is None else OmegaConf.to_container(audio, resolve=True)
    return [_setup(name, stages, audio) for name, node in stages.items() if trains(node)]


def trains(node: Mapping[str, Any]) -> bool:
    """Whether a stage trains, or fills what a training would fill."""
    kind = locate(node["_target_"], "stage")
    return isinstance(kind, type) and issubclass(kind, TrainingStage | TrainFolds | MeasureDirections)


def _setup(name: str, stages: Mapping[str, Node], audio: Any) -> Setup:
    node = quick(stages[name])
    inputs = {other: stages[other] for other in node.get("inputs", ()) if other in stages}
    learned = {other: json.loads(_setup(other, stages, audio).text) for other, its in inputs.items() if trains(its)}
    facts = {"name": name, "node": node, "inputs": learned, "audio": audio}
    return Setup(name, json.dumps(facts, sort_keys=True))


def quick(node: Node) -> Node:
    """A stage's node with one step on little, from weights drawn here."""
    made = {key: value for key, value in node.items() if key != "runtime"}
    made |= {key: 0 for key in AT_ONCE if key in node}
    made |= {key: None for key in ("init", "teacher") if key in node}
    made |= {key: value for key, value in {"callbacks": [], "precision": "32-true"}.items() if key in node}
    made |= {key: value for key, value in {"batch_seconds": 3.0, "batch_size": 4, "clips": 1}.items() if key in node}
    if "optimisation" in node:
        made["optimisation"] = {**node["optimisation"], "steps": 1, "warmup": 0}
    if "folds" in node:
        made["folds"] = [["ann"], ["bob"]]
    if node.get("folder"):
        made["folder"] = {**node["folder"], "batch_size": 2, "held_out": 1}
    if "parallel_takes" in node and node["parallel_takes"] > 1:
        made["parallel_takes"] = 2
    return made


class Stepped(NamedTuple):
    """How many different stages made a step, and each row, stage and traceback where that failed."""

    stages: int
    faults: list[tuple[Row, str, str]]


class Laboratory:
    """Makes what stages read, each thing once, and runs their steps.

    Args:
        folder: where everything lies.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.known = folder, dict[str, tuple[Path, str]]()

    def step(self, setup: Setup) -> str:
        """Run a stage; returns what went wrong, "" for nothing."""
        return self._learned(json.loads(setup.text))[1]

    def _learned(self, facts: Node) -> tuple[Path, str]:
        text = json.dumps(facts, sort_keys=True)
        if text not in self.known:
            out = self.folder / str(len(self.known))
            out.mkdir(parents=True)
            self.known[text] = out, ""  # its number is taken
            self.known[text] = out, self._run(facts, out)
        return self.known[text]

    def _run(self, facts: Node, out: Path) -> str:
        kind = locate(facts["node"]["_target_"], "stage")
        node = dict(facts["node"])
        inputs = {name: self._input(name, facts, kind) for name in node.pop("inputs", ())}
        if "base" in node:
            node["base"] = str(self._base(facts))
        if node.get("folder"):
            node["folder"] = {**node["folder"], "path": str(self._recordings(facts))}
        try:
            stage = build_stage(kind, node, {"threads": 1, "log_every": 1})
            with steps_watched():
                stage.run(inputs, out, Silent())
        except Exception:
            return traceback.format_exc()
        finally:
            shutil.rmtree(out / "checkpoints", ignore_errors=True)  # a walk has a thousand of them, 15 GB
        return ""

    def _input(self, name: str, facts: Node, kind: type) -> Path:
        if name in facts["inputs"] and name not in ("speaker", "content", "recogniser"):
            return self._learned(facts["inputs"][name])[0]
        adapts = issubclass(kind, AdapterStage | MeasureDirections | TeachHead)
        symbols = load_symbols("v2").names if adapts else PHONES
        return prepared(self.folder, json.dumps(facts["audio"]), tuple(symbols)) / name

    def _base(self, facts: Node) -> Path:
        path = self.folder / "base"
        if not path.exists():
            torch.manual_seed(0)
            made = fresh_bundle({"gpt": small_gpt_node(), "sovits": small_sovits_node("v2")})
            write_bundle(path, made.parts, {**made.facts, "version": "v2", "symbols": "v2"})
        return path

    def _recordings(self, facts: Node) -> Path:
        """A folder in upstream's prepared layout; content is as wide as the stage's model asks."""
        channels = facts["node"]["model"].get("content", {}).get("channels", 32)
        path = self.folder / f"recordings{channels}"
        if path.exists():
            return path
        rng = np.random.default_rng(0)
        for number in range(3):
            tone = 0.3 * np.sin(np.arange(FRAMES * 640) * (0.05 + 0.01 * number))
            content = torch.from_numpy(rng.standard_normal((channels, FRAMES)).astype(np.float32))
            write_utterance(path, f"{number}.wav", list(PHONES), tone, content, torch.ones(20480))
        return path


@contextmanager
def steps_watched() -> Iterator[None]:
    """Training fails unless its steps change a weight, and leave all of them finite."""

    def watched(task: Any, *arguments: Any, **more: Any) -> None:
        before = {name: p.detach().clone() for name, p in task.named_parameters() if p.requires_grad}
        fit(task, *arguments, **more)
        after = dict(task.named_parameters())
        assert any(not torch.equal(value, after[name]) for name, value in before.items()), "no weight has changed"
        strange = [name for name, value in after.items() if not value.isfinite().all()]
        assert not strange, f"weights that are no numbers: {strange}"

    with patch("sovits_lab.training.stage.fit", watched):
        yield


@cache
def prepared(folder: Path, audio: str, symbols: tuple[str, ...]) -> Path:
    """The folders of the stages before a training: features, tokens, speakers and a teacher's targets."""
    spec: AudioSpec = build(json.loads(audio)) if json.loads(audio) else AudioSpec()
    root = folder / f"prepared{zlib.crc32(repr((audio, symbols)).encode())}"
    for name in ("features", "tokens", "speaker", "teacher_targets"):
        (root / name).mkdir(parents=True)
    store = write_speech(root / "features", spec, symbols)
    rng, steps = np.random.default_rng(0), sum(row.frames for row in store.rows) // 2
    np.save(root / "tokens" / "tokens.npy", rng.integers(CODES, size=steps))
    (root / "tokens" / "durations.json").write_text("{}")
    (root / "tokens" / "facts.json").write_text(json.dumps({"codes": CODES}))
    vectors: dict[str, Any] = {name: rng.normal(size=WIDTH).astype(np.float32) for name, _ in PEOPLE}
    np.savez(root / "speaker" / "speakers.npz", **vectors)
    np.savez(root / "tokens" / "speakers.npz", **vectors)
    said = rng.integers(CODES, size=FRAMES // 2)
    place = np.arange(FRAMES) * len(PHONES) // FRAMES
    write_targets(root / "teacher_targets", [TeacherTarget(row.id, row.id, said, place) for row in store.rows])
    return root


def write_speech(folder: Path, spec: AudioSpec, symbols: tuple[str, ...]) -> FeatureStore:
    """Two utterances of everybody in every emotion; the same two sentences for all."""
    rng, rows, made = np.random.default_rng(0), list[Utterance](), list[tuple[np.ndarray, np.ndarray]]()
    for speaker, role in PEOPLE:
        for emotion in ("neutral", "sad") if role != "target" else ("neutral",):
            for phones in (PHONES, PHONES[::-1]):
                frames = FRAMES - 2 * int(rng.integers(4))
                durations = (10, 20, frames - 30)
                name = f"{speaker}-{emotion}-{phones[0]}"
                start = sum(row.frames for row in rows)
                rows.append(Utterance(name, speaker, emotion, role, "train", name, "en", start, frames, phones,
                                      durations))  # fmt: skip
                made.append(_tone(rng, spec, frames))
    writer = StoreWriter(folder, spec.hop, spec.n_mels, sum(row.frames for row in rows), spec.frames_per_second)
    for row, (wav, pitch) in zip(rows, made, strict=True):
        writer.put(row.start, log_mel(wav, spec).T, pitch, wav)
    writer.close(rows, symbols, {name: Baseline(150.0, -5.0, 0.1, -4.8) for name, _ in PEOPLE})
    return FeatureStore(folder)


def _tone(rng: np.random.Generator, spec: AudioSpec, frames: int) -> tuple[np.ndarray, np.ndarray]:
    """A harmonic tone with noise and a pause, and its F0 [L]."""
    pitch = np.full(frames, rng.uniform(90, 250), dtype=np.float32)
    pitch[frames // 2 : frames // 2 + 3] = 0
    each = np.repeat(pitch, spec.hop)
    phase = 2 * np.pi * np.cumsum(each) / spec.sample_rate
    wav = sum(np.sin(k * phase) / k for k in range(1, 6)) * 0.15 * (each > 0)
    return (wav + 0.01 * rng.normal(size=len(wav))).astype(np.float32), pitch


def walk(options: Options, rows: Iterable[Row], laboratory: Laboratory) -> Stepped:
    """Step every training stage of every row, each different one once; a failure counts in a row that fits."""
    stepped, faults, done = set[str](), dict[str, tuple[Row, str, str]](), set[frozenset[int]]()
    for row in rows:
        parts = options.parts(row)
        if (read := _read_by_training(parts)) in done:
            continue
        try:
            found = setups(OmegaConf.create(whole(part for part in parts.values() if part.name != PLAN)))
        except InputError:  # a plan that is refused
            continue
        wrong = {setup: text for setup in found if (text := laboratory.step(setup))}
        stepped |= {setup.text for setup in found if setup not in wrong}
        if not wrong:
            done.add(read)
        elif not any(options.verdicts(row).values()):
            faults |= {setup.text: (row, setup.name, text) for setup, text in wrong.items() if setup.text not in faults}
    return Stepped(len(stepped), list(faults.values()))


def _read_by_training(parts: Parts) -> frozenset[int]:
    """The contents that the training stages of a composition read: where they are equal, so are the stages."""
    nodes = json.loads(parts[PLAN].text)
    stages = [name for name, node in nodes.items() if node and "_target_" in node and trains(node)]
    return frozenset(id(part) for name in stages for part in read_by(f"stages.{name}", parts).values())
