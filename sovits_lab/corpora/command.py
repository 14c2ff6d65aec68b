"""`python -m sovits_lab doctor corpus=NAME corpus.root=DIR`: check a corpus and name every bad row."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from sovits_lab.files import printable
from sovits_lab.options import describe, option, read_options, split_words, wants_help
from sovits_lab.pipeline.conf import CONF
from sovits_lab.types import InputError, got

if TYPE_CHECKING:
    from sovits_lab.corpora.doctor import Diagnosis, Problem
    from sovits_lab.corpora.needs import Lack, RowFacts
    from sovits_lab.text.frontend import Frontend

_HYDRAS_NAME = "In '_dummy_empty_config_': "  # how Hydra calls a composition without a primary file
OVERRIDES = """other words go to the configuration:
  corpus=NAME       a file of conf/corpus, such as corpus=ravdess corpus.root=/data/RAVDESS
  experiment=NAME   a file of conf/experiment: also compare the corpus with what its stages need
  frontend=NAME     a file of conf/frontend, whose texts it must be able to read (default: that of the corpus)"""


@dataclass(frozen=True)
class DoctorOptions:
    """Check a corpus and name every bad row.

    The exit status is 0 where some rows are usable and do for the experiment, else 1; 2 where the command is wrong.
    """

    manifest: str | None = option("a cuts.jsonl.gz that is already there, in place of a corpus", None)
    rows: int = option("bad rows of each kind that are printed", 5, least=0)
    table: Path | None = option("a .tsv file for every bad row", None)
    recogniser: str = option("also compare texts with what it hears, such as whisper-base", "", shown="none")
    clips: int | None = option("of which it hears so many, drawn at random", None, least=1, shown="all")


class Case(NamedTuple):
    """What is checked: a corpus, the front end that reads its texts, and what an experiment lacks."""

    corpus: Any
    frontend: Frontend | None
    lacks: Callable[[Sequence[RowFacts]], Sequence[tuple[str, Lack]]]
    files: str = ""  # what is wrong with files that the experiment names, in one line


Experiment = Callable[[Sequence[str]], Case]


def main(argv: list[str]) -> int:
    """Run the check of a corpus alone and print what it found."""
    return check(argv)


def check(argv: list[str], experiment: Experiment | None = None) -> int:
    """Run the command; `experiment` makes a `Case` of the overrides of an experiment."""
    if not argv or wants_help(argv):
        print(describe(DoctorOptions, "doctor", OVERRIDES) + _list_corpora())
        return 0
    own, overrides = _parse(argv)
    from sovits_lab.corpora.doctor import write_problems
    from sovits_lab.corpora.progress import Bar
    from sovits_lab.corpora.recorded import facts_of

    named = any(override.startswith("experiment=") for override in overrides)
    if named and experiment is not None:
        case = experiment(split_words(DoctorOptions, argv)[1])
    else:
        case = _case(_compose(overrides))
    with Bar("doctor") as bar:
        diagnosis = _diagnose(case, own.manifest, bar)
    texts = _listen(diagnosis, own)
    _show(diagnosis, own.rows)
    _show_texts(texts, own.rows)
    print("".join(f"{printable(note)}\n" for note in diagnosis.notes), end="")
    lacks = case.lacks([facts_of(sound.record) for sound in diagnosis.usable]) if diagnosis.usable else ()
    _show_lacks(lacks)
    print(printable(case.files) + "\n" if case.files else "", end="")
    if own.table:
        write_problems(own.table, [*diagnosis.problems, *texts])
    return 0 if diagnosis.usable and not lacks and not case.files else 1


def _list_corpora() -> str:
    """Every option of `corpus` with the first line of its file."""
    first = {path.stem: path.read_text(encoding="utf-8").partition("\n")[0] for path in CONF.glob("corpus/*.yaml")}
    return "\ncorpora:\n" + "".join(f"  {name:18}{first[name].removeprefix('# ')}\n" for name in sorted(first))


def _case(config: Mapping[str, Any]) -> Case:
    corpus = _build(config["corpus"]) if "corpus" in config else None
    frontend = _build(config["frontend"]) if "frontend" in config else None
    return Case(corpus, frontend, lambda _: ())


def _parse(argv: list[str]) -> tuple[DoctorOptions, list[str]]:
    """The doctor's own options, and overrides of the configuration."""
    own, others = split_words(DoctorOptions, argv)
    for argument in others:
        if "=" not in argument:
            raise got("doctor: argument", argument, "KEY=VALUE, such as corpus=ravdess")
    overrides = [f"+{argument}" if argument.startswith(("corpus=", "frontend=")) else argument for argument in others]
    return read_options(DoctorOptions, own), overrides


def _compose(overrides: list[str]) -> dict[str, Any]:
    from hydra import compose, initialize_config_dir
    from hydra.errors import HydraException
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    from sovits_lab.pipeline.command_words import hydra_words

    try:
        with initialize_config_dir(str(CONF), version_base="1.3"):
            config = compose(overrides=hydra_words([*overrides, *_usual_frontend(overrides)], CONF))
        missing = sorted(OmegaConf.missing_keys(config))
        if missing:
            raise got(f"doctor: {missing[0]}", "nothing", f"a value: give {missing[0]}=...")
        return OmegaConf.to_container(config, resolve=True)  # type: ignore[return-value]
    except (HydraException, OmegaConfBaseException) as error:
        message = " ".join(str(error).split()).partition(" Config search path")[0]
        raise InputError(f"doctor: {message.removeprefix(_HYDRAS_NAME)}") from error


def _usual_frontend(overrides: Sequence[str]) -> list[str]:
    """The front end that training would choose for the corpus, where none is named."""
    from sovits_lab.pipeline.usual_options import usual_option

    named = dict(override.removeprefix("+").split("=", 1) for override in overrides)
    if "frontend" in named or "corpus" not in named:
        return []
    return [f"+frontend={usual_option('frontend', named['corpus'])}"]


def _build(node: dict[str, Any]) -> Any:
    """The object of a node; a wrong argument or value is the user's mistake."""
    from hydra.errors import InstantiationException
    from hydra.utils import instantiate

    try:
        return instantiate(node, _recursive_=False, _convert_="object")
    except InstantiationException as error:
        cause = error.__cause__
        raise (
            cause if isinstance(cause, InputError) else InputError(f"doctor: {' '.join(str(cause or error).split())}")
        ) from error


def _diagnose(case: Case, manifest: str | None, bar: Any) -> Diagnosis:
    from sovits_lab.corpora.doctor import check_cuts
    from sovits_lab.corpora.limits import ClipLimits
    from sovits_lab.corpora.manifest import read_cuts
    from sovits_lab.corpora.recorded import RecordedCorpus
    from sovits_lab.corpora.texts import TextJudge

    corpus, readable = case.corpus, None if case.frontend is None else TextJudge(case.frontend)
    if manifest is not None:
        return check_cuts(read_cuts(manifest), ClipLimits(), bar, readable)
    if corpus is None:
        raise got("doctor: corpus", "nothing", "corpus=NAME or manifest=PATH")
    if isinstance(corpus, RecordedCorpus):
        return corpus.diagnose(bar, readable)
    with tempfile.TemporaryDirectory() as folder:  # a corpus that is made, not found: make it and look
        corpus.run({}, Path(folder), bar)
        return check_cuts(read_cuts(folder), ClipLimits(), bar, readable)


def _listen(diagnosis: Diagnosis, asked: DoctorOptions) -> list[Problem]:
    """Rows whose recording says other words than their text, the worst kind first."""
    if not asked.recogniser:
        return []
    from sovits_lab.corpora.progress import Bar
    from sovits_lab.corpora.transcripts import compare_texts, whisper_transcriber

    transcribe = whisper_transcriber(asked.recogniser)
    rows = [sound.record for sound in diagnosis.usable]
    if asked.clips is not None and asked.clips < len(rows):
        rows = random.Random(0).sample(rows, asked.clips)
    with Bar(asked.recogniser) as bar:
        found = compare_texts(rows, transcribe, bar)
    return [*found.bad, *found.doubtful]


def _show_texts(texts: Sequence[Problem], rows: int) -> None:
    for reason in ("bad text", "doubtful text"):
        found = [one for one in texts if one.reason == reason]
        if found:
            print(f"{reason}s: {len(found)}; training does not listen: correct them, or take them out")
        for one in found[:rows]:
            print(printable(f"  {one.row}: {one.detail}"))


def _show(diagnosis: Diagnosis, rows: int) -> None:
    from rich.console import Console
    from rich.table import Table

    from sovits_lab.corpora.doctor import counts

    console = Console(markup=False, emoji=False, highlight=False)
    bad = Table("reason", "rows", "first", title="bad rows", title_justify="left")
    for reason, problems in diagnosis.by_reason().items():
        first = "\n".join(printable(f"{problem.row}: {problem.detail}") for problem in problems[:rows])
        bad.add_row(reason, str(len(problems)), first)
    if diagnosis.problems:
        console.print(bad)
    good = Table("role / split / emotion", "rows", title="usable rows", title_justify="left")
    for group, count in counts(diagnosis).items():
        good.add_row(printable(group), str(count))
    if diagnosis.usable:
        console.print(good)
    seconds = sum(sound.header.samples / sound.header.sample_rate for sound in diagnosis.usable)
    console.print(f"{len(diagnosis.usable)} of {diagnosis.total} rows are usable, {seconds / 60:.1f} minutes")


def _show_lacks(lacks: Sequence[tuple[str, Lack]]) -> None:
    for stage, lack in lacks:
        print(printable(f"stage {stage}: {lack.what}" + (f"; add {lack.remedy}" if lack.remedy else "")))
