"""What a logger is: it hears of one job's numbers, sounds, pictures and results, in the runner's process only.

A logger that writes files of its own is rebuilt at each start from what the stages have recorded, so nothing is there
twice and nothing is lost by a kill. A service that keeps a run across starts says what it has (`known`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

NOT_VALUES = frozenset({"stage", "step", "seconds"})
ID_LENGTH = 12


@dataclass(frozen=True)
class RunInfo:
    """What a logger may tell about the run.

    Attributes:
        experiment: the experiment's name.
        digest: hash of the whole run; its head is the run's id everywhere.
        folder: the run folder.
        config: the resolved configuration.
        environment: what `environment.json` holds.
        stages: hash of each stage; that of `corpus` stands for the corpus, that of `features` for what is trained on.
        sweep: id of the sweep that this job belongs to, "" for none.
    """

    experiment: str
    digest: str
    folder: Path
    config: Mapping[str, Any]
    environment: Mapping[str, Any]
    stages: Mapping[str, str] = field(default_factory=dict)
    sweep: str = ""

    @property
    def id(self) -> str:
        """The job's id: the same for every start of the same job, and the name of its folder."""
        return self.digest[:ID_LENGTH]

    @property
    def facts(self) -> dict[str, Any]:
        """What a dashboard filters by besides the configuration: versions of code, corpus and features, machine."""
        machine = {key: value for key, value in self.environment.items() if key not in ("packages", "git")}
        return {
            "run": self.digest,
            "experiment": self.experiment,
            "sweep": self.sweep,
            "code": dict(self.environment.get("git") or {}),
            "corpus_hash": self.stages.get("corpus", ""),
            "features_hash": self.stages.get("features", ""),
            "stage_hashes": dict(self.stages),
            "environment": machine,
        }


@runtime_checkable
class RunLogger(Protocol):
    """A logger chosen by `logger=`."""

    def open(self, run: RunInfo) -> str:
        """Begin, or go on with, the run of this id; gives a line for the user, or "".

        Raises:
            InputError: what the logger needs is not installed.
        """

    def known(self) -> Mapping[str, int]:
        """Return the last step that the service holds from earlier starts, by key as the functions below make it."""

    def metrics(self, record: Mapping[str, Any]) -> None:
        """Send one record of `metrics.jsonl`: stage, step, seconds and the values."""

    def media(self, stage: str, message: Mapping[str, Any]) -> None:
        """Send one file: type ("audio" or "picture"), name, step, path, caption."""

    def finished(self, stage: str, folder: Path) -> None:
        """Send what a finished stage has: scores, style vectors or a page may lie in its folder."""

    def close(self, status: int) -> None:
        """End the run with the exit status of the command (128 + n: stopped by signal n); called on every way out."""


def record_key(record: Mapping[str, Any]) -> str:
    """Return a record's key: its stage and what its values are of (`train`, `valid`, ...), with one record a step."""
    first = next((key for key in record if key not in NOT_VALUES), "")
    return f"{record['stage']}/{first.partition('/')[0]}"


def media_key(stage: str, message: Mapping[str, Any]) -> str:
    """Name a sound or picture in every service; the two share the name that the stage gave them."""
    return f"{stage}/{message['type']}/{message['name']}"


def finished_key(stage: str) -> str:
    """Return the key of the results of a stage."""
    return f"{stage}/finished"
