"""What a launcher of ours is: it starts jobs, knows which are under way, asks them to stop; it never waits."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from sovits_lab.sweeps.manifest import Manifest, SweepJob
from sovits_lab.types import InputError


@dataclass(frozen=True)
class Program:
    """The command that every job of a sweep begins with, and the folder in which it runs.

    It is that of the process which conducts the sweep and reaches jobs by their command line: the files of a runs
    folder never say what is executed.
    """

    command: tuple[str, ...]
    folder: str

    def argument(self) -> str:
        """Return the program as one word of a command line."""
        return json.dumps(asdict(self))

    @classmethod
    def of_argument(cls, word: str) -> Program:
        """Read a program from the word that `argument` made of it."""
        values = json.loads(word)
        return cls(tuple(values["command"]), values["folder"])


class SweepLauncher(Launcher):
    """A launcher whose jobs are processes of `sovits_lab.sweeps.job`.

    Attributes:
        program: what a job runs; the sweeper sets it.
        slots: jobs that may be under way at once.
        poll: seconds between two looks at the jobs.
    """

    program: Program
    slots: int
    poll: float

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Do nothing: a job is a fresh process, so it takes nothing of this one."""

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Refuse what Hydra's own sweepers would call.

        Raises:
            InputError: always; they keep no record of a sweep, so nothing could be resumed.
        """
        raise InputError("hydra/sweeper: got one of Hydra's own, expected grid or optuna")

    @abstractmethod
    def start(self, manifest: Manifest, jobs: Sequence[SweepJob]) -> None:
        """Start jobs; they write down themselves that they run."""

    @abstractmethod
    def alive(self, manifest: Manifest, job: SweepJob) -> bool:
        """Return whether a job of this or an earlier command is under way; so is one that waits in a queue."""

    @abstractmethod
    def stop(self, manifest: Manifest, jobs: Sequence[SweepJob]) -> None:
        """Ask jobs to save and end."""

    @abstractmethod
    def kill(self, manifest: Manifest, jobs: Sequence[SweepJob]) -> None:
        """End jobs that have been asked and have not ended."""
