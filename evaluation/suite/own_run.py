"""A run of ours: what it holds beside its samples, and the judges and requirements with which it scored itself."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from evaluation.scoring.estimates import Requirement
from evaluation.scoring.manifest import find_run_samples
from evaluation.scoring.scorer import Scorer
from evaluation.suite.stage import ScoreRun
from sovits_lab.files import read_object, reason_of
from sovits_lab.pipeline.run_config import read_run_config
from sovits_lab.plugins import class_below, is_below, packages_of
from sovits_lab.types import InputError, got

STAGE = ".ScoreRun"  # the end of the target of the stage that scores
WITHOUT = "own_judges=false scores the run without its own judges"
# What a configuration that was found may name: classes that are defined below these packages, and these functions.
ALLOWED = ("evaluation.", "sovits_lab.checkpoints.")
FUNCTIONS = frozenset({
    "evaluation.suite.primary_judges.primary_speaker", "evaluation.suite.primary_judges.primary_words",
    "sovits_lab.checkpoints.content.load_recogniser", "sovits_lab.checkpoints.content.recognises",
})  # fmt: skip


class RunExtras(NamedTuple):
    """What a run holds beside its samples.

    Attributes:
        vectors: its style vectors, or None.
        trials: folders of its trials, by stage.
        facts: what the report's header says: experiment, seed, commit and others that are known.
    """

    vectors: Path | None
    trials: dict[str, Path]
    facts: dict[str, str]


class ChosenJudges(NamedTuple):
    """The scorers and requirements of a scoring, and remarks for the report, such as what is no longer there."""

    scorers: list[Scorer]
    requirements: list[Requirement]
    remarks: list[str]


def find_run_extras(run: Path) -> RunExtras:
    """Find what a run holds beside its samples."""
    vectors = find_run_samples(run).parent / "style_vectors.npz"
    folders = _stage_folders(run)
    trials = {name: folder for name, folder in folders.items() if any(folder.glob("*.md"))}
    return RunExtras(vectors if vectors.is_file() else None, trials, read_run_facts(run))


def read_run_facts(run: Path) -> dict[str, str]:
    """Read what is known of a run: experiment, seed, commit and whether it was a smoke run."""
    config, environment = read_run_config(run), _json(run / "environment.json")
    git = environment.get("git") or {}
    commit = str(git.get("commit") or "")[:12]
    facts = {
        "experiment": str(config.get("name") or ""),
        "run": run.resolve().name,
        "seed": str(config.get("seed", "")),
        "commit": commit + (" with uncommitted changes" if commit and git.get("diff") else ""),
    }
    return {key: value for key, value in facts.items() if value}


def read_own_scoring(run: Path) -> ChosenJudges | None:
    """Build the scorers with which a run scored itself; None for a folder that is no run of ours.

    Raises:
        InputError: the stage's configuration cannot be used, or names what `ALLOWED` and `FUNCTIONS` lack.
    """
    from hydra.errors import InstantiationException

    config = read_run_config(run)
    where = f"{run / 'config.yaml'}, stage of the scores"
    try:
        return _build_own_scoring(run, config, where)
    except (InstantiationException, AttributeError, LookupError, TypeError, ValueError) as error:
        cause = error.__cause__ if isinstance(error.__cause__, InputError) else error
        if isinstance(cause, InputError):
            raise cause from error
        raise InputError(f"{where}: it cannot be used ({reason_of(error)}); {WITHOUT}") from error


def _build_own_scoring(run: Path, config: Mapping[str, Any], where: str) -> ChosenJudges | None:
    stages = config.get("stages") or {}
    node = next((one for one in stages.values() if one and str(one.get("_target_", "")).endswith(STAGE)), None)
    if node is None:
        return None
    folders = _stage_folders(run)
    inputs = {name: folders[name] for name in node.get("inputs") or () if name in folders and folders[name].is_dir()}
    notes = [f"Stage {name} of the run is no longer there." for name in node.get("inputs") or () if name not in inputs]
    kept = {key: value for key, value in node.items() if key in ("speaker", "recognisers", "bars", "scorers")}
    kept["recognisers"] = [one for one in kept.get("recognisers") or () if one["stage"] in inputs]
    _check_targets(kept, where)
    try:
        stage = ScoreRun(**kept)
    except InputError as error:
        raise InputError(f"{where}, {error}; {WITHOUT}") from None
    return ChosenJudges(stage.build_scorers(inputs, notes), stage.bars, notes)


def _check_targets(node: Any, where: str) -> None:
    """Refuse whatever is not ours to build: a run's folder may come from elsewhere, and a call runs code."""
    if isinstance(node, Mapping):
        if "_target_" in node and node["_target_"] not in FUNCTIONS:
            target = str(node["_target_"])
            if not is_below(target, ALLOWED):
                raise got(f"{where}, _target_", target, f"a class below {packages_of(ALLOWED)}; {WITHOUT}")
            try:
                class_below(target, ALLOWED)
            except InputError as error:
                raise InputError(f"{where}, {error}; {WITHOUT}") from error
        for value in node.values():
            _check_targets(value, where)
    elif isinstance(node, (list, tuple)):
        for value in node:
            _check_targets(value, where)


def _stage_folders(run: Path) -> dict[str, Path]:
    return {name: run / place for name, place in _json(run / "stages.json").items()}


def _json(path: Path) -> dict[str, Any]:
    return read_object(path, "record of a run") if path.is_file() else {}
