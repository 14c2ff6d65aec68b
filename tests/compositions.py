"""Options of an experiment by twos, each pair looked at as far as nothing equal was looked at before.

What is refused about a stage depends on what its node reads: the node itself and the groups that it interpolates,
directly or not. Most pairs of options do not meet there. So a composition is put together from the files that Hydra
lists for it, part by part, and a stage is built once for each content of all that it reads.
"""

from __future__ import annotations

import itertools
import json
import re
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, cast
from unittest.mock import patch

import yaml
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from omegaconf import OmegaConf

from sovits_lab.pipeline.plan import StageSpec, make_plan, resolve
from sovits_lab.pipeline.settings import RUNTIME_KEYS, TrainConfig, register
from sovits_lab.pipeline.sources import source_state
from sovits_lab.pipeline.usual_options import USUAL, usual_option
from sovits_lab.training import sovits, speech
from sovits_lab.types import InputError
from tests.test_configs import CONF, absolute, check_once, leaves

Row = dict[str, str]  # group -> option
Node = dict[str, Any]
LINK = re.compile(r"\$\{(?:oc\.select:)?(\.*\w[\w.]*)")
GROUP = re.compile(r'"\$\{(\w+)\}"')  # a node that is a group, as JSON
MISSING = "???"
WORD = "required"  # in place of every value that a user must give
EXPERIMENT, PRIMARY = "experiment", "train"
# What the runner itself reads: keys of each stage's node, and keys at the top.
PLAN = "plan"
OF_A_STAGE = ("_target_", "inputs", "runtime", "world")
AT_THE_TOP = {
    "name": "pairs", "seed": 1, "until": None, "publish": {}, "in_full": None, "paths": {"runs": "runs"},
    "trainer": {}, "logger": {}, "sweep": {}, "emotion": None,
}  # fmt: skip


class FollowsLinkError(Exception):
    """A mapping is merged into an interpolation: Hydra looks up what it leads to."""


class File(NamedTuple):
    """A file of the configuration where a composition puts it, by part."""

    path: str
    package: str

    @property
    def slot(self) -> str:
        """The group, or the experiment or the primary configuration, whose choice brings it."""
        folder = self.path.rpartition("/")[0]
        within = self.package in ("", folder) or self.package.startswith(f"{folder}.")
        return PRIMARY if not folder else folder if within else EXPERIMENT


class Part(NamedTuple):
    """A group, a stage, or what the runner reads.

    Attributes:
        name: `sovits`, `stages.gpt`, `plan`.
        text: its content as JSON, with its interpolations.
    """

    name: str
    text: str


class Walked(NamedTuple):
    """How many rows were looked at and are refused, and each row, stage and text that is no refusal in one line."""

    rows: int
    refused: int
    faults: list[tuple[Row, str, str]]


Parts = dict[str, Part]
Slots = dict[str, tuple[File, ...]]


def merge(old: Any, new: Any) -> Any:
    """Merge as OmegaConf does: mappings key by key, everything else anew."""
    if not isinstance(new, Mapping):
        return old if new == MISSING and old is not None else new
    if isinstance(old, str) and "${" in old:
        raise FollowsLinkError
    old = old if isinstance(old, Mapping) else {}
    return {**old, **{key: merge(old[key], value) if key in old else value for key, value in new.items()}}


def by_part(content: Node) -> Node:
    """Part -> content: a group each, and a stage each."""
    stages = content.get("stages") or {}
    groups = {name: value for name, value in content.items() if name != "stages"}
    return groups | {f"stages.{name}": node for name, node in stages.items()}


def part_of(link: str) -> str:
    return ".".join(link.split(".")[: 2 if link.startswith("stages.") else 1])


@cache
def contents(file: File) -> Node:
    """What a file says, by part."""
    if file.path == "schema":
        content = OmegaConf.to_container(OmegaConf.structured(TrainConfig))
    else:
        content = yaml.safe_load((CONF / f"{file.path}.yaml").read_text(encoding="utf-8")) or {}
        content.pop("defaults", None)
    for key in reversed(file.package.split(".") if file.package else ()):
        content = {key: content}
    content.pop("hydra", None)
    return by_part(content)


def files(overrides: Iterable[str]) -> list[File]:
    """The files of a composition, in the order in which Hydra merges them."""
    register()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        listed = loader.compute_defaults_list(PRIMARY, list(overrides), RunMode.RUN).defaults
    found = [(str(one.config_path), str(one.package or "")) for one in listed]
    return [File(path, package) for path, package in found if not path.startswith(("hydra/", "_dummy"))]


def slots(overrides: Iterable[str]) -> Slots:
    found: dict[str, list[File]] = {}
    for file in files(overrides):
        found.setdefault(file.slot, []).append(file)
    return {name: tuple(its) for name, its in found.items()}


@cache
def order() -> list[str]:
    """Slots as the primary configuration names them."""
    named = [str(key).removeprefix("optional ") for each in OmegaConf.load(CONF / f"{PRIMARY}.yaml").defaults
             for key in (each if OmegaConf.is_dict(each) else [PRIMARY])]  # fmt: skip
    return list(dict.fromkeys(name for name in named if not name.startswith("override")))


@cache
def make_part(name: str, text: str) -> Part:
    """One object for each content, so that equal parts are found without comparing."""
    return Part(name, text)


@cache
def merged(name: str, sources: tuple[File, ...]) -> Part | None:
    """A part from the files that speak of it; None for a stage that is left out."""
    content = None
    for file in sources:
        content = merge(content, contents(file)[name])
    if content is None and name.startswith("stages."):
        return None
    return make_part(name, json.dumps(content, default=str).replace(f'"{MISSING}"', f'"{WORD}"'))


@cache
def plan_part(stages: tuple[tuple[str, Part], ...]) -> Part:
    nodes = {name: json.loads(each.text) for name, each in stages}
    read = {name: node and {key: node[key] for key in OF_A_STAGE if key in node} for name, node in nodes.items()}
    return make_part(PLAN, json.dumps(read))


def with_plan(parts: Mapping[str, Part | None]) -> Parts:
    """The parts, and what the runner reads of stages; a stage may be a group: `corpus: ${corpus}`."""
    found = {name: one for name, one in parts.items() if one is not None}
    stages = {name.removeprefix("stages."): one for name, one in found.items() if name.startswith("stages.")}
    nodes = {name: found[link[1]] if (link := GROUP.fullmatch(one.text)) else one for name, one in stages.items()}
    return found | {PLAN: plan_part(tuple(nodes.items()))}


@cache
def links(of: Part) -> frozenset[str]:
    """Names of the parts that this one interpolates."""
    found = {"trainer"}  # ${world:} reads it
    for path, value in leaves(json.loads(of.text), "stages" if of.name == PLAN else of.name):
        found |= {part_of(absolute(link, path)) for link in LINK.findall(str(value))}
    return frozenset(found)


def read_by(start: str, parts: Parts) -> Parts:
    """All that a part reads, directly or not, itself included."""
    found: Parts = {}
    open_names = [start, *(AT_THE_TOP if start == PLAN else ())]
    while open_names:
        name = open_names.pop()
        if name not in found and name in parts:
            found[name] = parts[name]
            open_names.extend(links(parts[name]))
    return found


def whole(parts: Iterable[Part]) -> Node:
    """A configuration of these parts alone."""
    values: Node = {**AT_THE_TOP, "stages": {}}
    for each in parts:
        content = json.loads(each.text)
        if each.name == PLAN:
            values["stages"] |= content
        elif each.name.startswith("stages."):
            values["stages"].setdefault(each.name.removeprefix("stages."), content)
        else:
            values[each.name] = content
    return values


def remembered(check: Callable[..., None]) -> Callable[..., None]:
    """A check of plain values that looks once at equal ones, and refuses them again in the same words."""
    known: dict[str, str | None] = {}

    def checked(*values: Any) -> None:
        text = json.dumps(values, sort_keys=True, default=asdict)
        if text not in known:
            try:
                known[text] = check(*values)
            except InputError as error:
                known[text] = str(error)
        if (refused := known[text]) is not None:
            raise InputError(refused)

    return checked


@contextmanager
def models_remembered() -> Iterator[None]:
    """Build equal models, and equal judges of waveforms, once: they are most of the time of a walk."""
    with (
        patch("sovits_lab.training.speech.check_model", remembered(speech.check_model)),
        patch("sovits_lab.training.sovits.hear_silence", remembered(sovits.hear_silence)),
    ):
        yield


def look(start: str, parts: Iterable[Part]) -> list[str]:
    """What the user would read of a stage, or of the plan, that does not fit; of anything else that is raised, all."""
    config = OmegaConf.create(whole(parts))
    try:
        if start == PLAN:
            make_plan(config)
            return []
        settings, name = resolve(config), start.removeprefix("stages.")
        node = settings["stages"][name]
        runtime = {key: value for key, value in settings["trainer"].items() if key in RUNTIME_KEYS}
        own = {key: value for key, value in node.items() if key not in ("inputs", "runtime")}
        source_state(own, Path("runs"))
        spec = StageSpec(name, own, (), runtime | (node.get("runtime") or {}), digest="", folder=Path())
        check_once(name, spec, cast(Node, OmegaConf.to_container(config, resolve=False)))
    except InputError as error:
        return [str(error)]
    except Exception:
        return [traceback.format_exc()]
    return []


def pairs(options: Mapping[str, Iterable[str]]) -> Iterator[Row]:
    """Each two options of different groups."""
    for (one, its), (other, theirs) in itertools.combinations(sorted(options.items()), 2):
        yield from ({one: x, other: y} for x in its for y in theirs)


@cache
def option_files() -> dict[tuple[str, str], tuple[File, ...]]:
    """What each option brings, whatever the experiment."""
    known = {group: [file.stem for file in sorted((CONF / group).glob("*.yaml"))] for group in order()}
    known = {group: names for group, names in known.items() if group not in (EXPERIMENT, "shrink")}
    found: dict[tuple[str, str], tuple[File, ...]] = {}
    for chosen in itertools.zip_longest(*known.values()):
        row = {group: name for group, name in zip(known, chosen, strict=True) if name is not None}
        its = slots([f"{EXPERIMENT}=sad_transfer", *(f"{group}={name}" for group, name in row.items())])
        found |= {(group, name): its[group] for group, name in row.items()}
    return found


@cache
def option_beside(corpus: str, group: str) -> str:
    """The option of a group that a corpus brings along."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return usual_option(group, corpus)


class Options:
    """Options of one experiment.

    Args:
        experiment: its name.
        seen: what was looked at before; shared, it spares other experiments the same.
    """

    def __init__(self, experiment: str, seen: dict[Any, list[str]] | None = None) -> None:
        self.experiment, self.seen = experiment, {} if seen is None else seen
        self.base = slots([f"{EXPERIMENT}={experiment}"])
        other = slots([f"{EXPERIMENT}={experiment}", "corpus=nemo"])  # its corpus decides where nothing else does
        self.following = [name for name in USUAL if other.get(name) == option_files()[name, "nemo"]]
        self._parts = self._composed(
            self.base, {name for its in self.base.values() for f in its for name in contents(f)}
        )

    def _composed(self, chosen: Slots, names: Iterable[str]) -> dict[str, Part | None]:
        files = [file for slot in order() for file in chosen.get(slot, ())]
        return {name: merged(name, tuple(file for file in files if name in contents(file))) for name in names}

    def composed(self, row: Row) -> Parts:
        """What Hydra makes of some options."""
        register()
        words = [f"{EXPERIMENT}={self.experiment}", *(f"{group}={name}" for group, name in row.items())]
        with initialize_config_dir(str(CONF), version_base="1.3"):
            content = OmegaConf.to_container(compose(PRIMARY, overrides=words), resolve=False)
        text = json.dumps(by_part(content), default=str).replace(f'"{MISSING}"', f'"{WORD}"')
        found = {name: make_part(name, json.dumps(one)) for name, one in json.loads(text).items()
                 if one is not None or not name.startswith("stages.")}  # fmt: skip
        return with_plan(found)

    def parts(self, row: Row) -> Parts:
        """The parts of the composition of some options, and what the runner reads of it."""
        row = {name: option_beside(row["corpus"], name) for name in self.following} | row if "corpus" in row else row
        chosen = {option[0]: option_files()[option] for option in row.items()}
        touched = {name for group, its in chosen.items() for file in (*its, *self.base.get(group, ()))
                   for name in contents(file)}  # fmt: skip
        try:
            return with_plan(self._parts | self._composed(self.base | chosen, touched))
        except FollowsLinkError:
            return self.composed(row)

    def verdicts(self, row: Row) -> dict[str, list[str]]:
        """Stage -> what a user would read of it; where the plan is refused, of the plan alone, as in a run.

        A stage without a class that the plan does not miss is one that nothing needs.
        """
        parts = self.parts(row)
        found = {PLAN: self._verdict(PLAN, parts)}
        if not found[PLAN]:
            nodes = json.loads(parts[PLAN].text)
            stages = [name for name, node in nodes.items() if node and "_target_" in node]
            found |= {name: self._verdict(name, parts) for name in (f"stages.{stage}" for stage in stages)}
        return found

    def _verdict(self, start: str, parts: Parts) -> list[str]:
        """What was looked at with all that it reads is not built again."""
        read = read_by(start, parts)
        key = (start, frozenset(map(id, read.values())))
        if key not in self.seen:
            self.seen[key] = look(start, read.values())
        return self.seen[key]

    def walk(self, rows: Iterable[Row]) -> Walked:
        """Look at every row."""
        count, refused, faults = 0, 0, list[tuple[Row, str, str]]()
        for row in rows:
            found = [(stage, text) for stage, lines in self.verdicts(row).items() for text in lines]
            count, refused = count + 1, refused + bool(found)
            faults += [(row, stage, text) for stage, text in found if not text or "\n" in text]
        return Walked(count, refused, faults)
