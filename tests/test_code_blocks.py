"""Blocks of Python in the documents run; those of commands are for `test_document_commands.py`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import evaluation.__main__ as evaluation
from sovits_lab import Synthesizer
from sovits_lab.inference.request import Request
from sovits_lab.reporting import Reporter
from tests.inference.conftest import clips, voice_folder  # noqa: F401  fixtures of a tiny voice
from tests.test_documents import PAGES, ROOT

# What the reader has and the test has not: a whole run, his clips, a GPU.
READERS = {
    "runs/sad_transfer/...": "{voice}",
    "a.wav": "{low}",
    "b.wav": "{high}",
    'device="cuda", dtype="bfloat16"': 'device="cpu"',
}
# Pages whose blocks another test runs, whole and in their place.
ELSEWHERE = {
    "adding_a_corpus.md": "tests/corpora/test_adding_a_corpus.py",
    "adding_a_judge.md": "tests/evaluation/test_adding_a_judge.py",
    "adding_a_metric.md": "tests/evaluation/test_adding_a_metric.py",
    "serving.md": "tests/serving/test_speech.py",
}
# Blocks that ask a voice for what only some voices take: the tiny one is told by clips.
CHANGED = {'so.", emotion="sad"': 'so.", emotion=str("sad")',  # the starter voice, which takes labels
           'emotion={"sad": 0.7, "angry": 0.3}': 'style="{high}"', ', emotion="sad"': ', style="{high}"',
           'emotion_from=mood, context={"grief": 0.8}': 'style="{high}"'}  # fmt: skip


def blocks() -> list[tuple[Path, int, str]]:
    """Page, line and source of each block of Python."""
    found = []
    for page in [*PAGES, ROOT / "CONTRIBUTING.md"]:
        text = page.read_text(encoding="utf-8")
        for match in re.finditer(r"```python\n(.*?)```", text, re.DOTALL):
            found.append((page, text[: match.start()].count("\n") + 1, match[1]))
    return found


def test_blocks_that_others_run_are_run_there() -> None:
    pages = {page.name for page, _, _ in blocks()}
    for page, test in ELSEWHERE.items():
        assert page in pages
        assert page in (ROOT / test).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("page", "line", "source"),
    [pytest.param(*one, id=f"{one[0].name}-{one[1]}") for one in blocks() if one[0].name not in ELSEWHERE],
)
def test_a_block_of_python_runs(page: Path, line: int, source: str, voice_folder: Path, clips: Path) -> None:  # noqa: F811
    given = {"voice": voice_folder, "low": clips / "low.wav", "high": clips / "high.wav"}
    for old, new in {**CHANGED, **READERS}.items():
        for name, path in given.items():
            new = new.replace(f"{{{name}}}", str(path))
        source = source.replace(old, new)
    played: list[np.ndarray] = []
    space: dict[str, Any] = {"Request": Request, "Synthesizer": Synthesizer, "Path": Path, "Mapping": Mapping,
                             "Reporter": Reporter, "play": played.append,
                             "voice": Synthesizer.load(voice_folder)}  # fmt: skip
    exec(compile(source, f"{page.name}:{line}", "exec"), space)
    assert "play(" not in source or played


@pytest.mark.parametrize("name", sorted(evaluation.COMMANDS))
def test_every_command_of_the_evaluation_gives_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluation.main([name, "--help"]) == 0
    assert "python -m evaluation" in capsys.readouterr().out
