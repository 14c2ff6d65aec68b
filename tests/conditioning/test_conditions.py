"""Conditions by name: dropped by chance, absent ones, and which part of a model hears which."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any

import jaxtyping
import pytest
import torch

from sovits_lab.conditioning.conditions import PARTS, Conditioner, StyleSites, drop, given, without
from sovits_lab.conditioning.labels import LabelEmbedding, NoLabels
from sovits_lab.types import InputError

WIDTHS = {"speaker": 6, "style": 5, "emotion": 0}


@pytest.fixture
def untyped() -> Iterator[None]:
    """As outside of pytest: wrong types reach the constructors."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


def conditions(rows: int = 4) -> dict[str, object]:
    torch.manual_seed(0)
    return dict(given(speaker=torch.randn(rows, 6), style=torch.randn(rows, 5), emotion=torch.zeros(rows, 0)))


def shaken(dropout: dict[str, float]) -> Conditioner:
    model = Conditioner(StyleSites(dropout=dropout), WIDTHS).eval()
    for null in model.null.values():
        torch.nn.init.normal_(null)
    return model


def test_rows_lose_conditions_at_the_asked_rate_and_independently() -> None:
    rows = 20_000
    told = given(speaker=torch.zeros(rows, 1), style=torch.zeros(rows, 1), emotion=torch.zeros(rows, 1))
    kept = drop(told, {"style": 0.3, "speaker": 0.1}, torch.Generator().manual_seed(1))
    lost = {name: (~kept[name].mask).double() for name in kept}
    spread = 4 * (0.25 / rows) ** 0.5
    assert abs(lost["style"].mean() - 0.3) < spread and abs(lost["speaker"].mean() - 0.1) < spread
    assert abs((lost["style"] * lost["speaker"]).mean() - 0.03) < spread
    assert not lost["emotion"].any(), "a condition without a rate is kept"
    assert all(torch.equal(kept[name].value, told[name].value) for name in told)


def test_training_drops_and_speaking_does_not() -> None:
    told, model = conditions(2000), shaken({"style": 0.5})
    assert torch.equal(model(told)["style"], told["style"].value)
    filled = model.train()(told)
    told["style"] = told["style"]._replace(value=model.eval().scale(*told["style"]))
    null = (filled["style"] == model.null["style"]).all(1)
    assert 0.4 < null.double().mean() < 0.6
    assert torch.equal(filled["style"][~null], told["style"].value[~null])
    assert torch.equal(filled["speaker"], told["speaker"].value)


def test_a_masked_condition_is_an_absent_one_whatever_its_value() -> None:
    told, model = conditions(), shaken({"style": 0.1})
    masked = model(without(told, "style"))["style"]
    absent = model({"speaker": told["speaker"]})["style"]
    assert torch.equal(masked, absent) and torch.equal(masked, model.null["style"].expand(4, -1))
    assert not torch.equal(masked, told["style"].value)


def test_the_learned_absence_learns() -> None:
    told, model = conditions(), shaken({"style": 0.1})
    model(without(told, "style"))["style"].sum().backward()
    assert torch.equal(model.null["style"].grad, torch.full((5,), 4.0))


def test_what_was_never_dropped_cannot_be_absent() -> None:
    model = shaken({"style": 0.0})
    assert not list(model.parameters()), "nothing to learn where nothing is dropped"
    for absent in (without(conditions(), "style"), {"speaker": conditions()["speaker"]}):
        with pytest.raises(ValueError, match=r"style: got none.*style_sites\.dropout\.style"):
            model(absent)


def test_an_unknown_condition_is_refused() -> None:
    with pytest.raises(ValueError, match="'emotion'"):
        shaken({})({**conditions(), **given(emotion=torch.zeros(4, 3))})


@pytest.mark.parametrize("parts", [(), ("gpt",), ("prosody", "head"), PARTS])
def test_all_parts_hear_who_and_those_of_the_site_hear_how(parts: tuple[str, ...]) -> None:
    model, told = Conditioner(StyleSites(parts), WIDTHS), conditions()
    filled = model(told)
    for part in PARTS:
        vector = model.vector(part, filled)
        assert vector.shape[1] == model.channels(part) == (11 if part in parts else 6)
        assert torch.equal(vector[:, :6], told["speaker"].value)
        assert torch.equal(model.style(part, filled), vector[:, 6:]), "how, without who"


@pytest.mark.usefixtures("untyped")
@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"parts": ("decoder",)}, "style_sites.parts: got 'decoder', expected one of gpt"),
        ({"parts": "gpt"}, "style_sites.parts: got 'gpt', expected a list"),
        ({"dropout": 0.1}, "style_sites.dropout: got 0.1"),
        (
            {"dropout": {"stile": 0.1}},
            "style_sites.dropout.stile: got 0.1, expected only rates of speaker, style, emotion",
        ),
        *(
            ({"dropout": {"style": rate}}, f"style_sites.dropout.style: got {rate!r}")
            for rate in (1.0, -0.1, math.nan, "x", True)
        ),
    ],
)
def test_a_site_checks_its_words(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        StyleSites(**wrong)


def test_labels_mix_and_no_labels_are_no_condition() -> None:
    torch.manual_seed(0)
    labels = LabelEmbedding(["angry", "sad"], 3)
    both = labels(torch.tensor([0, 1]))
    torch.testing.assert_close(labels.mixture({"sad": 0.75, "angry": 0.25}), 0.25 * both[0] + 0.75 * both[1])
    with pytest.raises(InputError, match="'bored'"):
        labels.mixture({"bored": 1.0})
    assert given(emotion=NoLabels()(torch.tensor([0, 1]))) == {}
