"""A continued training equals one never interrupted, bit for bit."""

from __future__ import annotations

import json
import os
import random
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch.callbacks import Callback
from safetensors.torch import load_file

from sovits_lab.pipeline.settings import Runtime
from sovits_lab.pipeline.workers import StageError
from sovits_lab.reporting import Silent
from sovits_lab.training.checkpointing import forget_after, latest
from sovits_lab.training.loop import fit
from sovits_lab.training.loop_callbacks import DivergedError
from tests.pipeline.bench import TRAINER, Bench
from tests.pipeline.test_runner import kill_when

from .trainers import Noise, Pair

EACH_STEP = Runtime(checkpoint_seconds=0, log_every=5, threads=1)


class Recorder(Silent):
    """Keeps metrics as the stage's channel does."""

    def __init__(self, out: Path) -> None:
        self.out = out

    def metrics(self, step: int, values: Any) -> None:
        with (self.out / "metrics.jsonl").open("a") as file:
            file.write(json.dumps({"step": step, **values}) + "\n")


class Interrupted(Exception):  # noqa: N818  what stops the loop here is no error
    """Stands for a kill."""


def train(out: Path, steps: int = 30, stop_before: int | None = None, runtime: Runtime = EACH_STEP) -> Pair:
    class Data(Noise):
        def batch(self, step: int, rank: int = 0) -> Any:
            if step == stop_before:
                raise Interrupted
            return super().batch(step, rank)

    out.mkdir(exist_ok=True)
    torch.manual_seed(3)
    module = Pair()
    fit(module, Data(3), steps, out, Recorder(out), runtime)
    return module


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def test_interrupted_and_continued_equals_uninterrupted(tmp_path: Path) -> None:
    whole = train(tmp_path / "whole")
    for stop in (7, 8, 21):
        with pytest.raises(Interrupted):
            train(tmp_path / "parts", stop_before=stop)
    parts = train(tmp_path / "parts")
    assert same(whole.state_dict(), parts.state_dict())
    assert whole.steps == list(range(30)), "two optimisers, and still one step a batch"
    assert parts.steps == list(range(parts.steps[0], 30))

    def losses(name: str) -> list[tuple[int, float]]:
        lines = (tmp_path / name / "metrics.jsonl").read_text().splitlines()
        return [(r["step"], r["loss"]) for r in map(json.loads, lines)]

    assert losses("whole") == losses("parts"), "each step is recorded once, with the same loss"


def test_a_finished_training_is_loaded_not_repeated(tmp_path: Path) -> None:
    first = train(tmp_path / "a")
    second = train(tmp_path / "a")
    assert second.steps == []
    assert same(first.state_dict(), second.state_dict())


def test_loading_processes_change_nothing(tmp_path: Path) -> None:
    runtime = Runtime(checkpoint_seconds=1000, workers=1, threads=1)
    assert same(train(tmp_path / "a").state_dict(), train(tmp_path / "b", runtime=runtime).state_dict())


def test_lightning_answers_no_signals_of_a_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within a job of Slurm's it would save a checkpoint of its own and queue the job again, at once, on every rank."""
    slurm = {"JOB_ID": "7", "JOB_NAME": "sweep", "NTASKS": "2", "NTASKS_PER_NODE": "2", "PROCID": "1", "LOCALID": "1"}
    for name, value in slurm.items():
        monkeypatch.setenv(f"SLURM_{name}", value)

    class Look(Callback):
        def on_train_start(self, *given: Any) -> None:  # before `Checkpoints` takes the signals over
            assert signal.getsignal(signal.SIGUSR1) == signal.SIG_DFL

    fit(Pair(), Noise(3), 2, tmp_path, Silent(), EACH_STEP, callbacks=[Look()])
    assert latest(tmp_path, print) is not None


def test_a_broken_checkpoint_is_passed_over_and_leftovers_go(tmp_path: Path) -> None:
    train(tmp_path / "a")
    folder = tmp_path / "a" / "checkpoints"
    newest, older = sorted(folder.glob("*.ckpt"), reverse=True)
    newest.write_bytes(newest.read_bytes()[: newest.stat().st_size // 2])
    (folder / "step-00000031.partial").write_bytes(b"half")
    said: list[str] = []
    found = latest(tmp_path / "a", said.append)
    assert found is not None
    assert found.path == older
    assert newest.name in said[0]
    assert [path.name for path in folder.iterdir()] == [older.name]


def test_metrics_of_steps_to_be_repeated_are_dropped(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 5}\n{"step": 10}\n{"step": 15, "lo')
    forget_after(tmp_path, 5)
    assert path.read_text() == '{"step": 5}\n'


def test_a_loss_that_is_no_number_stops_and_names_the_batch(tmp_path: Path) -> None:
    torch.manual_seed(1)
    with pytest.raises(DivergedError, match=r"at step 12 loss is nan.*clip-12-0"):
        fit(Pair(), Noise(1, bad=12), 30, tmp_path, Silent(), EACH_STEP)
    assert json.loads((tmp_path / "diverged.json").read_text())["batch"] == [f"clip-12-{i}" for i in range(4)]
    found = latest(tmp_path, print)
    assert found is not None
    assert found.step == 12, "the last checkpoint is the last sound one"


def stage(seconds: float) -> dict[str, Any]:
    return {
        "train": {"_target_": "tests.training.trainers.Train", "steps": 60, "seed": 5, "seconds": seconds},
    }


def killed_until_done(bench: Bench, kills: int, draw: random.Random) -> tuple[int, Path]:
    """SIGKILL the stage `kills` times, every other time in the middle of a checkpoint's write, then let it finish."""
    done = 0
    for trial in range(kills):
        chain, _ = bench.chain(stage(0.01))
        folder = chain.plan.stages["train"].partial / "checkpoints"
        after = draw.randint(trial * 45 // kills, (trial + 1) * 45 // kills)
        if trial % 2:
            (folder.parents[1] / "die").write_text(str(after + 1))
        else:
            kill_when(chain, "train", lambda folder=folder, after=after: newest(folder) >= after)
        with pytest.raises(StageError, match="SIGKILL"):
            chain.run()
        done += 1
        assert bool(list(folder.glob("*.partial"))) or trial % 2 == 0
    plan, _ = bench.run(stage(0.01))
    return done, plan.stages["train"].folder


def newest(folder: Path) -> int:
    return max((int(path.stem.removeprefix("step-")) for path in folder.glob("*.ckpt")), default=0)


def check_kills(tmp_path: Path, kills: int) -> None:
    plan, _ = Bench(tmp_path / "whole").run(stage(0.01))
    whole = load_file(plan.stages["train"].folder / "weights.safetensors")
    done, folder = killed_until_done(Bench(tmp_path / "killed"), kills, random.Random(kills))
    assert done == kills
    assert same(whole, load_file(folder / "weights.safetensors"))
    assert not (folder / "checkpoints").exists(), "they served their purpose"


def test_sigkill_at_random_moments_changes_no_bit(tmp_path: Path) -> None:
    check_kills(tmp_path, 4)


@pytest.mark.slow
def test_sigkill_ten_times_changes_no_bit(tmp_path: Path) -> None:
    check_kills(tmp_path, 10)


def test_sigterm_saves_the_step_it_is_at(bench: Bench) -> None:
    chain, heard = bench.chain(stage(0.02), trainer={**TRAINER, "checkpoint_seconds": 1000})
    folder = chain.plan.stages["train"].partial / "checkpoints"
    asked: list[int] = []

    def stop() -> None:
        done = heard.counts.get("train", (0, 0, ""))[0]
        if done >= 10 and not asked:
            asked.append(done)
            os.kill(os.getpid(), signal.SIGTERM)

    heard.on_tick = stop
    with pytest.raises(BaseException, match="SIGTERM"):
        chain.run()
    (saved,) = folder.glob("*.ckpt")
    assert asked[0] <= int(saved.stem.removeprefix("step-")) < 60
