"""`python train.py` on the embedded corpus, killed as a whole ten times in each stage, against the same unkilled."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from .kept import KEPT
from .kills import KEEP, Wish, compare_checkpoints, compare_stages, draw_wishes

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]
ROOT = Path(__file__).parents[2]
KILLS, STEPS = 10, 30
STAGES = {"content": "Tokenizer", "gpt": "Gpt", "sovits": "Sovits"}
OTHERS = {"speaker": "Speaker", "style": "Style"}


def train(runs: Path, until: str, *overrides: str) -> subprocess.Popen:
    groups = {name: "content" if name == "content" else f"stages.{name}" for name in STAGES | OTHERS}
    targets = [f"{groups[name]}._target_=tests.training.kept.{kind}" for name, kind in (STAGES | OTHERS).items()]
    command = [
        sys.executable, "train.py", "experiment=sad_transfer", "debug=smoke", f"until={until}", f"paths.runs={runs}",
        "trainer.accelerator=cpu", "trainer.threads=1", "trainer.checkpoint_seconds=0", "trainer.log_every=1",
        "discriminator=mrd",
        *targets, *overrides,
    ]  # fmt: skip
    # A session of its own, so that its processes can be killed as one.
    return subprocess.Popen(command, cwd=ROOT, start_new_session=True, stdout=subprocess.DEVNULL,
                            stderr=subprocess.PIPE, text=True)  # fmt: skip


def folders(runs: Path) -> dict[str, Path]:
    """The stages' folders of the only run below `runs`, by name."""
    (listing,) = runs.glob("sad_transfer/*/stages.json")
    return {name: (listing.parent / path).resolve() for name, path in json.loads(listing.read_text()).items()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """All stages, never interrupted, every checkpoint kept."""
    runs = tmp_path_factory.mktemp("whole") / "runs"
    (runs / "stages").mkdir(parents=True)
    (runs / "stages" / KEEP).touch()
    made: dict[str, Path] = {}
    for until in ("gpt", "sovits"):
        process = train(runs.parent / "runs", until)
        _, errors = process.communicate()
        assert process.returncode == 0, errors
        made |= folders(runs)
        (listing,) = runs.glob("sad_transfer/*/stages.json")
        listing.unlink()
    return made


@pytest.mark.parametrize("stage", STAGES)
def test_ten_kills_of_everything_change_no_bit(whole: dict[str, Path], tmp_path: Path, stage: str) -> None:
    runs = tmp_path / "runs"
    (runs / "stages").mkdir(parents=True)
    for name, folder in whole.items():
        if name != stage:
            (runs / "stages" / folder.name).symlink_to(folder)
    partial = runs / "stages" / f"{whole[stage].name}.partial"
    draw = random.Random(stage)
    wishes: list[Wish | None] = [*draw_wishes(KILLS - 2, STEPS, draw, 0.2, tree=True), None, None]
    draw.shuffle(wishes)
    wishes.sort(key=lambda wish: wish.step if wish is not None else draw.randint(0, STEPS))
    for trial, wish in enumerate(wishes):
        if wish is not None:
            wish.leave(runs / "stages")
        process = train(runs, stage)
        if wish is None:  # from outside, at any moment, also before the first step
            time.sleep(draw.uniform(1, 12))
            os.killpg(process.pid, signal.SIGKILL)
        _, errors = process.communicate()
        assert process.returncode == -signal.SIGKILL, (trial, wish, errors)
        wait_until_gone(process.pid)
        compared, other = compare_checkpoints(whole[stage] / KEPT, partial / "checkpoints")
        steps = [path.name for path in sorted((partial / "checkpoints").iterdir())] if compared else []
        print(f"{stage}: kill {trial + 1} of {len(wishes)} ({wish.how if wish else 'outside'}): left {steps}, "
              f"{other or 'the same bits'}")  # fmt: skip
        assert not other
    process = train(runs, stage)
    _, errors = process.communicate()
    assert process.returncode == 0, errors
    compared, other = compare_checkpoints(whole[stage] / KEPT, partial.with_suffix("") / KEPT)
    assert (compared, other) == (2, [])
    assert compare_stages(whole[stage], partial.with_suffix("")) == []


def wait_until_gone(group: int) -> None:
    """Until no process of the group is left."""
    for _ in range(200):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    raise AssertionError("killed processes still live")
