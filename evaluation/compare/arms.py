"""Arms of a comparison: what each run was asked, what it measured, what it recorded; may they be compared?."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from evaluation.scoring.estimates import SCORES
from evaluation.scoring.manifest import find_run_samples
from evaluation.scoring.measurements import MEASUREMENTS, Measurement, MeasurementTable
from evaluation.scoring.samples import Sample, read_samples, select_headline
from evaluation.suite.score_samples import INDEX
from sovits_lab.files import read_json_lines, read_object
from sovits_lab.pipeline.run_config import read_run_config
from sovits_lab.types import InputError, got

CELL = ("speaker", "text", "emotion", "strength")
MOST_KEYS, LONGEST_NAME = 4, 56


@dataclass(frozen=True)
class ScoredRun:
    """One scored run.

    Attributes:
        label: what it is called on the page.
        folder: run folder, or a folder with `scores.json` and `measurements.jsonl`.
        report: figures, bars, judges and the index of samples.
        rows: scores of every sample.
        config: resolved configuration; empty where the folder is no run of ours.
        environment: what `environment.json` holds, or empty.
        stages: stage -> name of its folder, which ends in its hash.
        seeds: the runs of several seeds that it is the mean of; empty for a single run.
    """

    label: str
    folder: Path
    report: Mapping[str, Any]
    rows: MeasurementTable
    config: Mapping[str, Any]
    environment: Mapping[str, Any]
    stages: Mapping[str, str]
    seeds: tuple[ScoredRun, ...] = ()

    @cached_property
    def samples(self) -> list[Sample]:
        """What was spoken, with the sounds where they are at hand."""
        try:
            sounds = {one.id: one for one in read_samples(find_run_samples(self.folder))}
        except InputError:
            sounds = {}
        made = []
        for name, values in self.report["index"].items():
            known = dict(zip(INDEX, values, strict=True))
            role = known.pop("group")
            made.append(sounds.get(name) or Sample(id=name, wav=None, role=role, **known))
        return made

    @cached_property
    def headline(self) -> list[Sample]:
        """The samples that tables are made of."""
        return select_headline(self.samples)

    @cached_property
    def cells(self) -> frozenset[tuple[Any, ...]]:
        """What was asked: speaker, text, emotion and strength of each sample."""
        return frozenset(tuple(getattr(one, key) for key in CELL) for one in self.samples)

    @property
    def records(self) -> list[dict[str, Any]]:
        """What the run logged while it trained."""
        from sovits_lab.pipeline.channel import METRICS, read_metrics

        return read_metrics(self.folder / METRICS)


def read_arm(folder: Path, label: str = "") -> ScoredRun:
    """Read a scored run.

    Raises:
        InputError: there is no run, it is unfinished, or it was scored by an older version.
    """
    if not folder.is_dir():
        raise got("run", folder, "an existing folder")
    stages = {name: Path(place).name for name, place in _json(folder / "stages.json").items()}
    report = folder / SCORES
    items = report.resolve().parent / MEASUREMENTS
    if not report.is_file() or not items.is_file():
        raise InputError(_unfinished(folder, stages))
    content = read_object(report, "scores")
    if content.get("index") is None:
        raise got(f"{report}, index of samples", None, "a report of this version: score again")
    table = MeasurementTable()
    for number, row in enumerate(read_json_lines(items, "measurements"), 1):
        try:
            table.add(Measurement(**row))
        except TypeError as error:
            raise InputError(f"measurements {items}, line {number}: {error}; score again") from error
    config = read_run_config(folder)
    name = label or folder.resolve().name
    return ScoredRun(name, folder, content, table, config, _json(folder / "environment.json"), stages)


def check_comparable(arms: Sequence[ScoredRun]) -> None:
    """Refuse what would compare different questions.

    Raises:
        InputError: another corpus or other test sentences than the first arm's.
    """
    first = arms[0]
    for other in arms[1:]:
        for stage in ("corpus",):
            mine, theirs = first.stages.get(stage), other.stages.get(stage)
            if mine and theirs and mine != theirs:
                raise got(f"corpus of {other.label} ({other.folder})", theirs, f"{mine}, that of {first.label}")
        lacking, more = first.cells - other.cells, other.cells - first.cells
        if lacking or more:
            example = min(lacking or more, key=str)
            given = f"{len(lacking)} missing, {len(more)} others, such as {' / '.join(map(str, example))}"
            raise got(f"test sentences of {other.label} ({other.folder})", given, f"those of {first.label}")


def label_arms(arms: Sequence[ScoredRun], differing: Mapping[str, Sequence[Any]]) -> list[ScoredRun]:
    """Name arms by the values of the fewest keys that tell them apart, else by their own labels."""
    names = [arm.label for arm in arms]
    for most in range(1, MOST_KEYS + 1):
        keys = list(differing)[:most]
        labels = [", ".join(f"{key.rpartition('.')[2]}={differing[key][i]}" for key in keys) for i in range(len(arms))]
        if keys and len(set(labels)) == len(arms) and max(map(len, labels)) <= LONGEST_NAME:
            names = labels
            break
    taken: dict[str, int] = {}
    made = []
    for arm, name in zip(arms, names, strict=True):
        taken[name] = taken.get(name, 0) + 1
        made.append(replace(arm, label=name if taken[name] == 1 else f"{name} ({taken[name]})"))
    return made


def _unfinished(folder: Path, stages: Mapping[str, str]) -> str:
    if not stages:
        return f"scored folder: got {str(folder)!r}, expected {SCORES} and {MEASUREMENTS} in it"
    places = _json(folder / "stages.json")
    open_ones = [name for name, place in places.items() if not (folder / place).exists()]
    missing = f"not done: {', '.join(open_ones)}" if open_ones else "it has no scores"
    return f"run {folder}: got an unfinished run ({missing}), expected a scored one: run its command again"


def _json(path: Path) -> dict[str, Any]:
    return read_object(path, "record of a run") if path.is_file() else {}
