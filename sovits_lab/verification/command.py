"""`python -m sovits_lab verify DIR`: compare our modules with stored outputs of the upstream ones."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sovits_lab.options import describe, option, read_options, wants_help
from sovits_lab.types import InputError, got

if TYPE_CHECKING:
    from sovits_lab.verification.fixture import Fixture


def verifier_of(name: str) -> Callable[[Fixture], None] | None:
    """Return what checks a fixture of this name; `None` for texts, which the text front end's own tests read."""
    from sovits_lab.verification.discriminators import verify_discriminators
    from sovits_lab.verification.flow import verify_field, verify_sampling
    from sovits_lab.verification.gpt import verify_gpt
    from sovits_lab.verification.lora import verify_lora
    from sovits_lab.verification.matched import verify_matched
    from sovits_lab.verification.pieces import verify_pieces
    from sovits_lab.verification.signal import (
        verify_features,
        verify_masks,
        verify_optimizer,
        verify_sampler,
    )
    from sovits_lab.verification.sovits import verify_sovits
    from sovits_lab.verification.speaker import verify_speaker
    from sovits_lab.verification.vocoders import verify_mel, verify_vocoder

    table: dict[str, Callable[[Fixture], None]] = {
        "t2s": verify_gpt,
        "s2_v3": verify_matched,
        "s2_v4": verify_matched,
        "s2_": verify_sovits,
        "cfm_dit": verify_field,
        "cfm_sample": verify_sampling,
        "vocoder": verify_vocoder,
        "mel_": verify_mel,
        "chunks": verify_pieces,
        "lora": verify_lora,
        "eres2net": verify_speaker,
        "mpd": verify_discriminators,
        "features": verify_features,
        "sampler": verify_sampler,
        "scaled_adam": verify_optimizer,
        "masks": verify_masks,
    }
    return next((check for prefix, check in table.items() if name.startswith(prefix)), None)


def run_fixture(folder: Path, name: str, verbose: bool) -> tuple[int, int]:
    """Check one fixture, print it, return (checks, failures)."""
    from sovits_lab.verification.fixture import Fixture

    verifier = verifier_of(name)
    assert verifier is not None
    fixture, start = Fixture(folder, name), time.perf_counter()
    try:
        verifier(fixture)
    except InputError:
        raise
    except KeyError as error:
        raise got(f"fixture {folder / name}: entry {error}", "nothing", "what a fixture of this name holds") from error
    except (RuntimeError, ValueError, TypeError, IndexError, AttributeError, AssertionError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"fixture {folder / name}: does not fit the model of its name ({reason})") from error
    failed = [check for check in fixture.checks if not check.passed]
    seconds = time.perf_counter() - start
    worst = max(fixture.checks, key=lambda c: c.error / c.allowed if c.allowed else c.error)
    verdict = "FAIL" if failed or not fixture.checks else "pass"
    print(
        f"{verdict}  {name:<24} {len(fixture.checks):4d} outputs, {len(failed)} failed, {seconds:5.1f} s; "
        f"nearest to its tolerance: {worst.output} {worst.error:.2e} of {worst.allowed:.0e} {worst.kind}"
    )
    for check in fixture.checks if verbose else failed:
        mark = "pass" if check.passed else "FAIL"
        print(
            f"      {mark}  {check.output:<60} {check.kind:<5} tolerance {check.allowed:.1e}  error {check.error:.3e}"
        )
    return len(fixture.checks), len(failed) + (not fixture.checks)


@dataclass(frozen=True)
class VerifyOptions:
    """Compare our modules with stored outputs of the released family's; exit status 1 where one is out of tolerance."""

    folder: Path = option("the fixtures: NAME.json with NAME.safetensors", bare=True)
    only: str = option("names that start so", "")
    quiet: bool = option("one line a fixture, and the outputs that failed", False)


def main(argv: list[str]) -> int:
    """Verify the fixtures; the exit status is 0 where every output is within its tolerance, else 1."""
    if not argv or wants_help(argv):
        print(describe(VerifyOptions, "verify"))
        return 0
    options = read_options(VerifyOptions, argv)
    names = sorted(p.stem for p in options.folder.glob("*.json") if p.with_suffix(".safetensors").is_file())
    names = [n for n in names if n.startswith(options.only)]
    known = [n for n in names if verifier_of(n) is not None]
    if not known:
        raise got(
            "fixtures",
            options.folder,
            "a folder with t2s*, s2_*, mpd*, features*, sampler*, scaled_adam*, masks*, cfm_*, vocoder*, mel_*, "
            "chunks*, lora*, eres2net*",
        )
    totals = [run_fixture(options.folder, name, not options.quiet) for name in known]
    checks, failures = sum(c for c, _ in totals), sum(f for _, f in totals)
    for name in sorted(set(names) - set(known)):
        print(f"skip  {name}: no verifier for this kind of fixture")
    print(f"{len(known)} fixtures, {checks} outputs, {failures} failed")
    return 1 if failures else 0
