"""`python -m sovits_lab bench peers bundle=RUN`: what one would pick on a CPU, and our voice, in turn on one thread.

Every round starts every system anew, in another order, so that all meet the same machine.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from typing import Any

from sovits_lab.bench.child import measure_apart
from sovits_lab.bench.peer_systems import PEERS
from sovits_lab.options import option, read_options

OURS = "native"


@dataclass(frozen=True)
class PeersBench:
    """Set systems side by side: start, first sound, real-time factor, memory; medians, and ratios to ours."""

    bundle: str | None = option("the native voice: a run folder or a bundle", None, shown="the starter voice")
    systems: list[str] = option("measured", [*PEERS], choices=[*PEERS])
    words: list[int] = option("of the texts", [5, 20, 60])
    rounds: int = option("of which medians are printed", 3, least=1)


def measure_system(name: str, options: PeersBench) -> dict[str, Any]:
    """Start one system in a fresh process on one thread, and return its figures.

    Raises:
        InputError: it does not run.
    """
    words = ",".join(str(count) for count in options.words)
    command = ["-m", "sovits_lab.bench.peer_systems", f"system={name}", f"words={words}", f"began={time.time()}"]
    command += [f"bundle={options.bundle}"] if options.bundle else []
    return measure_apart(f"bench peers {name}", command, OMP_NUM_THREADS="1")


def rows_of(rounds: dict[str, list[dict[str, Any]]], words: int) -> dict[str, dict[str, float]]:
    """Return the medians of every system at one length of text, with the processor's ratio to our voice."""
    rows = {}
    for name, runs in rounds.items():
        spoken = [run[str(words)] for run in runs]
        columns = {
            "start": [run["start"] for run in runs],
            "start_processor": [run["start_processor"] for run in runs],
            "first": [one["first"] * 1000 for one in spoken],
            "rtf": [one["whole"] / one["speech"] for one in spoken],
            "processor_rtf": [one["processor"] / one["speech"] for one in spoken],
            "peak": [run["peak"] for run in runs],
        }
        rows[name] = {key: statistics.median(values) for key, values in columns.items()}
    for row in rows.values():
        row["ratio"] = row["processor_rtf"] / rows[OURS]["processor_rtf"] if OURS in rows else float("nan")
    return rows


def measure_peers(argv: list[str]) -> int:
    """Print a table for each length of text; a system that is not here is named with what would install it."""
    options = read_options(PeersBench, argv)
    here = [name for name in options.systems if PEERS[name].present()]
    for name in options.systems:
        if name not in here:
            print(f"{name:<10} not here; {PEERS[name].install}")
    rounds: dict[str, list[dict[str, Any]]] = {name: [] for name in here}
    for turn in range(options.rounds):
        for name in here if turn % 2 == 0 else reversed(here):
            rounds[name].append(measure_system(name, options))
    for words in options.words:
        print(f"\n{words} words     start s (processor)  first sound ms  RTF (processor)    peak MB  processor / ours")
        for name, row in rows_of(rounds, words).items():
            start = f"{row['start']:7.2f} ({row['start_processor']:.2f})"
            factor = f"{row['rtf']:7.4f} ({row['processor_rtf']:.4f})"
            print(f"{name:<12} {start}  {row['first']:14.0f}  {factor}  {row['peak']:7.0f}  {row['ratio']:8.2f}")
    return 0
