"""Who writes the old name of a configuration key is told the new one, in one line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.pipeline.refusals import refusal

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("override", "old", "new"),
    [
        ("site=all", "site", "style_sites"),
        ("task.roles=[target]", "task", "test_set"),
        ("trials=full", "trials", "benchmarks"),
        ("stages.judge.seed=3", "stages.judge", "recogniser"),
        ("disentangle=to_chance", "disentangle", "stop_at_chance"),
        ("stages.gpt.references.colour=1", "stages.gpt.references.colour", "spectral_jitter"),
        ("+stages.style.items=3", "stages.style.items", "batch_size"),
        ("+stages.gpt.losses.guide=1", "stages.gpt: losses.guide", "guided_attention"),
        ("stages.gpt.weights.token=2", "stages.gpt.weights", "losses"),
        ("+stages.style.regularisers.contrast=null", "stages.style.regularisers", "losses"),
    ],
)
def test_an_old_key_is_answered_with_the_new_one(override: str, old: str, new: str) -> None:
    line = refusal("experiment=sad_transfer", override)
    assert "\n" not in line
    assert line.startswith(f"{old}: got ") and line.endswith(f"(it is now called {new!r})")


def test_a_stage_by_its_old_name_is_answered_with_the_new_one() -> None:
    line = refusal("experiment=distil_gpt", "stages.sayings.base=VOICE")
    assert line.startswith("stages.sayings") and "teacher_targets" in line and "\n" not in line


def test_the_command_says_it_with_status_2_and_computes_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "train.py", "experiment=sad_transfer", f"paths.runs={tmp_path}", "+stages.style.items=3"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2
    (line,) = (one for one in done.stderr.splitlines() if one.startswith("error:"))
    assert line == f"error: {refusal('experiment=sad_transfer', '+stages.style.items=3')}"
    assert not list(tmp_path.iterdir())
