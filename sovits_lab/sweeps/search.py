"""`hydra/sweeper=optuna`: arms chosen by what the earlier ones have scored."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from omegaconf import OmegaConf

from sovits_lab.files import read_object
from sovits_lab.pipeline.channel import METRICS, read_metrics
from sovits_lab.pipeline.fingerprint import digest
from sovits_lab.pipeline.settings import Objective, SweepSettings, Watch
from sovits_lab.sweeps.arms import Axes, Composer
from sovits_lab.sweeps.conductor import JobSource
from sovits_lab.sweeps.manifest import State, SweepArm, SweepJob
from sovits_lab.sweeps.space import distribution, options, point
from sovits_lab.sweeps.sweeper import Book, PreparedSweep, SweepSweeper
from sovits_lab.types import InputError, got

if TYPE_CHECKING:
    from optuna import Study
    from optuna.distributions import BaseDistribution
    from optuna.trial import Trial, TrialState

STUDY = "study.db"
SCORES = "scores.json"
DIRECTIONS = ("minimize", "maximize")
JOB = "job"


class OptunaSweeper(SweepSweeper):
    """A search with a study on disk; the same command goes on with it and adds only the trials that are missing.

    Args:
        trials: how many are to be finished in all, pruned ones included, failed ones not.
        at_once: how many may be under way.
        seed: of the sampler; a trial's draw depends on the seed, its number and the finished trials alone.
        sampler: makes a sampler from a seed (and a grid sampler from its space too).
        pruner: ends trials by what `sweep.watch` names; None prunes nothing.
    """

    def __init__(self, trials: int, at_once: int, seed: int, sampler: Callable[..., Any], pruner: Any = None):
        self.trials, self.at_once, self.seed, self.sampler, self.pruner = trials, at_once, seed, sampler, pruner

    def prepare(self, settings: SweepSettings, axes: Axes, composer: Composer) -> PreparedSweep:
        """See `SweepSweeper`; composes one arm, to know where the sweep belongs and that its axes exist."""
        self.settings, self.axes = settings, axes
        if not axes.varied:
            raise InputError(
                "hydra/sweeper=optuna: no axis: give some, as gpt.dropout='interval(0,0.3)', or sweep=NAME"
            )
        if not settings.objectives:
            raise InputError("sweep.objectives: none: name figures of scores.json and their directions, or sweep=NAME")
        directions = {f"objectives.{name}": each.direction for name, each in settings.objectives.items()}
        directions |= {"watch": settings.watch.direction} if settings.watch else {}
        for name, direction in directions.items():
            if direction not in DIRECTIONS:
                raise got(f"sweep.{name}.direction", direction, " or ".join(DIRECTIONS))
        if self.pruner is not None and (settings.watch is None or len(settings.objectives) > 1):
            raise InputError("hydra/sweeper/pruner: needs sweep.watch and a single objective")
        self.space = {key: distribution(override) for key, override in axes.varied.items()}
        first = composer.arm(point({key: _first(each) for key, each in self.space.items()}))[1]
        own = self.master.hydra.sweeper
        study = {key: OmegaConf.to_container(own[key]) for key in ("sampler", "pruner") if own.get(key)}
        objectives = {name: vars(each) for name, each in settings.objectives.items()}
        return PreparedSweep([], [first], {"study": study, "seed": self.seed, "objectives": objectives})

    @contextmanager
    def source(self, book: Book, arms: list[SweepArm]) -> Iterator[JobSource]:
        """See `SweepSweeper`."""
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        storage = optuna.storages.RDBStorage(f"sqlite:///{book.manifest.folder / STUDY}")
        try:
            study = optuna.create_study(
                storage=storage,
                study_name=book.manifest.folder.name,
                directions=cast(Any, [each.direction for each in self.settings.objectives.values()]),
                pruner=self.pruner or optuna.pruners.NopPruner(),  # None would be the median pruner
                load_if_exists=True,
            )
            watch = self.settings.watch if self.pruner is not None else None
            search = Search(study, book, self.space, self.settings.objectives, watch, self._sampler)
            search.ask_for(int(min(self.trials, self._ceiling())), self.at_once)
            yield search
            book.say(search.best())
        finally:
            storage.engine.dispose()

    def _sampler(self, number: int) -> Any:
        """A sampler without a past: one that went on drawing would draw the same again after each start."""
        seed = int(digest([self.seed, number])[:8], 16)
        return self.sampler(self._grid(), seed=self.seed) if self._on_grid() else self.sampler(seed=seed)

    def _on_grid(self) -> bool:
        return "search_space" in inspect.signature(self.sampler).parameters

    def _grid(self) -> dict[str, list[Any]]:
        found = {key: options(each) for key, each in self.space.items()}
        for key, values in found.items():
            if values is None:
                raise got(f"axis {key}", str(self.space[key]), "choices or a range, with hydra/sweeper/sampler=grid")
        return {key: values for key, values in found.items() if values is not None}

    def _ceiling(self) -> float:
        """The number of arms of a grid; infinite where values are drawn."""
        return math.prod(map(len, self._grid().values())) if self._on_grid() else math.inf


class Search:
    """A study as a source of arms."""

    def __init__(
        self,
        study: Study,
        book: Book,
        space: Mapping[str, BaseDistribution],
        objectives: Mapping[str, Objective],
        watch: Watch | None,
        sampler: Callable[[int], Any],
    ):
        self.study, self.book, self.space, self.sampler = study, book, dict(space), sampler
        self.objectives, self.watch = objectives, watch
        self.missing = self.at_once = 0
        self.open: dict[str, list[Trial]] = {}
        self._reported: dict[int, int] = {}
        self._repeat_killed()

    def ask_for(self, trials: int, at_once: int) -> None:
        """Say how many trials there shall be in all, finished or pruned, and how many under way."""
        self.missing, self.at_once = trials - self._settled(), at_once

    def next(self) -> SweepArm | None:
        """See `JobSource`."""
        if self.missing <= 0 or len(self.open) >= self.at_once:
            return None
        self.study.sampler = self.sampler(len(self.study.trials))
        trial = self.study.ask(self.space)
        self.missing -= 1
        arm, plan = self.book.composer.arm(point(trial.params))
        job = self.book.take(arm, plan)
        trial.set_user_attr(JOB, job.arm.key)
        self.open.setdefault(job.arm.key, []).append(trial)
        return job.arm

    def hopeless(self, job: SweepJob) -> bool:
        """See `JobSource`: tell the pruner what the job has recorded since."""
        trial = self.open[job.arm.key][0]
        if self.watch is None:
            return False
        direction = next(iter(self.objectives.values())).direction
        sign = 1.0 if self.watch.direction == direction else -1.0
        last = self._reported.get(trial.number, -1)
        for step, value in find_watched(self.book.manifest.runs / job.arm.run, self.watch):
            if step > last:
                trial.report(sign * value, step)
                self._reported[trial.number] = step
        return trial.should_prune()

    def over(self, job: SweepJob) -> None:
        """See `JobSource`."""
        from optuna.trial import TrialState

        for trial in self.open.pop(job.arm.key, []):
            if job.state is State.PRUNED:
                self._record(trial, state=TrialState.PRUNED)
            elif job.state is not State.DONE:
                self._record(trial, state=TrialState.FAIL)
            else:
                self._score(trial, job)

    def remaining(self) -> int:
        """See `JobSource`."""
        return max(0, self.missing)

    def best(self) -> str:
        """Return the best trials in words."""
        names = list(self.objectives)
        if not any(self._complete(each) for each in self.study.trials):
            return "no trial has been scored"
        lines = []
        for each in self.study.best_trials:
            values = ", ".join(f"{name} {value:.4g}" for name, value in zip(names, each.values, strict=True))
            lines.append(f"best: {' '.join(f'{k}={v}' for k, v in point(each.params).items())}: {values}")
        return "\n".join(lines)

    def _score(self, trial: Trial, job: SweepJob) -> None:
        from optuna.trial import TrialState

        path = self.book.manifest.runs / job.arm.run / SCORES
        values = [figure(path, name, each) for name, each in self.objectives.items()]
        if any(value is None for value in values):
            missing = next(name for name, value in zip(self.objectives, values, strict=True) if value is None)
            self.book.say(f"{job.arm.label}: {missing} was not measured, see {path}")
            self._record(trial, state=TrialState.FAIL)
        else:
            self._record(trial, [float(value) for value in values if value is not None])

    def _record(self, trial: Trial, values: list[float] | None = None, state: TrialState | None = None) -> None:
        """A grid sampler that has seen its whole grid stops a loop of Optuna's, which there is none of here."""
        try:
            self.study.tell(trial, values, state=state)
        except RuntimeError as error:
            if "Study.stop" not in str(error):
                raise

    def _repeat_killed(self) -> None:
        """Trials left open by a killed command are failed and asked for again: their jobs go on where they were."""
        from optuna.trial import TrialState

        for each in self.study.get_trials(states=[TrialState.RUNNING]):
            self.study.tell(each.number, state=TrialState.FAIL)
            if each.params:
                self.study.enqueue_trial(each.params)
        failed = [each for each in self.study.get_trials(states=[TrialState.FAIL]) if each.params]
        others = [each for each in self.study.trials if each.state is not TrialState.FAIL]
        known = [each.params or each.system_attrs.get("fixed_params") for each in others]
        for each in failed:  # those that failed by themselves are tried again by each new command
            if each.params not in known:
                self.study.enqueue_trial(each.params)
                known.append(each.params)

    def _settled(self) -> int:
        from optuna.trial import TrialState

        return len(self.study.get_trials(states=[TrialState.COMPLETE, TrialState.PRUNED]))

    @staticmethod
    def _complete(trial: Any) -> bool:
        return str(trial.state.name) == "COMPLETE"


def find_watched(run: Path, watch: Watch) -> Iterator[tuple[int, float]]:
    """Find the step and the value of what a pruner looks at."""
    for record in read_metrics(run / METRICS):
        value = record.get(watch.value)
        if record["stage"] == watch.stage and value is not None:
            yield record["step"], value


def figure(path: Path, name: str, wanted: Objective) -> float | None:
    """Return an objective's value in a run's scores.json; None when it was not measured.

    Raises:
        InputError: there is no such figure.
    """
    if not path.is_file():
        raise InputError(f"sweep.objectives.{name}: {path} is not there: the experiment publishes no {SCORES}")
    figures = read_object(path, "scores").get("figures", [])
    asked = (wanted.figure, wanted.group, wanted.emotion, None)
    for each in figures:
        if (each["name"], each["group"], each["emotion"], each["strength"]) == asked:
            return each["value"]
    known = sorted({f"{each['name']} ({each['group']}, {each['emotion']})" for each in figures})
    given = f"{wanted.figure} ({wanted.group}, {wanted.emotion})"
    raise InputError(f"sweep.objectives.{name}: got {given}, expected one of {', '.join(known)}")


def _first(found: BaseDistribution) -> Any:
    values = options(found)
    return values[0] if values else found.low  # type: ignore[attr-defined]
