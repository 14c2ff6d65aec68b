"""Every target's node is checked against a signature before any compute."""

from __future__ import annotations

from typing import Any

import pytest

from sovits_lab.pipeline.validation import check_node, check_stage, locate, origin
from sovits_lab.types import InputError

MODEL = {"_target_": "tests.training.dummies.Model", "width": 3}
STAGE = {"_target_": "tests.training.dummies.WithModel", "model": MODEL}


def check(node: dict[str, Any]) -> None:
    check_stage("train", node, {"stages": {"train": {"model": "${gpt}"}}, "gpt": MODEL}, {})


def test_a_good_node_passes_and_what_the_stage_supplies_may_be_absent() -> None:
    check(STAGE)


@pytest.mark.parametrize(
    ("node", "message"),
    [
        ({**STAGE, "modle": 1}, "stages.train.modle: got 1"),
        ({"_target_": "tests.training.trainers.Train", "steps": 1}, "stages.train.seed: got None"),
        ({**STAGE, "model": {**MODEL, "widht": 4}}, "gpt.widht: got 4"),
        ({**STAGE, "model": {**MODEL, "widht": 4}}, "did you mean 'width'?"),
        ({**STAGE, "model": {"_target_": MODEL["_target_"]}}, "gpt.width: got None"),
        ({**STAGE, "model": {**MODEL, "width": "3"}}, "gpt.width: got '3', expected a value of type int"),
        ({**STAGE, "model": {**MODEL, "width": True}}, "expected a value of type int"),
        ({**STAGE, "model": {**MODEL, "name": 3}}, "expected a value of type str or null"),
        ({**STAGE, "model": {**MODEL, "layers": 3}}, "gpt.layers: got 3, expected a value of type list"),
        ({**STAGE, "model": {**MODEL, "layers": "abc"}}, "gpt.layers: got 'abc', expected a value of type list"),
        ({**STAGE, "model": {**MODEL, "layers": [{}, 3]}}, "gpt.layers[1]: got 3, expected a value of type mapping"),
        ({**STAGE, "model": {**MODEL, "weights": []}}, "gpt.weights: got [], expected a value of type mapping or null"),
        (
            {**STAGE, "model": {**MODEL, "weights": {"a": "b"}}},
            "gpt.weights.a: got 'b', expected",
        ),
        ({**STAGE, "model": {**MODEL, "frames": [1, 2.5]}}, "gpt.frames[1]: got 2.5, expected a value of type int"),
        ({**STAGE, "model": {**MODEL, "frames": [1]}}, "gpt.frames: got [1], expected a list of 2"),
        ({**STAGE, "model": {**MODEL, "count": {"secnds": 1}}}, "gpt.count.secnds: got 1, expected a parameter"),
        ({**STAGE, "model": {**MODEL, "count": {"secnds": 1}}}, "did you mean 'seconds'?"),
        ({**STAGE, "model": {**MODEL, "count": {"seed": "x"}}}, "gpt.count.seed: got 'x', expected a value of"),
        ({**STAGE, "model": {**MODEL, "count": {"number": 1}}}, "gpt.count.number: got 1, expected nothing"),
        ({**STAGE, "model": {**MODEL, "count": 3}}, "gpt.count: got 3, expected a value of type mapping or null"),
        ({**STAGE, "model": {**MODEL, "_target_": "tests.training.dummies.Modle"}}, "did you mean 'Model'?"),
        ({**STAGE, "model": {**MODEL, "_target_": "tests.training.nowhere.Model"}}, "gpt._target_"),
        ({"_target_": "tests.training.dummies.Model", "width": 3, "symbols": 1}, "run(inputs, out, report)"),
    ],
)
def test_mistakes_are_named_where_the_user_wrote_them(node: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        check(node)
    assert message in str(caught.value)


def test_numbers_fit_where_python_says_so() -> None:
    check({**STAGE, "model": {**MODEL, "rate": 1, "name": None, "weights": {"a": 1}}})


def test_lists_and_mappings_fit_their_annotations() -> None:
    check({**STAGE, "model": {**MODEL, "layers": [{"width": "any"}], "weights": None, "frames": [3, 4]}})
    check({**STAGE, "model": {**MODEL, "count": {"seconds": 1}}})
    check({**STAGE, "model": {**MODEL, "count": None}})


def test_what_a_constructor_refuses_is_found_too() -> None:
    with pytest.raises(InputError, match=r"stages.train: .*stepz"):
        check_stage(
            "train",
            {"_target_": "tests.training.trainers.Train", "steps": 1, "seed": 1},
            {},
            {"stepz": 1},
        )


def test_locate_tells_a_missing_module_from_a_missing_package_within() -> None:
    with pytest.raises(InputError, match="dotted path"):
        locate("nowhere.at.All", "x")


def test_origin_follows_interpolations_and_stops_where_the_path_ends() -> None:
    raw = {"stages": {"s": {"model": "${sovits}"}}, "sovits": {"head": "${head}"}, "head": {"width": 1}}
    assert origin("stages.s.model.head.width", raw) == "head.width"
    assert origin("stages.s.model.head.new", raw) == "head.new"
    assert origin("stages.s.other", raw) == "stages.s.other"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"steps": 0}, "steps: got 0, expected a number at least 1"),
        ({"share": 1.5}, "share: got 1.5, expected a number at least 0 and at most 1"),
        ({"rate": 0.0}, "rate: got 0.0, expected a number above 0"),
        ({"limit": -1}, "limit: got -1, expected a number at least 1"),
    ],
)
def test_numbers_out_of_their_range_are_refused(given: dict[str, float], message: str) -> None:
    node = {"_target_": "tests.training.dummies.Ranged", "steps": 3, "share": 0.5, "rate": 0.1, "limit": None}
    check_node(node, "stages.one")
    with pytest.raises(InputError, match=message):
        check_node(node | given, "stages.one")


@pytest.mark.parametrize(
    "given",
    [{"steps": 0}, {"steps": -3}, {"lr": -1}, {"lr": float("nan")}, {"lr": "abc"}, {"warmup": -1},
     {"hold_fraction": 2}, {"min_lr_ratio": -0.1}, {"max_grad_norm": -1}, {"max_grad_norm": 0}, {"weight_decay": -5},
     {"beta1": -0.1}, {"beta2": 2}, {"beta2": 1}, {"eps": 0}],
)  # fmt: skip
def test_an_optimisation_on_nonsense_is_refused_before_compute(given: dict[str, Any]) -> None:
    node = {"_target_": "sovits_lab.training.task.Optimisation", "steps": 10, "lr": 1, "max_grad_norm": None}
    check_node(node, "stages.gpt.optimisation")
    with pytest.raises(InputError, match=rf"stages\.gpt\.optimisation\.{next(iter(given))}: got"):
        check_node(node | given, "stages.gpt.optimisation")
