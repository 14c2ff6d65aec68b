"""`python -m evaluation ...`: score a run or a manifest, or one of the commands below."""

from __future__ import annotations

import importlib
import sys
from functools import partial

from sovits_lab.options import exit_status

COMMANDS = {
    "score": ("evaluation.suite.command", "run=DIR or manifest=FILE: score outputs (the default command)"),
    "compare": ("evaluation.compare.command", "scored runs, or a sweep, beside each other: paired, with intervals"),
    "style": ("evaluation.style.command", "style vectors on trial: emotion in them, speaker out of them"),
    "transfer": ("evaluation.transfer.command", "the transfer matrix of timbre, style source, emotion and text"),
    "conversion": ("evaluation.conversion.command", "recordings turned into other voices: what is kept of the source"),
    "listen": ("evaluation.listening.command", "listening tests: one offline folder, and what the answers say"),
    "submit": ("evaluation.benchmark.command", "FOLDER of any system's recordings: the benchmark, by pinned judges"),
    "leaderboard": ("evaluation.benchmark.leaderboard", "entries of the benchmark on one page"),
    "dashboards": ("evaluation.dashboards.command", "W&B workspace and report of an experiment, as code"),
    "aa": ("evaluation.validity.aa", "calibration of the tests: the same model against itself"),
    "planted": ("evaluation.validity.planted", "does the style protocol find what was planted?"),
    "judges": (
        "evaluation.validity.judge_trial",
        "judges of emotion on triplets, and on words against the tone",
    ),
    "ladder": ("evaluation.validity.ladder", "judges against known degradations"),
}


def main(argv: list[str] | None = None) -> int:
    """Run one command; a user's mistake is one line on stderr and exit status 2."""
    return exit_status(partial(_run, sys.argv[1:] if argv is None else argv))


def _run(argv: list[str]) -> int:
    if not argv or argv[0] in ("-h", "--help"):
        print("usage: python -m evaluation [COMMAND] key=value ...\n")
        print("\n".join(f"  {name:<12}{about}" for name, (_, about) in COMMANDS.items()))
        return 0
    name, rest = ("score", argv) if "=" in argv[0] else (argv[0], argv[1:])
    if name not in COMMANDS:
        print(f"error: command: got {name!r}, expected one of {', '.join(COMMANDS)}, or key=value", file=sys.stderr)
        return 2
    return int(importlib.import_module(COMMANDS[name][0]).main(rest))


if __name__ == "__main__":
    sys.exit(main())
