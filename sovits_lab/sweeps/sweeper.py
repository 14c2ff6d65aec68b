"""What the sweepers of ours share: the folder, the lock of the command, what must be the same to go on, the ending."""

from __future__ import annotations

import os
import sys
from abc import abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple, cast

from hydra._internal.utils import get_args_parser
from hydra.core.plugins import Plugins
from hydra.errors import HydraException
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf
from rich.console import Console

import sovits_lab
from sovits_lab.pipeline.conf import PACKAGE
from sovits_lab.pipeline.environment import git_state
from sovits_lab.pipeline.fingerprint import digest
from sovits_lab.pipeline.plan import HASH_LENGTH, Plan
from sovits_lab.pipeline.settings import SweepSettings
from sovits_lab.pipeline.signals import Stopped
from sovits_lab.sweeps.arms import Axes, Composer, complete, keep, refuse_changed, sweep_folder
from sovits_lab.sweeps.conductor import Conductor, JobSource
from sovits_lab.sweeps.launcher import Program, SweepLauncher
from sovits_lab.sweeps.locks import try_lock
from sovits_lab.sweeps.manifest import Manifest, State, SweepArm, SweepJob
from sovits_lab.types import InputError, got

ON_FAILURE = ("keep_going", "fail_fast")


class PreparedSweep(NamedTuple):
    """What is known of a sweep before its first job.

    `arms` are empty where a search thinks of them later; `plans` are those of the arms, or one that says where the
    sweep belongs; `kind` is what makes this sweep another one than the same axes otherwise.
    """

    arms: list[SweepArm]
    plans: list[Plan]
    kind: object


class SweepSweeper(Sweeper):
    """A sweeper whose sweeps have a folder and can be gone on with."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """See Hydra."""
        self.master, self.loader = config, hydra_context.config_loader
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )
        self.console, self.errors = Console(), Console(stderr=True)

    def sweep(self, arguments: list[str]) -> Any:
        """Run the sweep, or go on with it; ends the process unless all is well.

        Exit status: 0 all jobs are done, 1 some are not, 2 the input is wrong, 128 + n stopped by signal n.
        """
        try:
            status = 0 if self._sweep(arguments) else 1
        except (InputError, HydraException) as error:
            status = self._complain(str(error), 2)
        except Stopped as stop:
            status = self._complain(f"stopped by {stop}; the same command goes on from here", 128 + stop.number)
        if status:
            sys.exit(status)

    @abstractmethod
    def prepare(self, settings: SweepSettings, axes: Axes, composer: Composer) -> PreparedSweep:
        """Compose what is known from the start."""

    @abstractmethod
    def source(self, book: Book, arms: list[SweepArm]) -> AbstractContextManager[JobSource]:
        """Return where the conductor gets its arms."""

    def _sweep(self, arguments: list[str]) -> bool:
        if not isinstance(self.launcher, SweepLauncher):
            name = self.master.hydra.runtime.choices.get("hydra/launcher")
            raise got("hydra/launcher", name, "local, parallel or slurm_array: each job must be a fresh process")
        settings = cast(SweepSettings, OmegaConf.to_object(self.master.sweep))
        if settings.on_failure not in ON_FAILURE:
            raise got("sweep.on_failure", settings.on_failure, " or ".join(ON_FAILURE))
        axes = Axes(arguments, settings.params, self.loader)
        composer = Composer(self.loader, self.master, axes.fixed)
        arms, plans, kind = self.prepare(settings, axes, composer)
        runs = plans[0].runs
        folder = sweep_folder(runs, [plan.name for plan in plans], [axes.identity(), settings.label, kind])
        with try_lock(folder / ".command") as free:
            if not free:
                raise InputError(f"{folder}: another command is running this sweep")
            book = Book(Manifest(folder), composer, self.console)
            book.open(arms, plans, self._header(arguments))
            self.launcher.program = Program(tuple(program()), str(Path.cwd()))
            with self.source(book, arms) as source:
                conductor = Conductor(
                    book.manifest, source, self.launcher, self.console, settings.on_failure == "fail_fast"
                )
                well = conductor.run()
            book.say(f"sweep: {folder}")
        return well

    def _header(self, arguments: list[str]) -> dict[str, Any]:
        base = OmegaConf.to_container(self.master, resolve=False)
        assert isinstance(base, dict)
        kept = {key: value for key, value in base.items() if key not in ("hydra", "paths", "logger", "sweep")}
        return {
            "arguments": arguments,
            "launcher": self.master.hydra.runtime.choices.get("hydra/launcher"),
            "sweeper": self.master.hydra.runtime.choices.get("hydra/sweeper"),
            "base": digest(kept)[:HASH_LENGTH],
        }

    def _complain(self, text: str, status: int) -> int:
        self.errors.print(f"error: {text}", markup=False, highlight=False, soft_wrap=True)
        return status


class Book:
    """A sweep's manifest as its command keeps it: arms go in only if they mean what they meant before."""

    def __init__(self, manifest: Manifest, composer: Composer, console: Console):
        self.manifest, self.composer, self.console = manifest, composer, console

    def open(self, arms: Sequence[SweepArm], plans: Sequence[Plan], header: dict[str, Any]) -> None:
        """Begin the sweep, or take it up again; without arms, the earlier ones stay and one of them is looked at."""
        composed = list(zip(arms, plans, strict=True)) if arms else []
        newest = list(self.manifest.jobs.values())[-1:]
        for arm, plan in composed or [self.composer.again(job.arm) for job in newest]:
            refuse_changed(self.manifest, arm, plan)
        if self.manifest.header is None:
            self.manifest.create(experiment=self.manifest.folder.parent.name, **header)
        self.manifest.begin(keep=not arms, code=git_state(Path(sovits_lab.__file__).parent), **header)
        for arm, plan in composed:
            self.write(arm, plan)
        known = {job.arm.label: job.arm.key for job in self.manifest.earlier.values()}
        moved = sum(known.get(arm.label, arm.key) != arm.key for arm in arms)
        if moved:
            self.say(f"the code has changed since: {moved} of {len(arms)} jobs are new ones")

    def say(self, text: str) -> None:
        """Say a line to the user."""
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def take(self, arm: SweepArm, plan: Plan) -> SweepJob:
        """Put in an arm that a search has thought of."""
        refuse_changed(self.manifest, arm, plan)
        return self.write(arm, plan)

    def write(self, arm: SweepArm, plan: Plan) -> SweepJob:
        """Put an arm in; a job counts as done only while its results are there."""
        known = self.manifest.jobs.get(arm.key)
        if known is not None and known.arm.label != arm.label:
            self.say(f"{arm.label}: the same job as {known.arm.label}")
        keep(self.manifest, arm, plan)
        job = self.manifest.add(arm)
        if job.state is State.DONE and not complete(plan):
            self.manifest.note(arm.key, State.PENDING, text="its results have been removed")
        return job


def program() -> list[str]:
    """Return the command that began this process, without its overrides: what a job's command begins with."""
    given = get_args_parser().parse_args(sys.argv[1:])
    flags = [
        (f"--{name.replace('_', '-')}", getattr(given, name)) for name in ("config_path", "config_name", "config_dir")
    ]
    chosen = [word for flag, value in flags if value is not None for word in (flag, value)]
    path = Path(os.path.abspath(sys.argv[0]))  # noqa: PTH100  a link stays what it is
    if path.is_relative_to(PACKAGE):  # run as a file, its neighbours would shadow modules of the same names
        return [sys.executable, "-m", ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts), *chosen]
    return [sys.executable, str(path), *chosen]
