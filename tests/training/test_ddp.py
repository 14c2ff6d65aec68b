"""Several processes train one model: equal to one process with the batches of all, and over as soon as one ends."""

from __future__ import annotations

import json
import os
import random
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from sovits_lab.pipeline.distributed import RankInfo, tasks, world_size
from sovits_lab.pipeline.process_group import GatheringError, gather_ranks
from sovits_lab.pipeline.workers import StageError
from sovits_lab.reporting import Silent
from sovits_lab.training.loop import fit
from sovits_lab.types import InputError
from tests.checkpoints.upstream_models import small_gpt_node
from tests.pipeline.bench import TRAINER, Bench

from .kills import draw_wishes
from .test_loop import EACH_STEP
from .test_resume import NODES, PREPARED, STEPS, killed_and_continued
from .trainers import Noise, Pair

TWO: dict[str, Any] = {**TRAINER, "devices": 2, "checkpoint_seconds": 1000, "threads": 1}
CPU = torch.device("cpu")


def stage(**more: Any) -> dict[str, Any]:
    return {"train": {"_target_": "tests.training.ranks.TrainRanked", "steps": 12, "seed": 5, "world": 2, **more}}


@pytest.mark.parametrize(
    ("nodes", "environment", "said"),
    [
        (1, {"SLURM_STEP_NUM_TASKS": "many"}, "SLURM_STEP_NUM_TASKS: got 'many', expected a number from 0"),
        (2, {"SLURM_STEP_NUM_TASKS": "2"}, "SLURM_PROCID: got '', expected a number from 0"),
        (2, {"SLURM_STEP_NUM_TASKS": "2", "SLURM_PROCID": "1", "SLURM_LOCALID": "-1"}, "SLURM_LOCALID: got '-1'"),
        (2, {"SLURM_STEP_NUM_TASKS": "2", "SLURM_PROCID": "1", "SLURM_JOB_ID": "1_2"}, "SLURM_JOB_ID: got '1_2'"),
    ],
)
def test_a_malformed_variable_of_slurm_is_named(nodes: int, environment: dict[str, str], said: str) -> None:
    with pytest.raises(InputError) as caught:
        tasks(nodes, environment | {"MASTER_ADDR": "127.0.0.1"})
    assert said in str(caught.value)


@pytest.fixture
def temporary() -> Iterator[Path]:
    """A temporary folder with a short path, for the names of sockets."""
    with tempfile.TemporaryDirectory(prefix="t") as folder:
        yield Path(folder)


def test_a_rank_that_dies_leaves_nothing_but_its_stage_s_folder(tmp_path: Path, temporary: Path) -> None:
    node = stage(die="0:2:killed", steps=100_000)
    program = (
        "import json, sys; from tests.pipeline.bench import Bench; from pathlib import Path;"
        "Bench(Path(sys.argv[1])).run(json.loads(sys.argv[2]), trainer=json.loads(sys.argv[3]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "runs"), json.dumps(node), json.dumps(TWO)],
        cwd=Path(__file__).parents[2], env={**os.environ, "TMPDIR": str(temporary)}, capture_output=True, text=True,
    )  # fmt: skip
    assert "rank 0: ended by SIGKILL" in done.stderr
    assert not list(temporary.rglob("begun-*")) and not list(temporary.glob("sovits*"))
    (partial,) = (tmp_path / "runs" / "stages").glob("train-*.partial")
    assert (partial / "rank-1" / "begun-1").is_file(), "the rank was at work"


def test_what_a_killed_rank_left_is_thrown_away_by_the_next(bench: Bench) -> None:
    left = bench.plan(stage(), trainer=TWO).stages["train"].partial / "rank-1"
    left.mkdir(parents=True)
    (left / "half.bin").write_bytes(b"x")
    plan, _ = bench.run(stage(), trainer=TWO)
    folder = plan.stages["train"].folder
    assert not list(folder.glob("rank-*")) and not list(folder.parent.rglob("half.bin"))
    assert json.loads((folder / "stage.json").read_text())["resumed"] is False


@pytest.mark.parametrize("strategy", ["ddp", "fsdp"])
def test_all_ranks_end_with_the_same_weights_and_only_the_first_leaves_files(bench: Bench, strategy: str) -> None:
    plan, heard = bench.run(stage(), trainer={**TWO, "strategy": strategy})
    folder = plan.stages["train"].folder
    assert {p.name for p in folder.iterdir()} == {
        "begun-0", "log.txt", "log-rank1.txt", "metrics.jsonl", "stage.json", "weights.safetensors",
    }  # fmt: skip
    sums = [(folder / name).read_text().split("sum ")[1].split()[0] for name in ("log.txt", "log-rank1.txt")]
    assert sums[0] == sums[1], "weights and running statistics"
    kept = load_file(folder / "weights.safetensors")
    seen = kept["norm.running_mean"].mean().item()
    assert 0.2 < seen < 0.6, "the mean of a rank that sees 0 and one that sees 1, on its way from 0"
    assert any("in 2 processes" in text or "parameters" in text for text in heard.of("train"))


@pytest.mark.parametrize(
    ("kind", "strategy"), [("Tokenizer", "ddp"), ("Gpt", "ddp"), ("Gpt", "fsdp"), ("Sovits", "ddp")]
)
def test_gradients_are_the_mean_of_the_ranks_own(bench: Bench, kind: str, strategy: str) -> None:
    node: dict[str, Any] = NODES[kind.lower()]()
    node |= {"_target_": f"tests.training.graded.{kind}", "callbacks": []}
    node["optimisation"] = {"steps": 1, "lr": 0.0, "max_grad_norm": 1e9}
    if kind == "Tokenizer":
        del node["callbacks"]
    if kind == "Sovits":
        node["adversarial_start_step"] = 0
    if kind == "Gpt":
        node["model"] = {**node["model"], "layers": 3}  # FSDP leaves the second in one piece
    stages = {name: PREPARED[name] for name in node["inputs"]}
    stages |= {"both": {**node, "world": 2}, "first": {**node, "as_rank": 0}, "second": {**node, "as_rank": 1}}
    plan, _ = bench.run(stages, trainer={**TWO, "strategy": strategy})
    files = [plan.stages[n].folder / "gradients.pt" for n in ("both", "first", "second")]
    both, first, second = (torch.load(file, weights_only=True) for file in files)
    assert len(both) == (2 if kind == "Sovits" else 1), "one step of each optimiser"
    different = 0
    for step, a, b in zip(both, first, second, strict=True):
        for joint, x, y in zip(step, a, b, strict=True):
            assert (joint is None) == (x is None) == (y is None)
            if joint is not None:
                torch.testing.assert_close(joint, (x + y) / 2, atol=1e-6, rtol=1e-6)
                different += not torch.equal(x, y)
    assert different > 10, "each rank has a batch of its own"


def test_sharded_and_copied_models_learn_the_same(bench: Bench) -> None:
    """A recipe that chooses its parameters before they are sharded, and weights that are kept on the way."""
    node = NODES["finetune-gpt"]() | {"world": 2}
    stages = {"voice": PREPARED["voice"], "train": node}
    found = []
    for strategy in ("ddp", "fsdp"):
        plan, _ = Bench(bench.runs / strategy).run(stages, trainer={**TWO, "strategy": strategy})
        found.append(load_file(plan.stages["train"].folder / "bundle" / "model.safetensors"))
    assert found[0].keys() == found[1].keys()
    for name, copied in found[0].items():
        sharded = found[1][name]
        if name.endswith("qkv.bias"):  # of a key it moves no output: Adam steps by what rounding leaves of its gradient
            copied, sharded = (torch.cat([one.chunk(3)[0], one.chunk(3)[2]]) for one in (copied, sharded))
        torch.testing.assert_close(copied, sharded, atol=1e-4, rtol=1e-4, msg=lambda why, name=name: f"{name}: {why}")


@pytest.mark.parametrize("name", ["gpt", pytest.param("sovits", marks=pytest.mark.slow)])
@pytest.mark.parametrize("strategy", ["ddp", pytest.param("fsdp", marks=pytest.mark.slow)])
def test_two_ranks_killed_and_continued_equal_two_never_interrupted(tmp_path: Path, name: str, strategy: str) -> None:
    wishes = draw_wishes(2, STEPS, random.Random(name), 0.05)
    trainer = {"devices": 2, "threads": 1, "strategy": strategy}
    node = {**NODES[name](), "world": 2}
    if name == "gpt":
        node["model"] = {**node["model"], "layers": 3}
    killed_and_continued(tmp_path, node, wishes, trainer)


@pytest.mark.parametrize(
    ("die", "why"),
    [("1:6:killed", r"train: rank 1: ended by SIGKILL.*log-rank1\.txt"), ("1:6:error", "rank 1: ValueError.*rank1"),
     ("0:6:killed", r"train: rank 0: ended by SIGKILL.*log\.txt")],
)  # fmt: skip
def test_a_rank_that_dies_ends_the_stage_and_is_named(bench: Bench, die: str, why: str) -> None:
    chain, _ = bench.chain(stage(die=die, steps=100_000), trainer=TWO)
    with pytest.raises(StageError, match=f"(?s){why}"):
        chain.run()
    assert not chain.running


def test_a_rank_that_does_not_come_is_named(bench: Bench) -> None:
    with pytest.raises(StageError, match=r"rank 0 of 2 on .*\(cpu, gloo, store .*rank 1 has not come within 2 s"):
        bench.run(stage(late="1"), trainer={**TWO, "timeout": 2})


def test_a_store_that_nobody_opened_is_named() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        with (
            pytest.raises(GatheringError, match=f"rank 1 of 2.*{port}.*nobody answers within 1 s"),
            gather_ranks(RankInfo(rank=1, size=2, port=port), CPU, 1.0),
        ):
            pass


def test_a_taken_port_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with (
            pytest.raises(GatheringError, match=f"{port}.*is the port taken"),
            gather_ranks(RankInfo(size=2, port=port), CPU, 1.0),
        ):
            pass


def test_a_process_alone_makes_no_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("a process group")

    for name in ("init_process_group", "new_group", "TCPStore"):
        monkeypatch.setattr(torch.distributed, name, never)
    module = Pair()
    fit(module, Noise(1), 3, tmp_path, Silent(), EACH_STEP)
    assert module.steps == [0, 1, 2]


def test_the_number_of_processes_belongs_to_the_hash_of_what_is_trained_alone(bench: Bench) -> None:
    nodes = {"counts": {"_target_": "tests.training.dummies.Counter"}}
    one = bench.plan(nodes | stage(world=1))
    two = bench.plan(nodes | stage(), trainer={**TRAINER, "devices": 2})
    assert one.stages["counts"].folder == two.stages["counts"].folder
    assert one.stages["train"].folder != two.stages["train"].folder
    with pytest.raises(InputError, match=r"stages\.train\.world: got 2, expected 1 or 3"):
        bench.plan(stage(), trainer={**TRAINER, "devices": 3})


def test_a_stage_that_knows_nothing_of_others_runs_alone_or_not_at_all(bench: Bench) -> None:
    with pytest.raises(InputError, match=r"stages\.counts\.world: got 2, expected 1"):
        bench.run({"counts": {"_target_": "tests.training.ranks.Lonely", "world": 2}}, trainer=TWO)


def test_the_world_is_nodes_times_devices() -> None:
    assert world_size({"nodes": 2, "devices": 3, "accelerator": "cpu"}) == 6
    assert world_size({"nodes": 2, "devices": "auto", "accelerator": "cpu"}) == 2
    with pytest.raises(InputError, match=r"trainer\.devices: got 0"):
        world_size({"nodes": 1, "devices": 0, "accelerator": "cpu"})


def test_tasks_are_those_of_srun_or_of_our_own_variables() -> None:
    slurm = {"SLURM_STEP_NUM_TASKS": "3", "SLURM_PROCID": "2", "SLURM_LOCALID": "1", "SLURM_JOB_ID": "123456",
             "SLURM_STEP_ID": "0", "SLURM_STEP_NODELIST": "node[07-08]"}  # fmt: skip
    found = tasks(3, slurm)
    assert (found.index, found.size, found.local, found.address) == (2, 3, 1, "node07")
    assert found.port == tasks(3, slurm | {"SLURM_PROCID": "0"}).port != tasks(3, slurm | {"SLURM_STEP_ID": "1"}).port
    own = tasks(2, {"SOVITS_LAB_TASK": "1", "SOVITS_LAB_LEADER": "there:29400"})
    assert (own.index, own.address, own.port) == (1, "there", 29400)
    with pytest.raises(InputError, match=r"trainer\.nodes: got 1, expected 3"):
        tasks(1, slurm)
    with pytest.raises(InputError, match=r"trainer\.nodes: got 2, expected 1"):
        tasks(2, {})
    with pytest.raises(InputError, match="SOVITS_LAB_LEADER"):
        tasks(2, {"SOVITS_LAB_TASK": "1"})


def test_layers_are_sharded_but_for_one_that_is_read_from_outside() -> None:
    from sovits_lab.checkpoints.bundle import build
    from sovits_lab.training.strategies import layers_of

    decoder = build(small_gpt_node())
    assert list(layers_of(torch.nn.Sequential(decoder))) == list(decoder.layers)
    setattr(decoder, "copied_layers", (0,))  # noqa: B010  a module's attribute to mypy
    assert list(layers_of(decoder)) == list(decoder.layers)[1:]
