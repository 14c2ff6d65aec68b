"""`python -m evaluation listen run=A,B ...`: write a listening test; `listen analyse|serve|simulate` for the rest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from evaluation.listening.trials import KINDS, read_plan
from evaluation.scoring.manifest import find_run_samples
from evaluation.scoring.samples import read_samples
from sovits_lab.options import describe, option, read_options, wants_help
from sovits_lab.types import got

PROGRAM = "python -m evaluation"
SIMULATED = ("<!-- simulated -->", "<!-- end of simulated -->")  # where the table of a document stands


@dataclass(frozen=True)
class WriteOptions:
    """Write a listening test of some runs: `out/test` is for listeners, `out/key.json` for the analysis only.

    A listener opens test/index.html?listener=NUMBER; nothing is sent anywhere, the answers are saved as a file.
    """

    run: list[str] = option("folders with samples.jsonl: runs, or scored folders")
    out: Path = option("folder of the test; it must not hold one")
    kinds: list[str] = option("questions: " + ", ".join(KINDS), ["cmos"], choices=KINDS)
    label: list[str] = option("names of the systems, one a run", [], shown="the folders' names")
    title: str = option("what listeners see above the test", "Listening test")
    listeners: int = option("sessions; more listeners begin again with the first", 30, least=1, most=2000)
    each: int = option("main questions of a kind in a session", 12, least=1, most=200)
    repeats: int = option("of these, asked twice", 2, least=0, most=50)
    gold: int = option("questions of a kind with a known answer", 2, least=0, most=10)
    traps: int = option("questions of a kind in which a voice says the answer", 1, least=0, most=10)
    headphones: int = option("rounds of the headphone check", 6, least=0, most=12)
    server: bool = option("the page sends results to `listen serve`", False)
    seed: int = option("of all draws", 1, least=0)


@dataclass(frozen=True)
class AnalyseOptions:
    """Analyse the answers to a test: who counts, what they said, and which judges agree with them."""

    test: Path = option("folder that `listen run=...` wrote")
    results: Path | None = option("folder of results-*.json", None, shown="TEST/results")
    scores: list[str] = option("folders with measurements.jsonl, one a system", [], shown="the runs of the test")
    out: Path | None = option("folder of the page", None, shown="TEST")


@dataclass(frozen=True)
class ServeOptions:
    """Serve a test that was written with server=yes, and keep the results that come in."""

    test: Path = option("folder that `listen run=... server=yes` wrote")
    host: str = option("address to bind to", "127.0.0.1")
    port: int = option("port to bind to", 8000, least=0, most=65535)


@dataclass(frozen=True)
class SimulateOptions:
    """Simulate whole tests with planted cheaters: false positives, power, and who is unmasked."""

    repetitions: int = option("tests under each truth", 200, least=1)
    kinds: list[str] = option("questions: " + ", ".join(KINDS), list(KINDS), choices=KINDS, shown="all")
    effect: float = option("true difference in CMOS steps and an answer's noise; 0 asks for false positives only", 0.4)
    cheaters: int = option("of each of four kinds among 30 listeners", 2, least=0, most=5)
    seed: int = option("of the first test", 0, least=0)
    document: Path | None = option("a Markdown file that gets the table between its comments", None)


def main(argv: list[str]) -> int:
    """Run `listen`, or one of its further commands."""
    name, words = (argv[0], argv[1:]) if argv and argv[0] in _MORE else ("", argv)
    kind, run = _MORE.get(name, (WriteOptions, _write))
    if (not words and name != "simulate") or wants_help(words):
        print(describe(kind, f"listen {name}".strip(), f"Further: listen {', listen '.join(_MORE)}.", PROGRAM))
        return 0
    return run(words)


def _write(words: Sequence[str]) -> int:
    from evaluation.listening.folder import TEST, ListeningDesign, plan_test, write_test
    from evaluation.listening.kinds import ListeningArm

    given = read_options(WriteOptions, words)
    folders = [Path(one) for one in given.run]
    labels = given.label or name_arms(folders)
    if len(labels) != len(folders):
        raise got("label", ",".join(labels), f"{len(folders)} names, one a run")
    arms = [
        ListeningArm(label, read_samples(find_run_samples(folder)), folder)
        for label, folder in zip(labels, folders, strict=True)
    ]
    design = ListeningDesign(
        tuple(given.kinds),
        given.listeners,
        given.each,
        given.repeats,
        given.gold,
        given.traps,
        given.headphones,
        given.seed,
    )
    plan = write_test(plan_test(arms, design, given.title), given.out, design, given.server)
    print(f"{len(plan.sessions)} sessions of {len(plan.sessions[0])} questions over {len(plan.trials)} trials")
    print(f"for listeners: {given.out / TEST}/index.html?listener=NUMBER")
    print(f"then: {PROGRAM} listen analyse test={given.out} results=FOLDER")
    return 0


def name_arms(folders: Sequence[Path]) -> list[str]:
    """Name systems by their folders: the last part that tells them apart."""
    for depth in range(1, 6):
        names = ["/".join(folder.resolve().parts[-depth:]) for folder in folders]
        if len(set(names)) == len(folders):
            return names
    raise got("run", ", ".join(map(str, folders)), "different folders")


def _analyse(words: Sequence[str]) -> int:
    from evaluation.listening.analysis import analyse_results, write_analysis
    from evaluation.listening.results import read_results
    from evaluation.listening.server import RESULTS

    given = read_options(AnalyseOptions, words)
    plan = read_plan(given.test)
    results, refused = read_results(given.results or given.test / RESULTS, plan)
    folders: Mapping[str, Path] | None = None
    if given.scores:
        if len(given.scores) != len(plan.systems):
            raise got("scores", ",".join(given.scores), f"one folder for each of {', '.join(plan.systems)}")
        folders = {name: Path(one) for name, one in zip(plan.systems, given.scores, strict=True)}
    content = analyse_results(plan, results, refused, folders=folders)
    page = write_analysis(content, given.out or given.test)
    for one in content["screening"]:
        if one["reasons"]:
            print(f"not counted: {one['listener']}: {'; '.join(one['reasons'])}")
    print(f"{content['counted']} of {content['listeners']} listeners count")
    for line in refused:
        print(f"refused: {line}")
    short = [one for one in content["stop"] if not one["reached"]]
    print("enough listeners" if not short else f"{len(short)} of {len(content['stop'])} intervals are still too wide")
    print(f"page: {page}")
    return 0


def _serve(words: Sequence[str]) -> int:
    from evaluation.listening.server import RESULTS, make_server

    given = read_options(ServeOptions, words)
    with make_server(given.test, given.host, given.port) as server:
        host, port = server.server_address[:2]
        print(f"http://{host!s}:{port}/?listener=NUMBER, results in {given.test / RESULTS}; Ctrl-C ends it", flush=True)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print("ended")
    return 0


def _simulate(words: Sequence[str]) -> int:
    from evaluation.listening.simulated_listeners import SimulatedTruth
    from evaluation.listening.simulation import make_rates_table, simulate_tests, summarise_rates
    from evaluation.report.documents import put_between, split_document

    given = read_options(SimulateOptions, words)
    truths = {"no difference": SimulatedTruth()}
    if given.effect:
        truths[f"a difference of {given.effect:g}"] = SimulatedTruth(given.effect, given.effect)
    if given.document is not None:
        split_document(given.document, *SIMULATED)  # refused before minutes of work
    found = {}
    for name, truth in truths.items():
        found[name] = simulate_tests(given.repetitions, truth, given.cheaters, given.seed, tuple(given.kinds))
        print("\n".join(summarise_rates(found[name], name)), flush=True)
    if given.document is not None:
        put_between(given.document, *SIMULATED, make_rates_table(found))
    return 0


_MORE: dict[str, tuple[type, Callable[[Sequence[str]], int]]] = {
    "analyse": (AnalyseOptions, _analyse),
    "serve": (ServeOptions, _serve),
    "simulate": (SimulateOptions, _simulate),
}
