"""Figures that a fresh process measures: nothing that ran before it can be felt in them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from sovits_lab.pipeline.parents import end_with_parent
from sovits_lab.types import InputError

PARENT = "SOVITS_LAB_BENCH_PARENT"


def measure_apart(what: str, words: Sequence[str], **variables: str) -> dict[str, Any]:
    """Run a module of ours with words, such as `-m NAME key=value`, and return the JSON of its last line.

    Args:
        what: is measured, for messages.
        words: for the interpreter.
        variables: of the environment.

    Raises:
        InputError: it fails; the message begins with `what`.
    """
    environment = {**os.environ, **variables, PARENT: str(os.getpid())}
    done = subprocess.run(  # noqa: S603 - our own interpreter and module
        [sys.executable, "-W", "ignore", *words], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise InputError(f"{what}: failed ({last_words(done.stderr)})")
    figures: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return figures


def end_with_bench() -> None:
    """Let this process end with the benchmark that started it, if one did."""
    if parent := os.environ.get(PARENT):
        end_with_parent(int(parent))


def last_words(printed: str) -> str:
    """Return the last line that a process printed, of our own errors what they say."""
    line = (printed.strip().splitlines() or ["no message"])[-1]
    return line.removeprefix(f"{InputError.__module__}.{InputError.__qualname__}: ")
