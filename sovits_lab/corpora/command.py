"""`python -m sovits_lab doctor corpus=NAME corpus.root=DIR`: check a corpus and name every bad row."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sovits_lab.types import InputError, got

if TYPE_CHECKING:
    from sovits_lab.corpora.doctor import Diagnosis, Readable

USAGE = """usage: python -m sovits_lab doctor corpus=NAME [corpus.KEY=VALUE] [frontend=NAME] [rows=5] [table=FILE.tsv]
       python -m sovits_lab doctor manifest=PATH [frontend=NAME] [rows=5] [table=FILE.tsv]

corpus    a file of conf/corpus, such as corpus=ravdess corpus.root=/data/RAVDESS
manifest  a cuts.jsonl.gz that is already there
frontend  a file of conf/frontend: also report texts that it cannot read
rows      how many bad rows of each kind to print
table     write every bad row there
exit status: 0 some rows are usable, 1 none is, 2 the command is wrong"""
CONF = Path(__file__).resolve().parents[2] / "conf"
OWN = {"manifest", "rows", "table"}


def main(argv: list[str]) -> int:
    """Run the check and print what it found."""
    if not argv or argv[0] in ("-h", "--help"):
        print(USAGE)
        return 0
    own, overrides = _parse(argv)
    from sovits_lab.corpora.progress import Bar

    config = _compose(overrides)
    readable = _readable(config.get("frontend"))
    with Bar("doctor") as bar:
        diagnosis = _diagnose(config, own.get("manifest"), bar, readable)
    _show(diagnosis, _count(own.get("rows", "5")))
    if "table" in own:
        diagnosis.write(Path(own["table"]))
    return 0 if diagnosis.usable else 1


def _parse(argv: list[str]) -> tuple[dict[str, str], list[str]]:
    own: dict[str, str] = {}
    overrides = []
    for argument in argv:
        key, equals, value = argument.partition("=")
        if not equals:
            raise got("doctor: argument", argument, "KEY=VALUE, such as corpus=ravdess")
        if key in OWN:
            own[key] = value
        else:
            overrides.append(f"+{argument}" if key in ("corpus", "frontend") else argument)
    return own, overrides


def _count(value: str) -> int:
    if not value.isdigit():
        raise got("doctor: rows", value, "a whole number")
    return int(value)


def _compose(overrides: list[str]) -> dict[str, Any]:
    from hydra import compose, initialize_config_dir
    from hydra.errors import HydraException
    from omegaconf import OmegaConf
    from omegaconf.errors import OmegaConfBaseException

    try:
        with initialize_config_dir(str(CONF), version_base="1.3"):
            config = compose(overrides=overrides)
        missing = sorted(OmegaConf.missing_keys(config))
        if missing:
            raise got(f"doctor: {missing[0]}", "nothing", f"a value: give {missing[0]}=...")
        return OmegaConf.to_container(config, resolve=True)  # type: ignore[return-value]
    except (HydraException, OmegaConfBaseException) as error:
        raise InputError(f"doctor: {' '.join(str(error).split())}") from error


def _readable(node: dict[str, Any] | None) -> Readable | None:
    if node is None:
        return None
    from hydra.utils import instantiate

    frontend = instantiate(node)

    def reason(text: str, language: str) -> str | None:
        try:
            return None if frontend.read(text, language).phones else "it has nothing to say"
        except InputError as error:
            return str(error)

    return reason


def _diagnose(config: dict[str, Any], manifest: str | None, bar: Any, readable: Readable | None) -> Diagnosis:
    from hydra.utils import instantiate

    from sovits_lab.corpora.doctor import Limits, check_cuts
    from sovits_lab.corpora.manifest import read_cuts
    from sovits_lab.corpora.recorded import RecordedCorpus

    if manifest is not None:
        return check_cuts(read_cuts(manifest), Limits(), bar, readable)
    if "corpus" not in config:
        raise got("doctor: corpus", "nothing", "corpus=NAME or manifest=PATH")
    corpus = instantiate(config["corpus"], _convert_="object")
    if isinstance(corpus, RecordedCorpus):
        return corpus.diagnose(bar, readable)
    with tempfile.TemporaryDirectory() as folder:  # a corpus that is made, not found: make it and look
        corpus.run({}, Path(folder), bar)
        return check_cuts(read_cuts(folder), Limits(), bar, readable)


def _show(diagnosis: Diagnosis, rows: int) -> None:
    from rich.console import Console
    from rich.table import Table

    from sovits_lab.corpora.doctor import counts

    console = Console(soft_wrap=True)
    bad = Table("reason", "rows", "first", title="bad rows", title_justify="left")
    for reason, problems in diagnosis.by_reason().items():
        first = "\n".join(f"{problem.row}: {problem.detail}" for problem in problems[:rows])
        bad.add_row(reason, str(len(problems)), first)
    if diagnosis.problems:
        console.print(bad)
    good = Table("role / split / emotion", "rows", title="usable rows", title_justify="left")
    for group, count in counts(diagnosis).items():
        good.add_row(group, str(count))
    if diagnosis.usable:
        console.print(good)
    seconds = sum(sound.header.samples / sound.header.sample_rate for sound in diagnosis.usable)
    console.print(f"{len(diagnosis.usable)} of {diagnosis.total} rows are usable, {seconds / 60:.1f} minutes")
