"""`python -m evaluation run=DIR` or `manifest=FILE`: score outputs with the judges of conf/evaluate.yaml."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evaluation.report.attachments import read_attachments
from evaluation.report.pictures import draw_style_space
from evaluation.report.write import WriteReport
from evaluation.scoring.cache import RowCache
from evaluation.scoring.estimates import Requirement
from evaluation.scoring.manifest import find_run_samples, read_manifest
from evaluation.scoring.measurements import MEASUREMENTS
from evaluation.scoring.samples import Sample, check_outputs
from evaluation.scoring.scorer import Scorer
from evaluation.style.first_probes import estimate_probes
from evaluation.style.vectors import read_style_vectors
from evaluation.suite.own_run import ChosenJudges, RunExtras, find_run_extras, read_own_scoring
from evaluation.suite.score_samples import score_samples
from evaluation.suite.subset import SubsetScorer
from sovits_lab.options import describe, option, read_options, split_words, wants_help
from sovits_lab.pipeline.conf import CONF
from sovits_lab.reporting import Silent
from sovits_lab.types import InputError, got

OVERRIDES = """other words go to the configuration, conf/evaluate.yaml; judges are the files of conf/judge:
  judge@judges.words=whisper judges.words.judge.source=FOLDER   adds or changes one
  ~judges.quality                                               leaves one out"""

CONFIGURED = ("judge", "judges", "bars")  # groups and keys of conf/evaluate.yaml


@dataclass(frozen=True)
class ScoreOptions:
    """Score the outputs of a run, or of a list of recordings; one of run= and manifest= is given.

    The exit status is 0, or 1 where a declared requirement is not reached.
    """

    run: Path | None = option("a run of ours", None)
    own_judges: bool = option("a run is scored by its own judges and requirements again, and by these", True)
    manifest: Path | None = option("a list of recordings", None)
    wavs: Path | None = option("folder of the recordings, for lists that do not name them", None)
    language: str = option("of rows that do not say theirs, such as zh", "", shown="told by the letters of the text")
    out: Path | None = option("folder of the results", None, shown="runs/evaluation/NAME")
    title: str | None = option("of the report", None, shown="NAME")
    emotion: str = option("played beside neutral", "sad")
    wandb_project: str | None = option("project that the tables are logged to", None)


def main(argv: list[str]) -> int:
    """Score, write measurements.jsonl, scores.json and report/index.html, print where they are.

    Returns:
        0, or 1 when a declared requirement is not reached.
    """
    if not argv or wants_help(argv):
        print(describe(ScoreOptions, "score", OVERRIDES, "python -m evaluation"))
        return 0
    own, overrides = split_words(ScoreOptions, argv, CONFIGURED)
    given, config = read_options(ScoreOptions, own), compose_config(overrides)
    samples, name = choose_samples(given)
    out = given.out or Path("runs") / "evaluation" / name
    extras = find_run_extras(given.run) if given.run is not None else RunExtras(None, {}, {})
    style = read_style_vectors(extras.vectors) if extras.vectors is not None else None
    scorers, bars, remarks = choose_judges(config, given)
    with open_terminal() as reporter:
        content = score_samples(
            samples,
            scorers,
            out,
            reporter,
            bars=bars,
            cache=RowCache(out / "cache.jsonl"),
            extra=estimate_probes(style) if style is not None else [],
            remarks=remarks,
        )
    (out / "report").mkdir(exist_ok=True)
    page = out / "report" / "index.html"
    WriteReport(title=given.title or name, emotion=given.emotion).write(
        samples,
        content,
        out / MEASUREMENTS,
        page,
        draw_style_space(style) if style is not None else "",
        read_attachments(extras.trials),
        {**extras.facts, "scored by": " ".join(["python -m evaluation", *argv])},
    )
    if given.wandb_project:
        from evaluation.report.tracking import log_tables

        log_tables(content, given.wandb_project, name, out)
    speed = content["speed"]
    print(f"{len(samples)} items in {speed['seconds']} s, peak memory {speed['peak_memory_mb']} MB")
    print(f"report: {page}")
    return 0 if all(bar["reached"] for bar in content["bars"]) else 1


def choose_judges(config: dict[str, Any], given: ScoreOptions) -> ChosenJudges:
    """Choose who judges by what requirements, with remarks for the report.

    A run of ours is scored by its own judges again, so that its own figures come out; a judge of the configuration is
    added to them unless the run has one of its construct and name.
    """
    remarks: list[str] = []
    asked = build_scorers(config["judges"], remarks)
    bars = [Requirement(**one) for one in config["bars"]]
    own = read_own_scoring(given.run) if given.run is not None and given.own_judges else None
    if own is None:
        return ChosenJudges(asked, bars, remarks)
    known = {_judge_of(one) for one in own.scorers}
    more = [one for one in asked if _judge_of(one) not in known]
    return ChosenJudges([*own.scorers, *more], [*own.requirements, *bars], [*own.remarks, *remarks])


def _judge_of(scorer: Scorer) -> tuple[type, str]:
    """What a scorer measures and who judges, whether it hears all samples or a declared part."""
    inner = scorer.scorer if isinstance(scorer, SubsetScorer) else scorer
    return type(inner), inner.card.name


def compose_config(overrides: list[str], name: str = "evaluate") -> dict[str, Any]:
    """Compose the configuration with a user's overrides.

    Raises:
        InputError: an override that Hydra does not take; its own words say which.
    """
    from hydra import compose, initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra
    from hydra.errors import HydraException
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    from sovits_lab.pipeline.command_words import hydra_words
    from sovits_lab.pipeline.composition import explain

    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(str(CONF), version_base="1.3"):
            config = compose(name, overrides=hydra_words(overrides, CONF))
        lacking = sorted(OmegaConf.missing_keys(config))
        if lacking:
            raise got(lacking[0], None, f"a value: {lacking[0]}=...")
        plain = OmegaConf.to_container(config, resolve=True)
    except (HydraException, OmegaConfBaseException) as error:
        message = str(error).splitlines()[0]
        if isinstance(error, HydraException):
            message = explain(error, overrides, CONF, name)
        raise InputError(message) from error
    assert isinstance(plain, dict)
    return {str(key): value for key, value in plain.items()}


def choose_samples(given: ScoreOptions) -> tuple[list[Sample], str]:
    """Read the samples that are to be scored; return them and a name for the output folder.

    Raises:
        InputError: neither or both of run and manifest are given, or none of the outputs is there.
    """
    run, manifest = given.run, given.manifest
    if run is not None and manifest is None:
        path, name, wavs = find_run_samples(run), run.resolve().name, None
    elif manifest is not None and run is None:
        path, name, wavs = manifest, manifest.stem, given.wavs
    else:
        shown = tuple(None if one is None else str(one) for one in (run, manifest))
        raise got("run, manifest", shown, "exactly one of run=DIR and manifest=FILE")
    samples = read_manifest(path, wavs, given.language)
    check_outputs(samples, str(path))
    return samples, name


def build_scorers(nodes: dict[str, Any], remarks: list[str] | None = None) -> list[Scorer]:
    """Build the scorers of a configuration, in its order; a node without a target is switched off.

    Args:
        nodes: of the scorers, by name.
        remarks: gets a line for each that has nothing to judge with on this machine.

    Raises:
        InputError: a node cannot be built, or is no scorer.
    """
    from hydra.errors import InstantiationException
    from hydra.utils import instantiate

    made: list[Scorer] = []
    for name, node in nodes.items():
        if not node:
            continue
        try:
            one = instantiate(node)
        except InstantiationException as error:
            if isinstance(error.__cause__, InputError):
                raise error.__cause__ from None
            raise InputError(f"judges.{name}: {str(error).splitlines()[0]}") from error
        if one is None:
            reason = f"judges.{name}: its weights are not on this machine, so it did not judge"
            (remarks if remarks is not None else []).append(
                f"{reason}; `python -m sovits_lab weights list` says which are."
            )
            continue
        if not isinstance(one, Scorer):
            raise got(f"judges.{name}", type(one).__name__, "a Scorer")
        made.append(one)
    return made


class Terminal(Silent):
    """Progress bars where somebody watches, one line per judge where nobody does."""

    def __init__(self, bars: Any) -> None:
        self.bars, self.tasks = bars, dict[str, Any]()

    def say(self, text: str) -> None:
        print(text)

    def progress(self, done: int, total: int, unit: str) -> None:
        if self.bars is None:
            if done == total:
                print(f"{total} {unit}")
            return
        if unit not in self.tasks:
            self.tasks[unit] = self.bars.add_task(unit, total=total)
        self.bars.update(self.tasks[unit], completed=done)


@contextmanager
def open_terminal() -> Iterator[Terminal]:
    """Open a reporter for whoever watches."""
    if not sys.stdout.isatty():
        yield Terminal(None)
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    with Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()) as bars:
        yield Terminal(bars)
