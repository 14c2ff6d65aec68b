"""Bundles of v3 and v4 speak by the same calls: at their own rate, from an opening, whole and in chunks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from sovits_lab import Synthesizer
from sovits_lab.checkpoints.bundle import build, write_bundle
from sovits_lab.checkpoints.upstream_bundle import UpstreamBundle, fresh_facts
from sovits_lab.inference.request import Request
from tests.checkpoints.upstream_models import MATCHED, small_gpt_node, small_sovits, small_sovits_node
from tests.inference.test_released import SHORT, content

RATES = {"v3": 24_000, "v4": 48_000}


@pytest.fixture(scope="module", params=MATCHED)
def voice(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Synthesizer:
    torch.manual_seed(0)
    version = request.param
    nodes = {"gpt": small_gpt_node() | {"codes": 17}, "sovits": small_sovits_node(version)}
    bundle = UpstreamBundle({"gpt": build(nodes["gpt"]), "sovits": small_sovits(version)}, fresh_facts(nodes))
    out = tmp_path_factory.mktemp(version) / "bundle"
    write_bundle(out, bundle.parts, bundle.facts)
    return Synthesizer(Synthesizer.load(out, content=content).voice, SHORT)


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    path: Path = tmp_path_factory.mktemp("clip") / "clip.wav"
    soundfile.write(path, 0.1 * np.random.default_rng(0).standard_normal(32_000 * 3), 32_000)
    return {"speaker": path, "speaker_text": "A clip.", "speaker_language": "en", "language": "en"}


def test_it_speaks_at_its_rate_from_an_opening(voice: Synthesizer, asked: dict[str, Any]) -> None:
    heard = voice.clips.speaker(asked["speaker"], "A clip.", "en").value
    assert heard.opening is not None and heard.opening.frames > 250
    speech = voice.speak("Hello there.", top_k=1, seed=3, **asked)
    assert speech.sample_rate == RATES[voice.voice.variant]
    assert abs(len(speech.wav) / speech.sample_rate - 37 / 25) < 0.011
    assert np.isfinite(speech.wav).all() and speech.wav.std() > 0
    assert np.array_equal(speech.wav, voice.speak("Hello there.", top_k=1, seed=3, **asked).wav)


def test_a_stream_is_the_plan_of_its_pieces(voice: Synthesizer, asked: dict[str, Any]) -> None:
    request, model = Request("Hello there.", top_k=1, seed=3, rate=0.9, **asked), voice.voice.sovits
    model.windows = model.windows._replace(
        call=voice.clips.speaker(asked["speaker"], "A clip.", "en").value.opening.frames + 20
    )
    pieces = list(voice.stream_timed(request, chunk=5))
    assert len(pieces) > 2
    whole, plan = voice.speak_all([request])[0], model.plan
    first = round(10 * model.network.upsampling) + model.head.context_frames
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model, "plan", lambda *args, **more: plan(*args, **more, first=first))
        again = voice.speak_all([request])[0]
    streamed = np.concatenate([piece.wav for piece in pieces])
    np.testing.assert_allclose(streamed, again.wav, atol=1e-4)
    assert abs(len(streamed) - len(whole.wav)) == 0
    assert "".join(w.word for p in pieces for w in p.timings.words) == "Hellothere"


def test_a_cancelled_stream_makes_no_further_piece(voice: Synthesizer, asked: dict[str, Any]) -> None:
    stream = voice.stream(Request("Hello there.", top_k=1, seed=3, **asked), 5, cancelled=lambda: True)
    with pytest.raises(StopIteration) as ended:
        next(stream)
    assert ended.value.value == ("cancelled",)
