"""`python -m evaluation compare RUN RUN ...` or `compare --sweep FOLDER`: runs beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from evaluation.compare.arms import ScoredRun, read_arm
from evaluation.compare.best import find_value
from evaluation.compare.page import Comparison
from evaluation.compare.seeds import SweepRun, group_seeds
from evaluation.report.wording import change, label, number
from sovits_lab.options import describe, option, read_options, wants_help
from sovits_lab.types import got


@dataclass(frozen=True)
class CompareOptions:
    """Hold runs (or folders with scores.json and measurements.jsonl) against the first of them.

    Pairs by speaker and sentence, crossed random effects, two-way bootstrap intervals, Holm over the primaries and
    q-values over the rest, equivalence where a margin is declared. One page, one JSON, one table, nothing external.
    """

    runs: list[Path] = option("two or more scored runs", [], bare=True)
    sweep: Path | None = option("folder of a sweep, in place of runs", None)
    out: Path | None = option("folder of the page", None, shown="runs/evaluation/compare, or compare in the sweep")
    primary: list[str] = option("metrics declared before looking", [])
    margin: list[str] = option("METRIC:VALUE, differences below it count as equivalent", [])
    baseline: str = option("label, or folder, of the arm that the others are held against", "", shown="the first")
    emotion: str | None = option("what is played beside neutral", None, shown="sad, else whatever there is")
    examples: int = option("sentences that are played, spoken by every arm", 4, least=0)


def main(argv: list[str]) -> int:
    """Compare runs; print what differs and where the page lies."""
    if wants_help(argv):
        print(describe(CompareOptions, "compare", program="python -m evaluation"))
        return 0
    given = read_options(CompareOptions, argv)
    if bool(given.sweep) == bool(given.runs):
        raise got("compare", " ".join(argv) or None, "two or more scored runs, or --sweep FOLDER")
    notes: list[str] = []
    if given.sweep:
        arms, notes = read_sweep(given.sweep)
    else:
        if len({folder.resolve() for folder in given.runs}) < len(given.runs):  # it would count as another run
            raise got("compare, scored runs", " ".join(map(str, given.runs)), "each run once")
        arms = [read_arm(folder) for folder in given.runs]
    if len(arms) < 2:
        raise got("compare, scored runs", [str(arm.folder) for arm in arms], "two or more")
    arms = _first(arms, given.baseline)
    margins = dict(_margin(word) for word in given.margin)
    found = Comparison.of(arms, given.primary, margins, relabel=not given.sweep, notes=notes)
    default = given.sweep / "compare" if given.sweep else Path("runs/evaluation/compare")
    page = found.write(given.out or default, _played(arms, given.emotion), given.examples)
    _tell(found, given.primary)
    print(f"page: {page}")
    return 0


def read_sweep(folder: Path) -> tuple[list[ScoredRun], list[str]]:
    """Read the finished jobs of a sweep under the sweep's labels, and a line for each that is not there.

    Jobs that differ in the seed alone are one arm.

    Raises:
        InputError: the folder holds no sweep, or its jobs differ in the seed alone.
    """
    from sovits_lab.sweeps.manifest import MANIFEST, Manifest, State

    if not (folder / MANIFEST).is_file():
        raise got("sweep", folder, f"a folder with {MANIFEST}, as below runs/sweeps")
    manifest = Manifest(folder.resolve())
    jobs, notes = list[SweepRun](), list[str]()
    for job in manifest.jobs.values():
        state = manifest.stands(job)
        if state is State.DONE:
            jobs.append(SweepRun(read_arm(manifest.runs / job.arm.run, job.arm.label), tuple(job.arm.overrides)))
        else:
            notes.append(f"{job.arm.label}: {state}{', ' + job.text if job.text else ''}; not compared")
    found = group_seeds(jobs)
    if len(found.arms) == 1 < len(jobs):
        own = f"{len(jobs)} jobs that differ in their seed alone"
        raise got(f"sweep {folder}", own, "two or more arms; to hold seeds against each other, name their run folders")
    return found.arms, [*found.notes, *notes]


def _tell(found: Comparison, primaries: Sequence[str]) -> None:
    for arm, rows in zip(found.arms[1:], found.rows, strict=True):
        shown = [row for row in rows if row["name"] in primaries or (not primaries and row["verdict"])]
        print(f"{arm.label} against {found.arms[0].label}:{'' if shown else ' no difference beyond chance'}")
        for row in shown:
            p = "no test" if row["adjusted"] is None else f"adjusted p {row['adjusted']:.3g}"
            value = "no difference" if row["difference"] is None else change(row["name"], row["difference"])
            where = f"{label(row['name'])} ({row['group']}, {row['emotion']})"
            print(f"  {where}: {value}, {p}, n {row['n']} {row['verdict']}".rstrip())
    if found.chosen:
        print(f"not beaten in {'; '.join(label(m.name) for m in found.chosen)} at once:")
    for i in sorted(found.front):
        values = (number(m.name, find_value(found.arms[i], m).value) for m in found.chosen)
        print(f"  {found.arms[i].label}: {', '.join(values)}")


def _first(arms: list[ScoredRun], baseline: str) -> list[ScoredRun]:
    if not baseline:
        return arms
    chosen = [arm for arm in arms if baseline in (arm.label, arm.folder.name, str(arm.folder))]
    if not chosen:
        raise got("baseline", baseline, f"one of {', '.join(arm.label for arm in arms)}")
    return [chosen[0], *(arm for arm in arms if arm is not chosen[0])]


def _played(arms: Sequence[ScoredRun], emotion: str | None) -> str:
    """The emotion that is played; one that is asked for must be there."""
    spoken = sorted({sample.emotion for arm in arms for sample in arm.headline})
    if emotion is not None and emotion not in spoken:
        raise got("emotion", emotion, f"one of {', '.join(spoken)}, which the runs have spoken")
    return emotion or "sad"


def _margin(word: str) -> tuple[str, float]:
    name, _, text = word.rpartition(":")
    try:
        return name, float(text)
    except ValueError as error:
        raise got("margin", word, "METRIC:NUMBER") from error
