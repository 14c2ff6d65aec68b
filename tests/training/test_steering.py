"""Measured directions: what neutral clips become at strength 1, and that they are spoken with like trained adapters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from sovits_lab.checkpoints.adapters import attach_adapters, load_base
from sovits_lab.conditioning.conditions import given
from sovits_lab.data.prepared import open_prepared
from sovits_lab.inference.loading import load_voice
from sovits_lab.reporting import Silent
from sovits_lab.training.assemble_adapters import AssembleAdapters
from sovits_lab.training.steering import MeasureDirections, _layer_output, _utterances, between
from sovits_lab.types import InputError
from tests.training.test_adapters import AUDIO, FRONTEND, SAMPLING, made, planned, row  # noqa: F401

LABELS = {"_target_": "sovits_lab.models.adapters.slot.RelativeLabels", "out_channels": 0}
GPT = {"_target_": "sovits_lab.models.adapters.gpt.GptAdapters", "labels": LABELS, "rank": 0,
       "fusion": {"_target_": "sovits_lab.conditioning.fusion.SumFusion"}}  # fmt: skip
SOVITS = {"_target_": "sovits_lab.models.adapters.sovits.SovitsAdapters", "labels": LABELS, "rank": 0,
          "frames": "shift"}  # fmt: skip


def measured(folders: dict[str, Path], part: str, out: Path, node: dict[str, Any], **more: Any) -> Path:
    out.mkdir()
    MeasureDirections(part, node, str(folders["base"]), ["emotional"], clips=0, **more).run(folders, out, Silent())
    return out


def attached(folders: dict[str, Path], stage: Path) -> dict[str, Any]:
    models: dict[str, Any] = load_base(folders["base"])
    attach_adapters(stage / "bundle", folders["base"], models)
    return models


def test_the_direction_is_the_mean_over_speakers_who_have_both() -> None:
    one, two = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 2.0])
    found = {("a", "neutral"): [one], ("a", "sad"): [one + 1, one + 3], ("b", "sad"): [two]}
    assert between(found, "sad").tolist() == [2.0, 2.0]
    with pytest.raises(InputError, match="no speaker who has neutral ones"):
        between({("b", "sad"): [two]}, "sad")


@torch.no_grad()
def test_at_strength_one_every_layers_mean_is_that_of_the_emotion(made, tmp_path) -> None:  # noqa: F811
    model = attached(made, measured(made, "gpt", tmp_path / "gpt", GPT))["gpt"]
    prepared = open_prepared(made)
    rows = range(len(prepared.store.rows))
    for index in range(len(model.layers)):
        means: dict[str, list[torch.Tensor]] = {"neutral": [], "sad": [], "steered": []}
        for i, heard in _utterances(model, prepared, rows):
            emotion = prepared.store.rows[i].emotion
            means[emotion].append(_layer_output(model, index, heard, {}))
            if emotion == "neutral":
                told = {"emotion": model.labels.mixture({"sad": 1.0})[None]}
                # the output before its own shift, and the shift
                shifted = _layer_output(model, index, heard, told) + model.adapters.layers[index].shift.weight[:, 0]
                means["steered"].append(shifted)
        plain, sad, steered = (torch.stack(means[name]).mean(0) for name in ("neutral", "sad", "steered"))
        torch.testing.assert_close(steered, sad, atol=1e-5, rtol=1e-4)
        assert not torch.allclose(plain, sad, atol=1e-3)


@torch.no_grad()
def test_a_measured_voice_is_its_base_at_strength_zero_and_knows_labels(made, tmp_path) -> None:  # noqa: F811
    stages = {
        "gpt": measured(made, "gpt", tmp_path / "g", GPT),
        "sovits": measured(made, "sovits", tmp_path / "s", SOVITS),
        "corpus": made["corpus"],
    }
    (tmp_path / "bundle").mkdir()
    AssembleAdapters(str(made["base"]), AUDIO, FRONTEND, SAMPLING, "steering").run(
        stages, tmp_path / "bundle", Silent()
    )
    voice, base = load_voice(tmp_path / "bundle" / "voice"), load_voice(made["base"])
    assert {"emotion", "strength", "mix"} <= set(voice.accepts) and "style" not in voice.accepts
    told = {"speaker": torch.linspace(-1, 1, voice.sovits.reference.channels)[None]}
    tokens, ones = torch.arange(6)[None], torch.ones(1, 12, dtype=torch.bool)

    def latents(style: Any) -> torch.Tensor:
        conditions = given(**told, emotion=style["emotion"][None])
        draws = torch.Generator().manual_seed(1)
        return voice.sovits.plan(tokens, ones, tokens % 5, ones[:, :6], conditions, generator=draws).z

    neutral, sad = voice.emotion("neutral"), voice.emotion("sad")
    torch.testing.assert_close(latents(neutral.sovits), planned(base, None), atol=0, rtol=0)
    assert not torch.allclose(latents(sad.sovits), planned(base, None), atol=1e-4)


@torch.no_grad()
def test_the_voice_is_mixed_only_where_that_is_asked_for(made, tmp_path) -> None:  # noqa: F811
    alone = attached(made, measured(made, "sovits", tmp_path / "a", {**SOVITS, "parts": ["latents"], "frames": "none"}))
    assert list(alone["sovits"].adapters.beside) == ["prior"] and alone["sovits"].adapters.beside["prior"].weight.any()
    frames = attached(made, measured(made, "sovits", tmp_path / "b", SOVITS, voice=False))["sovits"].adapters
    assert not frames.beside["flow"].weight.any() and frames.frames.shift.weight.any()


@torch.no_grad()
def test_directions_can_be_taken_out(made, tmp_path) -> None:  # noqa: F811
    model = attached(made, measured(made, "gpt", tmp_path / "gpt", {**GPT, "erase": True}))["gpt"]
    for layer in model.adapters.layers:
        torch.testing.assert_close(layer.directions.norm(dim=1), torch.ones(1))


def test_what_lacks_is_said_first(made) -> None:  # noqa: F811
    stage = MeasureDirections("gpt", GPT, str(made["base"]), ["emotional"])
    assert "no emotion but neutral" in stage.lacks([row("ann", "neutral")])[0].what
    with pytest.raises(InputError, match=r"adapters\.base: got None"):
        MeasureDirections("gpt", GPT, None, ["emotional"]).lacks([])
    with pytest.raises(InputError, match=r"steering\.part: got 'x'"):
        MeasureDirections("x", GPT, None, [])


@pytest.mark.parametrize(
    ("part", "node", "more", "message"),
    [
        ("gpt", {"rank": 4}, {}, r"adapters\.gpt: got 'a rank', expected shifts or erasing"),
        ("gpt", {"labels": None}, {}, "got 'no labels of out_channels 0'"),
        ("gpt", {"labels": {**LABELS, "out_channels": 16}}, {}, "got 'no labels of out_channels 0'"),
        ("gpt", {"style_encoder": {"_target_": "x"}}, {}, "got 'a reference encoder'"),
        ("gpt", {"fusion": None}, {}, r"got '\w+Adapter', expected shifts or erasing"),
        ("sovits", {"frames": "bottleneck"}, {}, "got '.*GatedBottleneck', expected shifts"),
        ("sovits", {}, {"audio": {**AUDIO, "sample_rate": 16000, "hop": 320}}, "SovitsAdapters: got '16000 Hz"),
    ],
)  # fmt: skip
def test_what_no_measurement_fills_is_refused_at_once(
    part: str, node: dict[str, Any], more: dict[str, Any], message: str
) -> None:
    known = GPT if part == "gpt" else SOVITS
    MeasureDirections(part, known, None, [])
    with pytest.raises(InputError, match=message):
        MeasureDirections(part, known | node, None, [], **more)
