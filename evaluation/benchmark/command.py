"""`python -m evaluation submit FOLDER`: any system's recordings of the frozen prompts, scored by the pinned judges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from evaluation.benchmark.entry import (
    ENTRY,
    describe_entry,
    estimate_apart,
    make_samples,
    read_facts_of_system,
    write_entry,
)
from evaluation.benchmark.prompts import LANGUAGES, list_prompts
from evaluation.benchmark.systems import SYSTEMS, speak_prompts
from evaluation.report.write import WriteReport
from evaluation.scoring.cache import RowCache
from evaluation.scoring.measurements import MEASUREMENTS
from evaluation.suite.command import build_scorers, compose_config, open_terminal
from evaluation.suite.score_samples import score_samples
from sovits_lab.files import write_whole
from sovits_lab.options import describe, option, read_options, wants_help
from sovits_lab.types import InputError

PROGRAM = "python -m evaluation"


@dataclass(frozen=True)
class SubmitOptions:
    """Score any system's recordings of the frozen prompts: one page and one entry for the leaderboard.

    The folder holds ID.wav for each prompt that the system offers (or one folder of them a voice), and may hold
    system.json with name, url, licence and about. `submit prompts=FILE language=en` writes what is to be said;
    `submit speak=espeak out=FOLDER` lets a synthesiser that is at hand speak it.
    """

    folder: Path | None = option("recordings of one system", None, bare=True)
    language: str = option("of the prompts", "en", choices=LANGUAGES)
    out: Path | None = option("folder of the page", None, shown="runs/benchmark/NAME-LANGUAGE")
    prompts: Path | None = option("file to write the prompts to, as a table", None)
    speak: str | None = option("a synthesiser that is at hand", None, choices=tuple(SYSTEMS))
    voices: Path | None = option("folder of Kokoro's voice files, for speak=kokoro", None)


def main(argv: list[str]) -> int:
    """Score a folder, write the prompts, or let a synthesiser speak them."""
    if not argv or wants_help(argv):
        print(describe(SubmitOptions, "submit", program=PROGRAM))
        return 0
    given = read_options(SubmitOptions, argv)
    if [given.folder, given.prompts, given.speak].count(None) != 2:
        raise InputError("submit: got several or no tasks, expected one of FOLDER, prompts=FILE, speak=SYSTEM")
    if given.prompts is not None:
        return _prompts(given.prompts, given.language)
    if given.speak is not None:
        out = given.out or Path(f"runs/benchmark/spoken-{given.speak}-{given.language}")
        count = speak_prompts(given.speak, given.language, out, given.voices)
        print(f"{count} prompts spoken; next: {PROGRAM} submit {out} language={given.language}")
        return 0
    assert given.folder is not None
    return submit(given.folder, given.language, given.out)


def _prompts(path: Path, language: str) -> int:
    prompts = list_prompts(language)
    rows = ["id\tlanguage\temotion\tstrength\twords\ttext"]
    rows += [
        "\t".join((p.id, p.sentence.language, p.emotion, f"{p.strength:g}", p.sentence.words, p.sentence.text))
        for p in prompts
    ]
    write_whole(path, ("\n".join(rows) + "\n").encode())
    print(f"{len(prompts)} prompts: {path}; speak each into ID.wav, leave out what the system does not offer")
    return 0


def submit(folder: Path, language: str, out: Path | None = None, overrides: Sequence[str] = ()) -> int:
    """Score one folder; print where the page and the entry are."""
    prompts = list_prompts(language)
    samples, notes = make_samples(folder, prompts)
    facts = read_facts_of_system(folder)
    out = out or Path("runs/benchmark") / f"{folder.resolve().name}-{language}"
    remarks = list(notes)
    scorers = build_scorers(compose_config(list(overrides), "benchmark")["judges"], remarks)
    out.mkdir(parents=True, exist_ok=True)
    with open_terminal() as reporter:
        content = score_samples(
            samples, scorers, out, reporter,
            cache=RowCache(out / "cache.jsonl"), extra=estimate_apart(samples), remarks=remarks,
        )  # fmt: skip
    (out / "report").mkdir(exist_ok=True)
    page = out / "report" / "index.html"
    about = {"language": language, "licence": facts.licence, "about": facts.about, "address": facts.url}
    WriteReport(title=f"{facts.name}: benchmark, {language}", about=about).write(
        samples, content, out / MEASUREMENTS, page
    )
    write_entry(out / ENTRY, describe_entry(facts, content, language, prompts))
    offered = sorted({one.emotion for one in samples})
    print(f"{facts.name}: {len(samples)} recordings scored; emotions offered: {', '.join(offered)}")
    print(f"page: {page}")
    print(f"entry: {out / ENTRY}; {PROGRAM} leaderboard {out} ... makes the table")
    return 0
