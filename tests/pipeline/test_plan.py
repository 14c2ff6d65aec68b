"""From a configuration to folders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir

from sovits_lab.pipeline.plan import make_plan, suggestion
from sovits_lab.pipeline.settings import register
from sovits_lab.types import InputError
from tests.pipeline.bench import TRAINER, Bench

COUNTER = {"_target_": "tests.training.dummies.Counter"}


def chain_of(**changes: Any) -> dict[str, Any]:
    return {
        "c": {**COUNTER, "inputs": ["b"]},
        "a": {**COUNTER, "number": 1} | changes.get("a", {}),
        "b": {**COUNTER, "inputs": ["a"], "number": 2} | changes.get("b", {}),
    }


def digests(bench: Bench, stages: dict[str, Any], **more: Any) -> dict[str, str]:
    return {name: spec.digest for name, spec in bench.plan(stages, **more).stages.items()}


def test_order_respects_inputs(bench: Bench) -> None:
    assert list(bench.plan(chain_of()).stages) == ["a", "b", "c"]


def test_a_change_moves_exactly_the_stages_that_depend_on_it(bench: Bench) -> None:
    before, after = digests(bench, chain_of()), digests(bench, chain_of(b={"number": 3}))
    assert [name for name in before if before[name] != after[name]] == ["b", "c"]


@pytest.mark.parametrize("key", ["init", "base"])
@pytest.mark.parametrize("place", ["", "bundle"])
def test_another_bundle_at_the_same_path_moves_the_stages_that_build_on_it(
    bench: Bench, tmp_path: Path, key: str, place: str
) -> None:
    weights = tmp_path / "voice" / place / "model.safetensors"
    weights.parent.mkdir(parents=True)
    weights.write_bytes(b"first")
    stages = chain_of(b={key: str(tmp_path / "voice")})
    before = digests(bench, stages)
    assert digests(bench, stages) == before
    weights.write_bytes(b"second")
    after = digests(bench, stages)
    assert [name for name in before if before[name] != after[name]] == ["b", "c"]


def test_how_it_runs_does_not_move_a_stage(bench: Bench) -> None:
    before = digests(bench, chain_of())
    runtime = chain_of(a={"runtime": {"threads": 1, "log_every": 3}})
    assert digests(bench, runtime, trainer={**TRAINER, "checkpoint_seconds": 5}) == before
    assert digests(Bench(bench.runs / "elsewhere"), chain_of()) == before


def test_runs_of_different_seeds_share_what_does_not_read_the_seed(bench: Bench) -> None:
    stages = {"corpus": COUNTER, "model": {**COUNTER, "inputs": ["corpus"], "seed": "${seed}"}}
    first, second = bench.plan(stages, seed=1), bench.plan(stages, seed=2)
    assert first.stages["corpus"].folder == second.stages["corpus"].folder
    assert first.stages["model"].folder != second.stages["model"].folder
    assert first.folder != second.folder


def test_what_most_stages_need_is_urgent(bench: Bench) -> None:
    plan = bench.plan({**chain_of(), "d": {**COUNTER, "inputs": ["a"]}})
    assert {name: plan.urgency(name) for name in plan.stages} == {"a": (0, 3), "b": (0, 1), "c": (0, 0), "d": (0, 0)}


def test_the_longest_training_of_the_quick_run_starts_before_shorter_ones() -> None:
    register()
    with initialize_config_dir(str(Path(__file__).parents[2] / "conf"), version_base="1.3"):
        plan = make_plan(compose("train", overrides=["experiment=sad_transfer_quick"]))
    order = sorted(plan.stages, key=plan.urgency, reverse=True)
    assert order.index("style") < order.index("sovits") < order.index("content") < order.index("gpt")
    assert plan.urgency("style")[0] == 400 + 1600


def test_nothing_is_published_under_a_name_that_is_null(bench: Bench) -> None:
    assert bench.plan(chain_of(), publish={"x": None, "y": "b/y"}).publish == {"y": "b/y"}


def test_until_keeps_what_is_needed(bench: Bench) -> None:
    stages = {**chain_of(), "d": {**COUNTER, "inputs": ["a"]}}
    assert list(bench.plan(stages, until="b").stages) == ["a", "b"]


def test_a_stage_set_to_null_is_left_out(bench: Bench) -> None:
    assert "c" not in bench.plan({**chain_of(), "c": None}).stages


def test_threads_depend_on_the_plan_alone(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sovits_lab.pipeline.plan.cores", lambda: 4)
    stages = {"corpus": COUNTER, "x": {**COUNTER, "inputs": ["corpus"]}, "y": {**COUNTER, "inputs": ["corpus"]}}
    plan = bench.plan(stages, trainer={**TRAINER, "threads": None})
    threads = {name: spec.runtime["threads"] for name, spec in plan.stages.items()}
    assert threads == {"corpus": 4, "x": 2, "y": 2}


@pytest.mark.parametrize(
    ("stages", "more", "message"),
    [
        ({"a": {**COUNTER, "inputs": ["corpsu"]}, "corpus": COUNTER}, {}, "did you mean 'corpus'"),
        ({"a": {**COUNTER, "inputs": ["b"]}, "b": {**COUNTER, "inputs": ["a"]}}, {}, "no circle"),
        ({"a": 3}, {}, "stages.a: got 3"),
        ({"a": {"number": 3}}, {}, "stages.a._target_"),
        ({"a": {**COUNTER, "runtime": {"treads": 3}}}, {}, "did you mean 'threads'"),
        ({"a": {**COUNTER, "number": "???"}}, {}, "stages.a.number: a required value"),
        ({"a": {**COUNTER, "number": "${corpus.root}"}}, {"corpus": {"root": "???"}}, "give corpus.root="),
        ({"a": {**COUNTER, "number": "${corpus}"}}, {"corpus": {"root": "???"}}, "give corpus.root="),
        ({"a": {**COUNTER, "number": "${corpsu.root}"}}, {}, "corpsu.root"),
        (
            {"a": {**COUNTER, "number": "${corpus.root}"}},
            {"corpus": None},
            "stages.a.number reads corpus: got None, expected an option: give corpus=...",
        ),
        ({"a": COUNTER}, {"until": "b"}, "until: got 'b'"),
        ({"a": COUNTER}, {"publish": {"x": "b/y"}}, "publish.x"),
    ],
)
def test_mistakes_are_named(bench: Bench, stages: dict[str, Any], more: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        bench.plan(stages, **more)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_keys_added_past_the_schema_are_refused(bench: Bench) -> None:
    from omegaconf import OmegaConf, open_dict

    from sovits_lab.pipeline.settings import TrainConfig

    config = OmegaConf.structured(TrainConfig)
    with open_dict(config.trainer):
        OmegaConf.update(config, "trainer.thread", 3, force_add=True)
    with pytest.raises(InputError, match=r"trainer\.thread.*did you mean 'threads'"):
        make_plan(config)


def test_suggestion_is_silent_without_a_near_word() -> None:
    assert suggestion("zzz", ["alpha"]) == ""
