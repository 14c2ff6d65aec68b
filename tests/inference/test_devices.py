"""A voice on another device: nothing of a request stays behind. The meta device stands for one that CI lacks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sovits_lab import Synthesizer
from sovits_lab.inference import tokens, waveforms
from sovits_lab.inference.request import Request
from sovits_lab.inference.utterances import utterances_of
from sovits_lab.inference.voice import LoadedVoice
from sovits_lab.models.heads.contract import Prosody
from sovits_lab.types import InputError
from tests.inference.voices import write_voice

TEXT = "The river is cold."


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_voice(tmp_path_factory.mktemp("device"), labels=4, dropout=0.3)


@pytest.mark.parametrize("how", [{"emotion": "sad", "strength": 0.5}, {"emotion": "sad", "guidance": 2.0}])
def test_everything_moves(both: Path, how: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    on_cpu, moved = Synthesizer.load(both), Synthesizer.load(both, device="meta")
    models = moved.voice.gpt, moved.voice.sovits, moved.voice.encoder
    assert {parameter.device.type for model in models for parameter in model.parameters()} == {"meta"}
    monkeypatch.setattr(LoadedVoice, "draws", lambda *_: None)  # meta has no generators,
    monkeypatch.setattr(torch.Tensor, "__bool__", lambda _: True)  # nor values
    monkeypatch.setattr(torch, "istft", lambda bins, *_, length, **__: bins.real.new_zeros(len(bins), length))
    utterance = utterances_of(Request(TEXT, "ann", **how), on_cpu.clips)[0]
    planned = waveforms.planned_utterance(moved.voice, utterance, torch.arange(8) % 5)
    assert {value.device.type for value in planned} == {"meta"} and planned.z.shape[2] == 16
    assert planned.prosody(torch.tensor([utterance.speaker.baseline], device="meta")).f0.device.type == "meta"
    prosody = Prosody(*(torch.zeros(1, 16, device="meta") for _ in range(2)))
    spoken = moved.voice.sovits.render(planned, torch.ones(1, 16, dtype=torch.bool, device="meta"), prosody)
    assert spoken.wav.device.type == "meta" and spoken.wav.shape == (1, 16 * 320)


def test_tokens_are_sampled_on_the_device(both: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on_cpu, moved = Synthesizer.load(both), Synthesizer.load(both, device="meta")
    requests = [Request(TEXT, "ann", emotion=emotion) for emotion in ("sad", "neutral")]
    utterances = [one for request in requests for one in utterances_of(request, on_cpu.clips)]
    seen: list[Any] = []

    class EnoughError(Exception):
        pass

    def look(model: Any, phones: Any, mask: Any, told: Any, *rest: Any, **more: Any) -> Any:
        prefix = model.prefix(phones, mask, told)
        seen.extend([phones, mask, prefix.hidden, prefix.positions])
        raise EnoughError

    monkeypatch.setattr(tokens, "speak_tokens", look)
    monkeypatch.setattr(torch.Tensor, "__bool__", lambda _: True)  # meta has no values
    with pytest.raises(EnoughError):
        tokens.generate_tokens(moved.voice, [[one] for one in utterances], requests, 4, moved.guard)
    assert {value.device.type for value in seen} == {"meta"}


def test_half_precision_says_nearly_the_same(both: Path) -> None:
    whole, half = Synthesizer.load(both), Synthesizer.load(both, dtype="bfloat16")
    spoken = [one.speak(TEXT, "ann", emotion="sad", seed=6) for one in (whole, half)]
    assert spoken[1].wav.dtype == np.float32 and np.isfinite(spoken[1].wav).all()
    utterance = utterances_of(Request(TEXT, "ann", emotion="sad"), whole.clips)[0]
    a, b = (waveforms.planned_utterance(one.voice, utterance, torch.arange(8) % 5) for one in (whole, half))
    assert not torch.equal(a.z, b.z.float())
    torch.testing.assert_close(a.z, b.z.float(), rtol=0.1, atol=0.1 * float(a.z.abs().max()))


@pytest.mark.parametrize(
    ("how", "match"),
    [
        ({"device": "gpu"}, "device: got 'gpu', expected cpu, cuda"),
        ({"device": "cuda:97"}, "device: got 'cuda:97', expected one of this machine"),
        ({"dtype": "int8"}, "dtype: got 'int8', expected one of float32, bfloat16, float16"),
    ],
)
def test_a_device_that_is_not_there_is_named(both: Path, how: dict[str, Any], match: str) -> None:
    with pytest.raises(InputError, match=match):
        Synthesizer.load(both, **how)
